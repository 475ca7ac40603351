//! `sleep` and `yield_now`: waiting for the clock, and for everybody else's turn.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ferrio_engine::task;

use crate::events::LoopState;

/// Completes `delay` after it was first awaited, on the clock of the running loop.
///
/// # Panics
/// When it is awaited where no loop runs.
///
/// ```
/// # use std::time::Duration;
/// ferrio::run(async {
///     ferrio::sleep(Duration::from_millis(1)).await;
/// });
/// ```
pub fn sleep(delay: Duration) -> Sleep {
    Sleep(Stage::New(delay))
}

/// See [`sleep`].
#[derive(Debug)]
#[must_use = "a sleep that is not awaited does nothing"]
pub struct Sleep(Stage);

/// Two words: a million that sleep take 16 bytes less each than with the clock they are on.
#[derive(Debug)]
enum Stage {
    New(Duration),
    Asleep(task::Asleep),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Stage::Asleep(asleep) => Pin::new(asleep).poll(context),
            Stage::New(delay) => {
                let state = LoopState::require("sleep");
                self.0 = Stage::Asleep(state.core().fall_asleep(state.time().after(*delay), context));
                Poll::Pending
            }
        }
    }
}

/// Lets everything else that is ready run first: asyncio's `sleep(0)`.
///
/// ```
/// ferrio::run(ferrio::yield_now());
/// ```
pub async fn yield_now() {
    task::yield_now().await;
}
