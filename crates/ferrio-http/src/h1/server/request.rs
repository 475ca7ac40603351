//! The head of a request: its first line, its target, its Host, and what of its headers the connection acts on. Owns the rules of
//! RFC 9112, 3; knows no state but the head's own.

use crate::h1::Version;
use crate::h1::bytes::{is_authority, is_target, is_token};
use crate::h1::faults::Refusal;
use crate::h1::fields::Headers;
use crate::h1::length::{Framing, Length, once};

/// The head of a request, in the bytes that came.
///
/// ```
/// use ferrio_http::h1::{Length, Limits, Version, server::{Connection, Event}};
///
/// let mut connection = Connection::new(Limits::default());
/// let (_, event) = connection.advance(b"GET http://a.b/c?d=e HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n");
/// let Event::Request(head) = event else { panic!("a request") };
/// assert_eq!((head.method, head.version, head.length), (&b"GET"[..], Version::Http11, Length::Known(0)));
/// assert_eq!((head.path(), head.query(), head.authority()), (&b"/c"[..], &b"d=e"[..], &b"a.b"[..]));
/// assert!(!head.keep_alive && !head.expect_continue && head.upgrade.is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// As it was written: methods differ by case.
    pub method: &'a [u8],
    /// As it was written: visible ASCII.
    pub target: &'a [u8],
    /// Of the request.
    pub version: Version,
    /// In their order.
    pub headers: Headers<'a>,
    /// Of the body. Without one: `Known(0)`.
    pub length: Length,
    /// Whether the client waits for [`continue_`](super::Connection::continue_) before it sends the body.
    pub expect_continue: bool,
    /// Whether the client lets the connection go on.
    pub keep_alive: bool,
    /// The protocol that the client would switch to, where `Connection` says so, too.
    pub upgrade: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    /// The target's path, still encoded: what stands before `?`, without scheme and host; `*` and a tunnel's target as they are.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.split().0
    }

    /// What stands behind the target's `?`, or nothing.
    #[must_use]
    pub fn query(&self) -> &'a [u8] {
        self.split().1
    }

    /// Whom the request is for: the host of the target where that is a URL, or `Host`, which agrees with it; empty where there is
    /// neither, which only HTTP/1.0 may be.
    #[must_use]
    pub fn authority(&self) -> &'a [u8] {
        let named = authority_of(self.target).map(|parts| parts.authority);
        named.or_else(|| self.headers.find("host")).unwrap_or_default()
    }

    fn split(&self) -> (&'a [u8], &'a [u8]) {
        let local = match authority_of(self.target) {
            Some(authority) => {
                self.target.get(self.target.len() - authority.rest.len()..).unwrap_or_default()
            }
            None => self.target,
        };
        let (path, query) = match local.iter().position(|byte| *byte == b'?') {
            Some(at) => (local.get(..at).unwrap_or_default(), local.get(at + 1..).unwrap_or_default()),
            None => (local, &b""[..]),
        };
        (if path.is_empty() { b"/" } else { path }, query)
    }
}

/// Where the parts of a first line are, counted from the beginning of the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine {
    start: usize,
    method_end: usize,
    target_end: usize,
    version: Version,
}

impl RequestLine {
    /// Reads a whole first line that begins at `start`.
    pub(super) fn of(line: &[u8], start: usize, tunnels: bool) -> Result<Self, Refusal> {
        let spaces =
            (line.iter().position(|byte| *byte == b' '), line.iter().rposition(|byte| *byte == b' '));
        let (Some(first), Some(last)) = spaces else {
            return Err(Refusal::bad("the request line has no target"));
        };
        let method = line.get(..first).unwrap_or_default();
        let version = version(line.get(last + 1..).unwrap_or_default())?;
        if first == last {
            return Err(Refusal::bad("the request line has no target"));
        }
        let target = line.get(first + 1..last).unwrap_or_default();
        if !is_token(method) {
            return Err(Refusal::bad("the method is no token"));
        }
        if !is_target(target) {
            return Err(Refusal::bad("the target has a space, a fragment, or bytes that are not ASCII"));
        }
        check_form(method, target, tunnels)?;
        Ok(Self { start, method_end: start + first, target_end: start + last, version })
    }

    /// What the whole head says.
    pub(super) fn head<'a>(&self, bytes: &'a [u8], headers: Headers<'a>) -> Result<Head<'a>, Refusal> {
        let method = bytes.get(self.start..self.method_end).unwrap_or_default();
        let target = bytes.get(self.method_end + 1..self.target_end).unwrap_or_default();
        let (mut framing, mut seen) = (Framing::default(), Seen::default());
        for (name, value) in headers.iter() {
            framing.see(name, value)?;
            seen.see(name, value)?;
        }
        check_host(target, seen.host, self.version)?;
        let length = framing.length(self.version)?.unwrap_or(Length::Known(0));
        let new = self.version == Version::Http11;
        if new && seen.expects_more {
            return Err(Refusal::of(417, "Expect asks for something other than 100-continue"));
        }
        Ok(Head {
            method,
            target,
            version: self.version,
            headers,
            length,
            expect_continue: new && seen.expects_continue && length != Length::Known(0),
            keep_alive: framing.persists(self.version),
            upgrade: seen.upgrade.filter(|_| new && framing.upgrade),
        })
    }
}

/// What of the headers is not about framing.
#[derive(Default)]
struct Seen<'a> {
    host: Option<&'a [u8]>,
    expects_continue: bool,
    expects_more: bool,
    upgrade: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn see(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                once(&mut self.host, value, "Host is there twice")?;
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects_continue |= known;
                self.expects_more |= !known;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = Some(value),
            _ => {}
        }
        Ok(())
    }
}

fn version(text: &[u8]) -> Result<Version, Refusal> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Refusal::of(505, "a version of HTTP other than 1.0 and 1.1"))
        }
        _ => Err(Refusal::bad("the request line does not end with a version of HTTP")),
    }
}

/// Which form of target goes with which method (RFC 9112, 3.2).
fn check_form(method: &[u8], target: &[u8], tunnels: bool) -> Result<(), Refusal> {
    match target {
        _ if method == b"CONNECT" => match target.iter().rposition(|byte| *byte == b':') {
            _ if !tunnels => Err(Refusal::of(501, "CONNECT: there are no tunnels here")),
            Some(colon) if colon + 1 < target.len() && is_authority(target) => Ok(()),
            _ => Err(Refusal::bad("the target of CONNECT is no host and port")),
        },
        [b'/', ..] => Ok(()),
        b"*" if method == b"OPTIONS" => Ok(()),
        b"*" => Err(Refusal::bad("the target * is for OPTIONS only")),
        _ => match authority_of(target) {
            Some(parts) if is_authority(parts.authority) => Ok(()),
            _ => Err(Refusal::bad("the target is neither a path nor a URL")),
        },
    }
}

fn check_host(target: &[u8], host: Option<&[u8]>, version: Version) -> Result<(), Refusal> {
    let Some(host) = host else {
        return if version == Version::Http10 {
            Ok(())
        } else {
            Err(Refusal::bad("HTTP/1.1 needs a Host header"))
        };
    };
    if !is_authority(host) {
        return Err(Refusal::bad("Host is empty, or no host and port"));
    }
    // A server goes by the target, applications by Host: a request in which they differ is routed twice.
    match authority_of(target) {
        Some(parts) if !parts.is(host) => Err(Refusal::bad("Host is not the host of the target")),
        _ => Ok(()),
    }
}

/// Of a target in absolute form: `scheme://authority` and the rest.
struct Parts<'a> {
    scheme: &'a [u8],
    authority: &'a [u8],
    rest: &'a [u8],
}

impl Parts<'_> {
    /// Whether this is the host of the target, too, be the scheme's own port said or not.
    fn is(&self, host: &[u8]) -> bool {
        let port: &[u8] = if self.scheme.eq_ignore_ascii_case(b"https") { b":443" } else { b":80" };
        let [ours, theirs] = [self.authority, host].map(|one| one.strip_suffix(port).unwrap_or(one));
        ours.eq_ignore_ascii_case(theirs)
    }
}

fn authority_of(target: &[u8]) -> Option<Parts<'_>> {
    if target.starts_with(b"/") {
        return None;
    }
    let scheme = target.iter().position(|byte| *byte == b':')?;
    let (name, rest) = target.split_at(scheme);
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !name.first().is_some_and(u8::is_ascii_alphabetic) || !name.iter().all(good) {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    Some(Parts { scheme: name, authority, rest })
}
