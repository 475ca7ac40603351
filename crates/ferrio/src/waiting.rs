//! `wait` and `as_completed`: what has ended, as soon as enough of it has.
//!
//! `wait` borrows the handles that it waits for. What has ended leaves its output in its handle, so a wait that is dropped loses
//! nothing: neither a task nor an output.

use std::fmt;
use std::future::{Future, poll_fn};
use std::task::{Poll, ready};

use crate::JoinError;
use crate::tasks::JoinHandle;
use crate::woken::WokenSet;

/// When [`wait`] is to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// When any task has ended.
    FirstCompleted,
    /// When any task has panicked, or all have ended. For tasks that give a `Result` see [`wait_until`].
    FirstException,
    /// When all tasks have ended.
    #[default]
    AllCompleted,
}

/// Waits for tasks. Gives those that have ended, in the order in which they stand in `tasks`, and leaves the others there.
///
/// Dropping it loses nothing, so a time limit goes around it: [`timeout`](crate::timeout).
///
/// ```
/// # use std::time::Duration;
/// use ferrio::{ReturnWhen, create_task, sleep, timeout, wait};
///
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let mut tasks: Vec<_> = [1, 2, 60]
///         .map(|delay| create_task(async move { sleep(Duration::from_secs(delay)).await; delay }))
///         .into();
///     let done = wait(&mut tasks, ReturnWhen::FirstCompleted).await;
///     assert_eq!((done.len(), tasks.len()), (1, 2));
///
///     // asyncio's `wait(..., timeout=...)`
///     let _elapsed = timeout(Duration::from_secs(10), wait(&mut tasks, ReturnWhen::AllCompleted)).await;
///     let done: Vec<_> = tasks.extract_if(.., |task| task.is_finished()).collect();
///     assert_eq!((done.len(), tasks.len()), (1, 1));
/// });
/// # std::io::Result::Ok(())
/// ```
pub async fn wait<T>(tasks: &mut Vec<JoinHandle<T>>, when: ReturnWhen) -> Vec<JoinHandle<T>> {
    wait_until(tasks, |output| match when {
        ReturnWhen::FirstCompleted => true,
        ReturnWhen::FirstException => output.as_ref().is_err_and(JoinError::is_panic),
        ReturnWhen::AllCompleted => false,
    })
    .await
}

/// As [`wait`], until `is_enough` says so of the output of a task, or all have ended. Each output is shown once in a wait.
///
/// ```
/// use ferrio::{create_task, wait_until};
///
/// ferrio::run(async {
///     let mut tasks: Vec<_> =
///         ["1", "two", "3"].map(|text| create_task(async move { text.parse::<i32>() })).into();
///     // Until the first error, as asyncio's FIRST_EXCEPTION.
///     let done = wait_until(&mut tasks, |output| !matches!(output, Ok(Ok(_)))).await;
///     assert!(done.len() >= 2);
/// });
/// ```
pub async fn wait_until<T>(
    tasks: &mut Vec<JoinHandle<T>>,
    mut is_enough: impl FnMut(&Result<T, JoinError>) -> bool,
) -> Vec<JoinHandle<T>> {
    let mut ended: WokenSet<_> = tasks
        .iter_mut()
        .map(|task| {
            let mut task = Some(task);
            poll_fn(move |context| {
                ready!(task.as_mut().map_or(Poll::Pending, |task| task.poll_ended(context)));
                Poll::Ready(task.take())
            })
        })
        .collect();
    while let Some(task) = poll_fn(|context| ended.poll_next(context)).await {
        if task.is_some_and(|task| task.shows_output(&mut is_enough)) {
            break;
        }
    }
    drop(ended);
    tasks.extract_if(.., |task| task.is_finished()).collect()
}

/// Runs the futures at a time, and gives their outputs in the order in which they end.
///
/// The futures may borrow, and each is polled only when it was woken. They run while [`AsCompleted::next`] is awaited; give it
/// [`create_task`](crate::create_task)'s handles if they are to run in between. Dropping it drops those that have not ended.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let delays = [3, 1, 2].map(async |delay| {
///         ferrio::sleep(Duration::from_millis(10 * delay)).await;
///         delay
///     });
///     let mut earliest_first = ferrio::as_completed(delays);
///     let mut seen = Vec::new();
///     while let Some(delay) = earliest_first.next().await {
///         seen.push(delay);
///     }
///     assert_eq!(seen, [1, 2, 3]);
/// });
/// ```
pub fn as_completed<I>(futures: I) -> AsCompleted<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    AsCompleted { running: futures.into_iter().collect() }
}

/// See [`as_completed`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct AsCompleted<F> {
    running: WokenSet<F>,
}

impl<F: Future> AsCompleted<F> {
    /// The output of whichever ends next; `None` when all were given. Dropping the future loses no output.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let mut both = ferrio::as_completed([std::future::ready(1), std::future::ready(2)]);
    ///     assert_eq!((both.next().await, both.next().await, both.next().await), (Some(1), Some(2), None));
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<F::Output> {
        poll_fn(|context| self.running.poll_next(context)).await
    }

    /// How many have not been given yet.
    ///
    /// ```
    /// assert_eq!(ferrio::as_completed([std::future::ready(1), std::future::ready(2)]).len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether all have been given.
    ///
    /// ```
    /// assert!(ferrio::as_completed(Vec::<std::future::Ready<()>>::new()).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

impl<F> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("running", &self.running.len()).finish()
    }
}
