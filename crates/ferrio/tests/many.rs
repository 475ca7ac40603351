//! Several loops: their outputs, what one that fails does to the others, and channels between them.

use std::cell::Cell;
use std::future::pending;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrio::{Receiver, SendError, TryRecvError, TrySendError, channel, run_many};

#[test]
fn each_loop_has_its_thread_and_its_output_its_place() {
    let barrier = Barrier::new(4);
    let names = run_many(4, |n| {
        let barrier = &barrier;
        async move {
            // Not `Send`, and across an await.
            let own = Rc::new(Cell::new(n));
            barrier.wait();
            ferrio::sleep(Duration::from_millis(4 - n as u64)).await;
            (own.get(), std::thread::current().name().unwrap_or("").to_owned())
        }
    });
    let expected: Vec<_> = (0..4).map(|n| (n, format!("ferrio-loop-{n}"))).collect();
    assert_eq!(names, expected);
    assert_eq!(run_many(0, |n| async move { n }), []);
}

/// The others would run for ever.
#[test]
fn the_first_panic_cancels_the_others_and_is_carried() {
    struct Counts<'a>(&'a AtomicUsize);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (dropped, begun) = (AtomicUsize::new(0), Barrier::new(3));
    let panic = catch_unwind(|| {
        run_many(3, |n| {
            let (counts, begun) = (Counts(&dropped), &begun);
            async move {
                let _counts = counts;
                begun.wait();
                assert!(n != 1, "loop {n} fails");
                pending::<()>().await;
            }
        })
    })
    .unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "loop 1 fails");
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

#[test]
fn a_panic_before_the_future_is_made_counts_as_well() {
    let panic = catch_unwind(|| {
        run_many(2, |n| {
            assert!(n != 0, "no future");
            pending::<()>()
        })
    })
    .unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>().unwrap(), &"no future");
}

#[test]
fn an_error_is_a_value() {
    let ended = run_many(2, |n| async move { if n == 0 { Err("refused") } else { Ok(n) } });
    assert_eq!(ended, [Err("refused"), Ok(1)]);
}

#[test]
#[should_panic(expected = "run_many: a loop is running on this thread")]
fn on_a_loop_it_is_refused() {
    ferrio::run(async { run_many(1, |n| async move { n }) });
}

#[test]
#[cfg_attr(miri, ignore = "loops wait there by spinning: four of them take minutes for 4,000 values")]
fn all_values_arrive_once_whatever_the_capacity() {
    for capacity in [1, 2, 7, usize::MAX] {
        let (sender, receiver) = channel(capacity);
        let sums = run_many(4, |n| {
            let end = if n < 2 { Ok(sender.clone()) } else { Err(receiver.clone()) };
            async move {
                let mut sum = 0;
                match end {
                    Ok(sender) => {
                        for value in 1..=500_u64 {
                            sender.send(value).await.unwrap();
                        }
                        sender.send(0).await.unwrap();
                    }
                    Err(receiver) => {
                        while let Some(value) = receiver.recv().await {
                            sum += value;
                            if value == 0 {
                                break;
                            }
                        }
                    }
                }
                sum
            }
        });
        let left: u64 = std::iter::from_fn(|| receiver.try_recv().ok()).sum();
        assert_eq!(sums.iter().sum::<u64>() + left, 2 * 125_250, "capacity {capacity}");
    }
}

#[test]
fn one_value_after_another_in_order() {
    ferrio::run(async {
        let (sender, receiver) = channel(2);
        let sending = ferrio::create_task(async move {
            for n in 0..100 {
                sender.send(n).await.unwrap();
                assert!(sender.len() <= 2);
            }
        });
        for n in 0..100 {
            assert_eq!(receiver.recv().await, Some(n));
        }
        sending.await.unwrap();
        assert_eq!(receiver.recv().await, None);
    });
}

#[test]
fn who_waits_is_served_in_order_and_a_dropped_one_passes_on() {
    ferrio::run(async {
        let (sender, receiver) = channel(4);
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let wait = |name: &'static str| {
            let (receiver, order): (Receiver<i32>, _) = (receiver.clone(), order.clone());
            ferrio::create_task(async move {
                let value = receiver.recv().await;
                order.borrow_mut().push((name, value));
            })
        };
        let (a, b, c) = (wait("a"), wait("b"), wait("c"));
        ferrio::testing::settle().await;
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        // Woken, and gone before it looks: its value is the next one's.
        a.cancel();
        b.await.unwrap();
        c.await.unwrap();
        assert_eq!(*order.borrow(), [("b", Some(1)), ("c", Some(2))]);
    });
}

#[test]
fn a_sender_that_waits_and_is_dropped_passes_its_place_on() {
    ferrio::run(async {
        let (sender, receiver) = channel(1);
        sender.try_send(0).unwrap();
        let send = |n| {
            let sender = sender.clone();
            ferrio::create_task(async move { sender.send(n).await })
        };
        let (one, two) = (send(1), send(2));
        ferrio::testing::settle().await;
        assert_eq!(receiver.try_recv(), Ok(0));
        one.cancel();
        two.await.unwrap().unwrap();
        assert_eq!(receiver.recv().await, Some(2));
        assert!(receiver.is_empty() && sender.is_empty());
    });
}

#[test]
fn closing_tells_both_sides() {
    ferrio::run(async {
        let (sender, receiver) = channel(1);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.try_send('a').unwrap();
        assert_eq!(sender.try_send('b'), Err(TrySendError::Full('b')));
        let waiting = ferrio::create_task({
            let sender = sender.clone();
            async move { sender.send('c').await }
        });
        ferrio::testing::settle().await;
        assert!(receiver.close() && !receiver.close());
        assert_eq!(waiting.await.unwrap(), Err(SendError('c')));
        assert!(sender.is_closed());
        assert_eq!(sender.try_send('d'), Err(TrySendError::Closed('d')));
        assert_eq!(receiver.recv().await, Some('a'));
        assert_eq!((receiver.recv().await, receiver.try_recv()), (None, Err(TryRecvError::Closed)));
    });
}

#[test]
fn the_last_receiver_drops_what_is_left() {
    let value = Rc::new(());
    let (sender, receiver) = channel(4);
    sender.try_send(value.clone()).unwrap();
    let other = receiver.clone();
    drop(receiver);
    assert_eq!(Rc::strong_count(&value), 2);
    drop(other);
    assert_eq!(Rc::strong_count(&value), 1);
    assert!(matches!(sender.try_send(value), Err(TrySendError::Closed(_))));
}

#[test]
#[should_panic(expected = "channel: the capacity must be at least one")]
fn a_channel_that_holds_nothing() {
    let _ends = channel::<()>(0);
}
