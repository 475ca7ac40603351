//! The inbox, the bell and the references of tasks, in every order in which threads can meet there: loom runs each model through
//! all of them.
//!
//! The files under test are compiled once more, with loom's types in the place of the standard library's and a bell-rope that
//! remembers whether it was pulled in the place of a descriptor.

#![cfg(not(miri))]

use loom::thread;

mod event_loop {
    pub(crate) mod atomics {
        pub(crate) use loom::cell::Cell;
        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
        pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
    }
}

#[path = "../src/event_loop/inbox.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "it is part of another crate")]
mod inbox;

#[path = "../src/event_loop/task/references.rs"]
#[allow(dead_code, reason = "it is part of another crate")]
mod references;

mod reactor {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, Ordering};

    #[derive(Clone, Debug)]
    pub(crate) struct Notifier(Arc<AtomicBool>);

    impl Notifier {
        pub(crate) fn new() -> Self {
            Notifier(Arc::new(AtomicBool::new(false)))
        }

        pub(crate) fn notify(&self) {
            self.0.store(true, Ordering::SeqCst);
        }

        /// Whether a wait would end at once.
        pub(crate) fn is_notified(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
}

use event_loop::atomics::{Arc, Cell};
use inbox::{Bell, Inbox};
use reactor::Notifier;
use references::References;

fn parts() -> (Notifier, Arc<Bell>, Arc<Inbox<u32>>) {
    let notifier = Notifier::new();
    let bell = Arc::new(Bell::new(notifier.clone()));
    let inbox = Arc::new(Inbox::new(bell.clone()));
    (notifier, bell, inbox)
}

/// Either the loop sees the word before it waits, or its wait ends: never neither.
#[test]
fn a_post_is_seen_or_wakes_the_loop() {
    loom::model(|| {
        let (notifier, bell, inbox) = parts();
        let poster = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.post(1))
        };
        bell.sleep();
        let waits = inbox.is_empty();
        poster.join().unwrap();
        assert!(!waits || notifier.is_notified());
        bell.awake();
        assert_eq!(inbox.take(), [1]);
    });
}

#[test]
fn what_two_threads_post_is_all_there_once() {
    // Of three threads all orders are too many: those in which a thread is interrupted three times at most.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (notifier, bell, inbox) = parts();
        let posters = [1, 2].map(|word| {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.post(word))
        });
        let mut taken = inbox.take();
        bell.sleep();
        let waits = inbox.is_empty();
        for poster in posters {
            poster.join().unwrap();
        }
        assert!(!waits || taken.len() == 2 || notifier.is_notified());
        taken.extend(inbox.take());
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

/// A bell that rings when the loop has begun to wait ends the wait; one that rang before does not reach the next wait.
#[test]
fn a_ring_ends_the_wait_that_it_meets() {
    loom::model(|| {
        let (notifier, bell, _inbox) = parts();
        bell.sleep();
        let ringer = {
            let bell = bell.clone();
            thread::spawn(move || bell.ring())
        };
        ringer.join().unwrap();
        assert!(notifier.is_notified());
        assert!(!bell.is_asleep());
    });
}

/// What is offered to a loop that closes is taken by it or dropped: nothing stays.
#[test]
fn an_offer_is_taken_or_dropped() {
    loom::model(|| {
        let (_notifier, _bell, inbox) = parts();
        let poster = {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.offer(1))
        };
        inbox.close();
        drop(inbox.take());
        poster.join().unwrap();
        assert!(inbox.is_empty() && inbox.take().is_empty());
    });
}

/// A task's memory, as far as wakers know it, and an inbox to post it to.
struct Task {
    references: References,
    /// What a waker's thread has done before it wakes the task.
    done: loom::cell::UnsafeCell<u32>,
    /// Looked at by whoever has a reference, and changed by who frees the memory: loom tells of one that comes too late.
    memory: loom::cell::UnsafeCell<u32>,
    inbox: Arc<Inbox<Post>>,
    /// The loop's own.
    ended: Cell<bool>,
}

/// A task on its way to its loop, with a reference. `None` once it is taken.
struct Post(Option<Arc<Task>>);

impl Drop for Post {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.references.unpost();
            task.release();
        }
    }
}

// SAFETY: loom's cells tell of threads that meet there.
unsafe impl Sync for Task {}
// SAFETY: as above.
unsafe impl Send for Task {}

impl Task {
    /// With so many wakers, cloned on the loop's thread.
    fn new(bell: Arc<Bell>, wakers: usize) -> Arc<Self> {
        let task = Task {
            references: References::new(),
            done: loom::cell::UnsafeCell::new(0),
            memory: loom::cell::UnsafeCell::new(0),
            inbox: Arc::new(Inbox::new(bell)),
            ended: Cell::new(false),
        };
        (0..wakers).for_each(|_| task.references.take_own());
        Arc::new(task)
    }

    /// `Waker::wake` on another thread.
    fn wake(task: &Arc<Self>) {
        task.is_there();
        if task.references.post() {
            task.inbox.offer(Post(Some(task.clone())));
        } else {
            task.release();
        }
    }

    /// `Waker::clone` on another thread.
    fn clone_waker(&self) {
        self.is_there();
        self.references.take();
    }

    fn release(&self) {
        self.is_there();
        if self.references.release() {
            self.free();
        }
    }

    /// The loop takes what was posted. Whether it polls.
    fn take_posts(&self) -> bool {
        let posts = self.inbox.take();
        assert!(posts.len() <= 1, "there is one post at a time");
        let polls = !posts.is_empty() && !self.ended.get();
        for mut post in posts {
            if polls && post.0.take().is_some() {
                self.references.unpost();
                self.references.release_own();
            }
        }
        polls
    }

    /// The future is gone.
    fn end(&self, has_handle: bool) -> bool {
        self.ended.set(true);
        if !self.references.is_alone() {
            if self.references.share(has_handle) {
                self.free();
            }
            return true;
        }
        if !has_handle {
            self.free();
        }
        false
    }

    fn is_there(&self) {
        self.memory.with(|memory| {
            // SAFETY: loom sees to it that nobody writes meanwhile.
            assert_eq!(unsafe { *memory }, 0, "it was freed");
        });
    }

    fn free(&self) {
        self.memory.with_mut(|memory| {
            // SAFETY: loom sees to it that nobody has it meanwhile.
            let times = unsafe { &mut *memory };
            *times += 1;
            assert_eq!(*times, 1, "it is freed once");
        });
    }

    fn is_freed(&self) -> bool {
        // SAFETY: loom sees to it that nobody writes meanwhile.
        self.memory.with(|memory| unsafe { *memory }) == 1
    }
}

fn task(wakers: usize) -> (Notifier, Arc<Bell>, Arc<Task>) {
    let notifier = Notifier::new();
    let bell = Arc::new(Bell::new(notifier.clone()));
    (notifier, bell.clone(), Task::new(bell, wakers))
}

/// A poll sees what was done before the wake-up, and the loop does not wait before that poll.
#[test]
fn what_was_done_before_a_wake_up_is_seen_by_a_poll_after_it() {
    loom::model(|| {
        let (notifier, bell, task) = task(1);
        let waker = {
            let task = task.clone();
            thread::spawn(move || {
                // SAFETY: loom sees to it that nobody else looks meanwhile.
                task.done.with_mut(|done| unsafe { *done = 1 });
                Task::wake(&task);
            })
        };
        // SAFETY: as above.
        let is_done = || task.done.with(|done| unsafe { *done }) == 1;
        let mut saw = task.take_posts() && is_done();
        bell.sleep();
        let waits = task.inbox.is_empty();
        waker.join().unwrap();
        assert!(saw || !waits || notifier.is_notified());
        saw |= task.take_posts() && is_done();
        assert!(saw);
        assert!(task.references.is_alone());
    });
}

/// Two threads wake the task: whoever comes second and posts nothing is seen by the poll for the first one's post.
#[test]
fn a_wake_up_that_meets_another_ones_post_is_seen_too() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (_notifier, _bell, task) = task(2);
        let done = Arc::new([loom::sync::atomic::AtomicBool::new(false), false.into()]);
        let wakers = [0, 1].map(|place| {
            let (task, done) = (task.clone(), done.clone());
            thread::spawn(move || {
                done[place].store(true, loom::sync::atomic::Ordering::Relaxed);
                Task::wake(&task);
            })
        });
        let mut seen = [false; 2];
        let mut poll = || {
            if task.take_posts() {
                seen = [0, 1].map(|place| done[place].load(loom::sync::atomic::Ordering::Relaxed));
            }
        };
        poll();
        poll();
        for waker in wakers {
            waker.join().unwrap();
        }
        poll();
        assert_eq!(seen, [true; 2]);
        assert!(task.references.is_alone());
    });
}

/// Whoever is last frees the memory, once: the loop that ends the task, its handle, or a waker.
#[test]
fn an_end_that_meets_the_last_wakers_leaves_nothing() {
    for has_handle in [false, true] {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(move || {
            let (_notifier, _bell, task) = task(2);
            let clones = {
                let task = task.clone();
                thread::spawn(move || {
                    task.clone_waker();
                    Task::wake(&task);
                    task.release();
                })
            };
            let wakes = {
                let task = task.clone();
                thread::spawn(move || Task::wake(&task))
            };
            task.take_posts();
            let is_shared = task.end(has_handle);
            if has_handle && is_shared {
                task.release();
            } else if has_handle {
                task.free();
            }
            task.take_posts();
            clones.join().unwrap();
            wakes.join().unwrap();
            task.take_posts();
            assert!(task.is_freed());
        });
    }
}

/// As the loop closes: a post that comes too late is dropped where it was made.
#[test]
fn a_wake_up_that_meets_the_end_of_the_loop_leaves_nothing() {
    loom::model(|| {
        let (_notifier, _bell, task) = task(1);
        let waker = {
            let task = task.clone();
            thread::spawn(move || Task::wake(&task))
        };
        task.inbox.close();
        drop(task.inbox.take());
        task.end(false);
        waker.join().unwrap();
        assert!(task.is_freed() && task.inbox.is_empty());
    });
}
