//! What `cached` is where a page cache cannot be asked: a thread does everything.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::futures::fs::Cached;

pub(super) fn open(_path: &Path) -> Option<File> {
    None
}

pub(super) fn read(_path: &Path) -> Option<Cached> {
    None
}

#[expect(clippy::unnecessary_wraps, reason = "equal names and kinds as in `cached`")]
pub(super) fn wait_for_data(_file: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn read_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> Option<usize> {
    None
}

pub(super) fn read_rest(_file: &File, _offset: u64) -> Option<Vec<u8>> {
    None
}
