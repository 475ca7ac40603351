//! `CpuPool`: threads for work that computes, apart from those of `to_thread`, which mostly wait.
//!
//! There are as many as the machine has cores, or as one says, and any number of loops may share them. What is not awaited any
//! more is not begun any more.

use std::future::Future;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;

use ferrio_engine::event_loop::pool::Pool;

use crate::events::LoopState;
use crate::threads::{Outside, start_on};

/// Into how many parts of equal size `map` cuts its items for each thread: items that take longer than others even out.
const PARTS: usize = 4;

/// Threads that compute. Clones are the same threads, which end when the last one is dropped; a call that runs then still runs
/// to its end.
///
/// ```
/// let pool = ferrio::CpuPool::new(2);
/// let squares = ferrio::run(pool.map(1..=4, |n| n * n));
/// assert_eq!(squares, [1, 4, 9, 16]);
/// ```
#[derive(Clone, Debug)]
pub struct CpuPool {
    pool: Arc<Pool>,
    threads: usize,
}

impl CpuPool {
    /// A pool of at most `threads` threads, which start when there is work, and end when there was none for a while.
    ///
    /// # Panics
    /// When `threads` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(threads: usize) -> CpuPool {
        assert!(threads > 0, "CpuPool::new: a pool needs at least one thread");
        CpuPool { pool: Arc::new(Pool::new("ferrio-cpu", threads)), threads }
    }

    /// How many threads there are at most.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Has a thread call `call`, from now on; awaited, gives what `call` returned. Dropped before `call` was begun, it never is.
    ///
    /// # Panics
    /// Where no loop runs, and where no thread can be started. Awaited: as `call` does.
    ///
    /// ```
    /// let pool = ferrio::CpuPool::new(1);
    /// let sum: u64 = ferrio::run(async { pool.submit(|| (1..=1000).sum()).await });
    /// assert_eq!(sum, 500_500);
    /// ```
    #[track_caller]
    pub fn submit<T, F>(&self, call: F) -> impl Future<Output = T> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let outside = Outside::of(LoopState::require("CpuPool::submit"));
        let pool = self.pool.clone();
        let running = start_on(&pool, "CpuPool::submit", move |_| call());
        async move {
            let (_outside, _pool) = (outside, pool);
            running.await.unwrap_or_else(|panic| resume_unwind(panic))
        }
    }

    /// Has the threads call `call` with each item, and gives what it returned, in the order of the items. Dropped, it begins no
    /// more of them.
    ///
    /// Many short calls go together, so that handing over does not cost more than they do.
    ///
    /// # Panics
    /// Where no loop runs, where no thread can be started, and as `call` does: with the panic of the first item that has one, and
    /// after all calls that were begun have ended.
    ///
    /// ```
    /// let pool = ferrio::CpuPool::default();
    /// let lengths = ferrio::run(async {
    ///     let words = ["one".to_owned(), "three".to_owned()];
    ///     pool.map(words, |word| word.len()).await
    /// });
    /// assert_eq!(lengths, [3, 5]);
    /// ```
    pub async fn map<I, T, R, F>(&self, items: I, call: F) -> Vec<R>
    where
        I: IntoIterator<Item = T>,
        T: Send + 'static,
        R: Send + 'static,
        F: Fn(T) -> R + Send + Sync + 'static,
    {
        let _outside = Outside::of(LoopState::require("CpuPool::map"));
        let mut items: Vec<T> = items.into_iter().collect();
        let part = items.len().div_ceil(self.threads * PARTS).max(1);
        let call = Arc::new(call);
        let mut parts = Vec::with_capacity(items.len().div_ceil(part));
        while !items.is_empty() {
            let rest = items.split_off(part.min(items.len()));
            let some = std::mem::replace(&mut items, rest);
            let call = call.clone();
            parts.push(start_on(&self.pool, "CpuPool::map", move |abandoned| {
                let wanted = some.into_iter().take_while(|_| !abandoned.load(Ordering::Relaxed));
                wanted.map(|item| call(item)).collect::<Vec<R>>()
            }));
        }
        let mut results = Vec::new();
        for part in crate::gather(parts).await {
            results.extend(part.unwrap_or_else(|panic| resume_unwind(panic)));
        }
        results
    }
}

impl Default for CpuPool {
    /// A thread for each core that this process may use.
    fn default() -> Self {
        CpuPool::new(available_parallelism().map_or(1, NonZero::get))
    }
}
