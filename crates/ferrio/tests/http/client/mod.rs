//! The client: against the server of this crate, and against servers that speak bytes and break every rule.

mod answers;
mod connections;
mod hostile;
mod paths;
mod requests;
#[cfg(feature = "tls")]
mod tls;
mod websockets;

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use ferrio::{Server, StreamReader, StreamWriter};

/// A server that speaks bytes, and how many connections it has had. `talk` is given the number of its connection, from 0.
pub(crate) async fn raw<F: Future<Output = ()> + 'static>(
    talk: impl Fn(usize, StreamReader, StreamWriter) -> F + 'static,
) -> (Server, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counter = count.clone();
    let callback = async move |reader: StreamReader, writer: StreamWriter| {
        talk(counter.replace(counter.get() + 1), reader, writer).await;
    };
    (ferrio::start_server(callback, "127.0.0.1", 0).await.unwrap(), count)
}

/// A server that gives the same bytes to each connection, once a head has come, and then ends it.
pub(crate) async fn says(bytes: impl Into<Vec<u8>>) -> Server {
    let bytes = Rc::new(bytes.into());
    raw(move |_, mut reader, mut writer| {
        let bytes = bytes.clone();
        async move {
            let _head = reader.read_until(b"\r\n\r\n").await;
            writer.write(&bytes);
            let _gone = writer.drain().await;
        }
    })
    .await
    .0
}

pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}
