//! compio, on either of its drivers; locks and channels are async-lock's and async-channel's. The names are explained in
//! `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::cell::Cell;
use std::future::Future;

use compio::BufResult;
use compio::driver::{DriverType, ProactorBuilder};
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use cyper_core::{CompioTimer, HyperStream};

use super::smol;
use crate::hello;
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use super::yielding::yield_now;
pub use compio::runtime::JoinHandle as Task;
pub use compio::time::sleep;
pub use smol::{Lock, Semaphore, acquire, channel, permit, receive, send};
pub use std::rc::Rc as Shared;

pub type Stream = TcpStream;

thread_local!(static KIND: Cell<Kind> = const { Cell::new(Kind::Epoll) });

pub fn measure(kind: Kind, row: &str, count: usize) -> Option<Measured> {
    KIND.set(kind);
    programs::measure(row, count)
}

pub fn run<T>(main: impl Future<Output = T>) -> T {
    let driver = if KIND.get() == Kind::Uring { DriverType::IoUring } else { DriverType::Poll };
    let mut proactor = ProactorBuilder::new();
    proactor.driver_type(driver);
    let mut builder = compio::runtime::RuntimeBuilder::new();
    // Cannot fail where the kernel lets programs have this driver; else there is nothing to measure.
    builder.with_proactor(proactor).build().expect("a runtime").block_on(main)
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    compio::runtime::spawn(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    // Cannot fail: no program cancels a task, and none panics.
    task.await.unwrap_or_else(|_| panic!("the task ended"))
}

pub fn detach<T>(task: Task<T>) {
    task.detach();
}

pub async fn in_thread(call: impl FnOnce() -> usize + Send + 'static) -> usize {
    join(compio::runtime::spawn_blocking(call)).await
}

pub async fn serve<F: Future<Output = ()> + 'static>(handle: impl Fn(Stream) -> F + Clone + 'static) -> u16 {
    // Cannot fail: the system has ports left, or there is nothing to measure.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    // Cannot fail: it is bound.
    let port = listener.local_addr().expect("an address").port();
    detach(spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _best_effort = stream.set_nodelay(true);
            detach(spawn(handle(stream)));
        }
    }));
    port
}

pub async fn echo(mut stream: Stream) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        buffer.clear();
        let BufResult(read, filled) = stream.read(buffer).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let BufResult(written, sent) = stream.write_all(filled).await;
        if written.is_err() {
            return;
        }
        buffer = sent;
    }
}

pub async fn hello(stream: Stream) {
    let stream = HyperStream::new_plain(stream);
    let _closed = hello::http1(CompioTimer).serve_connection(stream, hello::service()).await;
}
