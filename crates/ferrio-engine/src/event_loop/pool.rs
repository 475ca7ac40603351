//! Threads for what blocks: started when there is work, reused, bounded, gone after they were idle for a while.
//!
//! A job is a boxed closure; its result travels by whatever the closure does, for Rust futures by `run`, which wakes the
//! task that awaits it. Jobs start in the order in which they came. Dropping the pool lets running jobs end, drops those
//! which have not begun, and does not wait; `join` waits.
//!
//! One thread is called at a time: it calls the next one, if there is more to do, before it begins. Short jobs are over before
//! many threads are up, and the loop's own thread is spared all calls but the first: `to_thread_x100` takes a half of the time.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::event_loop::contained::contain;

/// How long a thread waits for more work before it ends.
const IDLE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_secs(10) };

type Job = Box<dyn FnOnce() + Send>;

/// See the module.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool of at most `limit` threads whose names begin with `name`.
    #[must_use]
    pub fn new(name: &'static str, limit: usize) -> Self {
        Pool {
            shared: Arc::new(Shared {
                name,
                limit,
                state: Mutex::default(),
                work: Condvar::new(),
                end: Condvar::new(),
            }),
        }
    }

    /// Queues `job`.
    ///
    /// # Errors
    /// When the pool was shut down, or not even one thread could be started.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(io::Error::other(format!("{}: the pool is shut down", self.shared.name)));
        }
        state.jobs.push_back(Box::new(job));
        match self.shared.call_one(&mut state) {
            Err(error) if state.threads == 0 => {
                let job = state.jobs.pop_back();
                drop(state);
                drop(job);
                Err(error)
            }
            called => {
                drop(state);
                self.shared.ring(called);
                Ok(())
            }
        }
    }

    /// Runs `call` on a thread of the pool and gives its result; `None` when `call` panicked or never ran.
    ///
    /// # Errors
    /// As `submit`.
    pub fn run<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        call: F,
    ) -> io::Result<impl Future<Output = Option<T>> + use<T, F>> {
        let slot = Arc::new(Mutex::new(Slot { result: None, waker: None, ended: false }));
        let sender = Sender(slot.clone());
        self.submit(move || sender.send(call()))?;
        Ok(std::future::poll_fn(move |context| {
            // Cloned before the lock is taken, dropped after it was given back: each may run the program's own code.
            let waker = context.waker().clone();
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.ended {
                return Poll::Ready(slot.result.take());
            }
            let old = slot.waker.replace(waker);
            drop(slot);
            drop(old);
            Poll::Pending
        }))
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.shared.lock().threads
    }

    /// Takes no more jobs, runs those which are queued, and waits for the threads to end, at most for `timeout`. Says
    /// whether all did.
    #[must_use]
    pub fn join(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.work.notify_all();
        while state.threads > 0 {
            state = match deadline {
                None => self.shared.end.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.shared.end.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let never_begun = std::mem::take(&mut state.jobs);
        drop(state);
        self.shared.work.notify_all();
        drop(never_begun);
    }
}

struct Shared {
    name: &'static str,
    limit: usize,
    state: Mutex<State>,
    /// There is a job, or the pool closed.
    work: Condvar,
    /// A thread ended.
    end: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// A thread was woken or started, and has not come for its job yet.
    called: bool,
    /// Threads ever started: the number in the next one's name.
    started: usize,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread come for the first of the jobs, unless one is on its way or all are busy; whether to ring for it.
    fn call_one(self: &Arc<Self>, state: &mut State) -> io::Result<bool> {
        if state.called || state.jobs.is_empty() {
            return Ok(false);
        }
        let waits = state.idle > 0;
        if !waits {
            if state.threads == self.limit {
                return Ok(false);
            }
            self.start(state)?;
        }
        state.called = true;
        Ok(waits)
    }

    /// Wakes the thread that `call_one` has called. After the lock was given back, or that thread would wait for it at once: one
    /// sleep in three of `to_thread`. If no thread could be started, those that there are do the work.
    fn ring(&self, called: io::Result<bool>) {
        if called.unwrap_or(false) {
            self.work.notify_one();
        }
    }

    fn start(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let shared = self.clone();
        thread::Builder::new()
            .name(format!("{}-{}", self.name, state.started))
            .spawn(move || shared.work_off())?;
        state.started += 1;
        state.threads += 1;
        Ok(())
    }

    fn work_off(self: &Arc<Self>) {
        self.lock().called = false;
        while let Some(job) = self.next() {
            // A job that panics has lost its result, which `run` reports; the thread goes on.
            contain(job);
        }
        self.end.notify_all();
    }

    /// The next job; `None` ends the thread, which is off the count in the same breath: a job that comes right after must
    /// not be left to it.
    fn next(self: &Arc<Self>) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                let called = self.call_one(&mut state);
                drop(state);
                self.ring(called);
                return Some(job);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, timeout) =
                self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            state.called = false;
            if timeout.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        None
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).field("limit", &self.limit).finish_non_exhaustive()
    }
}

struct Slot<T> {
    result: Option<T>,
    waker: Option<Waker>,
    ended: bool,
}

/// Reports the end of a job when dropped, with or without a result.
struct Sender<T>(Arc<Mutex<Slot<T>>>);

impl<T> Sender<T> {
    fn send(self, result: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).result = Some(result);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.ended = true;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::times;
    use std::sync::mpsc;

    #[test]
    fn jobs_run_and_threads_are_bounded_and_reused() {
        let pool = Pool::new("test", 3);
        let (sender, results) = mpsc::channel();
        for n in 0..50 {
            let sender = sender.clone();
            pool.submit(move || sender.send(n).unwrap()).unwrap();
        }
        let mut seen: Vec<i32> = results.iter().take(50).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
        assert!(pool.threads() <= 3);
        assert!(pool.join(Some(Duration::from_secs(5))));
        assert!(pool.submit(|| ()).is_err());
    }

    #[test]
    fn jobs_that_wait_for_each_other_all_begin() {
        for _ in 0..times(100) {
            let pool = Pool::new("test", 8);
            let meeting = Arc::new(std::sync::Barrier::new(8));
            let (sender, results) = mpsc::channel();
            for _ in 0..16 {
                let (meeting, sender) = (meeting.clone(), sender.clone());
                pool.submit(move || {
                    meeting.wait();
                    sender.send(()).unwrap();
                })
                .unwrap();
            }
            assert!((0..16).all(|_| results.recv_timeout(Duration::from_secs(5)).is_ok()));
        }
    }

    /// Jobs come just when the pool's one thread has been idle for long enough to end.
    #[test]
    fn a_job_that_meets_an_ending_thread_is_run_all_the_same() {
        let pool = Pool::new("test", 1);
        let (sender, results) = mpsc::channel();
        for n in 0..times(1_200) as u64 {
            let sender = sender.clone();
            pool.submit(move || sender.send(n).unwrap()).unwrap();
            assert_eq!(results.recv_timeout(Duration::from_secs(5)), Ok(n));
            let idle = Instant::now();
            while idle.elapsed() < IDLE + Duration::from_micros(40 + n % 100) {
                std::hint::spin_loop();
            }
        }
    }

    #[test]
    fn a_panicking_job_leaves_the_thread_alive() {
        let pool = Pool::new("test", 1);
        let (sender, results) = mpsc::channel();
        pool.submit(|| std::panic::resume_unwind(Box::new("expected"))).unwrap();
        pool.submit(move || sender.send(7).unwrap()).unwrap();
        assert_eq!(results.recv_timeout(Duration::from_secs(5)), Ok(7));
    }
}
