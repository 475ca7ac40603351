//! `scope` and `try_scope`: children that may borrow from whoever awaits them, since they run inside its future.
//!
//! ```text
//! the parent is polled ──▶ the body ──▶ the children that were woken, newcomers among them ──▶ has all ended, has one failed?
//! ```
//!
//! Whoever holds a `Scope` can start children; a child may hold one. So the children that run are not in what a scope's handles
//! share, but in the scope's own future: dropping that drops them all. What the handles share holds newcomers only, and is
//! emptied whichever way the scope ends. A child's panic is caught where the child is polled, and resumed when all are gone.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::awaiting::Awaiting;
use crate::failures::Failures;
use crate::woken::WokenSet;
use crate::{Cancelled, ErrorGroup};

/// Runs `body`, which may start children in the scope it is given, and waits until it and all children have ended. Gives the
/// body's value.
///
/// Children may borrow whatever outlives the scope. They run in the task that awaits the scope, each when it was woken, and are
/// dropped with it. A child's panic ends the body and the other children. Children that may fail belong into [`try_scope`].
///
/// # Panics
/// As the body or a child does, after all have ended.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     let words = vec![String::from("to"), String::from("borrow")];
///     let mut total = 0;
///     ferrio::scope(async |s| {
///         let lengths: Vec<_> = words.iter().map(|word| s.spawn(async move { word.len() })).collect();
///         for length in lengths {
///             total += length.await.unwrap();
///         }
///     })
///     .await;
///     assert_eq!(total, 8);
/// });
/// ```
///
/// Children may start others, with a clone of the scope, and change what nobody else uses meanwhile.
///
/// ```
/// ferrio::run(async {
///     let (mut left, mut right) = (0, 0);
///     ferrio::scope(async |s| {
///         let inner = s.clone();
///         let (left, right) = (&mut left, &mut right);
///         s.spawn(async move {
///             inner.spawn(async move { *right += 1 });
///             *left += 1;
///         });
///     })
///     .await;
///     assert_eq!((left, right), (1, 1));
/// });
/// ```
///
/// What the body itself owns does not live long enough: children may run on after the body.
///
/// ```compile_fail,E0373
/// ferrio::run(ferrio::scope(async |s| {
///     let word = String::from("gone");
///     s.spawn(async { println!("{word}") });
/// }));
/// ```
///
/// ```compile_fail,E0597
/// ferrio::run(ferrio::scope(async |s| {
///     let word = String::from("gone");
///     let word = &word;
///     s.spawn(async move { println!("{word}") });
/// }));
/// ```
///
/// Nor may two change the same, or anybody change what a child still uses.
///
/// ```compile_fail,E0499
/// ferrio::run(async {
///     let mut count = 0;
///     ferrio::scope(async |s| {
///         s.spawn(async { count += 1 });
///         s.spawn(async { count += 1 });
///     })
///     .await;
/// });
/// ```
///
/// ```compile_fail,E0506
/// ferrio::run(async {
///     let mut count = 0;
///     let scope = ferrio::scope(async |s| {
///         s.spawn(async { println!("{count}") });
///     });
///     count = 1;
///     scope.await;
/// });
/// ```
pub async fn scope<'env, T, B>(body: B) -> T
where
    B: AsyncFnOnce(Scope<'env>) -> T,
{
    let nursery = Rc::new(Nursery::default());
    let body = body(Scope { nursery: nursery.clone() });
    match nursery.run(async { Ok(body.await) }).await {
        Ok(value) => value,
        Err(errors) => match *errors.first() {},
    }
}

/// As [`scope`], of children that may fail. The first failure, be it of a child or of the body, ends all others: they are dropped.
///
/// # Errors
/// All errors of children, in the order in which they came, and the body's last.
///
/// # Panics
/// As the body or a child does, after all have ended.
///
/// ```
/// ferrio::run(async {
///     let texts = ["1", "two"];
///     let sum = ferrio::try_scope(async |s| {
///         let [one, two] = texts.each_ref().map(|text| s.spawn(async move { text.parse::<i32>() }));
///         Ok(one.await.unwrap() + two.await.unwrap())
///     });
///     let errors = sum.await.unwrap_err();
///     assert_eq!(errors.first().to_string(), "invalid digit found in string");
/// });
/// ```
pub async fn try_scope<'env, T, E: 'env, B>(body: B) -> Result<T, ErrorGroup<E>>
where
    B: AsyncFnOnce(TryScope<'env, E>) -> Result<T, E>,
{
    let nursery = Rc::new(Nursery::default());
    let body = body(TryScope { nursery: nursery.clone() });
    nursery.run(body).await
}

/// Where children are started that cannot fail. A clone is the same scope. See [`scope`].
pub struct Scope<'env> {
    nursery: Rc<Nursery<'env, Infallible>>,
}

/// Where children are started that may fail. A clone is the same scope. See [`try_scope`].
pub struct TryScope<'env, E> {
    nursery: Rc<Nursery<'env, E>>,
}

impl<'env> Scope<'env> {
    /// Starts a child. It is polled for the first time after the body or the child that started it.
    ///
    /// # Panics
    /// When the scope has ended.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let name = String::from("Ada");
    ///     ferrio::scope(async |s| {
    ///         let child = s.spawn(async { name.len() });
    ///         assert_eq!(child.await, Ok(3));
    ///     })
    ///     .await;
    /// });
    /// ```
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "children run without being awaited")]
    pub fn spawn<T: 'env>(&self, future: impl Future<Output = T> + 'env) -> ScopedJoinHandle<T> {
        self.nursery.spawn(future, Ok)
    }
}

impl<'env, E: 'env> TryScope<'env, E> {
    /// Starts a child. Its error is the scope's.
    ///
    /// # Panics
    /// When the scope has ended.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let text = String::from("7");
    ///     let seven = ferrio::try_scope(async |s| {
    ///         let child = s.spawn(async { text.parse::<i32>() });
    ///         Ok(child.await.unwrap())
    ///     });
    ///     assert_eq!(seven.await, Ok(7));
    /// });
    /// ```
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "children run without being awaited")]
    pub fn spawn<T: 'env>(&self, future: impl Future<Output = Result<T, E>> + 'env) -> ScopedJoinHandle<T> {
        self.nursery.spawn(future, |output| output)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// All are being dropped, and who comes is dropped at once.
    Ending,
    Ended,
}

type AnyChild<'env> = dyn Future<Output = ()> + 'env;

/// What the handles of a scope share.
struct Nursery<'env, E> {
    /// Children that were never polled.
    newcomers: RefCell<Vec<Pin<Box<AnyChild<'env>>>>>,
    failures: Failures<E>,
    stage: Cell<Stage>,
    parent: Awaiting,
}

impl<E> Default for Nursery<'_, E> {
    fn default() -> Self {
        Nursery {
            newcomers: RefCell::default(),
            failures: Failures::default(),
            stage: Cell::new(Stage::Open),
            parent: Awaiting::default(),
        }
    }
}

impl<'env, E> Nursery<'env, E> {
    #[track_caller]
    fn spawn<F, T>(self: &Rc<Self>, future: F, judge: fn(F::Output) -> Result<T, E>) -> ScopedJoinHandle<T>
    where
        F: Future + 'env,
        T: 'env,
        E: 'env,
    {
        let stage = self.stage.get();
        assert!(
            stage != Stage::Ended,
            "spawn: the scope has ended; start its children while `scope` is awaited"
        );
        let join = Rc::new(Join::default());
        let child = Child { future, judge, nursery: self.clone(), join: join.clone() };
        if stage == Stage::Open {
            self.newcomers.borrow_mut().push(Box::pin(child));
            self.parent.tell();
        }
        ScopedJoinHandle { join }
    }

    /// Runs the body and the children.
    async fn run<T>(&self, body: impl Future<Output = Result<T, E>>) -> Result<T, ErrorGroup<E>> {
        let ended = {
            let mut children = WokenSet::<AnyChild<'env>>::new();
            let mut body = pin!(Some(body));
            let mut ended = None;
            // Dropped first: while the others are dropped nobody can come any more.
            let _ends = Ends(self);
            poll_fn(|context| {
                self.parent.put(context.waker());
                if let Some(running) = body.as_mut().as_pin_mut() {
                    match catch_unwind(AssertUnwindSafe(|| running.poll(context))) {
                        Ok(Poll::Pending) => {}
                        Ok(Poll::Ready(output)) => {
                            ended = Some(output);
                            body.set(None);
                        }
                        Err(panic) => self.failures.add_panic(panic),
                    }
                }
                if self.failures.any() || matches!(ended, Some(Err(_))) {
                    return Poll::Ready(());
                }
                self.poll_children(&mut children, context);
                let all_have_ended = || children.is_empty() && self.newcomers.borrow().is_empty();
                if self.failures.any() || ended.is_some() && all_have_ended() {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
            ended
        };
        self.stage.set(Stage::Ended);
        self.failures.or(ended)
    }

    /// Polls who was woken, and who is new. Who comes meanwhile has to wait for the next turn, or children that start each other
    /// would never let anybody else run.
    fn poll_children(&self, children: &mut WokenSet<AnyChild<'env>>, context: &mut Context<'_>) {
        self.newcomers.take().into_iter().for_each(|child| children.insert(child));
        let _all_had_their_turn = children.poll_turn(context, ControlFlow::<()>::Continue);
    }
}

/// The scope is over, or was dropped.
struct Ends<'a, 'env, E>(&'a Nursery<'env, E>);

impl<E> Drop for Ends<'_, '_, E> {
    fn drop(&mut self) {
        self.0.stage.set(Stage::Ending);
        let newcomers = self.0.newcomers.take();
        drop(newcomers);
    }
}

pin_project! {
    /// A child as its scope polls it. It may be cancelled, and never panics.
    struct Child<'env, F, T, E>
    where
        F: Future,
    {
        #[pin]
        future: F,
        judge: fn(F::Output) -> Result<T, E>,
        nursery: Rc<Nursery<'env, E>>,
        join: Rc<Join<T>>,
    }

    impl<'env, F, T, E> PinnedDrop for Child<'env, F, T, E>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            this.join.end(Progress::Gone);
        }
    }
}

impl<F: Future, T, E> Future for Child<'_, F, T, E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.join.is_cancelled.get() {
            return Poll::Ready(());
        }
        this.join.child.put(context.waker());
        let future = this.future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(context).map(this.judge))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => this.join.end(Progress::Ended(value)),
            Ok(Poll::Ready(Err(error))) => this.nursery.failures.add(error),
            Err(panic) => this.nursery.failures.add_panic(panic),
        }
        Poll::Ready(())
    }
}

/// What a child and its handle share.
struct Join<T> {
    progress: RefCell<Progress<T>>,
    is_cancelled: Cell<bool>,
    child: Awaiting,
    awaiter: Awaiting,
}

enum Progress<T> {
    Runs,
    Ended(T),
    /// Dropped, or its value was given away.
    Gone,
}

impl<T> Default for Join<T> {
    fn default() -> Self {
        Join {
            progress: RefCell::new(Progress::Runs),
            is_cancelled: Cell::new(false),
            child: Awaiting::default(),
            awaiter: Awaiting::default(),
        }
    }
}

impl<T> Join<T> {
    /// The child has ended, unless it had before.
    fn end(&self, how: Progress<T>) {
        let mut progress = self.progress.borrow_mut();
        if let Progress::Runs = *progress {
            *progress = how;
            drop(progress);
            self.awaiter.tell();
        }
    }
}

/// A child of a scope: await it for its value. Dropping the handle leaves the child alone.
///
/// A child that was cancelled, or dropped with its scope, gives [`Cancelled`].
pub struct ScopedJoinHandle<T> {
    join: Rc<Join<T>>,
}

impl<T> ScopedJoinHandle<T> {
    /// Has the child's future dropped at its scope's next turn. Whether the child had not ended.
    ///
    /// ```
    /// use ferrio::Cancelled;
    ///
    /// ferrio::run(ferrio::scope(async |s| {
    ///     let child = s.spawn(std::future::pending::<()>());
    ///     assert!(child.cancel());
    ///     assert_eq!(child.await, Err(Cancelled));
    /// }));
    /// ```
    #[allow(clippy::must_use_candidate, reason = "most programs do not care")]
    pub fn cancel(&self) -> bool {
        let runs = !self.is_finished();
        if runs {
            self.join.is_cancelled.set(true);
            self.join.child.tell();
        }
        runs
    }

    /// Whether the child has ended, in whichever way.
    ///
    /// ```
    /// ferrio::run(ferrio::scope(async |s| {
    ///     let child = s.spawn(async {});
    ///     assert!(!child.is_finished());
    ///     ferrio::yield_now().await;
    ///     assert!(child.is_finished());
    /// }));
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !matches!(*self.join.progress.borrow(), Progress::Runs)
    }
}

impl<T> Future for ScopedJoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_finished() {
            // The child may end while the program's own code clones the waker.
            self.join.awaiter.put(context.waker());
        }
        let mut progress = self.join.progress.borrow_mut();
        match std::mem::replace(&mut *progress, Progress::Gone) {
            Progress::Ended(value) => Poll::Ready(Ok(value)),
            Progress::Gone => Poll::Ready(Err(Cancelled)),
            Progress::Runs => {
                *progress = Progress::Runs;
                Poll::Pending
            }
        }
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Scope { nursery: self.nursery.clone() }
    }
}

impl<E> Clone for TryScope<'_, E> {
    fn clone(&self) -> Self {
        TryScope { nursery: self.nursery.clone() }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for TryScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryScope").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("finished", &self.is_finished()).finish()
    }
}
