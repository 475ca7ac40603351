//! Whom the load goes to, always on this machine, and how a connection there is made and ended.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with};

use super::failure::{Named, Outcome, failed};

/// A peer that stalls for so long ends the run.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum Target {
    Tcp(u16),
    Udp(u16),
    Unix(String),
}

impl Target {
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let Some((kind, place)) = text.split_once(':') else {
            return failed(format!("to={text}: neither tcp:PORT nor udp:PORT nor unix:PATH"));
        };
        match kind {
            "tcp" => Ok(Target::Tcp(place.parse().named(text)?)),
            "udp" => Ok(Target::Udp(place.parse().named(text)?)),
            "unix" => Ok(Target::Unix(place.to_owned())),
            _ => failed(format!("to={text}: neither tcp:PORT nor udp:PORT nor unix:PATH")),
        }
    }

    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self, Target::Udp(_))
    }

    /// A connected, blocking socket. `source` is for crowds: one address has about 28,000 ports towards one server.
    pub(crate) fn dial(&self, source: Option<Ipv4Addr>) -> Outcome<OwnedFd> {
        let (family, kind) = match self {
            Target::Tcp(_) => (AddressFamily::INET, SocketType::STREAM),
            Target::Udp(_) => (AddressFamily::INET, SocketType::DGRAM),
            Target::Unix(_) => (AddressFamily::UNIX, SocketType::STREAM),
        };
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None).named("socket")?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).named("setsockopt")?;
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).named("setsockopt")?;
        if let Some(source) = source {
            bind(&socket, &SocketAddrV4::new(source, 0)).named("bind")?;
        }
        match self {
            Target::Tcp(port) => {
                set_tcp_nodelay(&socket, true).named("setsockopt")?;
                connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port))
            }
            Target::Udp(port) => connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port)),
            Target::Unix(path) => connect(&socket, &SocketAddrUnix::new(path.as_str()).named(path)?),
        }
        .named("connect")?;
        Ok(socket)
    }
}

/// Resets instead of closing, so that thousands of connections leave no `TIME_WAIT` behind for the next run.
pub(crate) fn close_hard(socket: OwnedFd) {
    let _closes_all_the_same = set_socket_linger(&socket, Some(Duration::ZERO));
    drop(socket);
}
