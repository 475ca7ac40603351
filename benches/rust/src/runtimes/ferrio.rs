//! ferrio: this door. Its programs and what they are made of; the names are explained in `mod.rs`.

#[path = "../programs/mod.rs"]
mod programs;

use std::future::Future;

use ferrio::http::Response;

use crate::hello;
use crate::load::{self, Load};
use crate::measured::Measured;
use crate::runtimes::Kind;

pub use ferrio::{JoinHandle as Task, Lock, Semaphore, run, sleep, yield_now};
pub use std::rc::Rc as Shared;

pub type Stream = (ferrio::StreamReader, ferrio::StreamWriter);
pub type Sender<T> = Shared<ferrio::Queue<T>>;
pub type Receiver<T> = Shared<ferrio::Queue<T>>;

pub fn measure(_: Kind, row: &str, count: usize) -> Option<Measured> {
    match row {
        "http_hello_x64" => Some(run(own_hello(count))),
        _ => programs::measure(row, count),
    }
}

/// The hello server without hyper.
async fn own_hello(milliseconds: usize) -> Measured {
    let hello = async |_| Response::new("Hello, World!");
    // Cannot fail: the system has ports and descriptors left, or there is nothing to measure.
    let server = ferrio::http::start_server(hello, "127.0.0.1", 0).await.expect("a port");
    load::begin(Load { mode: "echo", form: "http", connections: 64, milliseconds }, server.port());
    std::future::pending().await
}

pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    ferrio::create_task(future)
}

pub async fn join<T>(task: Task<T>) -> T {
    // Cannot fail: no program cancels a task, and none panics.
    task.await.expect("the task ended")
}

pub fn detach<T>(task: Task<T>) {
    task.detach();
}

pub async fn in_thread(call: impl FnOnce() -> usize + Send + 'static) -> usize {
    ferrio::to_thread(call).await
}

pub async fn acquire<T>(lock: &Lock<T>) -> ferrio::LockGuard<'_, T> {
    lock.acquire().await
}

pub async fn permit(semaphore: &Semaphore) -> ferrio::SemaphoreGuard {
    semaphore.acquire().await
}

pub fn channel<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Shared::new(ferrio::Queue::new(room));
    (queue.clone(), queue)
}

pub async fn send<T>(sender: &Sender<T>, item: T) {
    // Cannot fail: no program shuts the queue down.
    sender.put(item).await.unwrap_or_else(|_| panic!("a queue that is open"));
}

pub async fn receive<T>(receiver: &mut Receiver<T>) -> T {
    // Cannot fail: no program shuts the queue down.
    receiver.get().await.expect("a queue that is open")
}

pub async fn serve<F: Future<Output = ()> + 'static>(handle: impl Fn(Stream) -> F + Clone + 'static) -> u16 {
    let callback = async move |reader, writer| handle((reader, writer)).await;
    // Cannot fail: the system has ports and descriptors left, or there is nothing to measure.
    let server =
        ferrio::Server::builder().backlog(1024).start(callback, "127.0.0.1", 0).await.expect("a port");
    let port = server.port();
    spawn(async move { server.serve_forever().await }).detach();
    port
}

pub async fn echo((mut reader, mut writer): Stream) {
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = reader.read_into(&mut buffer).await {
        if writer.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

pub async fn hello((reader, writer): Stream) {
    let Ok(stream) = reader.join(writer) else { return };
    let _closed = hello::http1(ferrio::compat::Timer).serve_connection(stream, hello::service()).await;
}
