//! Threads: calls that block, on threads of the loop's own, and what other threads may do to a loop.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ferrio_engine::event_loop::pool::Pool;

use crate::events::LoopState;
use crate::futures::{Promised, create_future};
use crate::tasks::create_task;
use crate::traced::CallSpan;
use crate::words::Word;

/// A loop as other threads see it: they can leave calls for it. Clones are the same loop.
///
/// ```
/// ferrio::run(async {
///     let remote = ferrio::get_running_loop().remote();
///     let answer = remote.run_coroutine_threadsafe(|| async { 42 });
///     assert_eq!(answer.await, Ok(42));
/// });
/// ```
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

    /// Has the loop run the future that `make` makes there, as a task of its own, and gives what it will give, to be awaited on any
    /// loop: [`Cancelled`](crate::Cancelled) when the task is cancelled, panics, or the loop closes. Dropping what is given cancels
    /// nothing.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let remote = ferrio::get_running_loop().remote();
    ///     let answer = ferrio::to_thread(move || {
    ///         let asked = remote.run_coroutine_threadsafe(|| async { ferrio::all_tasks().len() });
    ///         ferrio::run(asked)
    ///     });
    ///     assert_eq!(answer.await, Ok(2));
    /// });
    /// ```
    pub fn run_coroutine_threadsafe<T, F>(&self, make: impl FnOnce() -> F + Send + 'static) -> Promised<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (promise, promised) = create_future();
        self.call_soon_threadsafe(move || {
            create_task(async move { promise.set_result(make().await) }).detach();
        });
        promised
    }
}

/// Runs `call`, which may block, on a thread, and gives what it returns. A call that has begun runs to its end, though the
/// future be dropped; one that has not begun by then never does.
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
pub fn to_thread<T, F>(call: F) -> impl Future<Output = T> + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let state = LoopState::require("to_thread");
    let running = start_on(state.core().blocking(), "to_thread", move |_| call());
    let outside = Outside::of(state);
    async move {
        let _outside = outside;
        running.await.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Has a thread of `pool` run `call`, unless the future is dropped before it begins; `call` can ask whether it was.
#[track_caller]
pub(crate) fn start_on<T, F>(
    pool: &Pool,
    what: &str,
    call: F,
) -> impl Future<Output = std::thread::Result<T>> + use<T, F>
where
    T: Send + 'static,
    F: FnOnce(&AtomicBool) -> T + Send + 'static,
{
    let span = CallSpan::new::<F>(what);
    let abandoned = Arc::new(AtomicBool::new(false));
    let awaited = Awaited(abandoned.clone());
    let running = pool.run(move || {
        let is_wanted = !abandoned.load(Ordering::Relaxed);
        let _span = span.enter();
        is_wanted.then(|| catch_unwind(AssertUnwindSafe(|| call(&abandoned))))
    });
    // Cannot fail where the machine has a thread to spare.
    let running = running.unwrap_or_else(|error| panic!("{what}: {error}"));
    async move {
        let _awaited = awaited;
        // Cannot fail: the pool outlives its loop's tasks, and runs what it took.
        running.await.flatten().expect("the pool runs what it took")
    }
}

/// Tells a call on a thread that nobody awaits it any more.
struct Awaited(Arc<AtomicBool>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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
