//! The watchdog: a thread that tells of a loop which one of its tasks keeps from running the others.
//!
//! The loop beats once for each word it runs, and says when it sleeps in the poller. The thread looks twice in a limit's time;
//! the same beat three times in a row, and not asleep, is a word that has run for at least as long as the limit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a loop shows of itself.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    beats: AtomicU64,
    asleep: AtomicBool,
    /// The number of the task that runs; zero where none does.
    task: AtomicU64,
}

impl Heartbeat {
    pub(crate) fn beats(&self) {
        self.asleep.store(false, Ordering::Relaxed);
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sleeps(&self) {
        self.asleep.store(true, Ordering::Relaxed);
    }

    pub(crate) fn runs(&self, task: u64) {
        self.task.store(task, Ordering::Relaxed);
    }

    fn stuck(&self, before: u64) -> (u64, bool) {
        let beats = self.beats.load(Ordering::Relaxed);
        (beats, beats == before && beats > 0 && !self.asleep.load(Ordering::Relaxed))
    }
}

/// The thread; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(limit: Duration, heartbeat: Arc<Heartbeat>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("ferrio-watchdog".into()).spawn(move || {
            let (mut seen, mut looks) = (0, 0_u32);
            while stopped.recv_timeout(limit / 2) == Err(RecvTimeoutError::Timeout) {
                let (beats, is_stuck) = heartbeat.stuck(seen);
                seen = beats;
                looks = if is_stuck { looks + 1 } else { 0 };
                // Once, then each time it has taken twice as long.
                if looks >= 2 && looks.is_power_of_two() {
                    eprintln!("{}", report(limit / 2 * looks, heartbeat.task.load(Ordering::Relaxed)));
                }
            }
        })?;
        Ok(Watchdog { stop: Some(stop), thread: Some(thread) })
    }
}

fn report(since: Duration, task: u64) -> String {
    let who = if task == 0 { "a callback".to_owned() } else { format!("Task-{task}") };
    format!(
        "ferrio: {who} has kept the loop busy for {since:?}: nothing else runs meanwhile. \
         Move the work to `ferrio::to_thread`, or await `ferrio::yield_now()` in it."
    )
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
