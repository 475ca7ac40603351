//! What `gather!`, `try_gather!` and `race!` expand to: a list of futures that is one future. Not for use by hand.
//!
//! A list is `And(And(Nothing, a), b)`, of any length, on the stack of whoever awaits it. The macro brings the function that makes
//! a flat tuple of what such a list gives. A list is dropped as soon as it has ended, and with it the futures that lost.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

/// The list that holds nothing.
pub struct Nothing;

pin_project! {
    /// A list, and one more future behind it.
    pub struct And<L, F: Future> {
        #[pin]
        list: L,
        #[pin]
        last: Slot<F>,
    }
}

pin_project! {
    /// A future, or what it gave.
    #[project = SlotParts]
    enum Slot<F: Future> {
        Runs { #[pin] future: F },
        Ended { output: Option<F::Output> },
    }
}

impl<L, F: Future> And<L, F> {
    pub fn new(list: L, future: impl IntoFuture<IntoFuture = F>) -> Self {
        And { list, last: Slot::Runs { future: future.into_future() } }
    }
}

impl<F: Future> Slot<F> {
    /// Polls the future, unless it has ended. Its output, where there is one and nobody has taken it.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&mut Option<F::Output>> {
        if let SlotParts::Runs { future } = self.as_mut().project() {
            let output = Some(ready!(future.poll(context)));
            self.set(Slot::Ended { output });
        }
        match self.project() {
            SlotParts::Ended { output } => Poll::Ready(output),
            SlotParts::Runs { .. } => Poll::Pending,
        }
    }

    fn take(self: Pin<&mut Self>) -> Option<F::Output> {
        match self.project() {
            SlotParts::Ended { output } => output.take(),
            SlotParts::Runs { .. } => None,
        }
    }
}

/// A list all of whose futures are to end.
pub trait All {
    type Outputs;

    /// Polls those that have not ended. Whether all have.
    fn poll_all(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool;

    /// What they gave, once all have ended.
    fn take(self: Pin<&mut Self>) -> Option<Self::Outputs>;
}

impl All for Nothing {
    type Outputs = ();

    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> bool {
        true
    }

    fn take(self: Pin<&mut Self>) -> Option<()> {
        Some(())
    }
}

impl<L: All, F: Future> All for And<L, F> {
    type Outputs = (L::Outputs, F::Output);

    fn poll_all(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        let this = self.project();
        let list_has_ended = this.list.poll_all(context);
        this.last.poll(context).is_ready() && list_has_ended
    }

    fn take(self: Pin<&mut Self>) -> Option<Self::Outputs> {
        let this = self.project();
        Some((this.list.take()?, this.last.take()?))
    }
}

/// A list all of whose futures are to end well.
pub trait AllWell<E> {
    type Values;

    /// Polls those that have not ended. Whether all have, or the first error.
    ///
    /// # Errors
    /// The first one that is met.
    fn poll_all(self: Pin<&mut Self>, context: &mut Context<'_>) -> Result<bool, E>;

    /// What they gave, once all have ended well.
    fn take(self: Pin<&mut Self>) -> Option<Self::Values>;
}

impl<E> AllWell<E> for Nothing {
    type Values = ();

    fn poll_all(self: Pin<&mut Self>, _: &mut Context<'_>) -> Result<bool, E> {
        Ok(true)
    }

    fn take(self: Pin<&mut Self>) -> Option<()> {
        Some(())
    }
}

impl<L: AllWell<E>, F: Future<Output = Result<T, E>>, T, E> AllWell<E> for And<L, F> {
    type Values = (L::Values, T);

    fn poll_all(self: Pin<&mut Self>, context: &mut Context<'_>) -> Result<bool, E> {
        let this = self.project();
        let list_has_ended = this.list.poll_all(context)?;
        let Poll::Ready(output) = this.last.poll(context) else { return Ok(false) };
        match output.take() {
            Some(Err(error)) => Err(error),
            good => {
                *output = good;
                Ok(list_has_ended)
            }
        }
    }

    fn take(self: Pin<&mut Self>) -> Option<Self::Values> {
        let this = self.project();
        Some((this.list.take()?, this.last.take()?.ok()?))
    }
}

/// A list one of whose futures is to end.
pub trait Any<T> {
    fn poll_any(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T>;
}

impl<T> Any<T> for Nothing {
    fn poll_any(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Pending
    }
}

impl<L: Any<T>, F: Future<Output = T>, T> Any<T> for And<L, F> {
    fn poll_any(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        if let Poll::Ready(output) = this.list.poll_any(context) {
            return Poll::Ready(output);
        }
        match this.last.poll(context) {
            Poll::Ready(output) => output.take().map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }
}

pin_project! {
    /// Ends when all futures of the list have; `flat` makes a tuple of what they gave. `None` once it has ended.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Gather<L, M> {
        #[pin]
        list: Option<L>,
        flat: M,
    }
}

pub fn gather<L: All, M: Fn(L::Outputs) -> T, T>(list: L, flat: M) -> Gather<L, M> {
    Gather { list: Some(list), flat }
}

impl<L: All, M: Fn(L::Outputs) -> T, T> Future for Gather<L, M> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut this = self.project();
        let Some(mut list) = this.list.as_mut().as_pin_mut() else { return Poll::Pending };
        if !list.as_mut().poll_all(context) {
            return Poll::Pending;
        }
        let outputs = list.take();
        this.list.set(None);
        outputs.map_or(Poll::Pending, |outputs| Poll::Ready((this.flat)(outputs)))
    }
}

pin_project! {
    /// As `Gather`, up to the first error.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TryGather<L, M, E> {
        #[pin]
        list: Option<L>,
        flat: M,
        error: std::marker::PhantomData<E>,
    }
}

pub fn try_gather<L: AllWell<E>, M: Fn(L::Values) -> T, T, E>(list: L, flat: M) -> TryGather<L, M, E> {
    TryGather { list: Some(list), flat, error: std::marker::PhantomData }
}

impl<L: AllWell<E>, M: Fn(L::Values) -> T, T, E> Future for TryGather<L, M, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(mut list) = this.list.as_mut().as_pin_mut() else { return Poll::Pending };
        let values = match list.as_mut().poll_all(context) {
            Ok(false) => return Poll::Pending,
            Ok(true) => Ok(list.take()),
            Err(error) => Err(error),
        };
        this.list.set(None);
        match values {
            Ok(values) => values.map_or(Poll::Pending, |values| Poll::Ready(Ok((this.flat)(values)))),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

pin_project! {
    /// Ends when the first future of the list has.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Race<L, T> {
        #[pin]
        list: Option<L>,
        output: std::marker::PhantomData<T>,
    }
}

pub fn race<L: Any<T>, T>(list: L) -> Race<L, T> {
    Race { list: Some(list), output: std::marker::PhantomData }
}

impl<L: Any<T>, T> Future for Race<L, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut this = self.project();
        let Some(list) = this.list.as_mut().as_pin_mut() else { return Poll::Pending };
        let output = ready!(list.poll_any(context));
        this.list.set(None);
        Poll::Ready(output)
    }
}
