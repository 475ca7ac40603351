//! tokio's runtimes whose tasks are `Send`: `current_thread`, and `multi_thread` with two workers, which runs the main
//! program as a task, too. The names are explained in `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::cell::Cell;
use std::future::Future;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{MutexGuard, SemaphorePermit, mpsc};

use crate::hello;
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use std::sync::Arc as Shared;
pub use tokio::sync::{Mutex as Lock, Semaphore};
pub use tokio::task::{JoinHandle as Task, yield_now};
pub use tokio::time::sleep;

pub type Stream = TcpStream;
pub type Sender<T> = mpsc::Sender<T>;
pub type Receiver<T> = mpsc::Receiver<T>;

thread_local!(static KIND: Cell<Kind> = const { Cell::new(Kind::OneThread) });

pub fn measure(kind: Kind, row: &str, count: usize) -> Option<Measured> {
    KIND.set(kind);
    programs::measure(row, count)
}

pub fn run<T: Send + 'static>(main: impl Future<Output = T> + Send + 'static) -> T {
    // Cannot fail: the system has descriptors and threads left, or there is nothing to measure.
    if KIND.get() == Kind::OneThread {
        return Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(main);
    }
    // Cannot fail, as above.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { join(tokio::spawn(main)).await })
}

pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    tokio::spawn(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    // Cannot fail: no program cancels a task, and none panics.
    task.await.expect("the task ended")
}

pub fn detach<T>(task: Task<T>) {
    drop(task);
}

pub async fn in_thread(call: impl FnOnce() -> usize + Send + 'static) -> usize {
    join(tokio::task::spawn_blocking(call)).await
}

pub async fn acquire<T>(lock: &Lock<T>) -> MutexGuard<'_, T> {
    lock.lock().await
}

pub async fn permit(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    // Cannot fail: no program closes it.
    semaphore.acquire().await.expect("a semaphore that is open")
}

pub fn channel<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    mpsc::channel(room)
}

pub async fn send<T>(sender: &Sender<T>, item: T) {
    // Cannot fail: the receiver lives as long as the senders.
    sender.send(item).await.unwrap_or_else(|_| panic!("a queue that is open"));
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    // Cannot fail: as many are received as are sent.
    receiver.recv().await.expect("a queue that is open")
}

/// A socket that listens, and its port.
pub async fn listen() -> (TcpListener, u16) {
    // Cannot fail: the system has ports left, or there is nothing to measure.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    // Cannot fail: it is bound.
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

pub async fn serve<F>(handle: impl Fn(Stream) -> F + Clone + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, port) = listen().await;
    detach(spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _best_effort = stream.set_nodelay(true);
            detach(spawn(handle(stream)));
        }
    }));
    port
}

pub async fn echo(mut stream: Stream) {
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

pub async fn hello(stream: Stream) {
    let _closed =
        hello::http1(TokioTimer::new()).serve_connection(TokioIo::new(stream), hello::service()).await;
}
