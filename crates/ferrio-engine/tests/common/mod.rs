//! A small door for tests: a word that is a task or a closure, and a driver that runs turns until a future ends.
//!
//! It never caps a wait short, which would hide a lost wake-up: a wait that nothing ends lasts until the watchdog's
//! time is over, and then the test fails. On a virtual clock time jumps to the next deadline when nothing else is left
//! to do, so such tests must not wait for other threads.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod odd;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::RawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use ferrio_engine::{Clock, Direction, Handle, Loop, Pace, Runnable, Time, Timed};

/// How long a test may take, with room for a busy machine.
const WATCHDOG: Duration = Duration::from_secs(if cfg!(miri) { 3_600 } else { 30 });

/// How often to do something: `count` times, or a sixteenth of that under Miri, which takes a thousand times as long.
pub(crate) const fn times(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(16) } else { count }
}

type Call = Box<dyn FnMut(&Door) + Send>;

enum What {
    /// `None` once it has run.
    Task(Mutex<Option<Runnable>>),
    /// `None` while it runs.
    Call(Mutex<Option<Call>>),
}

struct Inner {
    what: What,
    cancelled: AtomicBool,
}

/// What the test loops queue. Clones are the same word.
#[derive(Clone)]
pub(crate) struct Word(Arc<Inner>);

impl Word {
    pub(crate) fn new(call: impl FnMut(&Door) + Send + 'static) -> Self {
        Word(Arc::new(Inner {
            what: What::Call(Mutex::new(Some(Box::new(call)))),
            cancelled: AtomicBool::new(false),
        }))
    }

    /// The caller tells the heap with `note_cancelled`.
    pub(crate) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
    }

    /// How many clones there are.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn run(&self, door: &Door) {
        if self.is_cancelled() {
            return;
        }
        match &self.0.what {
            What::Task(task) => {
                let task = task.lock().unwrap().take().expect("a task runs once");
                task.run();
            }
            What::Call(call) => {
                let mut running = call.lock().unwrap().take().expect("a call does not run itself");
                running(door);
                *call.lock().unwrap() = Some(running);
            }
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0.what, What::Task(_)) { "a task" } else { "a call" })
    }
}

impl From<Runnable> for Word {
    fn from(task: Runnable) -> Self {
        Word(Arc::new(Inner { what: What::Task(Mutex::new(Some(task))), cancelled: AtomicBool::new(false) }))
    }
}

impl Timed for Word {
    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }
}

impl Handle for Word {
    fn again(&self) -> Option<Self> {
        matches!(self.0.what, What::Call(_)).then(|| self.clone())
    }
}

/// A loop and who drives it.
pub(crate) struct Door {
    pub(crate) engine: Loop<Word>,
    is_virtual: bool,
}

impl Door {
    pub(crate) fn new() -> Self {
        Door { engine: Loop::new(Clock::Monotonic).unwrap(), is_virtual: false }
    }

    pub(crate) fn with_virtual_clock() -> Self {
        Door { engine: Loop::new(Clock::manual()).unwrap(), is_virtual: true }
    }

    pub(crate) fn now(&self) -> Time {
        self.engine.core().clock.now()
    }

    pub(crate) fn call_soon(&self, call: impl FnMut(&Door) + Send + 'static) {
        self.engine.call_soon(Word::new(call));
    }

    pub(crate) fn call_later(&self, delay: Duration, call: impl FnMut(&Door) + Send + 'static) -> Word {
        let word = Word::new(call);
        self.engine.call_at(self.now().after(delay), word.clone());
        word
    }

    pub(crate) fn watch(
        &self,
        fd: RawFd,
        direction: Direction,
        once: bool,
        call: impl FnMut(&Door) + Send + 'static,
    ) -> io::Result<Option<Word>> {
        self.engine.watch(fd, direction, Word::new(call), once)
    }

    /// One turn that waits for at most `limit`, and says how many words it ran.
    pub(crate) fn turn(&self, limit: Duration) -> usize {
        let _entered = self.engine.core().enter();
        let round = Round { door: self, limit, words: Cell::new(0) };
        self.engine.turn(&round).unwrap();
        round.words.get()
    }

    /// Turns that wait for nothing, until one has nothing to do.
    pub(crate) fn run_until_idle(&self) {
        let start = Instant::now();
        while self.turn(Duration::ZERO) > 0 {
            assert!(start.elapsed() < WATCHDOG, "still busy after {WATCHDOG:?}");
        }
    }

    /// Turns until `done`.
    pub(crate) fn run_until(&self, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            self.turn(WATCHDOG.saturating_sub(start.elapsed()));
            assert!(start.elapsed() < WATCHDOG, "not done after {WATCHDOG:?}");
        }
    }

    /// Runs `future` as a task of the loop, to its end.
    pub(crate) fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(Cell::new(None));
        let slot = result.clone();
        let ended = Rc::new(Cell::new(false));
        let at_end = ended.clone();
        let _task = self.engine.core().spawn(async move {
            slot.set(Some(future.await));
            at_end.set(true);
        });
        self.run_until(|| ended.get());
        result.take().expect("the task has ended")
    }
}

/// The door of one turn.
struct Round<'a> {
    door: &'a Door,
    limit: Duration,
    /// How many ran.
    words: Cell<usize>,
}

impl ferrio_engine::Door<Word> for &Round<'_> {
    type Error = io::Error;

    fn now(self, _: &Loop<Word>) -> io::Result<Time> {
        Ok(self.door.now())
    }

    fn wait(self, engine: &Loop<Word>, timeout: Option<Duration>) -> io::Result<()> {
        match engine.wait(Some(timeout.unwrap_or(self.limit).min(self.limit))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    fn run(self, _: &Loop<Word>, word: Word) -> io::Result<()> {
        self.words.set(self.words.get() + 1);
        word.run(self.door);
        Ok(())
    }

    fn run_left(self, words: Vec<Word>) -> io::Result<()> {
        words.into_iter().try_for_each(|word| self.run(&self.door.engine, word))
    }

    fn pace(self, _: &Loop<Word>) -> Pace {
        if self.door.is_virtual { Pace::Jumping } else { Pace::Real }
    }
}

/// Two futures at a time; the pair of what they give.
pub(crate) async fn join<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// Polls `future` once, which must not complete it, and drops it.
pub(crate) async fn abandon<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    let poll = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending()));
    assert!(poll.await, "it completed at once");
}

/// A deterministic generator of numbers (xorshift64*): the same seed, the same test.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(usize::MAX) % limit
    }
}
