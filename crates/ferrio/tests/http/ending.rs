//! How connections end: by the server, by time, by the client.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ferrio::http::{self, Body, Request, Response, Server};
use ferrio::timeout;

use crate::support::{Client, milliseconds, until};

/// Streams until it is dropped, or ten pieces long.
async fn stream(request: Request<Body>) -> Response<Body> {
    let endless = request.uri().path() == "/endless";
    Response::new(Body::stream(async move |mut sender| {
        for _ in 0..10 {
            sender.send("piece ").await?;
            ferrio::sleep(milliseconds(5)).await;
        }
        if endless {
            std::future::pending::<()>().await;
        }
        Ok(())
    }))
}

#[test]
fn closing_ends_idle_connections_and_lets_streams_end() {
    ferrio::run(async {
        let mut server = http::start_server(stream, "127.0.0.1", 0).await.unwrap();
        let mut idle = Client::of(&server).await;
        let mut streams = Client::of(&server).await;
        streams.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        streams.head().await;
        server.close();
        assert!(!server.is_serving());
        assert_eq!(idle.rest().await, "");
        let rest = streams.rest().await;
        assert!(rest.ends_with("piece \r\n0\r\n\r\n"), "{rest}");
        server.wait_closed().await;
    });
}

#[test]
fn an_answer_that_comes_after_closing_says_so() {
    ferrio::run(async {
        let (begun, closed) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let (tell, told) = (begun.clone(), closed.clone());
        let service = async move |_| {
            tell.set(true);
            until(|| told.get()).await;
            Response::new("late")
        };
        let mut server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        until(|| begun.get()).await;
        server.close();
        closed.set(true);
        assert!(server.shut_down(Duration::from_secs(20)).await);
        let answer = client.rest().await;
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("late"), "{answer}");
    });
}

#[test]
fn a_request_that_is_on_its_way_is_answered() {
    ferrio::run(async {
        let mut server = http::start_server(async |_| Response::new("there"), "127.0.0.1", 0).await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = Client::of(&server).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.answer().await;
            clients.push(client);
        }
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        assert!(server.shut_down(Duration::from_secs(20)).await);
        for client in &mut clients {
            let answer = client.rest().await;
            assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("there"), "{answer}");
        }
    });
}

/// Its client read a head that did not say so, and asks on.
#[test]
fn an_answer_that_had_begun_is_not_the_last() {
    for waits in [false, true] {
        ferrio::run(async {
            let ends = Rc::new(Cell::new(false));
            let may_end = ends.clone();
            let service = async move |_| {
                let may_end = may_end.clone();
                Response::new(Body::stream(async move |mut sender| {
                    sender.send("begun").await?;
                    until(|| may_end.get()).await;
                    sender.send("ended").await
                }))
            };
            let mut server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
            let mut client = Client::of(&server).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(!client.head().await.contains("connection: close"));
            if waits {
                let closing =
                    ferrio::create_task(async move { server.shut_down(Duration::from_secs(20)).await });
                ferrio::sleep(milliseconds(100)).await;
                closing.detach();
            } else {
                server.close();
            }
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            ferrio::sleep(milliseconds(1)).await;
            ends.set(true);
            let rest = client.rest().await;
            assert_eq!(rest.matches("ended\r\n0\r\n\r\n").count(), 2, "{rest}");
            assert_eq!(rest.matches("\r\nconnection: close\r\n").count(), 1, "{rest}");
        });
    }
}

#[test]
fn where_nobody_is_there_no_time_is_enough() {
    ferrio::run(async {
        let mut server = http::start_server(stream, "127.0.0.1", 0).await.unwrap();
        assert!(server.shut_down(Duration::ZERO).await);
    });
}

#[test]
fn what_does_not_end_in_time_is_cut_off() {
    ferrio::run(async {
        let mut server = http::start_server(stream, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head().await;
        assert!(!timeout(Duration::from_secs(20), server.shut_down(milliseconds(100))).await.unwrap());
        let rest = client.reader.read_to_end().await;
        assert!(rest.is_err() || !rest.unwrap().ends_with(b"0\r\n\r\n"));
    });
}

#[test]
fn a_dropped_server_finishes_what_it_is_at() {
    ferrio::run(async {
        let server = http::start_server(stream, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head().await;
        drop(server);
        assert!(client.rest().await.ends_with("0\r\n\r\n"));
    });
}

#[test]
fn a_head_that_takes_too_long_is_refused_and_silence_ends() {
    ferrio::run(async {
        let builder = Server::builder().head_timeout(milliseconds(100)).keep_alive(milliseconds(30));
        let server = builder.start(async |_| Response::new("hello"), "127.0.0.1", 0).await.unwrap();
        let mut slow = Client::of(&server).await;
        slow.send("GET / HT");
        let mut silent = Client::of(&server).await;
        let mut used = Client::of(&server).await;
        for _ in 0..5 {
            ferrio::sleep(milliseconds(10)).await;
            used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(used.answer().await.1, b"hello");
        }
        assert_eq!(used.rest().await, "");
        assert!(slow.rest().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        assert_eq!(silent.rest().await, "");
        server.wait_closed().await;
    });
}

#[test]
fn a_refused_client_that_still_sends_sees_why() {
    ferrio::run(async {
        let limits = http::Limits { body: Some(1000), ..http::Limits::default() };
        let server = Server::builder()
            .limits(limits)
            .start(async |_| Response::new(()), "127.0.0.1", 0)
            .await
            .unwrap();
        let mut client = Client::of(&server).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
        client.send(vec![b'x'; 3_000_000]);
        assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    });
}

/// Two minutes by a virtual clock, and more came behind the request.
#[test]
fn a_client_that_still_sends_gets_all_of_a_last_answer_however_slowly_it_reads() {
    const LENGTH: usize = 24_000_000;
    let runner = ferrio::Runner::builder().virtual_clock(true).build().unwrap();
    runner.run(async {
        let service = async |_| Response::new(vec![b'x'; LENGTH]);
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.reader.set_limit(1024);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HT");
        client.head().await;
        for _ in 0..6 {
            ferrio::sleep(Duration::from_secs(20)).await;
            client.reader.read_exact(LENGTH / 6).await.unwrap();
        }
        assert_eq!(client.rest().await, "");
    });
}
