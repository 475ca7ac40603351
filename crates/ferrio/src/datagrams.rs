//! Datagrams: `create_datagram_endpoint`, a UDP socket to send with and receive from.
//!
//! asyncio calls a protocol for each packet; here a task asks for the next one, and the kernel keeps those that nobody has asked
//! for, as many as its buffer holds.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use ferrio_engine::net::{self, UdpSocket};

/// The largest packet there is.
const LARGEST: usize = 65_535;

/// A UDP socket. Receiving is for one task at a time; any number may send.
///
/// ```
/// ferrio::run(async {
///     let one = ferrio::create_datagram_endpoint("127.0.0.1", 0).await?;
///     let other = ferrio::create_datagram_endpoint("127.0.0.1", 0).await?;
///     one.send_to(b"hello", other.local_address()?).await?;
///     let (data, from) = other.recv_from().await?;
///     assert_eq!((data.as_slice(), from), (b"hello".as_slice(), one.local_address()?));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct DatagramEndpoint(UdpSocket);

/// A UDP socket on `host` and `port`; port 0 lets the system choose one.
///
/// # Errors
/// When the name cannot be resolved; what the system reports: `AddrInUse` for one.
///
/// # Panics
/// Where no loop runs.
pub async fn create_datagram_endpoint(host: &str, port: u16) -> io::Result<DatagramEndpoint> {
    let _state = crate::events::LoopState::require("create_datagram_endpoint");
    let mut failed = None;
    for address in net::resolve(host, port).await? {
        match UdpSocket::bind(address) {
            Ok(socket) => return Ok(DatagramEndpoint(socket)),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

impl DatagramEndpoint {
    /// Sends one packet, waiting for room.
    ///
    /// # Errors
    /// What the system reports: too large a packet, for one.
    pub async fn send_to(&self, data: &[u8], address: SocketAddr) -> io::Result<()> {
        self.0.send_to(data, address).await.map(drop)
    }

    /// The next packet, and who sent it.
    ///
    /// # Errors
    /// What the system reports; `ResourceBusy` when another task waits for a packet.
    pub async fn recv_from(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut data = vec![0; LARGEST];
        let (count, from) = self.0.recv_from(&mut data).await?;
        data.truncate(count);
        data.shrink_to_fit();
        Ok((data, from))
    }

    /// As `recv_from`, into `buffer`: what does not fit is lost.
    ///
    /// # Errors
    /// As `recv_from`.
    pub async fn recv_into(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await
    }

    /// Sends to, and receives from, nobody but the peer at `address` from now on.
    ///
    /// # Errors
    /// What the system reports.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.0.inner().connect(address)
    }

    /// Sends one packet to the peer that `connect` has named.
    ///
    /// # Errors
    /// What the system reports: `ConnectionRefused` when an earlier packet found nobody.
    pub async fn send(&self, data: &[u8]) -> io::Result<()> {
        self.0.send(data).await.map(drop)
    }

    /// Whether packets may go to a broadcast address.
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.0.inner().set_broadcast(on)
    }

    /// Its own address.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.inner().local_addr()
    }
}

impl fmt::Debug for DatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramEndpoint").field("local_address", &self.local_address().ok()).finish()
    }
}
