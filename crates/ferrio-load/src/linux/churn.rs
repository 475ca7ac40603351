//! Connection set-up: a fixed number of connections at once; each waits until the server closes it and is then
//! replaced. One count is one connection that the server accepted and closed.

use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::net::{RecvFlags, recv};

use super::failure::{Named, Outcome, failed};
use super::options::Options;
use super::target::{Target, close_hard};
use super::window::{Window, now};

const EVENTS: usize = 64;
const PATIENCE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

pub(crate) fn run(options: &Options) -> Outcome {
    let target = Target::parse(&options.to)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).named("epoll_create")?;
    let mut window = Window::new(options);
    let mut sockets = Vec::with_capacity(options.connections);
    for place in 0..options.connections {
        sockets.push(dialled(&target, &poll, place as u64)?);
    }
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; EVENTS];
    while !window.is_over(now())? {
        let (events, _) = epoll::wait(&poll, &mut buffer[..], Some(&PATIENCE)).named("epoll_wait")?;
        if events.is_empty() {
            return failed("the server stopped closing connections");
        }
        for event in events {
            let place = event.data.u64();
            let Some(socket) = usize::try_from(place).ok().and_then(|index| sockets.get_mut(index)) else {
                return failed("an event of no connection");
            };
            if !matches!(recv(&*socket, &mut [0; 1][..], RecvFlags::empty()), Ok((_, 0))) {
                return failed("the server did not simply close");
            }
            close_hard(std::mem::replace(socket, dialled(&target, &poll, place)?));
            window.count += 1;
        }
    }
    window.print("")
}

/// Blocking, but on loopback the kernel completes it without the server.
fn dialled(target: &Target, poll: &OwnedFd, place: u64) -> Outcome<OwnedFd> {
    let socket = target.dial(None)?;
    epoll::add(poll, &socket, epoll::EventData::new_u64(place), epoll::EventFlags::IN).named("epoll_ctl")?;
    Ok(socket)
}
