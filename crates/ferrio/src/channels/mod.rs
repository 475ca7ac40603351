//! `channel`: values from tasks of some loops to tasks of others, through a queue of limited length.
//!
//! A mutex, a queue, and on either side a list of who waits. No crate of its own kind is needed for that, which would be six to
//! compile. Who waits is woken first in, first out, one for each value or place, and takes it when it is polled. One that finds
//! nothing, since somebody else was quicker, waits on at the front. One that was woken and is dropped wakes the next.

mod side;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use side::Side;

/// A channel that holds up to `capacity` values, from any threads to any threads. Both ends can be cloned: each value goes to one
/// receiver. With `usize::MAX` senders never wait.
///
/// # Panics
/// When `capacity` is zero.
///
/// ```
/// let (sender, receiver) = ferrio::channel(8);
/// let sums = ferrio::run_many(2, |n| {
///     let (sender, receiver) = (sender.clone(), receiver.clone());
///     async move {
///         if n == 0 {
///             for value in 1..=100 {
///                 sender.send(value).await.unwrap();
///             }
///             sender.close();
///             return 0;
///         }
///         let mut sum = 0;
///         while let Some(value) = receiver.recv().await {
///             sum += value;
///         }
///         sum
///     }
/// });
/// assert_eq!(sums, [0, 5050]);
/// ```
#[must_use]
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "channel: the capacity must be at least one");
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::new(State {
            values: VecDeque::new(),
            is_closed: false,
            senders: Side::of_one(),
            receivers: Side::of_one(),
        }),
    });
    (Sender(shared.clone()), Receiver(shared))
}

struct Shared<T> {
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    values: VecDeque<T>,
    /// Nothing more is put in.
    is_closed: bool,
    senders: Side,
    receivers: Side,
}

impl<T> Shared<T> {
    /// No code of a program's runs while the lock is held, so a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock; and a waker, if `waits` holds: cloned and dropped while it is free, since that may run the program's own code.
    fn lock_to_wait(
        &self,
        waits: impl Fn(&State<T>) -> bool,
        context: &Context<'_>,
    ) -> (MutexGuard<'_, State<T>>, Option<Waker>) {
        loop {
            let state = self.lock();
            if !waits(&state) {
                return (state, None);
            }
            drop(state);
            let waker = context.waker().clone();
            let state = self.lock();
            if waits(&state) {
                return (state, Some(waker));
            }
            drop(state);
        }
    }

    fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(TrySendError::Closed(value));
        }
        if state.values.len() >= self.capacity {
            return Err(TrySendError::Full(value));
        }
        state.values.push_back(value);
        let next = state.receivers.next();
        drop(state);
        wake(next);
        Ok(())
    }

    fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.lock();
        let Some(value) = state.values.pop_front() else {
            return Err(if state.is_closed { TryRecvError::Closed } else { TryRecvError::Empty });
        };
        let next = state.senders.next();
        drop(state);
        wake(next);
        Ok(value)
    }

    /// Whether it was open.
    fn close(&self) -> bool {
        let mut state = self.lock();
        let was_open = !std::mem::replace(&mut state.is_closed, true);
        let (senders, receivers) = (state.senders.all(), state.receivers.all());
        drop(state);
        wake(senders);
        wake(receivers);
        was_open
    }
}

/// The end that values go in. Clones are the same channel's; when the last one is dropped, the channel closes.
///
/// ```
/// ferrio::run(async {
///     let (sender, receiver) = ferrio::channel(1);
///     sender.send("first").await.unwrap();
///     assert!(sender.try_send("second").is_err());
///     drop(sender);
///     assert_eq!((receiver.recv().await, receiver.recv().await), (Some("first"), None));
/// });
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Sends `value`; waits while the channel is full. Dropped before its end, it has sent nothing.
    ///
    /// # Errors
    /// The value, when the channel is closed.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        Sending { shared: &self.0, value: Some(value), number: None }.await
    }

    /// Sends `value` if there is a place for it.
    ///
    /// # Errors
    /// The value, when the channel is full or closed.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(value)
    }

    /// Has nothing more sent. What was sent can be received. Whether the channel was open.
    #[allow(clippy::must_use_candidate, reason = "most programs do not care")]
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// Whether nothing can be sent: somebody closed the channel, or nobody can receive.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().is_closed
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().values.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The end that values come out. Clones are the same channel's; when the last one is dropped, the channel closes, and what it
/// holds is dropped.
///
/// ```
/// ferrio::run(async {
///     let (sender, receiver) = ferrio::channel(8);
///     sender.try_send(1).unwrap();
///     sender.try_send(5).unwrap();
///     drop(sender);
///     let mut sum = 0;
///     while let Some(value) = receiver.recv().await {
///         sum += value;
///     }
///     assert_eq!(sum, 6);
/// });
/// ```
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The next value; waits for one. `None` when the channel is closed and empty. Dropped before its end, it has taken nothing.
    pub async fn recv(&self) -> Option<T> {
        Receiving { shared: &self.0, number: None }.await
    }

    /// The next value, if there is one.
    ///
    /// # Errors
    /// `Empty`, or `Closed` when there will be none.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// Has nothing more sent. What was sent can be received. Whether the channel was open.
    #[allow(clippy::must_use_candidate, reason = "most programs do not care")]
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().values.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

struct Sending<'a, T> {
    shared: &'a Shared<T>,
    /// Never pinned. `None` once it was sent or given back.
    value: Option<T>,
    /// Its number among those who wait; `None` before it waits, and when it has ended.
    number: Option<u64>,
}

impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Declared before the guard, and so dropped after it: a waker may be the last that holds a task.
        let known;
        let waits = |state: &State<T>| !state.is_closed && state.values.len() >= this.shared.capacity;
        let (mut state, waker) = this.shared.lock_to_wait(waits, context);
        if let Some(waker) = waker {
            known = state.senders.wait(&mut this.number, waker);
            drop(state);
            drop(known);
            return Poll::Pending;
        }
        known = this.number.take().and_then(|number| state.senders.leave(number));
        let Some(value) = this.value.take() else { return Poll::Ready(Ok(())) };
        if state.is_closed {
            return Poll::Ready(Err(SendError(value)));
        }
        state.values.push_back(value);
        let next = state.receivers.next();
        drop(state);
        drop(known);
        wake(next);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        let left = state.senders.leave(number);
        let passes_on = left.is_none() && state.values.len() < self.shared.capacity;
        let next = if passes_on { state.senders.next() } else { None };
        drop(state);
        drop(left);
        wake(next);
    }
}

struct Receiving<'a, T> {
    shared: &'a Shared<T>,
    /// As `Sending`'s.
    number: Option<u64>,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // As in `Sending`.
        let known;
        let waits = |state: &State<T>| state.values.is_empty() && !state.is_closed;
        let (mut state, waker) = this.shared.lock_to_wait(waits, context);
        if let Some(waker) = waker {
            known = state.receivers.wait(&mut this.number, waker);
            drop(state);
            drop(known);
            return Poll::Pending;
        }
        let value = state.values.pop_front();
        known = this.number.take().and_then(|number| state.receivers.leave(number));
        let next = if value.is_some() { state.senders.next() } else { None };
        drop(state);
        drop(known);
        wake(next);
        Poll::Ready(value)
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        let left = state.receivers.leave(number);
        let passes_on = left.is_none() && !state.values.is_empty();
        let next = if passes_on { state.receivers.next() } else { None };
        drop(state);
        drop(left);
        wake(next);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders.ends += 1;
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders.ends -= 1;
        let is_last = state.senders.ends == 0;
        drop(state);
        if is_last {
            self.0.close();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers.ends += 1;
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers.ends -= 1;
        let is_last = state.receivers.ends == 0;
        drop(state);
        if is_last {
            self.0.close();
            let left = std::mem::take(&mut self.0.lock().values);
            drop(left);
        }
    }
}

/// The channel is closed; here is the value.
///
/// ```
/// let (sender, _) = ferrio::channel(1);
/// assert_eq!(ferrio::run(sender.send(7)), Err(ferrio::SendError(7)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why [`Sender::try_send`] sent nothing; with the value.
///
/// ```
/// let (sender, receiver) = ferrio::channel(1);
/// sender.try_send('a').unwrap();
/// assert_eq!(sender.try_send('b'), Err(ferrio::TrySendError::Full('b')));
/// receiver.close();
/// assert_eq!(sender.try_send('c'), Err(ferrio::TrySendError::Closed('c')));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no place now.
    Full(T),
    /// There will be none.
    Closed(T),
}

/// Why [`Receiver::try_recv`] gave nothing.
///
/// ```
/// let (sender, receiver) = ferrio::channel::<i32>(1);
/// assert_eq!(receiver.try_recv(), Err(ferrio::TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(ferrio::TryRecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is nothing now.
    Empty,
    /// There will be nothing.
    Closed,
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "the channel is full",
            TrySendError::Closed(_) => "the channel is closed",
        })
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "the channel is empty",
            TryRecvError::Closed => "the channel is closed",
        })
    }
}

impl std::error::Error for TryRecvError {}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
