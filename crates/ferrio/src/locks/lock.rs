//! `Lock`: asyncio's, around a value, on the engine's.
//!
//! Invariant: the value is borrowed exactly while the lock is held, by the one guard there is. It is given back before the lock is
//! freed.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use ferrio_engine::sync::{self, Parked};

/// One holder at a time, in the order in which they came. It may hold the value that it guards.
///
/// Nobody gets it in between: a lock that was freed goes to who has waited longest, though somebody else ask before.
///
/// ```
/// use ferrio::{Lock, scope, yield_now};
///
/// ferrio::run(async {
///     let balance = Lock::new(100);
///     scope(async |s| {
///         for _ in 0..2 {
///             s.spawn(async {
///                 let mut balance = balance.acquire().await;
///                 let before = *balance;
///                 yield_now().await;
///                 *balance = before - 50;
///             });
///         }
///     })
///     .await;
///     assert_eq!(balance.into_inner(), 0);
/// });
/// ```
#[derive(Default)]
pub struct Lock<T = ()> {
    pub(super) lock: sync::Lock<Parked>,
    /// Borrowed by the holder alone.
    value: RefCell<T>,
}

impl<T> Lock<T> {
    /// A lock around `value`. One that guards nothing is `Lock::default()`.
    ///
    /// ```
    /// assert!(!ferrio::Lock::new("value").locked());
    /// ```
    #[must_use]
    pub fn new(value: T) -> Self {
        Lock { lock: sync::Lock::default(), value: RefCell::new(value) }
    }

    /// Takes the lock, when it is this future's turn.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let lock = ferrio::Lock::new(1);
    ///     *lock.acquire().await += 1;
    ///     assert_eq!(*lock.acquire().await, 2);
    /// });
    /// ```
    pub async fn acquire(&self) -> LockGuard<'_, T> {
        self.lock.acquire().await;
        self.guard()
    }

    /// Takes the lock, if it is free and nobody waits for it.
    ///
    /// ```
    /// let lock = ferrio::Lock::new(1);
    /// let guard = lock.try_acquire();
    /// assert!(guard.is_some() && lock.try_acquire().is_none());
    /// ```
    #[must_use]
    pub fn try_acquire(&self) -> Option<LockGuard<'_, T>> {
        let Ok(is_taken) = self.lock.try_acquire();
        is_taken.then(|| self.guard())
    }

    /// Whether somebody holds it.
    ///
    /// ```
    /// let lock = ferrio::Lock::new(1);
    /// let guard = lock.try_acquire();
    /// assert!(lock.locked());
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value, since nobody else can have the lock.
    ///
    /// ```
    /// let mut lock = ferrio::Lock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, without its lock.
    ///
    /// ```
    /// assert_eq!(ferrio::Lock::new("value").into_inner(), "value");
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// For whoever has just taken the lock.
    pub(super) fn guard(&self) -> LockGuard<'_, T> {
        LockGuard { value: self.value.borrow_mut(), held: Held { lock: self } }
    }
}

/// A lock that is held. Dropping the guard frees it.
#[must_use = "a guard that is dropped at once frees the lock at once"]
pub struct LockGuard<'a, T> {
    /// Given back before the lock is.
    value: RefMut<'a, T>,
    held: Held<'a, T>,
}

struct Held<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let Ok(_) = self.lock.lock.release();
    }
}

impl<'a, T> LockGuard<'a, T> {
    /// Gives the value back and leaves the lock taken, for whoever frees it now.
    pub(super) fn hand_over(self) -> &'a Lock<T> {
        let LockGuard { value, held } = self;
        drop(value);
        ManuallyDrop::new(held).lock
    }
}

impl<T> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.lock.waiters().len();
        f.debug_struct("Lock")
            .field("locked", &self.locked())
            .field("waiters", &waiters)
            .field("value", &self.value)
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockGuard").field(&self.value).finish()
    }
}
