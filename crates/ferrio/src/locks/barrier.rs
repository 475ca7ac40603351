//! `Barrier`: asyncio's, on the engine's.

use std::fmt;

use ferrio_engine::sync::{self, BarrierState, Parked};

/// A place where a fixed number wait for each other, and then all go on. It can be used again.
///
/// ```
/// use ferrio::{Barrier, gather};
///
/// ferrio::run(async {
///     let barrier = Barrier::new(3);
///     let mut numbers: Vec<_> =
///         gather((0..3).map(|_| barrier.wait())).await.into_iter().collect::<Result<_, _>>().unwrap();
///     numbers.sort_unstable();
///     assert_eq!(numbers, [0, 1, 2]);
/// });
/// ```
pub struct Barrier(sync::Barrier<Parked>);

impl Barrier {
    /// For so many.
    ///
    /// # Panics
    /// When that is zero.
    ///
    /// ```
    /// assert_eq!(ferrio::Barrier::new(2).parties(), 2);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        assert!(parties > 0, "Barrier::new: a barrier for nobody; parties must be at least 1");
        Barrier(sync::Barrier::new(parties))
    }

    /// Waits for the others. All who go on together get different numbers from zero; the last to come has the highest.
    ///
    /// Who comes while the last round leaves waits for the next one. A future that is dropped before the others have come was
    /// never there.
    ///
    /// # Errors
    /// When the barrier is broken, and when it is aborted or reset meanwhile.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let barrier = ferrio::Barrier::new(2);
    ///     let (first, second) = ferrio::gather!(barrier.wait(), barrier.wait()).await;
    ///     assert_eq!((first, second), (Ok(0), Ok(1)));
    /// });
    /// ```
    pub async fn wait(&self) -> Result<usize, BrokenBarrierError> {
        self.0.wait().await.map_err(|_| BrokenBarrierError)
    }

    /// Breaks the barrier: whoever waits gets an error, and so does who comes, until it is reset.
    ///
    /// ```
    /// use ferrio::{Barrier, BrokenBarrierError, gather};
    ///
    /// ferrio::run(async {
    ///     let barrier = Barrier::new(2);
    ///     let (waits, ()) = gather!(barrier.wait(), async { barrier.abort() }).await;
    ///     assert_eq!((waits, barrier.wait().await), (Err(BrokenBarrierError), Err(BrokenBarrierError)));
    /// });
    /// ```
    pub fn abort(&self) {
        let Ok(()) = self.0.abort();
    }

    /// Makes the barrier as new: whoever waits gets an error.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let barrier = ferrio::Barrier::new(1);
    ///     barrier.abort();
    ///     barrier.reset();
    ///     assert_eq!(barrier.wait().await, Ok(0));
    /// });
    /// ```
    pub fn reset(&self) {
        let Ok(()) = self.0.reset();
    }

    /// How many it is for.
    ///
    /// ```
    /// assert_eq!(ferrio::Barrier::new(3).parties(), 3);
    /// ```
    #[must_use]
    pub fn parties(&self) -> usize {
        self.0.parties()
    }

    /// How many wait for the last one to come.
    ///
    /// ```
    /// assert_eq!(ferrio::Barrier::new(2).n_waiting(), 0);
    /// ```
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.0.waiting()
    }

    /// Whether it was aborted, and not reset since.
    ///
    /// ```
    /// let barrier = ferrio::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.broken());
    /// ```
    #[must_use]
    pub fn broken(&self) -> bool {
        self.0.state() == BarrierState::Broken
    }
}

/// A barrier was aborted or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was aborted or reset")
    }
}

impl std::error::Error for BrokenBarrierError {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = (self.n_waiting(), self.parties());
        f.debug_struct("Barrier").field("state", &self.0.state()).field("waiting", &waiting).finish()
    }
}
