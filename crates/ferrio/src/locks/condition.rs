//! `Condition`: asyncio's, with a `Lock` and the engine's rules for who is notified.
//!
//! A guard that waits hands its lock over to the wait, which frees it and takes it again. So there is no wait without the lock,
//! and nobody has to be told so at run time.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use ferrio_engine::sync::{self, Parked};

use super::lock::{Lock, LockGuard};

/// A lock whose holders wait for each other's news.
///
/// `wait` consumes the guard, so that nobody looks at the value without the lock; a wait that is dropped does not have the lock.
/// Two conditions may share a lock: [`Condition::with_lock`].
///
/// ```
/// use ferrio::{Condition, gather};
///
/// ferrio::run(async {
///     let jobs = Condition::new(Vec::new());
///     let worker = async {
///         let mut jobs = jobs.acquire().await.wait_for(|jobs| !jobs.is_empty()).await;
///         jobs.pop()
///     };
///     let boss = async {
///         let mut jobs = jobs.acquire().await;
///         jobs.push("job");
///         jobs.notify(1);
///     };
///     assert_eq!(gather!(worker, boss).await, (Some("job"), ()));
/// });
/// ```
#[derive(Default)]
pub struct Condition<T = ()> {
    lock: Rc<Lock<T>>,
    condition: sync::Condition<Parked>,
}

impl<T> Condition<T> {
    /// With a lock of its own around `value`.
    ///
    /// ```
    /// assert!(!ferrio::Condition::new(0).locked());
    /// ```
    #[must_use]
    pub fn new(value: T) -> Self {
        Condition::with_lock(Rc::new(Lock::new(value)))
    }

    /// With a lock that others have too.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use ferrio::{Condition, Lock};
    ///
    /// let lock = Rc::new(Lock::new(0));
    /// let (not_empty, not_full) = (Condition::with_lock(lock.clone()), Condition::with_lock(lock));
    /// let guard = not_empty.try_acquire();
    /// assert!(guard.is_some() && not_full.locked());
    /// ```
    #[must_use]
    pub fn with_lock(lock: Rc<Lock<T>>) -> Self {
        Condition { lock, condition: sync::Condition::default() }
    }

    /// Takes the lock, when it is this future's turn.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let condition = ferrio::Condition::new(1);
    ///     *condition.acquire().await += 1;
    /// });
    /// ```
    pub async fn acquire(&self) -> ConditionGuard<'_, T> {
        ConditionGuard { guard: self.lock.acquire().await, condition: self }
    }

    /// Takes the lock, if it is free and nobody waits for it.
    ///
    /// ```
    /// assert!(ferrio::Condition::new(1).try_acquire().is_some());
    /// ```
    #[must_use]
    pub fn try_acquire(&self) -> Option<ConditionGuard<'_, T>> {
        self.lock.try_acquire().map(|guard| ConditionGuard { guard, condition: self })
    }

    /// Whether somebody holds the lock.
    ///
    /// ```
    /// let condition = ferrio::Condition::new(1);
    /// let guard = condition.try_acquire();
    /// assert!(condition.locked());
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn locked(&self) -> bool {
        self.lock.locked()
    }
}

/// A condition's lock that is held. Dropping the guard frees it.
#[must_use = "a guard that is dropped at once frees the lock at once"]
pub struct ConditionGuard<'a, T> {
    guard: LockGuard<'a, T>,
    condition: &'a Condition<T>,
}

impl<'a, T> ConditionGuard<'a, T> {
    /// Frees the lock, waits to be notified, and takes the lock again. Look again at what was waited for: somebody else may have
    /// had the lock in between.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let condition = ferrio::Condition::new(0);
    ///     let waits = async { *condition.acquire().await.wait().await };
    ///     let notifies = async {
    ///         let mut value = condition.acquire().await;
    ///         *value = 7;
    ///         value.notify_all();
    ///     };
    ///     assert_eq!(ferrio::gather!(waits, notifies).await, (7, ()));
    /// });
    /// ```
    pub async fn wait(self) -> ConditionGuard<'a, T> {
        let condition = self.condition;
        let lock = self.guard.hand_over();
        condition.condition.wait(&lock.lock).await;
        ConditionGuard { guard: lock.guard(), condition }
    }

    /// Waits until `holds` says so of the value; not at all if it does already.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let condition = ferrio::Condition::new(5);
    ///     let value = condition.acquire().await.wait_for(|value| *value > 3).await;
    ///     assert_eq!(*value, 5);
    /// });
    /// ```
    pub async fn wait_for(self, mut holds: impl FnMut(&mut T) -> bool) -> ConditionGuard<'a, T> {
        let mut guard = self;
        while !holds(&mut guard) {
            guard = guard.wait().await;
        }
        guard
    }

    /// Has `count` of those who wait go on, once they get the lock.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let condition = ferrio::Condition::new(());
    ///     condition.acquire().await.notify(1); // nobody waits
    /// });
    /// ```
    pub fn notify(&self, count: usize) {
        let Ok(()) = self.condition.condition.notify(count);
    }

    /// Has all who wait go on, one after the other.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let condition = ferrio::Condition::new(());
    ///     condition.acquire().await.notify_all();
    /// });
    /// ```
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }
}

impl<T> Deref for ConditionGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for ConditionGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.condition.waiters().len();
        f.debug_struct("Condition").field("lock", &self.lock).field("waiters", &waiters).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for ConditionGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConditionGuard").field(&**self).finish()
    }
}
