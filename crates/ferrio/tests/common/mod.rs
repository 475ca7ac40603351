//! What tests share: a loop with a virtual clock, futures that are polled by hand, and numbers that come out the same each time.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Runs `main` on a loop whose time jumps.
#[track_caller]
pub(crate) fn run<F: Future>(main: F) -> F::Output {
    ferrio::Runner::builder().virtual_clock(true).build().unwrap().run(main)
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What the loop's clock says.
pub(crate) fn now() -> Duration {
    ferrio::get_running_loop().time()
}

/// Lets everybody else run so often.
pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        ferrio::yield_now().await;
    }
}

/// How often to do something: `count` times, or a sixteenth of that under Miri, which takes a thousand times as long.
pub(crate) const fn times(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(16) } else { count }
}

/// Counts how many of its clones are alive.
#[derive(Default)]
pub(crate) struct Alive(Rc<Cell<usize>>);

impl Alive {
    pub(crate) fn one(&self) -> OneAlive {
        self.0.set(self.0.get() + 1);
        OneAlive(self.0.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }
}

impl Clone for Alive {
    fn clone(&self) -> Self {
        Alive(self.0.clone())
    }
}

/// See `Alive`.
pub(crate) struct OneAlive(Rc<Cell<usize>>);

impl Drop for OneAlive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A future that is polled by hand, and only when it was woken: a wake-up that gets lost shows.
pub(crate) struct Driven<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    woken: Arc<Flag>,
}

impl<'a, T> Driven<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        let woken = Arc::new(Flag::default());
        woken.0.store(true, Ordering::Relaxed);
        Driven { future: Box::pin(future), woken }
    }

    /// Polls the future if it was woken since the last time.
    pub(crate) fn poll(&mut self) -> Option<T> {
        if !self.is_woken() {
            return None;
        }
        self.woken.0.store(false, Ordering::Relaxed);
        match self.future.as_mut().poll(&mut Context::from_waker(&Waker::from(self.woken.clone()))) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

/// A deterministic generator of numbers (xorshift64*): the same seed, the same test.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16).unwrap_or(usize::MAX) % limit
    }
}
