//! `Semaphore` and `BoundedSemaphore`: asyncio's, on the engine's. What was taken is a guard, which may go to another task.

use std::fmt;
use std::rc::Rc;

use ferrio_engine::sync::{self, Parked};

/// So many holders at a time, in the order in which they came.
///
/// A guard may go along to another task. Where who gives back is not who took there are [`SemaphoreGuard::forget`] and
/// [`Semaphore::release`].
///
/// ```
/// use ferrio::{Semaphore, gather, yield_now};
/// use std::cell::Cell;
///
/// ferrio::run(async {
///     let (two, inside) = (Semaphore::new(2), Cell::new(0));
///     gather((0..10).map(async |_| {
///         let _guard = two.acquire().await;
///         inside.set(inside.get() + 1);
///         assert!(inside.get() <= 2);
///         yield_now().await;
///         inside.set(inside.get() - 1);
///     }))
///     .await;
/// });
/// ```
#[derive(Clone)]
pub struct Semaphore(Rc<sync::Semaphore<Parked>>);

impl Semaphore {
    /// With so many to give.
    ///
    /// ```
    /// assert!(!ferrio::Semaphore::new(1).locked());
    /// ```
    #[must_use]
    pub fn new(value: usize) -> Self {
        Semaphore(Rc::new(sync::Semaphore::new(i64::try_from(value).unwrap_or(i64::MAX))))
    }

    /// Takes one, when there is one left for this future.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let semaphore = ferrio::Semaphore::new(1);
    ///     let guard = semaphore.acquire().await;
    ///     assert!(semaphore.locked());
    ///     drop(guard);
    ///     assert!(!semaphore.locked());
    /// });
    /// ```
    pub async fn acquire(&self) -> SemaphoreGuard {
        self.0.acquire().await;
        SemaphoreGuard(Some(self.0.clone()))
    }

    /// Takes one, if one is left and nobody waits.
    ///
    /// ```
    /// let semaphore = ferrio::Semaphore::new(1);
    /// let guard = semaphore.try_acquire();
    /// assert!(guard.is_some() && semaphore.try_acquire().is_none());
    /// ```
    #[must_use]
    pub fn try_acquire(&self) -> Option<SemaphoreGuard> {
        let Ok(is_taken) = self.0.try_acquire();
        is_taken.then(|| SemaphoreGuard(Some(self.0.clone())))
    }

    /// Whether none can be had at once: none is left, or others wait.
    ///
    /// ```
    /// assert!(ferrio::Semaphore::new(0).locked());
    /// ```
    #[must_use]
    pub fn locked(&self) -> bool {
        let Ok(is_locked) = self.0.is_locked();
        is_locked
    }

    /// Gives one more, be it one that was taken and forgotten or a new one.
    ///
    /// ```
    /// let semaphore = ferrio::Semaphore::new(0);
    /// semaphore.release();
    /// assert!(!semaphore.locked());
    /// ```
    pub fn release(&self) {
        let Ok(()) = self.0.release();
    }
}

/// One that was taken from a semaphore. Dropping the guard gives it back.
#[must_use = "a guard that is dropped at once gives back at once"]
pub struct SemaphoreGuard(Option<Rc<sync::Semaphore<Parked>>>);

impl SemaphoreGuard {
    /// Keeps what was taken. It comes back by [`Semaphore::release`], or never.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let semaphore = ferrio::Semaphore::new(1);
    ///     semaphore.acquire().await.forget();
    ///     assert!(semaphore.locked());
    /// });
    /// ```
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        if let Some(semaphore) = self.0.take() {
            let Ok(()) = semaphore.release();
        }
    }
}

/// A semaphore that never has more to give than at the beginning: what is given back was taken. asyncio raises `ValueError` where
/// one is released too often; here that cannot be written.
///
/// ```
/// ferrio::run(async {
///     let semaphore = ferrio::BoundedSemaphore::new(1);
///     let guard = semaphore.acquire().await;
///     assert!(semaphore.locked() && semaphore.try_acquire().is_none());
///     drop(guard);
///     assert!(!semaphore.locked());
/// });
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore(Semaphore);

impl BoundedSemaphore {
    /// With so many to give.
    ///
    /// ```
    /// assert!(!ferrio::BoundedSemaphore::new(1).locked());
    /// ```
    #[must_use]
    pub fn new(value: usize) -> Self {
        BoundedSemaphore(Semaphore::new(value))
    }

    /// Takes one, when there is one left for this future.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let _guard = ferrio::BoundedSemaphore::new(1).acquire().await;
    /// });
    /// ```
    pub async fn acquire(&self) -> SemaphoreGuard {
        self.0.acquire().await
    }

    /// Takes one, if one is left and nobody waits.
    ///
    /// ```
    /// assert!(ferrio::BoundedSemaphore::new(0).try_acquire().is_none());
    /// ```
    #[must_use]
    pub fn try_acquire(&self) -> Option<SemaphoreGuard> {
        self.0.try_acquire()
    }

    /// Whether none can be had at once: none is left, or others wait.
    ///
    /// ```
    /// assert!(ferrio::BoundedSemaphore::new(0).locked());
    /// ```
    #[must_use]
    pub fn locked(&self) -> bool {
        self.0.locked()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.0.waiters().len();
        f.debug_struct("Semaphore").field("value", &self.0.value()).field("waiters", &waiters).finish()
    }
}

impl fmt::Debug for SemaphoreGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreGuard").finish_non_exhaustive()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedSemaphore").field(&self.0).finish()
    }
}
