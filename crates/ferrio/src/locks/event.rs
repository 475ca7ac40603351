//! `Event`: asyncio's, on the engine's.

use std::fmt;

use ferrio_engine::sync::{self, Parked};

/// A flag to wait for.
///
/// ```
/// use std::rc::Rc;
/// use ferrio::{Event, create_task};
///
/// ferrio::run(async {
///     let ready = Rc::new(Event::new());
///     let waits = ready.clone();
///     let task = create_task(async move { waits.wait().await });
///     ready.set();
///     task.await.unwrap();
/// });
/// ```
#[derive(Default)]
pub struct Event(sync::Event<Parked>);

impl Event {
    /// A flag that is not set.
    ///
    /// ```
    /// let event = ferrio::Event::new();
    /// # drop(event);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Event::default()
    }

    /// Whether the flag is set.
    ///
    /// ```
    /// assert!(!ferrio::Event::new().is_set());
    /// ```
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_set()
    }

    /// Sets the flag: all who wait go on, though it be cleared before they do.
    ///
    /// ```
    /// let event = ferrio::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    pub fn set(&self) {
        let Ok(()) = self.0.set();
    }

    /// Takes the flag down.
    ///
    /// ```
    /// let event = ferrio::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.0.clear();
    }

    /// Waits until the flag is set.
    ///
    /// ```
    /// ferrio::run(async {
    ///     let event = ferrio::Event::new();
    ///     ferrio::gather!(event.wait(), async { event.set() }).await;
    /// });
    /// ```
    pub async fn wait(&self) {
        self.0.wait().await;
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.is_set())
            .field("waiters", &self.0.waiters().len())
            .finish()
    }
}
