//! `gather`, `try_gather`, `race`: several futures at a time, in the task that awaits them.
//!
//! As macros they take a fixed number of futures of any types, allocate nothing, and poll all that have not ended (`together`). As
//! functions they take any number of one type, and poll only those that were woken. Neither asks for `'static`: the futures
//! may borrow. Futures that have lost are dropped before the output is given.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::woken::WokenSet;

/// Runs the futures at a time, and gives their outputs as a tuple, in the order in which the futures stand.
///
/// The number of futures is free, and so are their types. They may borrow, and nothing is allocated. All are dropped when
/// the whole is; a [`JoinHandle`](crate::JoinHandle) among them leaves its task alone. For a collection there is the function
/// [`gather`](crate::gather()).
///
/// ```
/// ferrio::run(async {
///     let name = String::from("Ada");
///     let (greeting, number) = ferrio::gather!(async { format!("Hello, {name}") }, async { 42 }).await;
///     assert_eq!((greeting.as_str(), number), ("Hello, Ada", 42));
/// });
/// ```
#[macro_export]
macro_rules! gather {
    ($($future:expr),* $(,)?) => {
        $crate::__together!(gather, $crate::together::Nothing, (), (); $($future),*)
    };
}

/// As [`gather!`](crate::gather!), of futures that give a `Result`: `Ok` of a tuple, or the first error. With the first error
/// the other futures are dropped at once. For a collection there is the function [`try_gather`](crate::try_gather()).
///
/// ```
/// ferrio::run(async {
///     let good = ferrio::try_gather!(async { "7".parse::<i32>() }, async { "8".parse::<u8>() });
///     assert_eq!(good.await, Ok((7, 8)));
///
///     let bad = ferrio::try_gather!(std::future::pending::<Result<(), _>>(), async { "seven".parse::<i32>() });
///     assert!(bad.await.is_err());
/// });
/// ```
#[macro_export]
macro_rules! try_gather {
    ($($future:expr),* $(,)?) => {
        $crate::__together!(try_gather, $crate::together::Nothing, (), (); $($future),*)
    };
}

/// Runs the futures at a time, and gives the output of the first that ends; the others are dropped then. All give the same
/// type. Of two that could end at the same time the one that stands first does. For a collection there is the function
/// [`race`](crate::race()).
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let slow = async { ferrio::sleep(Duration::from_secs(60)).await; "slow" };
///     assert_eq!(ferrio::race!(slow, async { "fast" }).await, "fast");
/// });
/// ```
#[macro_export]
macro_rules! race {
    ($($future:expr),+ $(,)?) => {
        $crate::__together!(race, $crate::together::Nothing, (), (); $($future),+)
    };
}

/// Takes one future after the other into the list. The names `output` of different rounds are different variables.
#[doc(hidden)]
#[macro_export]
macro_rules! __together {
    (race, $list:expr, $pattern:pat, $outputs:tt;) => { $crate::together::race($list) };
    ($make:ident, $list:expr, $pattern:pat, ($($output:ident)*);) => {
        $crate::together::$make($list, |$pattern| ($($output,)*))
    };
    ($make:ident, $list:expr, $pattern:pat, ($($output:ident)*); $future:expr $(, $rest:expr)*) => {
        $crate::__together!(
            $make, $crate::together::And::new($list, $future), ($pattern, output), ($($output)* output); $($rest),*
        )
    };
}

/// Runs all the futures at a time, and gives their outputs in the order of the futures.
///
/// asyncio's `gather`, except that the futures are no tasks: they run in the task that awaits the whole, and end with it. Each
/// is polled only when it was woken, however many there are. They may borrow.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let words = ["one", "two", "three"];
///     let lengths = ferrio::gather(words.iter().map(async |word| {
///         ferrio::sleep(Duration::from_millis(5 - word.len() as u64)).await;
///         word.len()
///     }));
///     assert_eq!(lengths.await, [3, 3, 5]);
/// });
/// ```
pub fn gather<I>(futures: I) -> Gather<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let running = running(futures);
    Gather { outputs: Outputs::with_room_for(running.len()), running }
}

/// As [`gather`](crate::gather()), of futures that give a `Result`: all values in the order of the futures, or the first
/// error. With the first error the other futures are dropped at once.
///
/// ```
/// ferrio::run(async {
///     let good = ferrio::try_gather(["1", "2"].map(async |text| text.parse::<i32>()));
///     assert_eq!(good.await, Ok(vec![1, 2]));
///     let bad = ferrio::try_gather(["1", "two"].map(async |text| text.parse::<i32>()));
///     assert!(bad.await.is_err());
/// });
/// ```
pub fn try_gather<I, T, E>(futures: I) -> TryGather<I::Item, T>
where
    I: IntoIterator<Item: Future<Output = Result<T, E>>>,
{
    let running = running(futures);
    TryGather { values: Outputs::with_room_for(running.len()), running }
}

/// Runs the futures at a time, and gives the output of the first that ends; the others are dropped then.
///
/// # Panics
/// Where there is no future, since nothing would ever end.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let delays = [30_000, 1, 20_000].map(Duration::from_millis);
///     let first = ferrio::race(delays.map(async |delay| {
///         ferrio::sleep(delay).await;
///         delay
///     }));
///     assert_eq!(first.await, Duration::from_millis(1));
/// });
/// ```
#[track_caller]
pub fn race<I>(futures: I) -> Race<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let running: WokenSet<_> = futures.into_iter().collect();
    assert!(!running.is_empty(), "race: there is no future, so none would ever win; give at least one");
    Race { running }
}

pin_project! {
    /// A future that tells its place with its output.
    struct Placed<F> {
        place: usize,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Placed<F> {
    type Output = (usize, F::Output);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.future.poll(context).map(|output| (*this.place, output))
    }
}

type Running<F> = WokenSet<Placed<F>>;

fn running<I: IntoIterator<Item: Future>>(futures: I) -> Running<I::Item> {
    futures.into_iter().enumerate().map(|(place, future)| Placed { place, future }).collect()
}

/// What came so far, in its place.
struct Outputs<T>(Vec<Option<T>>);

impl<T> Outputs<T> {
    fn with_room_for(count: usize) -> Self {
        Outputs(std::iter::repeat_with(|| None).take(count).collect())
    }

    fn put(&mut self, place: usize, output: T) {
        self.0[place] = Some(output);
    }

    fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0).into_iter().flatten().collect()
    }
}

/// See [`gather`](crate::gather()).
#[must_use = "futures do nothing unless they are awaited"]
pub struct Gather<F: Future> {
    running: Running<F>,
    outputs: Outputs<F::Output>,
}

/// The outputs are never pinned, and the futures are pinned elsewhere.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Gather { running, outputs } = self.get_mut();
        let turn = running.poll_turn(context, |(place, output)| {
            outputs.put(place, output);
            ControlFlow::<()>::Continue(())
        });
        if turn.is_continue() && running.is_empty() { Poll::Ready(outputs.take()) } else { Poll::Pending }
    }
}

/// See [`try_gather`](crate::try_gather()).
#[must_use = "futures do nothing unless they are awaited"]
pub struct TryGather<F, T> {
    running: Running<F>,
    values: Outputs<T>,
}

/// As for `Gather`.
impl<F, T> Unpin for TryGather<F, T> {}

impl<F: Future<Output = Result<T, E>>, T, E> Future for TryGather<F, T> {
    type Output = Result<Vec<T>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let TryGather { running, values } = self.get_mut();
        let turn = running.poll_turn(context, |(place, output)| match output {
            Ok(value) => {
                values.put(place, value);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        });
        match turn {
            ControlFlow::Break(error) => {
                running.clear();
                values.take();
                Poll::Ready(Err(error))
            }
            ControlFlow::Continue(()) if running.is_empty() => Poll::Ready(Ok(values.take())),
            ControlFlow::Continue(()) => Poll::Pending,
        }
    }
}

/// See [`race`](crate::race()).
#[must_use = "futures do nothing unless they are awaited"]
pub struct Race<F> {
    running: WokenSet<F>,
}

impl<F: Future> Future for Race<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(output) = ready!(self.running.poll_next(context)) else { return Poll::Pending };
        self.running.clear();
        Poll::Ready(output)
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl<F, T> fmt::Debug for TryGather<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGather").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Race<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("running", &self.running.len()).finish()
    }
}
