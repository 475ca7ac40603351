//! `WokenSet`: futures that run inside one future, each polled only when it was woken, and at most once a turn.
//!
//! ```text
//! a child is woken ──▶ its link is queued, and the whole's task is woken ──▶ poll_turn: all that were queued by then, in order
//! ```
//!
//! A child that wakes itself, as `yield_now` does, so has its turn after whatever else the loop has queued. Children may be woken
//! from any thread. Links outlive their children, and even the set: one that comes too late for its child is told apart by its
//! number, and a set that is gone takes none. (A link holds the queue, so a queue that kept links would live for ever.)

use std::collections::VecDeque;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

/// See the module.
pub(crate) struct WokenSet<F: ?Sized> {
    children: Slab<Child<F>>,
    /// Whose turn it is. Empty unless a turn was broken off.
    turn: VecDeque<Arc<Link>>,
    queue: OwnQueue,
    /// How many children there ever were.
    numbered: u64,
}

struct Child<F: ?Sized> {
    number: u64,
    /// Its link, as a waker.
    waker: Waker,
    future: Pin<Box<F>>,
}

/// The set's hold of its queue: the last one that takes links.
#[derive(Default)]
struct OwnQueue(Arc<Queue>);

/// Who wants to be polled, as others may touch it.
#[derive(Default)]
struct Queue(Mutex<Woken>);

#[derive(Default)]
struct Woken {
    links: VecDeque<Arc<Link>>,
    /// The whole's task, which is woken for the first of the links. Shared, since a clone of the waker may run the program's own
    /// code, and who is woken only has the lock.
    task: Option<Arc<Waker>>,
    /// The set is gone.
    is_closed: bool,
}

struct Link {
    key: usize,
    number: u64,
    is_queued: AtomicBool,
    queue: Arc<Queue>,
}

impl<F: ?Sized> WokenSet<F> {
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.children.clear();
    }
}

impl<F: Future + ?Sized> WokenSet<F> {
    pub(crate) fn new() -> Self {
        WokenSet { children: Slab::new(), turn: VecDeque::new(), queue: OwnQueue::default(), numbered: 0 }
    }

    /// Takes a future in. It is polled when all that were woken before have been.
    pub(crate) fn insert(&mut self, future: Pin<Box<F>>) {
        let entry = self.children.vacant_entry();
        let number = self.numbered;
        self.numbered += 1;
        let is_queued = AtomicBool::new(true);
        let link = Arc::new(Link { key: entry.key(), number, is_queued, queue: self.queue.0.clone() });
        entry.insert(Child { number, waker: Waker::from(link.clone()), future });
        self.queue.0.lock().links.push_back(link);
    }

    /// Polls who was woken, and shows what they give, until `show` breaks it off or all had their turn.
    pub(crate) fn poll_turn<B>(
        &mut self,
        context: &mut Context<'_>,
        mut show: impl FnMut(F::Output) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.queue.0.move_to(&mut self.turn, context.waker());
        while let Some(link) = self.turn.pop_front() {
            // From here on it can be queued anew.
            link.is_queued.store(false, Ordering::Release);
            let Some(child) = self.children.get_mut(link.key) else { continue };
            if child.number != link.number {
                continue;
            }
            if let Poll::Ready(output) = child.future.as_mut().poll(&mut Context::from_waker(&child.waker)) {
                let child = self.children.remove(link.key);
                drop(child);
                show(output)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The output of whoever ends next; `None` when nobody is left.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        match self.poll_turn(context, ControlFlow::Break) {
            ControlFlow::Break(output) => Poll::Ready(Some(output)),
            ControlFlow::Continue(()) if self.is_empty() => Poll::Ready(None),
            ControlFlow::Continue(()) => Poll::Pending,
        }
    }
}

impl<F: Future> FromIterator<F> for WokenSet<F> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = WokenSet::new();
        futures.into_iter().for_each(|future| set.insert(Box::pin(future)));
        set
    }
}

impl Queue {
    /// No code of a program's runs while the lock is held, so a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, Woken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the links behind those of `turn`. Who is woken from now on wakes `task`.
    fn move_to(&self, turn: &mut VecDeque<Arc<Link>>, task: &Waker) {
        let mut woken = self.lock();
        if !woken.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            // Cloned and dropped while the lock is free: each may run the program's own code.
            drop(woken);
            let task = Arc::new(task.clone());
            let old = self.lock().task.replace(task);
            drop(old);
            woken = self.lock();
        }
        if turn.is_empty() {
            std::mem::swap(turn, &mut woken.links);
        } else {
            turn.append(&mut woken.links);
        }
    }
}

impl Drop for OwnQueue {
    fn drop(&mut self) {
        let mut woken = self.0.lock();
        let left = std::mem::replace(&mut *woken, Woken { is_closed: true, ..Woken::default() });
        drop(woken);
        drop(left);
    }
}

impl Wake for Link {
    fn wake(self: Arc<Self>) {
        Link::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut woken = self.queue.lock();
        if woken.is_closed {
            return;
        }
        let is_first = woken.links.is_empty();
        woken.links.push_back(self.clone());
        let task = if is_first { woken.task.clone() } else { None };
        drop(woken);
        if let Some(task) = task {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use super::*;

    type Turn = ControlFlow<()>;

    fn turn<F: Future<Output = ()>>(set: &mut WokenSet<F>) -> usize {
        let mut ended = 0;
        let Turn::Continue(()) = set.poll_turn(&mut Context::from_waker(Waker::noop()), |()| {
            ended += 1;
            Turn::Continue(())
        }) else {
            unreachable!("nobody broke it off")
        };
        ended
    }

    #[test]
    fn who_wakes_itself_has_its_turn_next_time() {
        let polls = Cell::new(0);
        let mut set: WokenSet<_> = [poll_fn(|context| {
            polls.set(polls.get() + 1);
            context.waker().wake_by_ref();
            if polls.get() == 3 { Poll::Ready(()) } else { Poll::Pending }
        })]
        .into_iter()
        .collect();
        assert_eq!([(); 3].map(|()| turn(&mut set)), [0, 0, 1]);
        assert!(set.is_empty());
        assert_eq!(turn(&mut set), 0, "its last wake-up was for nobody");
    }

    #[test]
    fn a_late_wake_up_is_not_for_who_has_the_place_now() {
        let waker = Cell::new(None);
        let polls = Cell::new(0);
        let mut set = WokenSet::<dyn Future<Output = ()> + '_>::new();
        let poll = |set: &mut WokenSet<_>| set.poll_next(&mut Context::from_waker(Waker::noop()));
        set.insert(Box::pin(poll_fn(|context| {
            waker.set(Some(context.waker().clone()));
            Poll::Ready(())
        })));
        assert!(poll(&mut set).is_ready());
        set.insert(Box::pin(poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::Pending
        })));
        assert!(poll(&mut set).is_pending());
        if let Some(waker) = waker.take() {
            waker.wake();
        }
        assert!(poll(&mut set).is_pending());
        assert_eq!(polls.get(), 1);
    }

    #[test]
    fn one_wake_up_is_for_all_who_were_woken() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        let wakers = std::cell::RefCell::new(Vec::new());
        let mut set: WokenSet<_> = (0..3)
            .map(|_| {
                poll_fn(|context| {
                    wakers.borrow_mut().push(context.waker().clone());
                    Poll::<()>::Pending
                })
            })
            .collect();
        let count = Arc::new(Count(0.into()));
        assert!(set.poll_next(&mut Context::from_waker(&count.clone().into())).is_pending());
        wakers.borrow().iter().for_each(Waker::wake_by_ref);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    /// Miri tells of memory that is left.
    #[test]
    fn who_is_woken_when_the_set_is_gone_leaves_nothing() {
        let waker = Cell::new(None);
        let mut set: WokenSet<_> = [poll_fn(|context| {
            waker.set(Some(context.waker().clone()));
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        })]
        .into_iter()
        .collect();
        assert!(set.poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
        let late = waker.take().unwrap();
        assert_eq!(turn(&mut set), 0);
        drop(set);
        late.wake();
        waker.take().unwrap().wake();
    }
}
