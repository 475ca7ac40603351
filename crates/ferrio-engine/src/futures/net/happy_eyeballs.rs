//! Happy Eyeballs (RFC 8305): connect to whichever of a host's addresses answers first, without a storm of attempts.
//!
//! As asyncio does it (`_interleave_addrinfos` and `staggered_race`): addresses of both families take turns; the next
//! attempt starts when the one started last has failed, or after a delay; the first success wins, the other attempts are
//! dropped, which closes their sockets; when all fail, all errors are reported. Generic in what connecting means, so
//! that it is tested without a network.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::futures::net::{TcpStream, resolve};
use crate::futures::task::{Sleep, sleep};

/// How long an attempt has to itself before the next one starts beside it; the RFC's and asyncio's figure.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to `host`, whichever of its addresses answers first.
///
/// # Errors
/// When the name cannot be resolved or no address could be connected to; when no loop runs on this thread.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = interleave(resolve(host, port).await?, 1);
    let (stream, _) = race(addresses, Some(ATTEMPT_DELAY), TcpStream::connect).await?;
    Ok(stream)
}

/// Reorders `addresses` so that families take turns, after `first_family_count` of the family that comes first. Within a
/// family the order stays.
#[must_use]
pub fn interleave(addresses: Vec<SocketAddr>, first_family_count: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv4) else { return addresses };
    let (mut same, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let ahead = first_family_count.saturating_sub(1).min(same.len());
    let mut order: Vec<_> = same.drain(..ahead).collect();
    while !(same.is_empty() && other.is_empty()) {
        order.extend(same.pop_front());
        order.extend(other.pop_front());
    }
    order
}

/// Calls `connect` with one address after the other, each when the attempt before it has failed or is older than `delay`
/// (only when it has failed, for `None`), until one succeeds. Attempts that lost are dropped.
///
/// # Errors
/// The errors of all attempts when none succeeded.
pub async fn race<S, F, C>(
    addresses: Vec<SocketAddr>,
    delay: Option<Duration>,
    connect: C,
) -> Result<(S, SocketAddr), Failures>
where
    F: Future<Output = io::Result<S>>,
    C: FnMut(SocketAddr) -> F,
{
    let waiting = addresses.into();
    Race { connect, delay, waiting, running: Vec::new(), patience: None, failures: Vec::new() }.await
}

/// Why none of the addresses could be connected to, in the order in which they were tried.
#[derive(Debug)]
pub struct Failures(pub Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no address to connect to");
        }
        for (nth, (address, error)) in self.0.iter().enumerate() {
            write!(f, "{}cannot connect to {address}: {error}", if nth == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}

/// The kind is that of the first failure, which is of the address the system prefers.
impl From<Failures> for io::Error {
    fn from(failures: Failures) -> Self {
        let kind = failures.0.first().map_or(io::ErrorKind::InvalidInput, |(_, error)| error.kind());
        io::Error::new(kind, failures)
    }
}

struct Race<F, C> {
    connect: C,
    delay: Option<Duration>,
    /// Addresses not tried yet.
    waiting: VecDeque<SocketAddr>,
    /// Attempts under way, as started. The number is the address's place among all of them.
    running: Vec<(usize, SocketAddr, Pin<Box<F>>)>,
    /// Runs from the start of the last attempt until the next one may start beside it.
    patience: Option<Pin<Box<Sleep>>>,
    /// With the number of each attempt, as they happened.
    failures: Vec<(usize, SocketAddr, io::Error)>,
}

/// No field is pinned in place: the futures are boxed.
impl<F, C> Unpin for Race<F, C> {}

impl<S, F, C> Future for Race<F, C>
where
    F: Future<Output = io::Result<S>>,
    C: FnMut(SocketAddr) -> F,
{
    type Output = Result<(S, SocketAddr), Failures>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let race = &mut *self;
        loop {
            if let Some(winner) = race.poll_running(context) {
                race.running.clear();
                return Poll::Ready(Ok(winner));
            }
            let started = race.failures.len() + race.running.len();
            if race.waiting.is_empty() {
                return if race.running.is_empty() {
                    Poll::Ready(Err(race.all_failures()))
                } else {
                    Poll::Pending
                };
            }
            let last_failed = race.running.last().is_none_or(|(number, ..)| *number + 1 != started);
            if !last_failed && !race.out_of_patience(context) {
                return Poll::Pending;
            }
            if let Some(address) = race.waiting.pop_front() {
                race.start(started, address);
            }
        }
    }
}

impl<F, C> Race<F, C> {
    fn poll_running<S>(&mut self, context: &mut Context<'_>) -> Option<(S, SocketAddr)>
    where
        F: Future<Output = io::Result<S>>,
    {
        let mut index = 0;
        while let Some((number, address, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(stream)) => return Some((stream, *address)),
                Poll::Ready(Err(error)) => {
                    self.failures.push((*number, *address, error));
                    drop(self.running.remove(index));
                }
            }
        }
        None
    }

    fn start<S>(&mut self, number: usize, address: SocketAddr)
    where
        F: Future<Output = io::Result<S>>,
        C: FnMut(SocketAddr) -> F,
    {
        self.running.push((number, address, Box::pin((self.connect)(address))));
        // Without a loop there is no delay, and then no socket either: the attempts fail by themselves.
        self.patience = self.delay.and_then(|delay| sleep(delay).ok()).map(Box::pin);
    }

    fn out_of_patience(&mut self, context: &mut Context<'_>) -> bool {
        self.patience.as_mut().is_some_and(|patience| patience.as_mut().poll(context).is_ready())
    }

    fn all_failures(&mut self) -> Failures {
        self.failures.sort_by_key(|(number, ..)| *number);
        Failures(self.failures.drain(..).map(|(_, address, error)| (address, error)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(hosts: &[&str]) -> Vec<SocketAddr> {
        hosts.iter().filter_map(|host| crate::futures::net::parse(host, 1)).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed = addresses(&["::1", "::2", "::3", "1.0.0.1", "1.0.0.2"]);
        assert_eq!(interleave(mixed.clone(), 1), addresses(&["::1", "1.0.0.1", "::2", "1.0.0.2", "::3"]));
        assert_eq!(interleave(mixed.clone(), 2), addresses(&["::1", "::2", "1.0.0.1", "::3", "1.0.0.2"]));
        assert_eq!(interleave(mixed, 9), addresses(&["::1", "::2", "::3", "1.0.0.1", "1.0.0.2"]));
        let four_first = addresses(&["1.0.0.1", "::1", "1.0.0.2", "1.0.0.3"]);
        assert_eq!(interleave(four_first, 1), addresses(&["1.0.0.1", "::1", "1.0.0.2", "1.0.0.3"]));
        assert_eq!(interleave(Vec::new(), 1), []);
    }
}
