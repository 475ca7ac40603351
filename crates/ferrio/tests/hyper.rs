//! hyper 1 on the loop: client and server, HTTP/1.1 and HTTP/2, with futures that are not `Send`.
#![cfg(feature = "hyper")]

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ferrio::compat::{Executor, Timer};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};

/// A server that counts in a `Rc` how many requests it has answered.
async fn server(http2: bool, count: Rc<Cell<u32>>) -> ferrio::Server {
    let serve = async move |reader: ferrio::StreamReader, writer: ferrio::StreamWriter| {
        let count = count.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let count = count.clone();
            async move {
                count.set(count.get() + 1);
                let body = request.into_body().collect().await.unwrap().to_bytes();
                ferrio::sleep(Duration::from_millis(1)).await;
                Ok::<_, Infallible>(Response::new(Full::new(body)))
            }
        });
        let stream = reader.join(writer).unwrap();
        if http2 {
            let builder = hyper::server::conn::http2::Builder::new(Executor);
            builder.serve_connection(stream, service).await.unwrap();
        } else {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(Timer).header_read_timeout(Duration::from_secs(5));
            builder.serve_connection(stream, service).await.unwrap();
        }
    };
    ferrio::start_server(serve, "127.0.0.1", 0).await.unwrap()
}

async fn connect(port: u16) -> ferrio::Stream {
    let (reader, writer) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
    reader.join(writer).unwrap()
}

fn post(body: &'static [u8]) -> Request<Full<Bytes>> {
    Request::post("http://localhost/").header("host", "localhost").body(Full::from(body)).unwrap()
}

#[test]
fn http1_answers_one_request_after_the_other() {
    ferrio::run(async {
        let count = Rc::new(Cell::new(0));
        let server = server(false, count.clone()).await;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(connect(server.port()).await).await.unwrap();
        let connection = ferrio::create_task(connection);
        for body in [b"one".as_slice(), b"", &[b'x'; 1000]] {
            sender.ready().await.unwrap();
            let answer = sender.send_request(post(body)).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        }
        assert_eq!(count.get(), 3);
        drop(sender);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn http2_answers_many_requests_at_once() {
    ferrio::run(async {
        let count = Rc::new(Cell::new(0));
        let server = server(true, count.clone()).await;
        let builder = hyper::client::conn::http2::Builder::new(Executor);
        let (sender, connection) = builder.handshake(connect(server.port()).await).await.unwrap();
        let _connection = ferrio::create_task(connection);
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let mut sender = sender.clone();
                ferrio::create_task(async move {
                    let answer = sender.send_request(post(b"hello")).await.unwrap();
                    answer.into_body().collect().await.unwrap().to_bytes()
                })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), b"hello".as_slice());
        }
        assert_eq!(count.get(), 50);
    });
}
