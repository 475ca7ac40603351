//! `RateLimiter`: no window has more than its share, the share is used, first come first served.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::{Random, now, run, seconds, times, turns};
use ferrio::{RateLimiter, create_task, gather, scope, sleep, timeout};

#[test]
fn no_window_has_more_than_its_share() {
    for seed in 0..times(40) as u64 {
        run(async {
            let mut random = Random::new(seed);
            let (rate, per) = (1 + random.below(5), Duration::from_millis(700));
            let (limiter, granted) = (RateLimiter::new(rate, per), RefCell::new(Vec::new()));
            scope(async |s| {
                for _ in 0..times(40).max(rate + 2) {
                    let (limiter, granted) = (&limiter, &granted);
                    let comes = Duration::from_millis(random.below(6000) as u64);
                    let gives_up = random.below(4) == 0;
                    s.spawn(async move {
                        sleep(comes).await;
                        let limit = if gives_up { Duration::from_millis(300) } else { seconds(3600) };
                        if timeout(limit, limiter.acquire()).await.is_ok() {
                            granted.borrow_mut().push(now());
                        }
                    });
                }
            })
            .await;
            let granted = granted.borrow();
            assert!(granted.is_sorted());
            for window in granted.windows(rate + 1) {
                assert!(window[rate] >= window[0] + per, "{rate} in {per:?}: {window:?}");
            }
        });
    }
}

#[test]
fn the_share_is_used_in_the_order_of_coming() {
    run(async {
        let limiter = RateLimiter::new(3, seconds(10));
        let order = gather((0..9).map(async |number| {
            limiter.acquire().await;
            (now(), number)
        }));
        let expected: Vec<_> = (0..9).map(|number| (seconds(10 * (number / 3)), number)).collect();
        assert_eq!(order.await, expected);
        assert!(!limiter.try_acquire());
        sleep(seconds(10)).await;
        assert!([(); 4].map(|()| limiter.try_acquire()) == [true, true, true, false]);
    });
}

#[test]
fn who_is_dropped_takes_nothing_and_delays_nobody() {
    for step in 0..6 {
        run(async {
            let limiter = Rc::new(RateLimiter::new(1, seconds(10)));
            limiter.acquire().await;
            let acquires = |limiter: Rc<RateLimiter>| {
                create_task(async move {
                    limiter.acquire().await;
                    now()
                })
            };
            let (first, second) = (acquires(limiter.clone()), acquires(limiter.clone()));
            turns(step).await;
            assert!(!limiter.try_acquire());
            first.cancel();
            assert_eq!(second.await.unwrap(), seconds(10));
        });
    }
}

#[test]
fn another_virtual_clock_begins_anew() {
    let limiter = RateLimiter::new(1, seconds(10));
    run(async {
        sleep(seconds(3600)).await;
        limiter.acquire().await;
    });
    run(async {
        limiter.acquire().await;
        assert_eq!(now(), Duration::ZERO);
        assert!(!limiter.try_acquire());
    });
}

#[test]
#[should_panic(expected = "RateLimiter::new: a rate of zero")]
fn a_rate_lets_something_through() {
    let _never = RateLimiter::new(0, seconds(1));
}
