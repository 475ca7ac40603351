//! Bare servers: what the kernel and one epoll set allow, with nothing of an event loop and no interpreter.
//!
//! Prints where it listens, in the form that `to=` takes, and serves until it is killed or standard input ends. Each kind
//! is the least program that answers the load: it does what a loop must do for its protocol, and nothing else.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::thread;

use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, socket_with};

use super::failure::{Named, Outcome, failed};
use super::options::Options;
use super::serve_echo::{self, Work};
use super::{serve_datagrams, window};

const BACKLOG: i32 = 4096;

pub(crate) fn run(options: &Options) -> Outcome {
    match options.kind.as_str() {
        "echo" => serve_echo::run(listener(options)?, Work::Echo),
        "http" => serve_echo::run(listener(options)?, Work::Answer),
        "source" => serve_echo::run(listener(options)?, Work::Send),
        "sink" => serve_echo::run(listener(options)?, Work::Drop),
        "hangup" => serve_echo::run(listener(options)?, Work::HangUp),
        "datagrams" => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).named("bind")?;
            announce(format!("udp:{}", socket.local_addr().named("getsockname")?.port()));
            serve_datagrams::run(&socket)
        }
        other => failed(format!("kind={other}: no such server")),
    }
}

/// The next connection, if there is one.
pub(crate) fn accepted(listener: &OwnedFd) -> Option<OwnedFd> {
    let socket = accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()?;
    let _is_of_another_family = set_tcp_nodelay(&socket, true);
    Some(socket)
}

/// Listening and announced: on a free port, or on the path that `to=unix:PATH` names.
fn listener(options: &Options) -> Outcome<OwnedFd> {
    if let Some(path) = options.to.strip_prefix("unix:") {
        let listener = UnixListener::bind(path).named(path)?;
        listener.set_nonblocking(true).named("fcntl")?;
        announce(options.to.clone());
        return Ok(listener.into());
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).named("socket")?;
    set_socket_reuseaddr(&socket, true).named("setsockopt")?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).named("bind")?;
    listen(&socket, BACKLOG).named("listen")?;
    let listener = TcpListener::from(socket);
    announce(format!("tcp:{}", listener.local_addr().named("getsockname")?.port()));
    Ok(listener.into())
}

/// From then on a thread waits for the end of standard input, asleep, and ends the process with it.
fn announce(target: String) {
    thread::spawn(move || {
        let status = i32::from(window::print_and_hold(&target).is_err());
        std::process::exit(status);
    });
}
