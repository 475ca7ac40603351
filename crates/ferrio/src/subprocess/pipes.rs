//! Our ends of a child's pipes: a reader with a buffer, and a writer without one. A virtual clock waits for both.

use std::io;

use ferrio_engine::process as engine;

use crate::events::LoopState;
use crate::threads::Outside;

/// How much is read at once; also the size of a pipe on Linux.
const CHUNK: usize = 64 * 1024;

/// What a child says. A read that is dropped loses nothing: the next one has it.
///
/// ```
/// use ferrio::subprocess::{PIPE, create_subprocess_exec};
///
/// ferrio::run(async {
///     let mut process = create_subprocess_exec("printf", ["head;body\nrest"]).stdout(PIPE).await?;
///     let mut stdout = process.stdout.take().unwrap();
///     assert_eq!(stdout.read_until(b";").await?, b"head;");
///     assert_eq!(stdout.read_exactly(2).await?, b"bo");
///     assert_eq!(stdout.readline().await?, b"dy\n");
///     assert_eq!(stdout.read_to_end().await?, b"rest");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct PipeReader {
    source: engine::PipeReader,
    /// What was read and not taken.
    buffer: Vec<u8>,
    has_ended: bool,
}

impl PipeReader {
    pub(crate) fn new(source: engine::PipeReader) -> Self {
        PipeReader { source, buffer: Vec::new(), has_ended: false }
    }

    /// Reads some bytes into `buffer`, at least one. Zero means the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() && !buffer.is_empty() {
            self.fill().await?;
        }
        let count = buffer.len().min(self.buffer.len());
        buffer[..count].copy_from_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        Ok(count)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer: those can still be read. The system's.
    pub async fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.take(count))
    }

    /// What comes up to `separator`, and with it.
    ///
    /// # Errors
    /// `UnexpectedEof` when it does not come: what came can still be read. `InvalidInput` for an empty one. The system's.
    pub async fn read_until(&mut self, separator: &[u8]) -> io::Result<Vec<u8>> {
        if separator.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "read_until: the separator is empty"));
        }
        let mut begin = 0;
        loop {
            if let Some(found) = find(&self.buffer[begin..], separator) {
                return Ok(self.take(begin + found + separator.len()));
            }
            begin = (self.buffer.len() + 1).saturating_sub(separator.len());
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next line with its end, the last one perhaps without; empty after it.
    ///
    /// # Errors
    /// The system's.
    pub async fn readline(&mut self) -> io::Result<Vec<u8>> {
        match self.read_until(b"\n").await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(self.take(self.buffer.len())),
            line => line,
        }
    }

    /// All that comes up to the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? {}
        Ok(self.take(self.buffer.len()))
    }

    /// Whether all was read, and there will be no more.
    #[must_use]
    pub fn at_eof(&self) -> bool {
        self.has_ended && self.buffer.is_empty()
    }

    /// Waits for more, and says whether there is some.
    async fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        let _outside = Outside::of(LoopState::require("a pipe"));
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let mut filling = Filling { buffer: &mut self.buffer, length };
        filling.length += self.source.read(&mut filling.buffer[length..]).await?;
        self.has_ended = filling.length == length;
        Ok(!self.has_ended)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }
}

/// A buffer with room at its end, which is cut off again however the read ends.
struct Filling<'a> {
    buffer: &'a mut Vec<u8>,
    length: usize,
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.buffer.truncate(self.length);
    }
}

/// A child's input. Dropping it ends the input.
///
/// ```
/// use ferrio::subprocess::{PIPE, create_subprocess_exec};
///
/// ferrio::run(async {
///     let mut process = create_subprocess_exec("wc", ["-c"]).stdin(PIPE).stdout(PIPE).await?;
///     let mut stdin = process.stdin.take().unwrap();
///     stdin.write_all(b"12345").await?;
///     stdin.close();
///     let (output, _) = process.communicate("").await?;
///     assert_eq!(String::from_utf8_lossy(&output).trim(), "5");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct PipeWriter(engine::PipeWriter);

impl PipeWriter {
    pub(crate) fn new(source: engine::PipeWriter) -> Self {
        PipeWriter(source)
    }

    /// Writes all of `data`; waits while the pipe is full. Dropped half-way, an unknown part of it has been written.
    ///
    /// # Errors
    /// `BrokenPipe` when the child reads no more; the system's.
    pub async fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let _outside = Outside::of(LoopState::require("a pipe"));
        self.0.write_all(data).await
    }

    /// Ends the child's input.
    pub fn close(self) {}
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
