//! Reading what the page cache has, on the loop's own thread (Linux): `openat2` with `RESOLVE_CACHED` opens what it finds
//! without asking the disk, `preadv2` with `RWF_NOWAIT` reads so. `uncached` stands in for it elsewhere, with equal names.
//!
//! Every refusal, by a kernel or a file system that knows neither, or a sandbox, is `None`: then a thread does it, and reports
//! the error if there is one. No bytes are no proof of the end: Linux 5.9 and 5.10 say so for what the cache lacks.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fcntl_getfl, fcntl_setfl, fstat, openat2};
use rustix::io::{ReadWriteFlags, preadv2, retry_on_intr};

use crate::futures::fs::{Cached, INLINE};

/// The cursor of the kernel's.
const CURSOR: u64 = u64::MAX;

/// Opens the regular file at `path` to be read. Anything else is left alone: opening a FIFO tells who writes to it.
pub(super) fn open(path: &Path) -> Option<File> {
    regular(open_as(path, OFlags::PATH)?)?;
    regular(open_as(path, OFlags::RDONLY)?)
}

/// Reads all of the file at `path`, with the kernel's cursor, so that a thread can go on.
pub(super) fn read(path: &Path) -> Option<Cached> {
    let file = File::from(open_as(path, OFlags::RDONLY)?);
    let Some(size) = size_of(&file) else { return Some(Cached::Stream(file)) };
    if size > INLINE {
        return Some(Cached::Some(file, Vec::new()));
    }
    // One byte more than is expected: a read that leaves it out has met the end.
    let mut data = vec![0; size + 1];
    let count = read_some(&file, &mut data, CURSOR);
    data.truncate(count.unwrap_or(0));
    Some(if count == Some(size) { Cached::All(data) } else { Cached::Some(file, data) })
}

/// Blocks as opening and reading `file` would have done, had it not been opened without waiting: until there is something to
/// read, or whoever wrote to it has come and gone.
pub(super) fn wait_for_data(file: &File) -> io::Result<()> {
    fcntl_setfl(file, fcntl_getfl(file)? - OFlags::NONBLOCK)?;
    retry_on_intr(|| poll(&mut [PollFd::new(file, PollFlags::IN)], None))?;
    Ok(())
}

/// Reads some of what begins at `offset`.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> Option<usize> {
    let size = buffer.len().min(INLINE);
    let count = read_some(file, &mut buffer[..size], offset)?;
    let is_certain = count > 0 || size == 0 || size_of(file).is_some_and(|size| size as u64 <= offset);
    is_certain.then_some(count)
}

/// Reads all that begins at `offset`.
pub(super) fn read_rest(file: &File, offset: u64) -> Option<Vec<u8>> {
    let size = size_of(file)?.checked_sub(usize::try_from(offset).ok()?).filter(|&size| size <= INLINE)?;
    let mut data = vec![0; size + 1];
    let count = read_some(file, &mut data, offset)?;
    data.truncate(count);
    (count == size).then_some(data)
}

fn open_as(path: &Path, how: OFlags) -> Option<OwnedFd> {
    let no_wait = if how == OFlags::PATH { OFlags::empty() } else { OFlags::NONBLOCK | OFlags::NOCTTY };
    let flags = how | no_wait | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()
}

fn regular(file: OwnedFd) -> Option<File> {
    let file = File::from(file);
    size_of(&file).is_some().then_some(file)
}

fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).ok()
}

/// `None` for what is no regular file.
fn size_of(file: &File) -> Option<usize> {
    let stat = fstat(file).ok()?;
    let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    usize::try_from(stat.st_size).ok().filter(|_| is_regular)
}
