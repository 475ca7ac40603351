//! `timeout`, `timeout_at`, `interval`: limits and beats, on the clock of the running loop.
//!
//! The future goes first: one that is ready is never too late, and needs no timer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ferrio_engine::{Time, task};
use pin_project_lite::pin_project;

use crate::Elapsed;
use crate::events::LoopState;

/// Gives `future` so much time, counted from when the whole was first awaited. When the time is over `future` is dropped.
///
/// # Errors
/// [`Elapsed`] when the time is over.
///
/// # Panics
/// When it is awaited where no loop runs, unless `future` is ready at once.
///
/// ```
/// # use std::time::Duration;
/// use ferrio::{Elapsed, sleep, timeout};
///
/// ferrio::run(async {
///     let limit = Duration::from_millis(2);
///     assert_eq!(timeout(limit, async { "in time" }).await, Ok("in time"));
///     assert_eq!(timeout(limit, sleep(Duration::from_secs(60))).await, Err(Elapsed));
/// });
/// ```
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { alarm: Alarm::In(limit), future: Some(future) }
}

/// As [`timeout`], up to a time on the loop's clock ([`EventLoop::time`](crate::EventLoop::time)).
///
/// # Errors
/// [`Elapsed`] when the time has come.
///
/// # Panics
/// As `timeout`.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let deadline = ferrio::get_running_loop().time() + Duration::from_millis(2);
///     // Several steps with one limit.
///     assert!(ferrio::timeout_at(deadline, ferrio::yield_now()).await.is_ok());
///     assert!(ferrio::timeout_at(deadline, std::future::pending::<()>()).await.is_err());
/// });
/// ```
pub fn timeout_at<F: Future>(deadline: Duration, future: F) -> Timeout<F> {
    Timeout { alarm: Alarm::At(deadline), future: Some(future) }
}

pin_project! {
    /// See [`timeout`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<F> {
        alarm: Alarm,
        // `None` once it has ended or was dropped.
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let ended = match future.poll(context) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending if this.alarm.is_over() => Err(Elapsed),
            Poll::Pending => {
                ready!(this.alarm.poll("timeout", context));
                Err(Elapsed)
            }
        };
        *this.alarm = Alarm::Rung;
        this.future.set(None);
        Poll::Ready(ended)
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("alarm", &self.alarm).finish_non_exhaustive()
    }
}

/// A timer that starts when it is first polled.
#[derive(Debug)]
enum Alarm {
    In(Duration),
    At(Duration),
    Set(task::Sleep),
    Rung,
}

impl Alarm {
    /// Whether there is no need to start it.
    fn is_over(&self) -> bool {
        match *self {
            Alarm::In(delay) => delay.is_zero(),
            Alarm::At(deadline) => deadline <= now("timeout_at"),
            Alarm::Set(_) | Alarm::Rung => false,
        }
    }

    fn poll(&mut self, who: &str, context: &mut Context<'_>) -> Poll<()> {
        let delay = match *self {
            Alarm::In(delay) => Some(delay),
            Alarm::At(deadline) => Some(deadline.saturating_sub(now(who))),
            Alarm::Set(_) | Alarm::Rung => None,
        };
        if let Some(delay) = delay {
            *self = Alarm::Set(LoopState::require(who).core().sleep(delay));
        }
        match self {
            Alarm::Set(sleep) => Pin::new(sleep).poll(context),
            _ => Poll::Ready(()),
        }
    }
}

/// The loop's time, for `who`, which cannot do without.
#[track_caller]
fn now(who: &str) -> Duration {
    LoopState::require(who).time().since(Time::ZERO)
}

/// Beats, one each `period`; the first at once.
///
/// A beat that is noticed late does not move those after it, and beats that were missed altogether are not made up for.
///
/// # Panics
/// When the period is zero.
///
/// ```
/// # use std::time::Duration;
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let mut beats = ferrio::interval(Duration::from_secs(10));
///     let first = beats.tick().await;
///     ferrio::sleep(Duration::from_secs(3)).await;
///     assert_eq!(beats.tick().await - first, Duration::from_secs(10));
///     ferrio::sleep(Duration::from_secs(25)).await; // misses the third beat
///     assert_eq!(beats.tick().await - first, Duration::from_secs(30));
///     assert_eq!(beats.tick().await - first, Duration::from_secs(40));
/// });
/// # std::io::Result::Ok(())
/// ```
#[must_use]
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "interval: the period is zero; for something in each turn of the loop await `yield_now`"
    );
    Interval { period, next: None }
}

/// See [`interval`].
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    /// On the loop's clock; the first beat is when somebody asks for it.
    next: Option<Duration>,
}

impl Interval {
    /// Waits for the next beat, and gives the time at which it was due, on the loop's clock. Dropping the future skips no beat.
    ///
    /// # Panics
    /// When it is awaited where no loop runs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// ferrio::run(async {
    ///     let mut beats = ferrio::interval(Duration::from_millis(1));
    ///     let due = [beats.tick().await, beats.tick().await];
    ///     assert!(due[1] - due[0] >= Duration::from_millis(1));
    /// });
    /// ```
    pub async fn tick(&mut self) -> Duration {
        let due = *self.next.get_or_insert_with(|| now("Interval::tick"));
        let mut alarm = Alarm::At(due);
        std::future::poll_fn(|context| alarm.poll("Interval::tick", context)).await;
        let late = now("Interval::tick").saturating_sub(due);
        let missed = u32::try_from(late.as_nanos() / self.period.as_nanos()).unwrap_or(u32::MAX);
        let due = due.saturating_add(self.period.saturating_mul(missed));
        self.next = Some(due.saturating_add(self.period));
        due
    }

    /// The time between two beats.
    ///
    /// ```
    /// # use std::time::Duration;
    /// assert_eq!(ferrio::interval(Duration::from_secs(1)).period(), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The next beat comes a whole period from now.
    ///
    /// # Panics
    /// Where no loop runs.
    ///
    /// ```
    /// # use std::time::Duration;
    /// ferrio::run(async {
    ///     let mut beats = ferrio::interval(Duration::from_millis(1));
    ///     let now = ferrio::get_running_loop().time();
    ///     beats.reset(); // not at once
    ///     assert!(beats.tick().await - now >= Duration::from_millis(1));
    /// });
    /// ```
    #[track_caller]
    pub fn reset(&mut self) {
        self.next = Some(now("Interval::reset").saturating_add(self.period));
    }
}
