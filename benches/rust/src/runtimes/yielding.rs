//! `yield_now` for runtimes that have none: wakes its own task and lets others run first.

use std::future::poll_fn;
use std::task::Poll;

pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
