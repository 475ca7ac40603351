//! One connection, one direction, as fast as it goes: `source` sends to the server, `sink` reads from it.
//! Blocking calls of 256 KiB; a peer that stalls for five seconds (the socket's time-out) ends the run.
//!
//! `sink` fixes its receive buffer. Left to itself the kernel lets it grow to tens of MiB in one run and not in the next, and
//! then sender and receiver copy through memory or through a cache: 110 or 260 us a MiB, whatever the server does.

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::failure::{Named, Outcome, failed};
use super::options::Options;
use super::target::{Target, close_hard};
use super::window::{Window, now};

const PIECE: usize = 256 * 1024;
const RECEIVE_BUFFER: usize = 256 * 1024;

pub(crate) fn transmit(options: &Options) -> Outcome {
    transfer(options, true)
}

pub(crate) fn receive(options: &Options) -> Outcome {
    transfer(options, false)
}

fn transfer(options: &Options, sending: bool) -> Outcome {
    let socket = Target::parse(&options.to)?.dial(None)?;
    if !sending {
        set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER).named("setsockopt")?;
    }
    let mut piece = vec![b'x'; PIECE];
    let mut window = Window::new(options);
    while !window.is_over(now())? {
        let moved = if sending {
            send(&socket, &piece, SendFlags::NOSIGNAL)
        } else {
            recv(&socket, &mut piece[..], RecvFlags::empty()).map(|(_, length)| length)
        }
        .named("the bulk transfer")?;
        if moved == 0 {
            return failed("the bulk transfer broke off");
        }
        window.count += moved as u64;
    }
    window.print("")?;
    close_hard(socket);
    Ok(())
}
