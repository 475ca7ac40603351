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

#[derive(Debug)]
enum Stage {
    New(Duration),
    Sleeps(task::Sleep),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Stage::New(delay) = self.0 {
            self.0 = Stage::Sleeps(LoopState::with("sleep", |state| state.core().sleep(delay)));
        }
        match &mut self.0 {
            Stage::Sleeps(sleep) => Pin::new(sleep).poll(context),
            Stage::New(_) => Poll::Pending,
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
