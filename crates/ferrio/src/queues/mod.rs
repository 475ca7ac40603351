//! `Queue`, `PriorityQueue`, `LifoQueue`: asyncio's, on the engine's `Ledger`. They differ in what holds the items.
//!
//! Dropping a `get` that waits loses no item: it is taken in the same step in which it is given. Invariant: no borrow of the items
//! is alive while anybody is told or an item is dropped.

mod errors;
mod orders;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

use ferrio_engine::sync::{Event, Ledger, Parked};

pub use errors::{GetError, PutError, QueueShutDown};
use orders::{Heap, Items, Stack};

/// A queue of whichever order.
struct Shared<I> {
    items: RefCell<I>,
    /// Zero: no limit.
    maxsize: usize,
    ledger: Ledger<Parked>,
    /// Set when the last piece of work is done.
    finished: Event<Parked>,
}

impl<I: Items> Shared<I> {
    fn new(maxsize: usize) -> Self {
        let (items, ledger, finished) = (RefCell::default(), Ledger::default(), Event::default());
        Shared { items, maxsize, ledger, finished }
    }

    fn len(&self) -> usize {
        self.items.borrow().len()
    }

    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.len() >= self.maxsize
    }

    async fn put(&self, item: I::Item) -> Result<(), QueueShutDown<I::Item>> {
        self.ledger.room(|| !self.is_full()).await;
        self.put_nowait(item).map_err(|error| QueueShutDown(error.into_item()))
    }

    fn put_nowait(&self, item: I::Item) -> Result<(), PutError<I::Item>> {
        if self.ledger.is_shut_down() {
            return Err(PutError::QueueShutDown(item));
        }
        if self.is_full() {
            return Err(PutError::QueueFull(item));
        }
        self.items.borrow_mut().push(item);
        self.finished.clear();
        let Ok(()) = self.ledger.added();
        Ok(())
    }

    async fn get(&self) -> Result<I::Item, QueueShutDown> {
        self.ledger.item(|| self.len() > 0).await;
        self.get_nowait().map_err(|_| QueueShutDown(()))
    }

    fn get_nowait(&self) -> Result<I::Item, GetError> {
        let item = self.items.borrow_mut().pop();
        let Some(item) = item else {
            return Err(if self.ledger.is_shut_down() {
                GetError::QueueShutDown
            } else {
                GetError::QueueEmpty
            });
        };
        let Ok(()) = self.ledger.removed();
        Ok(item)
    }

    #[track_caller]
    fn task_done(&self) {
        let left = self.ledger.finish_one();
        assert!(
            left.is_some(),
            "task_done() was called more often than items were put; call it once for each item got"
        );
        if left == Some(true) {
            let Ok(()) = self.finished.set();
        }
    }

    async fn join(&self) {
        if self.ledger.unfinished() > 0 {
            self.finished.wait().await;
        }
    }

    fn shutdown(&self, immediate: bool) {
        self.ledger.set_shut_down(true);
        let left = if immediate { self.items.take() } else { I::default() };
        if immediate {
            for _ in 0..left.len() {
                self.ledger.finish_one();
            }
            if self.ledger.unfinished() == 0 {
                let Ok(()) = self.finished.set();
            }
        }
        let Ok(()) = self.ledger.tell_all();
        drop(left);
    }
}

/// The three differ in their order alone, and say so in the first lines of their documentation.
macro_rules! queue {
    ($(#[$about:meta])* $name:ident, $path:literal, $items:ident $(, $bound:ident)?) => {
        $(#[$about])*
        pub struct $name<T $(: $bound)?>(Shared<$items<T>>);

        impl<T $(: $bound)?> $name<T> {
            /// A queue with room for `maxsize` items, or for any number when that is zero.
            ///
            /// ```
            #[doc = concat!("let queue = ", $path, "::new(1);")]
            /// queue.put_nowait("item").unwrap();
            /// assert!(queue.full());
            /// ```
            #[must_use]
            pub fn new(maxsize: usize) -> Self {
                $name(Shared::new(maxsize))
            }

            /// Puts an item, when there is room. If the future is dropped before, the item is dropped with it.
            ///
            /// # Errors
            /// When the queue was shut down; the item comes back.
            ///
            /// ```
            /// ferrio::run(async {
            #[doc = concat!("    let queue = ", $path, "::new(1);")]
            ///     queue.put(1).await.unwrap();
            ///     // There is room when the other has got the first.
            ///     let (put, got) = ferrio::gather!(queue.put(2), queue.get()).await;
            ///     assert_eq!((put, got), (Ok(()), Ok(1)));
            /// });
            /// ```
            pub async fn put(&self, item: T) -> Result<(), QueueShutDown<T>> {
                self.0.put(item).await
            }

            /// Takes the next item, when there is one. Dropping the future loses none.
            ///
            /// # Errors
            /// When the queue was shut down and holds nothing.
            ///
            /// ```
            /// ferrio::run(async {
            #[doc = concat!("    let queue = ", $path, "::new(0);")]
            ///     let (got, put) = ferrio::gather!(queue.get(), queue.put("item")).await;
            ///     assert_eq!((got, put), (Ok("item"), Ok(())));
            /// });
            /// ```
            pub async fn get(&self) -> Result<T, QueueShutDown> {
                self.0.get().await
            }

            /// Puts an item, if there is room.
            ///
            /// # Errors
            /// When there is none, and when the queue was shut down; the item comes back.
            ///
            /// ```
            /// use ferrio::PutError;
            ///
            #[doc = concat!("let queue = ", $path, "::new(1);")]
            /// assert_eq!(queue.put_nowait(1), Ok(()));
            /// assert_eq!(queue.put_nowait(2), Err(PutError::QueueFull(2)));
            /// ```
            pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put_nowait(item)
            }

            /// Takes the next item, if there is one.
            ///
            /// # Errors
            /// When there is none.
            ///
            /// ```
            /// use ferrio::GetError;
            ///
            #[doc = concat!("let queue = ", $path, "::<i32>::new(0);")]
            /// assert_eq!(queue.get_nowait(), Err(GetError::QueueEmpty));
            /// ```
            pub fn get_nowait(&self) -> Result<T, GetError> {
                self.0.get_nowait()
            }

            /// Waits until the work for all items that were put is done.
            ///
            /// ```
            /// ferrio::run(async {
            #[doc = concat!("    let queue = ", $path, "::new(0);")]
            ///     queue.put_nowait("work").unwrap();
            ///     let worker = async {
            ///         queue.get().await.unwrap();
            ///         queue.task_done();
            ///     };
            ///     ferrio::gather!(queue.join(), worker).await;
            /// });
            /// ```
            pub async fn join(&self) {
                self.0.join().await;
            }

            /// The work for one item is done.
            ///
            /// # Panics
            /// When it is called more often than items were put.
            ///
            /// ```
            /// ferrio::run(async {
            #[doc = concat!("    let queue = ", $path, "::new(0);")]
            ///     queue.put_nowait("work").unwrap();
            ///     queue.get_nowait().unwrap();
            ///     queue.task_done();
            ///     queue.join().await;
            /// });
            /// ```
            #[track_caller]
            pub fn task_done(&self) {
                self.0.task_done();
            }

            /// Ends the queue: nothing can be put any more, and who waits to put gets an error, as does who waits for an item once
            /// there is none left. `immediate`: the items are dropped, and count as done.
            ///
            /// ```
            /// ferrio::run(async {
            #[doc = concat!("    let queue = ", $path, "::new(0);")]
            ///     queue.put_nowait("last").unwrap();
            ///     queue.shutdown(false);
            ///     assert!(queue.put_nowait("late").is_err());
            ///     assert_eq!(queue.get().await, Ok("last"));
            ///     assert!(queue.get().await.is_err());
            /// });
            /// ```
            pub fn shutdown(&self, immediate: bool) {
                self.0.shutdown(immediate);
            }

            /// How many items it holds.
            ///
            /// ```
            #[doc = concat!("let queue = ", $path, "::new(0);")]
            /// queue.put_nowait("item").unwrap();
            /// assert_eq!(queue.qsize(), 1);
            /// ```
            #[must_use]
            pub fn qsize(&self) -> usize {
                self.0.len()
            }

            /// Whether it holds nothing.
            ///
            /// ```
            #[doc = concat!("assert!(", $path, "::<i32>::new(0).empty());")]
            /// ```
            #[must_use]
            pub fn empty(&self) -> bool {
                self.0.len() == 0
            }

            /// Whether there is no room.
            ///
            /// ```
            #[doc = concat!("assert!(!", $path, "::<i32>::new(0).full());")]
            /// ```
            #[must_use]
            pub fn full(&self) -> bool {
                self.0.is_full()
            }

            /// For how many items there is room; zero for any number.
            ///
            /// ```
            #[doc = concat!("assert_eq!(", $path, "::<i32>::new(3).maxsize(), 3);")]
            /// ```
            #[must_use]
            pub fn maxsize(&self) -> usize {
                self.0.maxsize
            }
        }

        /// Without a limit.
        impl<T $(: $bound)?> Default for $name<T> {
            fn default() -> Self {
                $name::new(0)
            }
        }

        impl<T $(: $bound)?> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("qsize", &self.qsize())
                    .field("maxsize", &self.maxsize())
                    .field("getters", &self.0.ledger.getters().len())
                    .field("putters", &self.0.ledger.putters().len())
                    .field("unfinished", &self.0.ledger.unfinished())
                    .field("shut_down", &self.0.ledger.is_shut_down())
                    .finish()
            }
        }
    };
}

queue! {
    /// Items go out in the order in which they came in. Tasks share it by `Rc`, children of a scope by reference.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use ferrio::{Queue, create_task};
    ///
    /// ferrio::run(async {
    ///     let queue = Rc::new(Queue::new(2));
    ///     let puts = queue.clone();
    ///     let producer = create_task(async move {
    ///         for number in 0..10 {
    ///             puts.put(number).await.unwrap();
    ///         }
    ///         puts.shutdown(false);
    ///     });
    ///     let mut sum = 0;
    ///     while let Ok(number) = queue.get().await {
    ///         sum += number;
    ///     }
    ///     producer.await.unwrap();
    ///     assert_eq!(sum, 45);
    /// });
    /// ```
    Queue, "ferrio::Queue", VecDeque
}

queue! {
    /// The lowest item goes out first; of equal ones the one that came first.
    ///
    /// ```
    /// let queue = ferrio::PriorityQueue::new(0);
    /// for entry in [(2, "soon"), (1, "now"), (3, "later")] {
    ///     queue.put_nowait(entry).unwrap();
    /// }
    /// assert_eq!(queue.get_nowait(), Ok((1, "now")));
    /// ```
    PriorityQueue, "ferrio::PriorityQueue", Heap, Ord
}

queue! {
    /// The item that came last goes out first.
    ///
    /// ```
    /// let queue = ferrio::LifoQueue::new(0);
    /// queue.put_nowait("first").unwrap();
    /// queue.put_nowait("last").unwrap();
    /// assert_eq!(queue.get_nowait(), Ok("last"));
    /// ```
    LifoQueue, "ferrio::LifoQueue", Stack
}
