//! smol: a `LocalExecutor` of the thread, async-io's reactor, and of the same authors locks and channels. The names are
//! explained in `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::future::Future;
use std::time::Duration;

use async_lock::{MutexGuard, SemaphoreGuard};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::hello;
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use async_channel::{Receiver, Sender};
pub use async_lock::{Mutex as Lock, Semaphore};
pub use smol::Task;
pub use smol::future::yield_now;
pub use std::rc::Rc as Shared;

pub type Stream = TcpStream;

thread_local!(static EXECUTOR: smol::LocalExecutor<'static> = const { smol::LocalExecutor::new() });

pub fn measure(_: Kind, row: &str, count: usize) -> Option<Measured> {
    programs::measure(row, count)
}

pub fn run<T>(main: impl Future<Output = T>) -> T {
    EXECUTOR.with(|executor| smol::block_on(executor.run(main)))
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    EXECUTOR.with(|executor| executor.spawn(future))
}

pub async fn join<T>(task: Task<T>) -> T {
    task.await
}

pub fn detach<T>(task: Task<T>) {
    task.detach();
}

pub async fn sleep(delay: Duration) {
    smol::Timer::after(delay).await;
}

pub async fn in_thread(call: impl FnOnce() -> usize + Send + 'static) -> usize {
    smol::unblock(call).await
}

pub async fn acquire<T>(lock: &Lock<T>) -> MutexGuard<'_, T> {
    lock.lock().await
}

pub async fn permit(semaphore: &Semaphore) -> SemaphoreGuard<'_> {
    semaphore.acquire().await
}

pub fn channel<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    async_channel::bounded(room)
}

pub async fn send<T>(sender: &Sender<T>, item: T) {
    // Cannot fail: the receiver lives as long as the senders.
    sender.send(item).await.unwrap_or_else(|_| panic!("a queue that is open"));
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    // Cannot fail: as many are received as are sent.
    receiver.recv().await.expect("a queue that is open")
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
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

pub async fn hello(stream: Stream) {
    let _closed =
        hello::http1(SmolTimer::new()).serve_connection(FuturesIo::new(stream), hello::service()).await;
}
