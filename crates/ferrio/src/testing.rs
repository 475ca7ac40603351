//! What tests need besides `#[ferrio::test(virtual_clock)]`: time that they move, and a way to let everything happen that can.
//!
//! On a virtual clock time stands still while anything is ready, and jumps to the next timer when nothing is. So a test of hours
//! takes no time, and comes out the same on a busy machine. Where a thread or a child process is under way, which `to_thread`,
//! `fs` and `subprocess` tell the loop, time moves as real time does until that has ended. Where somebody waits for a
//! descriptor, the kernel gets a millisecond to deliver before each jump. Where there is no timer, the loop waits as any other.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::events::LoopState;
use crate::threads::Outside;
use crate::{sleep, yield_now};

thread_local! {
    /// How many tasks of this thread are in `settle`, and do not count as something that happens.
    static SETTLING: Cell<usize> = const { Cell::new(0) };
}

/// Moves the virtual clock forward by `time`, and has everything run that is due on the way, each timer at its own time. What is
/// due at the very end has run once when this completes; [`settle`] lets it go on.
///
/// # Panics
/// Where the running loop has no virtual clock, and where no loop runs.
///
/// ```
/// use std::time::Duration;
/// use ferrio::testing::advance;
///
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let nap = ferrio::create_task(ferrio::sleep(Duration::from_secs(60)));
///     advance(Duration::from_secs(59)).await;
///     assert!(!nap.is_finished());
///     advance(Duration::from_secs(1)).await;
///     assert!(nap.is_finished());
/// });
/// # std::io::Result::Ok(())
/// ```
pub async fn advance(time: Duration) {
    let is_virtual = LoopState::with("testing::advance", |state| state.is_virtual);
    assert!(
        is_virtual,
        "testing::advance: this loop has the system's clock; \
         use #[ferrio::test(virtual_clock)] or Runner::builder().virtual_clock(true)"
    );
    sleep(time).await;
    // What is due at the same time and was scheduled later comes behind this task.
    yield_now().await;
}

/// Lets everything run that can run without time going by, until all other tasks wait. What comes from threads and descriptors
/// is not waited for. A task that never waits keeps this from completing.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let task = ferrio::create_task(async {
///         for _ in 0..10 {
///             ferrio::yield_now().await;
///         }
///     });
///     ferrio::testing::settle().await;
///     assert!(task.is_finished());
/// });
/// ```
pub async fn settle() {
    let _settling = Settling::begin();
    let mut turns = 0;
    poll_fn(|context| {
        let others = LoopState::with("testing::settle", |state| state.engine.ready().len());
        // Once round at least: the others that settle, too, are the ones that are queued.
        if turns > 0 && others < SETTLING.get() {
            return Poll::Ready(());
        }
        turns += 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Has a virtual clock go as real time does, until the guard is dropped: something that the loop cannot know of is under way, such
/// as a thread of the test's own. No effect on the system's clock.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// use std::time::Duration;
///
/// let runner = ferrio::Runner::builder().virtual_clock(true).build()?;
/// runner.run(async {
///     let (promise, promised) = ferrio::create_future();
///     let _held = ferrio::testing::hold_time();
///     std::thread::spawn(move || promise.set_result("from a thread"));
///     let waiting = ferrio::create_task(promised);
///     ferrio::sleep(Duration::from_millis(200)).await;
///     assert!(waiting.is_finished());
/// });
/// # std::io::Result::Ok(())
/// ```
#[must_use = "time jumps again as soon as the guard is dropped"]
#[track_caller]
pub fn hold_time() -> HeldTime {
    HeldTime(Outside::of(LoopState::require("testing::hold_time")))
}

/// See [`hold_time`].
pub struct HeldTime(#[expect(dead_code, reason = "its end is what counts")] Outside);

impl std::fmt::Debug for HeldTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeldTime")
    }
}

struct Settling;

impl Settling {
    fn begin() -> Self {
        SETTLING.set(SETTLING.get() + 1);
        Settling
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        SETTLING.set(SETTLING.get() - 1);
    }
}
