//! A pool that gets no thread. The system has to refuse one, so this runs in a process of its own.

#![cfg(all(target_os = "linux", not(miri)))]

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ferrio_engine::event_loop::pool::Pool;

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks its pool when it is dropped.
struct Asks(Arc<Pool>);

impl Drop for Asks {
    fn drop(&mut self) {
        assert_eq!(self.0.threads(), 0);
    }
}

#[test]
#[ignore = "run by the other test, where no thread can be started"]
fn a_job_that_is_refused() {
    let pool = Arc::new(Pool::new("test", 1));
    let asks = Asks(pool.clone());
    assert!(pool.submit(move || drop(asks)).is_err());
}

#[test]
fn a_job_for_which_there_is_no_thread_is_dropped_where_the_pool_can_be_asked() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_job_that_is_refused", "--ignored", "--test-threads=1"])
        .env("RUST_MIN_STACK", (1_u64 << 60).to_string())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("it is stuck");
}
