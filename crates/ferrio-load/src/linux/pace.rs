//! A fixed rate of requests: when each one is meant to be sent, and on which connection.
//!
//! A latency counts from the intended time, also of a request that had to wait for the answer before it: a server that
//! stalls makes all of them late, and not only the one it was asked (coordinated omission). A connection has one request
//! under way; what is due meanwhile waits here. Knows no socket.

use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Pace {
    start: u64,
    interval: f64,
    issued: u64,
    waiting: Vec<VecDeque<u64>>,
}

impl Pace {
    pub(crate) fn new(rate: f64, connections: usize, start: u64) -> Self {
        Pace { start, interval: 1e9 / rate, issued: 0, waiting: vec![VecDeque::new(); connections] }
    }

    /// The next request that is due by then: its connection and its intended time. Connections take turns.
    pub(crate) fn due(&mut self, time: u64) -> Option<(usize, u64)> {
        let intended = self.intended();
        if intended > time {
            return None;
        }
        let place = usize::try_from(self.issued % self.waiting.len() as u64).unwrap_or(0);
        self.issued += 1;
        Some((place, intended))
    }

    /// The connection is busy: that request waits for it.
    pub(crate) fn postpone(&mut self, place: usize, intended: u64) {
        self.waiting[place].push_back(intended);
    }

    /// What waits longest for that connection.
    pub(crate) fn next(&mut self, place: usize) -> Option<u64> {
        self.waiting[place].pop_front()
    }

    /// The intended times of all that never got their turn.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = u64> {
        self.waiting.iter().flatten().copied()
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "seconds at most: exact to the nanosecond"
    )]
    fn intended(&self) -> u64 {
        self.start + (self.issued as f64 * self.interval) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_due_in_turn_and_wait_in_order() {
        let mut pace = Pace::new(1e6, 2, 5_000);
        assert_eq!(pace.due(4_999), None);
        let due: Vec<_> = std::iter::from_fn(|| pace.due(8_000)).collect();
        assert_eq!(due, [(0, 5_000), (1, 6_000), (0, 7_000), (1, 8_000)]);
        pace.postpone(0, 7_000);
        pace.postpone(0, 9_000);
        assert_eq!(pace.unsent().collect::<Vec<_>>(), [7_000, 9_000]);
        assert_eq!((pace.next(0), pace.next(1)), (Some(7_000), None));
    }
}
