//! `#[ferrio::main]` and `#[ferrio::test]` where they are used rightly; ferrio-macros has what is said of wrong use.
#![cfg(feature = "macros")]

use std::time::Duration;

use ferrio::{current_task, get_running_loop, sleep, yield_now};

#[ferrio::test]
async fn a_test_runs_on_a_loop() {
    yield_now().await;
    assert_eq!(current_task().unwrap().name(), "Task-1");
}

#[ferrio::test(virtual_clock)]
async fn an_hour_takes_no_time() {
    let hour = Duration::from_secs(3600);
    sleep(hour).await;
    assert_eq!(get_running_loop().time(), hour);
}

#[ferrio::test(virtual_clock, watchdog = "10s")]
async fn options_come_together() -> Result<(), std::num::ParseIntError> {
    sleep(Duration::from_secs(1)).await;
    let number: i32 = "7".parse()?;
    assert_eq!(number, 7);
    Ok(())
}

/// Other attributes stay where they were.
#[ferrio::test]
#[should_panic(expected = "as expected")]
async fn a_panic_is_the_tests() {
    yield_now().await;
    panic!("as expected");
}

#[ferrio::test]
async fn an_error_fails_the_test() -> Result<(), String> {
    #[ferrio::main]
    async fn fails() -> Result<u8, std::num::ParseIntError> {
        let number = "x".parse::<u8>()?;
        Ok(number)
    }
    ferrio::to_thread(fails).await.map(|_| ()).unwrap_err();
    Ok(())
}

mod renamed {
    pub(crate) mod inner {
        pub(crate) use ferrio::run;
    }
}

/// With what stands around a function left as it is.
#[ferrio::main(crate = "crate::renamed::inner")]
#[allow(unused_variables)]
pub(crate) async fn elsewhere() -> impl Iterator<Item = u8> {
    let unused = 1;
    (0..3).map(|n| n * 2)
}

#[test]
fn the_crate_may_have_another_name() {
    assert_eq!(elsewhere().collect::<Vec<_>>(), [0, 2, 4]);
}

#[ferrio::main]
#[must_use]
async fn unsuspecting() -> i32 {
    41 + 1
}

#[test]
fn what_does_not_await_is_as_good() {
    assert_eq!(unsuspecting(), 42);
}
