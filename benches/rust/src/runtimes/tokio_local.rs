//! tokio's `LocalRuntime`: tasks need not be `Send`. The names are explained in `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::future::Future;

use hyper_util::rt::{TokioIo, TokioTimer};

use crate::hello;
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use super::tokio_any::{
    Lock, Semaphore, Stream, acquire, channel, echo, in_thread, join, listen, permit, receive, send,
};
pub use std::rc::Rc as Shared;
pub use tokio::task::{JoinHandle as Task, yield_now};
pub use tokio::time::sleep;

pub fn measure(_: Kind, row: &str, count: usize) -> Option<Measured> {
    programs::measure(row, count)
}

pub fn run<T>(main: impl Future<Output = T>) -> T {
    // Cannot fail: the system has descriptors left, or there is nothing to measure.
    tokio::runtime::LocalRuntime::new().expect("a runtime").block_on(main)
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    tokio::task::spawn_local(future)
}

pub fn detach<T>(task: Task<T>) {
    drop(task);
}

pub async fn serve<F: Future<Output = ()> + 'static>(handle: impl Fn(Stream) -> F + Clone + 'static) -> u16 {
    let (listener, port) = listen().await;
    detach(spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _best_effort = stream.set_nodelay(true);
            detach(spawn(handle(stream)));
        }
    }));
    port
}

pub async fn hello(stream: Stream) {
    let _closed =
        hello::http1(TokioTimer::new()).serve_connection(TokioIo::new(stream), hello::service()).await;
}
