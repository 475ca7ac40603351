//! Connections: kept, counted, waited for in order, tried again where that is safe, and lost with whoever drops them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ferrio::http::{self, Body, Client, Method, Request, Response};

use super::{raw, url};
use crate::support::{milliseconds, until};

#[test]
fn one_connection_is_enough_for_one_after_another() {
    ferrio::run(async {
        let (server, count) = raw(|number, mut reader, mut writer| async move {
            while reader.read_until(b"\r\n\r\n").await.is_ok() {
                writer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}").as_bytes());
            }
        })
        .await;
        let client = Client::new();
        for _ in 0..5 {
            assert_eq!(client.get(url(&server, "/")).send().await.unwrap().text().await.unwrap(), "0");
        }
        // One whose body nobody reads, though all of it is there.
        drop(client.get(url(&server, "/")).send().await.unwrap());
        assert_eq!((count.get(), client.connections()), (1, (0, 1)));
        client.close_idle();
        assert_eq!(client.get(url(&server, "/")).send().await.unwrap().text().await.unwrap(), "1");
    });
}

#[test]
fn what_a_server_ends_while_it_is_idle_is_let_go_before_anybody_asks() {
    ferrio::run(async {
        let (server, count) = raw(|number, mut reader, mut writer| async move {
            reader.read_until(b"\r\n\r\n").await.unwrap();
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            ferrio::sleep(milliseconds(5)).await;
            match number % 3 {
                0 => return,
                // What nobody asked for.
                1 => writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n"),
                _ => {}
            }
            let _gone = reader.read_until(b"\r\n\r\n").await;
        })
        .await;
        let client = Client::builder().keep_alive(Duration::from_secs(3600)).build();
        for round in 1..=2 {
            let requests =
                (0..3).map(async |_| client.get(url(&server, "/")).send().await.unwrap().text().await);
            for text in ferrio::gather(requests).await {
                assert_eq!(text.unwrap(), "hi");
            }
            until(|| client.connections() == (0, 1)).await;
            client.close_idle();
            assert_eq!((count.get(), client.connections()), (round * 3, (0, 0)));
        }
    });
}

#[test]
fn no_more_at_once_than_there_may_be_and_in_order() {
    ferrio::run(async {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let order = Rc::new(RefCell::new(Vec::new()));
        let service = {
            let (now, most, order) = (now.clone(), most.clone(), order.clone());
            async move |request: Request<Body>| {
                order.borrow_mut().push(request.uri().path()[1..].parse::<usize>().unwrap());
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                ferrio::sleep(milliseconds(1)).await;
                now.set(now.get() - 1);
                Response::new("")
            }
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let client = Client::builder().max_connections_per_host(Some(3)).build();
        let requests = (0..60).map(async |number: usize| {
            client.get(format!("http://127.0.0.1:{}/{number}", server.port())).send().await.unwrap();
        });
        ferrio::gather(requests).await;
        assert_eq!((most.get(), client.connections()), (3, (0, 3)));
        // Three are served at once; beyond that nobody overtakes.
        for (at, number) in order.borrow().iter().enumerate() {
            assert!(number.abs_diff(at) <= 3, "{:?}", order.borrow());
        }
    });
}

/// Answers the first request of a connection and ends it when the second comes.
async fn fickle() -> (ferrio::Server, Rc<Cell<usize>>) {
    raw(|_, mut reader, mut writer| async move {
        if reader.read_until(b"\r\n\r\n").await.is_ok() {
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            let _next = reader.read(1).await;
            writer.abort();
        }
    })
    .await
}

#[test]
fn an_old_connection_that_dies_is_replaced_where_that_is_safe() {
    ferrio::run(async {
        let (server, count) = fickle().await;
        let client = Client::new();
        for expected in 1..=3 {
            assert_eq!(client.get(url(&server, "/")).send().await.unwrap().text().await.unwrap(), "ok");
            assert_eq!(count.get(), expected);
        }
        let error = client.post(url(&server, "/")).body("x").send().await.unwrap_err();
        assert!(!error.is_connect() && count.get() == 3, "{error}");
        assert_eq!(client.connections(), (0, 0));
        assert!(client.post(url(&server, "/")).body("x").send().await.is_ok());
        let made = Body::stream(async |mut sender| sender.send("x").await);
        assert!(client.put(url(&server, "/")).body(made).send().await.is_err());
    });
}

#[test]
fn a_connection_that_its_server_has_closed_is_not_used() {
    ferrio::run(async {
        let (server, count) = raw(|_, mut reader, mut writer| async move {
            let _head = reader.read_until(b"\r\n\r\n").await;
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        })
        .await;
        let client = Client::new();
        for number in 1..=3 {
            let request = client.request(Method::POST, url(&server, "/")).body("x");
            assert_eq!(request.send().await.unwrap().text().await.unwrap(), "ok");
            assert_eq!(count.get(), number);
            ferrio::sleep(milliseconds(20)).await;
        }
    });
}

#[test]
fn what_is_idle_for_too_long_is_closed_without_being_asked() {
    ferrio::run(async {
        let gone = Rc::new(Cell::new(0));
        let counter = gone.clone();
        let (server, _) = raw(move |_, mut reader, mut writer| {
            let counter = counter.clone();
            async move {
                while reader.read_until(b"\r\n\r\n").await.is_ok() {
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
                counter.set(counter.get() + 1);
            }
        })
        .await;
        let client = Client::builder().keep_alive(milliseconds(30)).build();
        for _ in 0..2 {
            let requests = (0..3).map(async |_| client.get(url(&server, "/")).send().await.unwrap());
            drop(ferrio::gather(requests).await);
            assert_eq!(client.connections(), (0, 3));
            until(|| client.connections() == (0, 0)).await;
        }
        until(|| gone.get() == 6).await;
    });
}

#[test]
fn requests_that_are_dropped_anywhere_mix_up_no_answers_and_lose_no_place() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            Response::new(Body::stream(async move |mut sender| {
                for part in [&path[..], "-", &path[..]] {
                    ferrio::yield_now().await;
                    sender.send(part.to_owned()).await?;
                }
                Ok(())
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let client = Client::builder().max_connections(Some(7)).build();
        let (answered, dropped) = (Cell::new(0), Cell::new(0));
        let ask = async |number: u64| {
            let request = async {
                let path = format!("/{number}");
                let url = format!("http://127.0.0.1:{}{path}", server.port());
                let text = client.get(url).send().await.unwrap().text().await.unwrap();
                assert_eq!(text, format!("{path}-{path}"));
            };
            // Any place may be where it ends, on a quick machine and on a slow one.
            let most = if number.is_multiple_of(2) { 60_000 } else { 2_000 };
            let patience = Duration::from_micros(number * 7919 % most);
            let count = if ferrio::timeout(patience, request).await.is_ok() { &answered } else { &dropped };
            count.set(count.get() + 1);
        };
        for round in 0..20 {
            ferrio::gather((0..50).map(|number| ask(round * 50 + number))).await;
        }
        assert!(answered.get() > 50 && dropped.get() > 50, "{} {}", answered.get(), dropped.get());
        assert_eq!(client.connections().0, 0);
        assert_eq!(
            client.get(format!("http://127.0.0.1:{}/z", server.port())).send().await.unwrap().status(),
            200
        );
    });
}

#[test]
fn a_client_outlives_its_loop() {
    let client = Client::new();
    for _ in 0..2 {
        ferrio::run(async {
            let service = async |_| Response::new("hi");
            let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
            let url = format!("http://127.0.0.1:{}/", server.port());
            assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "hi");
        });
    }
}

#[test]
fn nobody_there() {
    ferrio::run(async {
        let client = Client::new();
        let error = client.get("http://127.0.0.1:1/").send().await.unwrap_err();
        assert!(error.is_connect() && !error.is_timeout(), "{error}");
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::ConnectionRefused);
        let error = client.get("http://no.such.host.invalid/").send().await.unwrap_err();
        assert!(error.is_connect(), "{error}");
        assert_eq!(client.connections(), (0, 0));
    });
}
