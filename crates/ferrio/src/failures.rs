//! `ErrorGroup`, and what went wrong so far among those who run together: their errors, and the first panic.

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;

/// The errors of tasks that ran together: asyncio's `ExceptionGroup`. There is at least one.
///
/// ```
/// use ferrio::TaskGroup;
///
/// ferrio::run(async {
///     let errors = TaskGroup::run(async |group| {
///         for text in ["1", "two", "three"] {
///             group.create_task(async move { text.parse::<i32>().map(drop) }).detach();
///         }
///         Ok(())
///     })
///     .await
///     .unwrap_err();
///     assert_eq!(errors.len(), 2);
///     assert!(errors.to_string().starts_with("2 errors: invalid digit"));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorGroup<E> {
    first: E,
    others: Vec<E>,
}

impl<E> ErrorGroup<E> {
    /// The error that came first.
    ///
    /// ```
    /// # ferrio::run(async {
    /// let errors = ferrio::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("one") });
    ///     s.spawn(async { Err::<(), _>("two") });
    ///     Ok(())
    /// });
    /// let errors = errors.await.unwrap_err();
    /// assert_eq!(errors.first(), &"one");
    /// # });
    /// ```
    #[must_use]
    pub fn first(&self) -> &E {
        &self.first
    }

    /// As `first`, by value; the others are dropped.
    ///
    /// ```
    /// # ferrio::run(async {
    /// let errors = ferrio::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("one") });
    ///     s.spawn(async { Err::<(), _>("two") });
    ///     Ok(())
    /// });
    /// let errors = errors.await.unwrap_err();
    /// assert_eq!(errors.into_first(), "one");
    /// # });
    /// ```
    #[must_use]
    pub fn into_first(self) -> E {
        self.first
    }

    /// How many there are.
    ///
    /// ```
    /// # ferrio::run(async {
    /// let errors = ferrio::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("one") });
    ///     s.spawn(async { Err::<(), _>("two") });
    ///     Ok(())
    /// });
    /// let errors = errors.await.unwrap_err();
    /// assert_eq!(errors.len(), 2);
    /// # });
    /// ```
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// The errors in the order in which they came.
    ///
    /// ```
    /// # ferrio::run(async {
    /// let errors = ferrio::try_scope(async |s| {
    ///     s.spawn(async { Err::<(), _>("one") });
    ///     s.spawn(async { Err::<(), _>("two") });
    ///     Ok(())
    /// });
    /// let errors = errors.await.unwrap_err();
    /// assert!(errors.iter().eq(&["one", "two"]));
    /// # });
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl<E> IntoIterator for ErrorGroup<E> {
    type Item = E;
    type IntoIter = std::iter::Chain<std::iter::Once<E>, std::vec::IntoIter<E>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.others)
    }
}

impl<E: fmt::Display> fmt::Display for ErrorGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.others.is_empty() {
            return self.first.fmt(f);
        }
        write!(f, "{} errors: {}", self.len(), self.first)?;
        self.others.iter().try_for_each(|error| write!(f, "; {error}"))
    }
}

/// The source is the first error.
impl<E: Error + 'static> Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.first)
    }
}

/// What a panic was made with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// See the module.
pub(crate) struct Failures<E> {
    errors: RefCell<Vec<E>>,
    panic: RefCell<Option<Panic>>,
}

impl<E> Default for Failures<E> {
    fn default() -> Self {
        Failures { errors: RefCell::default(), panic: RefCell::default() }
    }
}

impl<E> Failures<E> {
    pub(crate) fn add(&self, error: E) {
        self.errors.borrow_mut().push(error);
    }

    /// The first panic counts; what a later one was made with is dropped.
    pub(crate) fn add_panic(&self, panic: Panic) {
        let mut first = self.panic.borrow_mut();
        if first.is_none() {
            *first = Some(panic);
            return;
        }
        drop(first);
        drop(panic);
    }

    pub(crate) fn any(&self) -> bool {
        !self.errors.borrow().is_empty() || self.panic.borrow().is_some()
    }

    /// The value, unless anything went wrong. `ended` is `None` where something cut it short.
    ///
    /// # Panics
    /// With the first panic, if there was one.
    pub(crate) fn or<T>(&self, ended: Option<Result<T, E>>) -> Result<T, ErrorGroup<E>> {
        let panic = self.panic.take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        let (value, last) = match ended {
            Some(Ok(value)) => (Some(value), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let mut errors = self.errors.take().into_iter().chain(last);
        match (errors.next(), value) {
            (Some(first), _) => Err(ErrorGroup { first, others: errors.collect() }),
            (None, Some(value)) => Ok(value),
            (None, None) => unreachable!("only a failure cuts a body short"),
        }
    }
}
