//! `Loop::turn` with a door that writes down what it is asked: the order of things, what a failure leaves, how time passes.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use ferrio_engine::{Clock, Door, Handle, Loop, Pace, Runnable, Time, Timed, polled};

use Word::Name;

const HOUR: Duration = Duration::from_secs(3600);

/// A word is its name, or a task. `fails` fails, and `leaves` leaves `left` for later.
#[derive(Debug)]
enum Word {
    Name(&'static str),
    Task(Runnable),
}

impl From<Runnable> for Word {
    fn from(task: Runnable) -> Self {
        Word::Task(task)
    }
}

impl Timed for Word {
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Handle for Word {
    fn again(&self) -> Option<Self> {
        None
    }
}

struct Script {
    engine: Loop<Word>,
    pace: Pace,
    stopping: Cell<bool>,
    /// Whether the clock passes for the system's, and how often it was read.
    steady: Cell<bool>,
    readings: Cell<usize>,
    said: RefCell<Vec<&'static str>>,
    /// How long the last wait was to be.
    waited: Cell<Option<Duration>>,
}

impl Script {
    fn new(pace: Pace) -> Self {
        let engine = Loop::new(Clock::manual()).unwrap();
        let (stopping, steady, readings, waited) = Default::default();
        Script { engine, pace, stopping, steady, readings, waited, said: RefCell::default() }
    }

    fn queue(&self, names: &[&'static str]) {
        for name in names {
            self.engine.call_soon(Name(name));
        }
    }

    /// What was said in one turn, and how that ended.
    fn turn(&self) -> (Vec<&'static str>, Result<(), &'static str>) {
        let result = self.engine.turn(self);
        (self.said.take(), result)
    }

    /// How often the clock is read in so many turns that run `name`.
    fn readings(&self, turns: usize, name: &'static str) -> usize {
        let before = self.readings.get();
        for _ in 0..turns {
            self.queue(&[name]);
            self.turn().1.unwrap();
        }
        self.readings.get() - before
    }

    fn time(&self) -> Time {
        self.engine.core().clock.now()
    }
}

impl Door<Word> for &Script {
    type Error = &'static str;

    fn now(self, _: &Loop<Word>) -> Result<Time, &'static str> {
        self.readings.set(self.readings.get() + 1);
        Ok(self.time())
    }

    fn wait(self, engine: &Loop<Word>, timeout: Option<Duration>) -> Result<(), &'static str> {
        self.waited.set(timeout);
        self.said.borrow_mut().push(match timeout {
            Some(Duration::ZERO) => "poll",
            Some(_) => "wait",
            None => "wait for ever",
        });
        // Nothing ever comes from outside: the longest waits are cut short.
        engine.wait(Some(timeout.unwrap_or_default().min(Duration::from_millis(1)))).map_err(|_| "poller")
    }

    fn run(self, engine: &Loop<Word>, word: Word) -> Result<(), &'static str> {
        let name = match word {
            Word::Name(name) => name,
            Word::Task(task) => {
                task.run();
                return Ok(());
            }
        };
        self.said.borrow_mut().push(name);
        match name {
            "fails" => return Err("failed"),
            "leaves" => engine.callback().leave(Name("left")),
            "queues" => engine.call_soon(Name("queued")),
            "fails soon" => engine.call_soon(Name("fails")),
            "slow" => engine.core().clock.advance_to(self.time().after(Duration::from_micros(50))),
            "writes" => drop(engine.note_write()),
            _ => {}
        }
        Ok(())
    }

    fn run_left(self, words: Vec<Word>) -> Result<(), &'static str> {
        words.into_iter().try_for_each(|word| self.run(&self.engine, word))
    }

    fn pace(self, _: &Loop<Word>) -> Pace {
        self.pace
    }

    fn has_system_clock(self, _: &Loop<Word>) -> bool {
        self.steady.get()
    }

    fn is_stopping(self) -> bool {
        self.stopping.get()
    }
}

/// What was said but for `left`, which runs once, after the word that left it: at the end of the batch, or before where the
/// machine is so busy that it was overdue.
fn but_for_left(said: &[&'static str]) -> Vec<&'static str> {
    let place = |name| said.iter().position(|said| *said == name);
    assert!(place("leaves") < place("left"), "{said:?}");
    said.iter().copied().filter(|said| *said != "left").collect()
}

#[test]
fn words_run_in_order_and_what_they_queued_in_the_next_turn() {
    let script = Script::new(Pace::Real);
    script.queue(&["leaves", "queues", "b"]);
    let (said, result) = script.turn();
    assert_eq!((but_for_left(&said), result), (vec!["poll", "leaves", "queues", "b"], Ok(())));
    assert_eq!(script.turn(), (vec!["poll", "queued"], Ok(())));
}

#[test]
fn a_failure_leaves_the_words_behind_it_queued_and_none_that_was_left_waits() {
    let script = Script::new(Pace::Real);
    script.queue(&["leaves", "fails", "b"]);
    let (said, result) = script.turn();
    assert_eq!((but_for_left(&said), result), (vec!["poll", "leaves", "fails"], Err("failed")));
    assert!(!script.engine.callback().runs());
    assert_eq!(script.turn(), (vec!["poll", "b"], Ok(())));
}

#[test]
fn the_last_turn_does_not_wait() {
    let script = Script::new(Pace::Real);
    assert_eq!(script.turn().0, ["wait for ever"]);
    script.stopping.set(true);
    assert_eq!(script.turn().0, ["poll"]);
    script.engine.call_at(script.time().after(HOUR), Name("timer"));
    assert_eq!(script.turn().0, ["poll"]);
}

#[test]
fn virtual_time_jumps_only_where_nothing_is_ready_and_a_timer_is_scheduled() {
    let script = Script::new(Pace::Jumping);
    assert_eq!(script.turn().0, ["wait for ever"]);
    assert_eq!(script.time(), Time::ZERO);
    script.engine.call_at(Time::ZERO.after(HOUR), Name("timer"));
    script.queue(&["a"]);
    assert_eq!(script.turn().0, ["a"], "the poller was asked a moment ago");
    assert_eq!(script.time(), Time::ZERO);
    assert_eq!(script.turn().0, ["poll", "timer"]);
    assert_eq!(script.time(), Time::ZERO.after(HOUR));
}

#[test]
fn virtual_time_that_is_held_passes_as_the_real_one() {
    let script = Script::new(Pace::Held);
    script.engine.call_at(Time::ZERO.after(HOUR), Name("timer"));
    assert_eq!(script.turn().0, ["wait"]);
    assert!(Time::ZERO < script.time() && script.time() < Time::ZERO.after(HOUR));
}

#[test]
fn a_loop_that_is_busy_and_quick_reads_the_clock_in_few_turns() {
    let script = Script::new(Pace::Real);
    assert_eq!(script.readings(200, "a"), 200, "the clock is not the system's");
    let before = script.engine.progress();
    script.readings(20, "a");
    assert_eq!(
        script.engine.progress(),
        before.map(|before| before + 40),
        "a turn and a word, each counted once"
    );
    script.steady.set(true);
    script.readings(40, "a");
    assert_eq!(script.readings(170, "a"), 10);
    script.engine.call_at(Time::ZERO.after(HOUR), Name("timer"));
    assert_eq!(script.readings(170, "a"), 10);
    script.readings(1, "writes");
    assert_eq!(script.readings(20, "writes"), 20);
    script.readings(40, "a");
    assert_eq!(script.readings(170, "a"), 10);
    // After at most sixteen turns more it is known to be slow.
    script.readings(17, "slow");
    assert_eq!(script.readings(20, "slow"), 20);
}

#[test]
fn a_timer_that_may_be_due_has_the_clock_read_in_each_turn() {
    let script = Script::new(Pace::Real);
    script.steady.set(true);
    script.readings(200, "a");
    script.engine.call_at(script.time().after(Duration::from_micros(60)), Name("timer"));
    assert_eq!(script.readings(2, "slow"), 2);
    script.queue(&["a"]);
    assert_eq!(script.turn().0.last(), Some(&"timer"));
}

#[test]
fn dense_timers_are_waited_for_together_and_others_alone() {
    for (count, pace, waits, passes) in [
        (1, Pace::Real, 1_000, 0),
        (4, Pace::Real, 1_000, 0),
        (5, Pace::Real, 2_000, 0),
        // Virtual time jumps to the first one all the same.
        (5, Pace::Jumping, 0, 1_000),
    ] {
        let script = Script::new(pace);
        for number in 0..count {
            let when = Time::ZERO.after(Duration::from_micros(1_000 + 20 * number));
            script.engine.call_at(when, Name("timer"));
        }
        script.turn().1.unwrap();
        assert_eq!(script.waited.get(), Some(Duration::from_micros(waits)), "{count} timers, {pace:?}");
        assert_eq!(script.time(), Time::ZERO.after(Duration::from_micros(passes)));
    }
}

#[test]
fn a_door_that_fails_leaves_nothing_of_the_main_task() {
    let script = Script::new(Pace::Real);
    // The task runs once before, and waits.
    script.queue(&["fails soon"]);
    let result = script.engine.run_until_complete(&script, std::future::pending::<()>());
    assert_eq!((result, script.said.take()), (Err("failed"), vec!["poll", "fails soon", "poll", "fails"]));
    assert_eq!(polled(), None);
    let _entered = script.engine.core().enter();
    script.turn().1.unwrap();
    assert_eq!(script.engine.core().tasks.ids(), []);
}
