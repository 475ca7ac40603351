//! `StreamReader`: the reading half of a connection.
//!
//! Every method may be dropped at any time: what was not given away stays to be read.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use crate::streams::errors::ReadError;
use crate::streams::stream::Link;

/// The reading half of a connection. Who reads has it for itself, so that no two readers each see a part of the bytes.
///
/// ```
/// ferrio::run(async {
///     let server = ferrio::start_server(
///         async |mut reader, mut writer| {
///             while let Ok(line) = reader.read_until(b"\n").await {
///                 writer.write(&line);
///             }
///         },
///         "127.0.0.1",
///         0,
///     )
///     .await?;
///     let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
///     writer.write(b"hello\n");
///     assert_eq!(reader.readline().await?, b"hello\n");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct StreamReader(pub(crate) Rc<Link>);

impl StreamReader {
    /// What is there, at most `most` bytes, waiting for one at least. Nothing: the stream has ended.
    ///
    /// # Errors
    /// Why the connection was lost, once what came before is read.
    pub async fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        self.more(0).await?;
        let count = self.0.flow.unread().min(most);
        Ok(self.0.take(count))
    }

    /// As `read`, into `buffer`: how many bytes it was.
    ///
    /// # Errors
    /// As `read`.
    pub async fn read_into(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.0.poll_read(context, buffer)).await
    }

    /// All there is until the stream ends.
    ///
    /// # Errors
    /// As `read`.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let part = self.read(usize::MAX).await?;
            if part.is_empty() {
                return Ok(all);
            }
            if all.is_empty() { all = part } else { all.extend_from_slice(&part) }
        }
    }

    /// One line with its line break; without one where the stream ended first, empty at its end.
    ///
    /// # Errors
    /// `LimitOverrun` when the line is longer than the limit: it is dropped as far as it is there. As `read`.
    pub async fn readline(&mut self) -> Result<Vec<u8>, ReadError> {
        match self.read_until(b"\n").await {
            Err(ReadError::Incomplete { partial, .. }) => Ok(partial),
            Err(ReadError::LimitOverrun { consumed }) => {
                let newline = self.0.flow.peek(|data| data[consumed..].first() == Some(&b'\n'));
                let whole = if newline { consumed + 1 } else { self.0.flow.unread() };
                self.0.flow.consume(&*self.0.wire, whole);
                Err(ReadError::LimitOverrun { consumed })
            }
            result => result,
        }
    }

    /// Exactly `count` bytes.
    ///
    /// # Errors
    /// `Incomplete`, with what was there, when the stream ended before. As `read`.
    pub async fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, ReadError> {
        while self.0.flow.unread() < count {
            let there = self.0.flow.unread();
            self.more(there).await?;
            if self.0.flow.unread() == there {
                let partial = self.0.take(there);
                return Err(ReadError::Incomplete { partial, expected: Some(count) });
            }
        }
        Ok(self.0.take(count))
    }

    /// What comes up to `separator`, and the separator.
    ///
    /// # Errors
    /// `Incomplete` when the stream ended before; `LimitOverrun` when there is more before the separator than the limit. As
    /// `read`.
    ///
    /// # Panics
    /// When the separator is empty.
    pub async fn read_until(&mut self, separator: &[u8]) -> Result<Vec<u8>, ReadError> {
        assert!(!separator.is_empty(), "read_until: the separator must have at least one byte");
        let mut searched = 0;
        loop {
            let (found, there) = self.0.flow.peek(|data| (find(&data[searched..], separator), data.len()));
            let limit = self.0.flow.limit();
            if let Some(at) = found.map(|at| at + searched) {
                if at > limit {
                    return Err(ReadError::LimitOverrun { consumed: at });
                }
                return Ok(self.0.take(at + separator.len()));
            }
            searched = (there + 1).saturating_sub(separator.len());
            if searched > limit {
                return Err(ReadError::LimitOverrun { consumed: searched });
            }
            self.more(there).await?;
            if self.0.flow.unread() == there {
                let partial = self.0.take(there);
                return Err(ReadError::Incomplete { partial, expected: None });
            }
        }
    }

    /// Whether the stream has ended and all of it was read.
    #[must_use]
    pub fn at_eof(&self) -> bool {
        self.0.flow.has_ended() && self.0.flow.unread() == 0
    }

    /// How much is kept that nobody reads, and the longest line; with twice as much the peer has to wait. 64 KiB by default.
    pub fn set_limit(&mut self, limit: usize) {
        self.0.flow.set_limit(limit);
    }

    /// Both halves of a connection as one.
    ///
    /// # Errors
    /// The halves, when they are of two connections.
    pub fn join(self, writer: crate::StreamWriter) -> Result<crate::Stream, (Self, crate::StreamWriter)> {
        if Rc::ptr_eq(&self.0, &writer.0) { Ok(crate::Stream(self.0.clone())) } else { Err((self, writer)) }
    }

    /// Completes when there is more than `known` bytes, or never will be: with an error where the connection was lost.
    async fn more(&self, known: usize) -> io::Result<()> {
        poll_fn(|context| self.0.flow.poll_more(&*self.0.wire, known, context)).await?;
        match self.0.flow.failure() {
            Some(error) if self.0.flow.unread() <= known => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = &self.0.flow;
        f.debug_struct("StreamReader")
            .field("unread", &flow.unread())
            .field("at_eof", &self.at_eof())
            .finish()
    }
}

/// Where `separator` begins.
fn find(data: &[u8], separator: &[u8]) -> Option<usize> {
    let (&first, rest) = separator.split_first()?;
    let mut from = 0;
    while let Some(at) = data[from..].iter().position(|&byte| byte == first).map(|at| at + from) {
        if data[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
