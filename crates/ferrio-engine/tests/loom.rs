//! The inbox and the bell, in every order in which threads can meet there: loom runs each model through all of them.
//!
//! The file under test is compiled once more, with loom's types in the place of the standard library's and a bell-rope that
//! remembers whether it was pulled in the place of a descriptor.

#![cfg(not(miri))]

use loom::thread;

mod event_loop {
    pub(crate) mod atomics {
        pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
        pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
    }
}

#[path = "../src/event_loop/inbox.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "it is part of another crate")]
mod inbox;

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

use event_loop::atomics::Arc;
use inbox::{Bell, Inbox};
use reactor::Notifier;

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
