//! The watchdog: a thread that tells of a loop which one of its tasks keeps from running the others.
//!
//! The loop beats once for each word it runs, and says when it sleeps in the poller. The thread looks twice in a limit's time;
//! the same beat three times in a row, and not asleep, is a word that has run for at least as long as the limit. It is told of
//! once. A loop without a watchdog has no heartbeat, and no thread.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a loop shows of itself.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    beats: AtomicU64,
    asleep: AtomicBool,
    /// The number of the task that runs; zero where none does.
    task: AtomicU64,
    /// Names that were given. Those of the loop itself are its own thread's.
    names: Mutex<HashMap<u64, String>>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat {
            beats: AtomicU64::new(0),
            asleep: AtomicBool::new(true),
            task: AtomicU64::new(0),
            names: Mutex::default(),
        }
    }
}

impl Heartbeat {
    /// A word is about to run.
    pub(crate) fn beats(&self) {
        self.task.store(0, Ordering::Relaxed);
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Nothing runs until the next beat.
    pub(crate) fn sleeps(&self) {
        self.asleep.store(true, Ordering::Relaxed);
    }

    /// The word is this task.
    pub(crate) fn runs(&self, task: u64) {
        self.task.store(task, Ordering::Relaxed);
    }

    pub(crate) fn name(&self, task: u64, name: &str) {
        self.names().insert(task, name.to_owned());
    }

    pub(crate) fn forget(&self, task: u64) {
        self.names().remove(&task);
    }

    /// How many beats there were, and whether it is the same word that runs as `before`.
    fn look(&self, before: u64) -> (u64, bool) {
        let beats = self.beats.load(Ordering::Relaxed);
        (beats, beats == before && !self.asleep.load(Ordering::Relaxed))
    }

    fn who(&self) -> String {
        match self.task.load(Ordering::Relaxed) {
            0 => "a callback".to_owned(),
            task => match self.names().get(&task) {
                Some(name) => format!("{name} (Task-{task})"),
                None => format!("Task-{task}"),
            },
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<u64, String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
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
                let (beats, is_stuck) = heartbeat.look(seen);
                seen = beats;
                looks = if is_stuck { looks.saturating_add(1) } else { 0 };
                if looks == 2 {
                    eprintln!("{}", report(&heartbeat.who(), limit));
                }
            }
        })?;
        Ok(Watchdog { stop: Some(stop), thread: Some(thread) })
    }
}

fn report(who: &str, limit: Duration) -> String {
    format!(
        "ferrio: {who} has kept the loop busy for {limit:?}: nothing else runs meanwhile. \
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
