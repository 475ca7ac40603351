//! Files as futures: `read`, `File`, and `on_thread` for everything else that the file system does.
//!
//! A kernel has no readiness for files, so an operation as a whole is one job of the blocking pool: one hop, however many
//! system calls it makes. On Linux a read of what the page cache has takes none (`cached`); it gives way to others once
//! instead. It pays: of ferrio's `cargo run --release --example files`, in microseconds on ext4, 4 KiB read whole take 1.9
//! blocking, 2.7 here and 7 to 115 by a thread; 256 KiB take 24, 31 and 176. tmpfs refuses, which costs nothing that shows.
//!
//! A regular file has its cursor here, and the kernel is told where to read and write each time: a read that is dropped has
//! moved nothing. What cannot be sought (a pipe, a terminal) has the kernel's. A write that is dropped goes on to its end on
//! its thread; the next operation on the same `File` that depends on its order waits for it.

#[cfg_attr(not(target_os = "linux"), path = "uncached.rs")]
mod cached;

use std::fs::OpenOptions;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use crate::event_loop::core::Core;
use crate::futures::task::yield_now;

/// What is read at once on the loop's own thread, at most: so much holds the loop for 30 us.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "a thread reads everything"))]
const INLINE: usize = 256 * 1024;

/// Runs `call` on a thread of the loop's pool. Dropped, the future lets `call` run to its end.
///
/// # Errors
/// Those of `call`; when no loop runs on this thread; when no thread can be started.
pub async fn on_thread<T: Send + 'static>(
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let running = Core::require()?.blocking().run(call)?;
    running.await.unwrap_or_else(|| Err(io::Error::other("the thread gave no answer: its call panicked")))
}

/// All that the file at `path` holds.
///
/// # Errors
/// The system's; as `on_thread`.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    yield_now().await;
    match cached::read(path) {
        Some(Cached::All(data)) => Ok(data),
        Some(Cached::Some(file, data)) => on_thread(move || rest_of(file, data)).await,
        Some(Cached::Stream(file)) => {
            on_thread(move || cached::wait_for_data(&file).and_then(|()| rest_of(file, Vec::new()))).await
        }
        None => {
            let path = path.to_owned();
            on_thread(move || std::fs::read(path)).await
        }
    }
}

/// How far reading a file without waiting came.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "a thread reads everything"))]
enum Cached {
    All(Vec<u8>),
    Some(std::fs::File, Vec<u8>),
    /// No regular file.
    Stream(std::fs::File),
}

fn rest_of(mut file: std::fs::File, mut data: Vec<u8>) -> io::Result<Vec<u8>> {
    file.read_to_end(&mut data)?;
    Ok(data)
}

/// A file that is open. See the module.
pub struct File {
    inner: Arc<std::fs::File>,
    /// Where the next read or write begins; `None` where the kernel knows.
    cursor: Option<u64>,
    /// Every write goes to the end.
    appends: bool,
    /// An operation whose future was dropped, perhaps.
    unfinished: Option<Unfinished>,
    /// What such an operation read.
    left: Vec<u8>,
    /// How such a write failed, which the next one reports.
    failed: Option<io::Error>,
}

type Unfinished = Pin<Box<dyn Future<Output = Option<io::Result<Done>>>>>;

enum Done {
    Read(Vec<u8>),
    /// So much, which the cursor is moved by.
    Wrote(u64),
    /// The cursor is to be there.
    At(u64),
}

impl File {
    /// Opens the file at `path` to be read.
    ///
    /// # Errors
    /// The system's; as `on_thread`.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        match cached::open(path) {
            Some(file) => Ok(File::new(file, Some(0), false)),
            None => Self::open_with(OpenOptions::new().read(true).clone(), false, path.to_owned()).await,
        }
    }

    /// Opens the file at `path` as `options` say, which `appends` repeats: options cannot be asked.
    ///
    /// # Errors
    /// The system's; as `on_thread`.
    pub async fn open_with(options: OpenOptions, appends: bool, path: PathBuf) -> io::Result<File> {
        on_thread(move || {
            let file = options.open(path)?;
            let is_regular = file.metadata()?.is_file();
            Ok((file, is_regular))
        })
        .await
        .map(|(file, is_regular)| File::new(file, is_regular.then_some(0), appends))
    }

    fn new(file: std::fs::File, cursor: Option<u64>, appends: bool) -> File {
        File { inner: Arc::new(file), cursor, appends, unfinished: None, left: Vec::new(), failed: None }
    }

    /// The system's file, for what does not block.
    #[must_use]
    pub fn inner(&self) -> &Arc<std::fs::File> {
        &self.inner
    }

    /// Reads some of what begins at `offset` into `buffer`. Zero means the end of the file. The cursor stays.
    ///
    /// # Errors
    /// The system's: what is no regular file may have no offsets; as `on_thread`.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        yield_now().await;
        if let Some(count) = cached::read_at(&self.inner, buffer, offset) {
            return Ok(count);
        }
        let (file, size) = (self.inner.clone(), buffer.len());
        let data = on_thread(move || read_some(size, |data| file.read_at(data, offset))).await?;
        buffer[..data.len()].copy_from_slice(&data);
        Ok(data.len())
    }

    /// Writes all of `data` at `offset`. The cursor stays.
    ///
    /// # Errors
    /// As `read_at`.
    pub async fn write_at(&self, data: Vec<u8>, offset: u64) -> io::Result<()> {
        let file = self.inner.clone();
        on_thread(move || file.write_all_at(&data, offset)).await
    }

    /// Reads some of what follows into `buffer`. Zero means the end of the file.
    ///
    /// # Errors
    /// As `read_at`.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.settle().await;
        let Some(cursor) = self.cursor else { return self.read_stream(buffer).await };
        let count = self.read_at(buffer, cursor).await?;
        self.cursor = Some(cursor + count as u64);
        Ok(count)
    }

    /// Appends all that follows to `data`, and says how much that was.
    ///
    /// # Errors
    /// As `read_at`. Nothing was appended then, and the cursor has not moved, except in what cannot be sought.
    pub async fn read_to_end(&mut self, data: &mut Vec<u8>) -> io::Result<usize> {
        self.settle().await;
        let Some(cursor) = self.cursor else {
            let mut rest = std::mem::take(&mut self.left);
            let file = self.inner.clone();
            let read = move || (&*file).read_to_end(&mut rest).map(|_| Done::Read(rest));
            self.run(read).await?;
            return Ok(self.take_left(data));
        };
        yield_now().await;
        let rest = if let Some(rest) = cached::read_rest(&self.inner, cursor) {
            rest
        } else {
            let file = self.inner.clone();
            on_thread(move || read_rest(&file, cursor)).await?
        };
        self.cursor = Some(cursor + rest.len() as u64);
        data.extend_from_slice(&rest);
        Ok(rest.len())
    }

    /// Writes all of `data` where the cursor is, or at the end of a file that was opened to be appended to. Dropped, it goes on.
    ///
    /// # Errors
    /// The system's, also for a write whose future was dropped; as `on_thread`.
    pub async fn write_all(&mut self, data: Vec<u8>) -> io::Result<()> {
        self.flush().await?;
        let (file, appends) = (self.inner.clone(), self.appends);
        match self.cursor {
            Some(cursor) if !appends => {
                let size = data.len() as u64;
                self.run(move || file.write_all_at(&data, cursor).map(|()| Done::Wrote(size))).await
            }
            Some(_) => {
                let write = move || (&*file).write_all(&data).and_then(|()| (&*file).stream_position());
                self.run(move || write().map(Done::At)).await
            }
            None => self.run(move || (&*file).write_all(&data).map(|()| Done::Wrote(0))).await,
        }
    }

    /// Moves the cursor, and says where it is then.
    ///
    /// # Errors
    /// `InvalidInput` for a place before the beginning; the system's; as `on_thread`.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.settle().await;
        let file = self.inner.clone();
        let Some(cursor) = self.cursor else {
            let sought = on_thread(move || (&*file).seek(to)).await?;
            self.left.clear();
            return Ok(sought);
        };
        let moved = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(by) => cursor.checked_add_signed(by),
            SeekFrom::End(by) => on_thread(move || file.metadata()).await?.len().checked_add_signed(by),
        };
        let no_place = || io::Error::new(io::ErrorKind::InvalidInput, "seek: before the file's beginning");
        let cursor = moved.filter(|&offset| i64::try_from(offset).is_ok()).ok_or_else(no_place)?;
        self.cursor = Some(cursor);
        Ok(cursor)
    }

    /// Waits for writes whose futures were dropped. Nothing else is held back here: the others ended with their futures.
    ///
    /// # Errors
    /// How such a write failed.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.settle().await;
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Has the disk take what was written, and with `everything` also what is known about the file.
    ///
    /// # Errors
    /// The system's; as `flush`.
    pub async fn sync(&mut self, everything: bool) -> io::Result<()> {
        self.flush().await?;
        let file = self.inner.clone();
        on_thread(move || if everything { file.sync_all() } else { file.sync_data() }).await
    }

    /// Makes the file as long as `size`.
    ///
    /// # Errors
    /// The system's; as `flush`.
    pub async fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.flush().await?;
        let file = self.inner.clone();
        on_thread(move || file.set_len(size)).await
    }

    async fn read_stream(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() && !buffer.is_empty() {
            let (file, size) = (self.inner.clone(), buffer.len());
            self.run(move || read_some(size, |data| (&*file).read(data)).map(Done::Read)).await?;
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }

    /// Runs what must not be overtaken. What it has done is kept, whether or not the future is dropped meanwhile.
    async fn run(&mut self, call: impl FnOnce() -> io::Result<Done> + Send + 'static) -> io::Result<()> {
        self.unfinished = Some(Box::pin(Core::require()?.blocking().run(call)?));
        self.settle().await;
        self.failed.take().map_or(Ok(()), Err)
    }

    async fn settle(&mut self) {
        let Some(unfinished) = &mut self.unfinished else { return };
        let done = unfinished.await;
        self.unfinished = None;
        match done {
            Some(Ok(Done::Read(data))) if self.left.is_empty() => self.left = data,
            Some(Ok(Done::Read(data))) => self.left.extend(data),
            Some(Ok(Done::Wrote(count))) => self.cursor = self.cursor.map(|cursor| cursor + count),
            Some(Ok(Done::At(cursor))) => self.cursor = Some(cursor),
            Some(Err(error)) => self.failed = Some(error),
            None => self.failed = Some(io::Error::other("the thread gave no answer")),
        }
    }

    fn take_left(&mut self, data: &mut Vec<u8>) -> usize {
        let left = std::mem::take(&mut self.left);
        data.extend_from_slice(&left);
        left.len()
    }
}

impl From<std::fs::File> for File {
    /// Goes on where `file` is. Whether it appends is not known: such a file's cursor stays before what is written.
    fn from(mut file: std::fs::File) -> File {
        let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let cursor = if is_regular { file.stream_position().ok() } else { None };
        File::new(file, cursor, false)
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("inner", &self.inner)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// One read of at most `size` bytes.
fn read_some(size: usize, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut data = vec![0; size];
    let count = loop {
        match read(&mut data) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    data.truncate(count);
    Ok(data)
}

fn read_rest(file: &std::fs::File, cursor: u64) -> io::Result<Vec<u8>> {
    let expected = file.metadata()?.len().saturating_sub(cursor);
    let mut rest = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    Rest { file, cursor }.read_to_end(&mut rest)?;
    Ok(rest)
}

/// What of a file begins at a cursor of its own.
struct Rest<'a> {
    file: &'a std::fs::File,
    cursor: u64,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.cursor)?;
        self.cursor += count as u64;
        Ok(count)
    }
}
