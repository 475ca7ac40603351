//! `Loop<H>`: the one file to read first.
//!
//! A loop queues words of type `H`, which its door knows how to run. One turn is
//!
//! ```text
//! plan     how long may the poller wait?           (ready ring, inbox, timers)
//! wait     the only step that may block, and the only one that touches nothing but the kernel
//! collect  1. words posted by other threads   2. who waits for a ready descriptor   3. timers that are due
//! batch    the door pops as many words as were queued when the batch began, and runs them
//! ```
//!
//! `turn` puts them together, and is the only place where a door is called: `collect` only fills the ready ring. Not `Send`,
//! not `Sync`; what other threads may touch is in a `Remote`.

mod atomics;
pub mod callback;
pub mod clock;
mod closing;
mod coasting;
mod contained;
pub mod core;
pub mod inbox;
mod lent;
pub mod live;
pub mod pool;
pub mod ready;
pub(crate) mod sleeper;
pub(crate) mod task;
pub mod timers;
mod turn;
mod within;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::event_loop::callback::Callback;
use crate::event_loop::clock::{Clock, Time};
use crate::event_loop::coasting::Coasting;
use crate::event_loop::core::{Address, Core, Sink};
use crate::event_loop::inbox::{Bell, Inbox};
use crate::event_loop::ready::Ready;
use crate::event_loop::task::cell::Runnable;
use crate::event_loop::timers::{Timed, Timers};
use crate::reactor::{Direction, Listener, Reactor};

pub use lent::{Lent, lend};
pub use turn::{Door, Pace};
pub use within::Rest;

/// The longest wait asked of a poller; asyncio's own figure. Kernels differ in what they make of more.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A loop that was busy for so many turns in a row asks the poller no longer in each of them: a system call costs more than
/// most callbacks, and the benchmark `call_soon_chain` runs 1.75 times as fast. Programs that look at the other end of a
/// connection a few turns after they wrote are not as busy.
const BUSY_TURNS: u32 = 64;

/// In so many turns after one in which something was written the poller is asked all the same: what was written may be for
/// a descriptor of this loop.
const TURNS_AFTER_WRITE: u32 = 2;

/// A busy loop asks the poller only this often. A descriptor waits this much at most.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

/// The same limit in turns, for a clock that stands still while callbacks run: a virtual one, or a door's own. Not what
/// decides on a real clock, where so many turns take longer than `POLL_INTERVAL`.
const POLL_TURNS: u32 = 4096;

/// What a door queues: one machine word, which can also carry an engine task.
pub trait Handle: From<Runnable> + Timed + Send + 'static {
    /// The same word once more, for a descriptor that is ready again; `None` for one that can be run only once.
    fn again(&self) -> Option<Self>;
}

/// How long the poller may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Callbacks are ready, or a timer is due, and the poller was asked a moment ago: do not ask it.
    Skip,
    /// Wait until something happens, at most this long.
    Wait(Option<Duration>),
}

/// See the module.
#[derive(Debug)]
pub struct Loop<H> {
    core: Rc<Core>,
    ready: Rc<Ready<H>>,
    callback: Callback<H>,
    timers: Timers<H>,
    inbox: Arc<Inbox<H>>,
    bell: Arc<Bell>,
    /// What to queue when a descriptor is ready, indexed by descriptor: for reading and for writing.
    watchers: RefCell<Vec<[Option<H>; 2]>>,
    polled: Cell<Time>,
    /// How many turns went by since without asking the poller.
    skipped: Cell<u32>,
    /// How many turns in a row found something to run at once.
    busy: Cell<u32>,
    /// In how many more turns the poller is asked however busy the loop is.
    expectant: Cell<u32>,
    /// How many words had been taken when the poller was asked last, and how many of those since ran no code but the door's
    /// own: what the poller would say has not changed by them. Where it is asked all the same, the path `echo_streams` takes
    /// 8 % more CPU time.
    collected: Cell<u64>,
    quiet: Cell<u64>,
    coasting: Coasting,
    /// How many turns were planned so far.
    turns: Cell<u64>,
    /// Tasks are dropped just now.
    dropping: Cell<bool>,
}

impl<H: Handle> Loop<H> {
    /// A loop on `clock`.
    ///
    /// # Errors
    /// When the kernel refuses the poller's descriptors.
    pub fn new(clock: Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let bell = Arc::new(Bell::new(reactor.notifier()));
        let inbox = Arc::new(Inbox::new(bell.clone()));
        let ready = Rc::new(Ready::new());
        let ring = ready.clone();
        let queue = Box::new(move |task| ring.push(H::from(task)));
        let core = Rc::new(Core::new(clock, reactor, queue, Address::new(inbox.clone())));
        Ok(Loop {
            core,
            ready,
            callback: Callback::new(),
            timers: Timers::new(),
            inbox,
            bell,
            watchers: RefCell::default(),
            polled: Cell::new(Time::from_secs_f64(f64::NEG_INFINITY)),
            skipped: Cell::new(0),
            busy: Cell::new(0),
            expectant: Cell::new(0),
            collected: Cell::new(0),
            quiet: Cell::new(0),
            coasting: Coasting::default(),
            turns: Cell::new(0),
            dropping: Cell::new(false),
        })
    }

    /// The part that futures know.
    #[must_use]
    pub fn core(&self) -> &Rc<Core> {
        &self.core
    }

    /// The ready ring.
    #[must_use]
    pub fn ready(&self) -> &Ready<H> {
        &self.ready
    }

    /// The callback that runs.
    #[must_use]
    pub fn callback(&self) -> &Callback<H> {
        &self.callback
    }

    /// Something is written to a descriptor now: the number of the callback that does, if one runs and none took its time lately.
    pub fn note_write(&self) -> Option<u64> {
        self.expectant.set(TURNS_AFTER_WRITE);
        (self.callback.runs() && self.callback.is_quick()).then(|| self.ready.taken())
    }

    /// Whether others run after the callback that does now.
    #[must_use]
    pub fn others_wait(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The word that runs calls nobody: it hands on what a descriptor had, and no more.
    pub fn note_quiet(&self) {
        self.quiet.set(self.quiet.get() + 1);
    }

    /// The timer heap.
    #[must_use]
    pub fn timers(&self) -> &Timers<H> {
        &self.timers
    }

    /// What other threads may touch.
    #[must_use]
    pub fn remote(&self) -> Remote<H> {
        Remote { inbox: self.inbox.clone(), bell: self.bell.clone() }
    }

    /// Ends the loop's present wait, if it sleeps.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Queues `word`.
    pub fn call_soon(&self, word: H) {
        self.ready.push(word);
    }

    /// Queues `word` when the clock reaches `when`.
    pub fn call_at(&self, when: Time, word: H) {
        self.timers.push(when, word);
    }

    /// Queues a copy of `word` at each turn at which `fd` is ready in `direction` (only the next one with `once`), in the
    /// place of the word that is returned. A word that was queued keeps its place, too, until it is released or replaced.
    ///
    /// # Errors
    /// When the kernel cannot watch `fd`: it is closed, or a regular file.
    pub fn watch(&self, fd: RawFd, direction: Direction, word: H, once: bool) -> io::Result<Option<H>> {
        self.core.reactor.listen(fd, direction, Listener::Loop { once })?;
        let index = usize::try_from(fd).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut watchers = self.watchers.borrow_mut();
        if index >= watchers.len() {
            watchers.resize_with(index + 1, Default::default);
        }
        Ok(watchers[index][side(direction)].replace(word))
    }

    /// Ends what `watch` began, and gives back its word.
    ///
    /// # Errors
    /// When `fd` was closed while both directions were watched: see `forsake`.
    pub fn unwatch(&self, fd: RawFd, direction: Direction) -> io::Result<Option<H>> {
        let Some(word) = self.take_watcher(fd, direction) else { return Ok(None) };
        self.core.reactor.ignore(fd, direction)?;
        Ok(Some(word))
    }

    /// Gives back all words that wait for `fd`, which is closed. The kernel, which may go on to report of it, is not asked.
    pub fn forsake(&self, fd: RawFd) -> [Option<H>; 2] {
        self.core.reactor.forsake(fd);
        [Direction::Read, Direction::Write].map(|direction| self.take_watcher(fd, direction))
    }

    /// Gives back the word that `is_mine` knows after the one event it waited for: nobody watches for it any more.
    pub fn release(&self, fd: RawFd, direction: Direction, is_mine: impl FnOnce(&H) -> bool) -> Option<H> {
        let index = usize::try_from(fd).ok()?;
        self.watchers.borrow_mut().get_mut(index)?[side(direction)].take_if(|word| is_mine(word))
    }

    /// As `unwatch`, if it is the word that `is_mine` knows; another's stays.
    ///
    /// # Errors
    /// As `unwatch`.
    pub fn unwatch_mine(
        &self,
        fd: RawFd,
        direction: Direction,
        is_mine: impl FnOnce(&H) -> bool,
    ) -> io::Result<Option<H>> {
        let mine = self.look(fd, direction, is_mine).unwrap_or_default();
        if mine { self.unwatch(fd, direction) } else { Ok(None) }
    }

    /// Puts `word` in the place of the one that waits, which is given back. The kernel is not told.
    pub fn swap(&self, fd: RawFd, direction: Direction, word: H) -> Option<H> {
        let index = usize::try_from(fd).ok()?;
        let mut watchers = self.watchers.borrow_mut();
        let place = watchers.get_mut(index)?[side(direction)].as_mut()?;
        Some(std::mem::replace(place, word))
    }

    /// What `see` makes of the word that waits for `fd`, if any does. `see` must not touch the loop.
    pub fn look<R>(&self, fd: RawFd, direction: Direction, see: impl FnOnce(&H) -> R) -> Option<R> {
        let index = usize::try_from(fd).ok()?;
        self.watchers.borrow().get(index)?[side(direction)].as_ref().map(see)
    }

    /// The word that waits for `fd`, if any.
    #[must_use]
    pub fn watcher(&self, fd: RawFd, direction: Direction) -> Option<H> {
        self.look(fd, direction, H::again)?
    }

    /// The descriptor for which a word waits that `is_it` knows. Looks at all of them.
    pub fn find_watcher(&self, is_it: impl Fn(&H) -> bool) -> Option<RawFd> {
        let watchers = self.watchers.borrow();
        let index = watchers.iter().position(|words| words.iter().flatten().any(&is_it))?;
        RawFd::try_from(index).ok()
    }

    /// Step one of a turn. `now` is the door's idea of the time, which a test may have replaced. When the plan is to
    /// sleep, `Remote::ring` ends the sleep from here on: a word that is pushed to the ring after this is not lost.
    #[must_use]
    #[inline]
    pub fn plan(&self, now: Time) -> Plan {
        self.turns.set(self.turns.get().wrapping_add(1));
        if !self.ready.is_empty() || !self.inbox.is_empty() {
            return self.plan_busy(now);
        }
        let timeout = self.next_timer(now);
        if timeout == Some(Duration::ZERO) {
            return self.plan_busy(now);
        }
        self.busy.set(0);
        self.expectant.set(0);
        self.bell.sleep();
        if !self.inbox.is_empty() {
            self.bell.awake();
            return Plan::Wait(Some(Duration::ZERO));
        }
        Plan::Wait(timeout)
    }

    /// How long it is until a timer is due, of the door or of a future.
    #[inline]
    fn next_timer(&self, now: Time) -> Option<Duration> {
        let deadlines = [self.timers.next_deadline(), self.core.sleepers.next_deadline()];
        deadlines.into_iter().flatten().min().map(|deadline| deadline.since(now).min(LONGEST_WAIT))
    }

    /// Something is to be run at once: the poller is asked unless the loop was busy for long and wrote nothing, or nobody
    /// has run since it was asked; and that was a moment ago.
    fn plan_busy(&self, now: Time) -> Plan {
        let (asked, skipped) = (self.polled.get(), self.skipped.get());
        let (busy, expectant) = (self.busy.get(), self.expectant.get());
        self.busy.set(busy.saturating_add(1));
        self.expectant.set(expectant.saturating_sub(1));
        let nobody_ran = self.ready.taken() == self.collected.get() + self.quiet.get();
        let eager = (busy < BUSY_TURNS || expectant > 0) && !nobody_ran;
        if eager || now < asked || now.since(asked) >= POLL_INTERVAL || skipped >= POLL_TURNS {
            return Plan::Wait(Some(Duration::ZERO));
        }
        self.skipped.set(skipped + 1);
        self.coasting.clock_was_read(now, busy >= BUSY_TURNS);
        Plan::Skip
    }

    /// A number that changes with every turn and every word: one that stays the same tells that the loop is stuck in a
    /// word. `None` while it sleeps in its poller, where it may stay as long as it likes.
    #[must_use]
    pub fn progress(&self) -> Option<u64> {
        (!self.bell.is_asleep()).then(|| self.turns.get().wrapping_add(self.ready.taken()))
    }

    /// When the poller was asked last, which is when the present turn began, or at most `POLL_INTERVAL` earlier.
    #[must_use]
    #[inline]
    pub fn turn_time(&self) -> Time {
        self.polled.get()
    }

    /// Makes the next plan ask the poller, whatever is ready: a loop that begins to run looks at its descriptors first.
    pub fn poll_next_turn(&self) {
        self.polled.set(Time::from_secs_f64(f64::NEG_INFINITY));
    }

    /// Step two. May be called while another thread has what protects the rest of the loop.
    ///
    /// # Errors
    /// Whatever the poller met; `Interrupted` when a signal arrived.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let result = self.core.reactor.wait(timeout);
        self.bell.awake();
        result
    }

    /// Step three, after a wait.
    pub fn collect(&self, now: Time) {
        self.polled.set(now);
        self.skipped.set(0);
        self.collected.set(self.ready.taken());
        self.quiet.set(0);
        self.collect_posts();
        self.core.reactor.dispatch(|fd, direction| {
            // Whoever asked for one event keeps the place until `release`: who takes it learns whom to tell.
            if let Some(word) = self.watcher(fd, direction) {
                self.ready.push(word);
            }
        });
    }

    /// Step three, always: posts and timers.
    #[inline]
    pub fn collect_posts(&self) {
        if !self.inbox.is_empty() {
            self.inbox.take().into_iter().for_each(|word| self.ready.push(word));
        }
    }

    /// Moves what is due at `now` to the ready ring, in the order of deadlines.
    #[inline]
    pub fn expire(&self, now: Time) {
        self.core.clock.advance_to(now);
        self.core.wake_sleepers(now);
        self.timers.tidy();
        while let Some(word) = self.timers.pop_due(now) {
            self.ready.push(word);
        }
    }

    /// Calls `visit` for every word the loop holds. `visit` must not touch the loop.
    pub fn for_each(&self, mut visit: impl FnMut(&H)) {
        self.ready.for_each(&mut visit);
        self.callback.for_each(&mut visit);
        self.timers.for_each(&mut visit);
        self.inbox.for_each(&mut visit);
        self.watchers.borrow().iter().flatten().flatten().for_each(visit);
    }

    fn take_watcher(&self, fd: RawFd, direction: Direction) -> Option<H> {
        let index = usize::try_from(fd).ok()?;
        self.watchers.borrow_mut().get_mut(index)?[side(direction)].take()
    }
}

/// A loop as other threads see it: leave a word, or wake it.
#[derive(Debug)]
pub struct Remote<H> {
    inbox: Arc<Inbox<H>>,
    bell: Arc<Bell>,
}

impl<H> Remote<H> {
    /// Leaves `word` for the loop and wakes it.
    pub fn post(&self, word: H) {
        self.inbox.post(word);
    }

    /// Ends the loop's present wait.
    pub fn ring(&self) {
        self.bell.ring();
    }
}

impl<H: Handle> Remote<H> {
    /// Has the loop call `call`, as a task of its own. A loop that is closed drops it. A panic is told of by the panic hook, and
    /// the loop goes on.
    pub fn call(&self, call: impl FnOnce() + Send + 'static) {
        self.inbox.offer(H::from(Runnable::of_call(call)));
    }
}

impl<H> Clone for Remote<H> {
    fn clone(&self) -> Self {
        Remote { inbox: self.inbox.clone(), bell: self.bell.clone() }
    }
}

impl<H: Handle> Sink for Arc<Inbox<H>> {
    fn post(&self, task: Runnable) {
        self.offer(H::from(task));
    }
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Read => 0,
        Direction::Write => 1,
    }
}
