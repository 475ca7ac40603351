//! What a connection is told at its beginning.

/// The side that a [`Connection`](super::Connection) speaks for. Clients mask what they send, servers do not.
///
/// ```
/// use ferrio_http::ws::{Config, Connection, Role};
///
/// let mut out = Vec::new();
/// Connection::new(Role::Server, Config::default(), None).send_binary(&[7], &mut out)?;
/// assert_eq!(out, [0x82, 1, 7]);
/// # Ok::<(), ferrio_http::ws::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who answered the handshake.
    Server,
    /// Who asked for it.
    Client,
}

/// Limits and costs of a connection.
///
/// ```
/// use ferrio_http::ws::Config;
///
/// let config = Config { max_message_size: 64 * 1024, ..Config::default() };
/// assert_eq!(config.compress_from, 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The largest message that is taken, in bytes, after inflating. A larger one fails with 1009: as soon as a header announces
    /// it, or while it is inflated. By default 16 MiB.
    pub max_message_size: usize,
    /// Messages of fewer bytes are sent as they are, where deflate was agreed on: 64 bytes of JSON
    /// become 26 in 6 us, 128 become 43 in 7. By default 128.
    pub compress_from: usize,
    /// How hard to compress, 1 to 9, by default 3. JSON of 1 KiB becomes 325 bytes in 4 us on level 1, 217 in 13 us on level
    /// 3, 209 in 16 us on level 6.
    pub compression_level: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_message_size: 16 << 20, compress_from: 128, compression_level: 3 }
    }
}
