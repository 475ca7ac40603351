//! The main task of a loop whose door fails.

use std::cell::Cell;
use std::future::pending;
use std::time::Duration;

use ferrio_engine::{Clock, Handle, Loop, Runnable, Time, Timed, polled};

/// A word of the plainest door.
struct Word(Runnable);

impl From<Runnable> for Word {
    fn from(task: Runnable) -> Self {
        Word(task)
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

/// Fails in the turn with that number.
struct Fails(Cell<u32>);

impl ferrio_engine::Door<Word> for &Fails {
    type Error = &'static str;

    fn now(self, engine: &Loop<Word>) -> Result<Time, &'static str> {
        self.0.set(self.0.get().wrapping_sub(1));
        if self.0.get() == 0 { Err("expected") } else { Ok(engine.core().clock.now()) }
    }

    fn wait(self, engine: &Loop<Word>, _: Option<Duration>) -> Result<(), &'static str> {
        engine.wait(Some(Duration::ZERO)).map_err(|_| "the poller")
    }

    fn run(self, _: &Loop<Word>, Word(task): Word) -> Result<(), &'static str> {
        task.run();
        Ok(())
    }

    fn run_left(self, _: Vec<Word>) -> Result<(), &'static str> {
        Ok(())
    }
}

#[test]
fn a_door_that_fails_leaves_nothing_of_the_main_task() {
    let engine = Loop::<Word>::new(Clock::manual()).unwrap();
    let door = Fails(Cell::new(3));
    assert_eq!(engine.run_until_complete(&door, pending::<()>()), Err("expected"));
    assert_eq!(polled(), None);
    let _entered = engine.core().enter();
    engine.turn(&door).unwrap();
    assert_eq!(engine.core().tasks.ids(), []);
}
