//! monoio, on either of its drivers; locks and channels are async-lock's and async-channel's. The names are explained in
//! `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::cell::Cell;
use std::future::Future;

use monoio::blocking::DefaultThreadPool;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, IntoPollIo};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use monoio_compat::hyper::{MonoioIo, MonoioTimer};

use super::smol;
use crate::hello;
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use super::yielding::yield_now;
pub use monoio::task::JoinHandle as Task;
pub use monoio::time::sleep;
pub use smol::{Lock, Semaphore, acquire, channel, permit, receive, send};
pub use std::rc::Rc as Shared;

pub type Stream = TcpStream;

thread_local!(static KIND: Cell<Kind> = const { Cell::new(Kind::Epoll) });

pub fn measure(kind: Kind, row: &str, count: usize) -> Option<Measured> {
    KIND.set(kind);
    programs::measure(row, count)
}

pub fn run<T>(main: impl Future<Output = T>) -> T {
    let pool = || Box::new(DefaultThreadPool::new(32));
    // Cannot fail where the kernel lets programs have this driver; else there is nothing to measure.
    if KIND.get() == Kind::Uring {
        let builder = RuntimeBuilder::<IoUringDriver>::new().enable_timer().attach_thread_pool(pool());
        return builder.build().expect("a runtime").block_on(main);
    }
    let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer().attach_thread_pool(pool());
    // Cannot fail, as above.
    builder.build().expect("a runtime").block_on(main)
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    monoio::spawn(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    task.await
}

pub fn detach<T>(task: Task<T>) {
    drop(task);
}

pub async fn in_thread(call: impl FnOnce() -> usize + Send + 'static) -> usize {
    // Cannot fail: there is a pool, and the call does not panic.
    monoio::spawn_blocking(call).await.unwrap_or_else(|_| panic!("the call ended"))
}

pub async fn serve<F: Future<Output = ()> + 'static>(handle: impl Fn(Stream) -> F + Clone + 'static) -> u16 {
    // Cannot fail: the system has ports left, or there is nothing to measure.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
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
        let (read, filled) = stream.read(buffer).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let (written, sent) = stream.write_all(filled).await;
        if written.is_err() {
            return;
        }
        buffer = sent;
    }
}

pub async fn hello(stream: Stream) {
    let Ok(stream) = stream.into_poll_io() else { return };
    let _closed = hello::http1(MonoioTimer).serve_connection(MonoioIo::new(stream), hello::service()).await;
}
