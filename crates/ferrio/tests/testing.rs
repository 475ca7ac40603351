//! Time that tests move.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ferrio::testing::{advance, hold_time, settle};
use ferrio::{Runner, create_task, get_running_loop, sleep, yield_now};

fn on_virtual_time<T>(main: impl Future<Output = T>) -> T {
    Runner::builder().virtual_clock(true).build().unwrap().run(main)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn timers_run_at_their_own_times_on_the_way() {
    on_virtual_time(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        for delay in [30, 10, 20, 40] {
            let seen = seen.clone();
            create_task(async move {
                sleep(seconds(delay)).await;
                seen.borrow_mut().push(get_running_loop().time());
            })
            .detach();
        }
        advance(seconds(30)).await;
        assert_eq!(*seen.borrow(), [10, 20, 30].map(seconds));
        assert_eq!(get_running_loop().time(), seconds(30));
        advance(Duration::ZERO).await;
        assert_eq!(seen.borrow().len(), 3);
        advance(seconds(10)).await;
        assert_eq!(seen.borrow().len(), 4);
    });
}

#[test]
fn settling_lets_chains_end_and_takes_no_time() {
    on_virtual_time(async {
        let chain = create_task(async {
            for _ in 0..100 {
                yield_now().await;
                create_task(async {}).await.unwrap();
            }
        });
        let alarm = create_task(sleep(seconds(1)));
        settle().await;
        assert!(chain.is_finished() && !alarm.is_finished());
        assert_eq!(get_running_loop().time(), Duration::ZERO);
    });
}

#[test]
fn several_may_settle_at_a_time() {
    ferrio::run(async {
        let others: Vec<_> = (0..3).map(|_| create_task(settle())).collect();
        settle().await;
        for other in others {
            other.await.unwrap();
        }
    });
}

#[test]
fn held_time_does_not_jump() {
    on_virtual_time(async {
        let (promise, promised) = ferrio::create_future();
        let held = hold_time();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            promise.set_result(());
        });
        let alarm = create_task(sleep(seconds(3600)));
        promised.await.unwrap();
        assert!(!alarm.is_finished());
        drop(held);
        alarm.await.unwrap();
        assert!(get_running_loop().time() >= seconds(3600));
        thread.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "testing::advance: this loop has the system's clock")]
fn the_systems_clock_is_not_moved() {
    ferrio::run(advance(seconds(1)));
}
