//! Several loops: `run_many` has one on each of so many threads.
//!
//! A loop and what belongs to it stay on its thread. What loops share is `Send`: a `channel`, a `Remote`, a `Promise`.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;

use crate::events::LoopState;
use crate::futures::{Promise, create_future};
use crate::run;

/// Runs `main(0)` to `main(count - 1)`, each on a thread and a loop of its own, and gives their outputs in that order when all
/// have ended. The futures need not be `Send`, and may borrow.
///
/// The first that panics has the others cancelled: each is dropped at its loop's next turn, cleanups run, and then the panic is
/// `run_many`'s. An `Err` that one of them gives is a value as any other.
///
/// # Panics
/// As the futures do; where a loop runs already, which it would block; where no thread can be started.
///
/// ```
/// let squares = ferrio::run_many(3, |n| async move {
///     ferrio::yield_now().await;
///     n * n
/// });
/// assert_eq!(squares, [0, 1, 4]);
/// ```
#[track_caller]
pub fn run_many<T: Send, F: Future<Output = T>>(count: usize, main: impl Fn(usize) -> F + Sync) -> Vec<T> {
    assert!(
        LoopState::current().is_none(),
        "run_many: a loop is running on this thread, which this call would block; call it from a thread, or from `main`"
    );
    let failure = Failure::default();
    let (main, failure) = (&main, &failure);
    let ended = thread::scope(|scope| {
        let start = |n| {
            let named = thread::Builder::new().name(format!("ferrio-loop-{n}"));
            let thread = named.spawn_scoped(scope, move || run_one(n, main, failure));
            thread
                .map_err(|error| failure.note(Box::new(format!("run_many: no thread for a loop: {error}"))))
                .ok()
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        // A thread does not panic: what its loop does is caught.
        let ended: Vec<_> = threads.into_iter().map(|thread| thread?.join().ok()?).collect();
        ended.into_iter().collect::<Option<Vec<T>>>()
    });
    match (failure.take(), ended) {
        (None, Some(outputs)) => outputs,
        (Some(panic), _) => resume_unwind(panic),
        // A loop gives nothing only where one has failed.
        (None, None) => resume_unwind(Box::new("run_many: a loop gave nothing")),
    }
}

/// `None` where this one or another one failed.
fn run_one<T, F: Future<Output = T>>(n: usize, main: &impl Fn(usize) -> F, failure: &Failure) -> Option<T> {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let (promise, mut stop) = create_future();
        failure.tell(promise);
        run(async move {
            let mut main = pin!(main(n));
            poll_fn(|context| {
                if Pin::new(&mut stop).poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                main.as_mut().poll(context).map(Some)
            })
            .await
        })
    }));
    ended.unwrap_or_else(|panic| {
        failure.note(panic);
        None
    })
}

type Panic = Box<dyn std::any::Any + Send>;

/// Whether a loop has failed, and which are to be told.
#[derive(Default)]
struct Failure(Mutex<Told>);

#[derive(Default)]
struct Told {
    has_failed: bool,
    /// The first.
    panic: Option<Panic>,
    loops: Vec<Promise<()>>,
}

impl Failure {
    /// Who is to be told: at once, if it has happened.
    fn tell(&self, promise: Promise<()>) {
        let mut told = self.lock();
        if told.has_failed {
            drop(told);
            promise.set_result(());
        } else {
            told.loops.push(promise);
        }
    }

    fn note(&self, panic: Panic) {
        let mut told = self.lock();
        let loops = std::mem::take(&mut told.loops);
        if !std::mem::replace(&mut told.has_failed, true) {
            told.panic = Some(panic);
        }
        drop(told);
        for promise in loops {
            promise.set_result(());
        }
    }

    fn take(&self) -> Option<Panic> {
        self.lock().panic.take()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
