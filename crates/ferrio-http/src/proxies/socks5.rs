//! SOCKS 5 (RFC 1928, RFC 1929), a client's side, without I/O: what to send, and what the proxy's bytes mean.
//!
//! ```text
//!   Greeting ──method──▶ [ Password ──accepted──▶ ] Reply ──head──▶ address ──▶ Done
//!       └───────────────────────┴──────────────────────┴── refused: an error, for good
//! ```

use std::fmt;
use std::net::IpAddr;

/// The handshake with a proxy, before the connection is the peer's.
///
/// ```
/// use ferrio_http::proxies::Socks5;
///
/// let (mut handshake, mut out) = (Socks5::new("example.org", 443, None)?, Vec::new());
/// handshake.begin(&mut out);
/// assert_eq!(out, [5, 1, 0]);
/// out.clear();
/// assert_eq!(handshake.advance(&[5, 0], &mut out)?, (2, false));
/// assert_eq!(out, b"\x05\x01\0\x03\x0bexample.org\x01\xbb");
/// assert_eq!(handshake.advance(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0, b'!'], &mut out)?, (10, true));
/// # Ok::<(), ferrio_http::proxies::SocksError>(())
/// ```
pub struct Socks5 {
    state: State,
    host: Vec<u8>,
    port: u16,
    credentials: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Password,
    Reply,
    Done,
    Failed(SocksError),
}

/// Why a proxy gives no connection.
///
/// ```
/// use ferrio_http::proxies::{Socks5, SocksError};
///
/// let mut handshake = Socks5::new("a", 80, None)?;
/// handshake.advance(&[5, 0], &mut Vec::new())?;
/// let error = handshake.advance(&[5, 5, 0, 1], &mut Vec::new()).unwrap_err();
/// assert_eq!((error, error.to_string().as_str()), (SocksError::Refused(5), "the peer refused the proxy's connection"));
/// # Ok::<(), SocksError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocksError {
    /// It does not speak SOCKS 5.
    NotSocks5,
    /// It wants to know who we are, in a way that we cannot tell.
    NoMethod,
    /// It does not take name and password.
    Credentials,
    /// It could not or would not connect: the number of RFC 1928, 6.
    Refused(u8),
    /// Host, name or password are longer than 255 bytes, or empty.
    Unfit,
}

impl fmt::Display for SocksError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SocksError::NotSocks5 => "the proxy does not speak SOCKS 5",
            SocksError::NoMethod => "the proxy wants credentials; give them in its address, user:password@",
            SocksError::Credentials => "the proxy does not take these credentials",
            SocksError::Refused(2) => "the proxy's rules forbid this connection",
            SocksError::Refused(3) => "the proxy cannot reach the network",
            SocksError::Refused(4) => "the proxy cannot reach the host",
            SocksError::Refused(5) => "the peer refused the proxy's connection",
            SocksError::Refused(6) => "the proxy's connection timed out on its way",
            SocksError::Refused(_) => "the proxy could not connect",
            SocksError::Unfit => "host, name and password of a SOCKS 5 proxy have 1 to 255 bytes",
        })
    }
}

impl std::error::Error for SocksError {}

impl Socks5 {
    /// A connection to `host`, which the proxy resolves where it is a name.
    ///
    /// # Errors
    ///
    /// [`SocksError::Unfit`] for what SOCKS cannot say.
    pub fn new(host: &str, port: u16, credentials: Option<(&str, &str)>) -> Result<Self, SocksError> {
        let fits = |text: &str| (1..=255).contains(&text.len());
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if !fits(host) || credentials.is_some_and(|(name, password)| !fits(name) || password.len() > 255) {
            return Err(SocksError::Unfit);
        }
        let mut address = Vec::with_capacity(host.len() + 2);
        match host.parse() {
            Ok(IpAddr::V4(host)) => {
                address.push(1);
                address.extend(host.octets());
            }
            Ok(IpAddr::V6(host)) => {
                address.push(4);
                address.extend(host.octets());
            }
            Err(_) => {
                address.extend([3, length(host)]);
                address.extend(host.as_bytes());
            }
        }
        let credentials = credentials.map(|(name, password)| (name.into(), password.into()));
        Ok(Socks5 { state: State::Greeting, host: address, port, credentials })
    }

    /// Appends what the client says first.
    pub fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] });
    }

    /// Looks at what came, and appends what is to be sent: how many bytes were used, and whether the connection is the peer's now.
    /// What was not used is given again, with more behind it; once it is the peer's, it is the peer's, too.
    ///
    /// # Errors
    ///
    /// Why there is no connection. It stays so.
    pub fn advance(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), SocksError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match self.step(rest, out) {
                Ok(0) => return Ok((used, self.state == State::Done)),
                Ok(more) => used += more,
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
    }

    /// How many bytes were used by what is whole; none: more has to come, or nothing more has.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, SocksError> {
        match (self.state, input) {
            (State::Failed(error), _) => Err(error),
            (State::Greeting | State::Reply, [version, ..]) if *version != 5 => Err(SocksError::NotSocks5),
            (State::Greeting | State::Password, [_, 0, ..]) => {
                self.ask(out);
                Ok(2)
            }
            (State::Greeting, [_, 2, ..]) => {
                let Some((name, password)) = &self.credentials else { return Err(SocksError::NotSocks5) };
                out.extend([1, length(name)]);
                out.extend_from_slice(name);
                out.push(length(password));
                out.extend_from_slice(password);
                self.state = State::Password;
                Ok(2)
            }
            (State::Greeting, [_, 0xff, ..]) => Err(SocksError::NoMethod),
            (State::Greeting, [_, _, ..]) => Err(SocksError::NotSocks5),
            (State::Password, [_, _, ..]) => Err(SocksError::Credentials),
            (State::Reply, [_, 0, _, kind, rest @ ..]) => {
                // The address that the proxy connects from, which is nobody's business, and a port.
                let address = match (kind, rest) {
                    (1, _) => 4,
                    (4, _) => 16,
                    (3, [length, ..]) => 1 + usize::from(*length),
                    (3, []) => return Ok(0),
                    _ => return Err(SocksError::NotSocks5),
                };
                if rest.len() < address + 2 {
                    return Ok(0);
                }
                self.state = State::Done;
                Ok(4 + address + 2)
            }
            (State::Reply, [_, code, ..]) if *code != 0 => Err(SocksError::Refused(*code)),
            _ => Ok(0),
        }
    }

    fn ask(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[5, 1, 0]);
        out.extend_from_slice(&self.host);
        out.extend_from_slice(&self.port.to_be_bytes());
        self.state = State::Reply;
    }
}

/// Its state: names and passwords are not for logs.
impl fmt::Debug for Socks5 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Socks5").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Of what was found to be no longer than 255 bytes.
fn length(text: impl AsRef<[u8]>) -> u8 {
    u8::try_from(text.as_ref().len()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent in answer to what came, byte by byte; then whether it is done.
    fn talk(mut handshake: Socks5, input: &[u8]) -> Result<(Vec<u8>, usize, bool), SocksError> {
        let (mut out, mut at, mut done) = (Vec::new(), 0, false);
        handshake.begin(&mut out);
        for end in 1..=input.len() {
            let (used, over) = handshake.advance(&input[at..end], &mut out)?;
            at += used;
            done = over;
        }
        Ok((out, at, done))
    }

    #[test]
    fn with_a_password_and_any_cuts() {
        let handshake = || Socks5::new("[::1]", 80, Some(("me", ""))).unwrap();
        let mut asked = b"\x05\x02\0\x02\x01\x02me\0\x05\x01\0\x04".to_vec();
        asked.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]);
        let input = b"\x05\x02\x01\0\x05\0\0\x03\x02ab\0\x50rest";
        assert_eq!(talk(handshake(), input), Ok((asked, input.len() - 4, true)));
        assert_eq!(talk(handshake(), b"\x05\x02\x01\x01"), Err(SocksError::Credentials));
        assert_eq!(talk(handshake(), b"\x05\xff"), Err(SocksError::NoMethod));
    }

    #[test]
    fn what_is_no_socks_is_refused_at_once() {
        let handshake = || Socks5::new("1.2.3.4", 80, None).unwrap();
        for (input, error) in [
            (&b"H"[..], SocksError::NotSocks5),
            (b"\x05\x02", SocksError::NotSocks5),
            (b"\x05\x01", SocksError::NotSocks5),
            (b"\x05\0\x04", SocksError::NotSocks5),
            (b"\x05\0\x05\0\0\x09", SocksError::NotSocks5),
            (b"\x05\0\x05\x02", SocksError::Refused(2)),
        ] {
            assert_eq!(talk(handshake(), input), Err(error), "{input:?}");
        }
        let mut failed = handshake();
        assert!(failed.advance(b"H", &mut Vec::new()).is_err());
        assert!(failed.advance(b"\x05\0", &mut Vec::new()).is_err());
        for (host, credentials) in [
            ("", None),
            ("a", Some(("", "b"))),
            (&*"a".repeat(256), None),
            ("a", Some(("b", &*"c".repeat(256)))),
        ] {
            assert_eq!(Socks5::new(host, 80, credentials).err(), Some(SocksError::Unfit));
        }
    }
}
