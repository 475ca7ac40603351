//! The bare server of datagrams: each goes back to where it came from.
//! Up to 64 a turn, because the socket of all senders is one and a turn of epoll costs as much as a datagram.

use std::mem::MaybeUninit;
use std::net::UdpSocket;

use rustix::event::epoll::{self, EventData, EventFlags};

use super::failure::{Named, Outcome};

const A_TURN: usize = 64;
const LARGEST: usize = 64 * 1024;

pub(crate) fn run(socket: &UdpSocket) -> Outcome {
    socket.set_nonblocking(true).named("fcntl")?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).named("epoll_create")?;
    epoll::add(&poll, socket, EventData::new_u64(0), EventFlags::IN).named("epoll_ctl")?;
    let mut scratch = vec![0; LARGEST];
    let mut buffer = [const { MaybeUninit::uninit() }; 1];
    loop {
        epoll::wait(&poll, &mut buffer[..], None).named("epoll_wait")?;
        for _ in 0..A_TURN {
            let Ok((length, sender)) = socket.recv_from(&mut scratch) else { break };
            let _a_full_socket_drops_it = socket.send_to(&scratch[..length], sender);
        }
    }
}
