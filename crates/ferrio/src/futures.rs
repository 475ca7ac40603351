//! `create_future`: a value that somebody sets and somebody awaits; asyncio's `loop.create_future()`, in two halves.
//!
//! Either half may be on any thread. A promise that is dropped cancels its future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::Cancelled;

/// A future, and the promise to set its result.
///
/// ```
/// ferrio::run(async {
///     let (promise, promised) = ferrio::create_future();
///     let _setter = ferrio::create_task(async move { promise.set_result(42) });
///     assert_eq!(promised.await, Ok(42));
/// });
/// ```
pub fn create_future<T>() -> (Promise<T>, Promised<T>) {
    let shared = Arc::new(Mutex::new(State { result: None, is_kept: false, is_awaited: true, waker: None }));
    (Promise(shared.clone()), Promised(shared))
}

struct State<T> {
    result: Option<T>,
    /// The promise is gone, with or without a result.
    is_kept: bool,
    /// The future is still there.
    is_awaited: bool,
    waker: Option<Waker>,
}

/// The half that sets the result.
pub struct Promise<T>(Arc<Mutex<State<T>>>);

/// The half to await: the result, or [`Cancelled`] when the promise was dropped.
#[must_use = "a future that is not awaited does nothing"]
pub struct Promised<T>(Arc<Mutex<State<T>>>);

impl<T> Promise<T> {
    /// Sets the result.
    pub fn set_result(self, result: T) {
        lock(&self.0).result = Some(result);
    }

    /// Whether the result is wanted no more: the other half is gone.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        !lock(&self.0).is_awaited
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_kept = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Promised<T> {
    /// Whether the result was set, or will never be.
    #[must_use]
    pub fn done(&self) -> bool {
        lock(&self.0).is_kept
    }
}

impl<T> Future for Promised<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = context.waker().clone();
        let mut state = lock(&self.0);
        if state.is_kept {
            return Poll::Ready(state.result.take().ok_or(Cancelled));
        }
        let old = state.waker.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for Promised<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_awaited = false;
        let left = (state.waker.take(), state.result.take());
        drop(state);
        drop(left);
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("cancelled", &self.cancelled()).finish()
    }
}

impl<T> fmt::Debug for Promised<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promised").field("done", &self.done()).finish()
    }
}

/// No code of a program's runs while the lock is held, so a poisoned one is as good.
fn lock<T>(shared: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
