//! Threads: calls that block, on threads of the loop's own, and what other threads may do to a loop.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::events::LoopState;
use crate::words::Word;

/// A loop as other threads see it: they can leave calls for it. Clones are the same loop.
#[derive(Clone, Debug)]
pub struct Remote(ferrio_engine::Remote<Word>);

impl Remote {
    pub(crate) fn new(remote: ferrio_engine::Remote<Word>) -> Self {
        Remote(remote)
    }

    /// Has the loop call `call` at its next turn, in the order in which calls come. A loop that is closed drops it.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let (promise, promised) = ferrio::create_future();
    ///     let remote = ferrio::get_running_loop().remote();
    ///     std::thread::spawn(move || remote.call_soon_threadsafe(move || promise.set_result("from a thread")));
    ///     assert_eq!(promised.await, Ok("from a thread"));
    /// });
    /// ```
    pub fn call_soon_threadsafe(&self, call: impl FnOnce() + Send + 'static) {
        self.0.call(call);
    }
}

/// Runs `call`, which may block, on a thread, and gives what it returns. A call that has begun runs to its end, though the
/// future be dropped.
///
/// # Panics
/// Where no loop runs, where no thread can be started, and as `call` does.
///
/// ```
/// ferrio::run(async {
///     let sum: u64 = ferrio::to_thread(|| (1..=1000).sum()).await;
///     assert_eq!(sum, 500_500);
/// });
/// ```
#[track_caller]
pub fn to_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
    let state = LoopState::require("to_thread");
    let running = state.core().blocking().run(move || catch_unwind(AssertUnwindSafe(call)));
    // As documented; cannot fail while the system has threads.
    let running = running.unwrap_or_else(|error| panic!("to_thread: {error}"));
    let outside = Outside::of(state);
    async move {
        let _outside = outside;
        // Cannot fail: the call itself catches its panics, and the loop that awaits has the pool.
        match running.await.expect("the pool runs what it took") {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Something is under way on another thread, for which a virtual clock waits.
pub(crate) struct Outside(Rc<LoopState>);

impl Outside {
    pub(crate) fn of(state: Rc<LoopState>) -> Self {
        state.outside.set(state.outside.get() + 1);
        Outside(state)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.outside.set(self.0.outside.get() - 1);
    }
}
