//! `StreamWriter`: the writing half of a connection.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use ferrio_engine::transport::Limits;

use crate::streams::stream::{Link, PeerAddress};

/// The writing half of a connection. When both halves are dropped the connection closes in order: what was written is sent.
///
/// ```
/// ferrio::run(async {
///     let server =
///         ferrio::start_server(async |_, mut writer| writer.write(b"bye"), "127.0.0.1", 0).await?;
///     let (mut reader, writer) = ferrio::open_connection("127.0.0.1", server.port()).await?;
///     assert_eq!(reader.read_to_end().await?, b"bye");
///     assert!(!writer.is_closing());
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct StreamWriter(pub(crate) Rc<Link>);

impl StreamWriter {
    /// Sends `data`: at once as far as there is room, the rest later. It never waits; `drain` does. Data that is written to a
    /// connection that is lost, or after `write_eof`, is dropped, and `drain` says so.
    pub fn write(&mut self, data: &[u8]) {
        self.0.wire.write(data);
    }

    /// Waits while there is more to be sent than the high mark, until that is no more than the low one.
    ///
    /// # Errors
    /// Why the connection was lost; `BrokenPipe` when something was written after `write_eof`.
    pub async fn drain(&mut self) -> io::Result<()> {
        let flow = &self.0.flow;
        flow.check_writing()?;
        if self.0.wire.is_closing() {
            // The loss of a connection that is closing comes with the next turn.
            crate::yield_now().await;
        }
        poll_fn(|context| flow.poll_writing(|| !flow.is_full(), context)).await;
        flow.check_writing()
    }

    /// Writes `data`, and waits as `drain` does.
    ///
    /// # Errors
    /// As `drain`.
    pub async fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.write(data);
        self.drain().await
    }

    /// Waits until all is sent.
    ///
    /// # Errors
    /// Why the connection was lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.0.poll_flush(context)).await
    }

    /// Tells the peer that no more comes, once all is sent. Reading goes on.
    ///
    /// # Errors
    /// When the peer is gone; `Unsupported` over TLS, where one direction cannot end alone.
    pub fn write_eof(&mut self) -> io::Result<()> {
        self.0.wire.write_eof()
    }

    /// Closes the connection in order: what was written is still sent.
    pub fn close(&mut self) {
        self.0.wire.close();
    }

    /// Closes it at once; what was not sent is lost.
    pub fn abort(&mut self) {
        self.0.wire.abort();
    }

    /// Whether it is closing or closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.0.wire.is_closing()
    }

    /// Waits until the connection is closed.
    ///
    /// # Errors
    /// Why it was lost, if it was not closed in order.
    pub async fn wait_closed(&mut self) -> io::Result<()> {
        let flow = &self.0.flow;
        poll_fn(|context| flow.poll_writing(|| flow.is_lost(), context)).await;
        flow.failure().map_or(Ok(()), Err)
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn write_buffer_size(&self) -> usize {
        self.0.wire.unsent()
    }

    /// When `drain` begins to wait, and when it goes on. 64 KiB and a quarter of that by default.
    ///
    /// # Panics
    /// When `low` is above `high`.
    pub fn set_write_buffer_limits(&mut self, high: usize, low: usize) {
        assert!(low <= high, "set_write_buffer_limits: low ({low}) must not be above high ({high})");
        self.0.wire.set_write_limits(Limits { high, low });
    }

    /// What both sides have agreed on to speak by ALPN: `h2`, for one. `None` without TLS, and where nothing was agreed on.
    #[must_use]
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.0.wire.alpn()
    }

    /// Whose the other end is.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer_address(&self) -> io::Result<PeerAddress> {
        self.0.peer_address()
    }

    /// Our own address.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn local_address(&self) -> io::Result<PeerAddress> {
        self.0.local_address()
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsent = self.write_buffer_size();
        f.debug_struct("StreamWriter").field("unsent", &unsent).field("closing", &self.is_closing()).finish()
    }
}
