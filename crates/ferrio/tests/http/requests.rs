//! Requests and answers: order, methods, failures of a service, limits.

use std::cell::Cell;
use std::rc::Rc;

use ferrio::http::{
    self, Body, HeaderValue, IntoResponse, Limits, Method, Request, Response, Server, StatusCode, Version,
    header,
};

use crate::support::{Client, ask, milliseconds, until};

#[test]
fn a_request_is_what_was_sent() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            assert_eq!(request.method(), Method::OPTIONS);
            assert_eq!(request.version(), Version::HTTP_11);
            assert_eq!((request.uri().path(), request.uri().query()), ("/a%20b", Some("c=d")));
            let twice: Vec<_> = request.headers().get_all("x-twice").iter().collect();
            assert_eq!(
                twice,
                ["1", "\u{e4}"].map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap()).each_ref()
            );
            assert_eq!(request.headers()[header::HOST], "localhost");
            assert!(request.body().peer_address().unwrap().inet().unwrap().ip().is_loopback());
            let mut response = Response::new("ok");
            response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static("a=1"));
            response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static("b=2"));
            response
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let answer = ask(
            &server,
            "OPTIONS /a%20b?c=d HTTP/1.1\r\nHost: localhost\r\nX-Twice: 1\r\nx-twice: \u{e4}\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ndate: "),
            "{answer}"
        );
        assert!(answer.ends_with("\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"), "{answer}");
    });
}

#[test]
fn pipelined_answers_come_in_order_and_leave_in_one_write() {
    ferrio::run(async {
        let service = async |request: Request<Body>| Response::new(request.uri().path().to_owned());
        let server = Server::builder().dated(false).start(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(30) + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = |path: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{path}");
        let all = client.reader.read(1 << 16).await.unwrap();
        assert_eq!(String::from_utf8(all).unwrap(), answer("/1").repeat(30) + &answer("/2"));
    });
}

#[test]
fn pipelined_answers_leave_before_a_service_waits() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            if request.uri().path() == "/slow" {
                std::future::pending::<()>().await;
            }
            Response::new("quick")
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().await.1, b"quick");
    });
}

#[test]
fn an_answer_to_head_has_no_body() {
    ferrio::run(async {
        let made = Rc::new(Cell::new(false));
        let is_made = made.clone();
        let service = async move |request: Request<Body>| {
            let is_made = is_made.clone();
            match request.uri().path() {
                "/whole" => Response::new(Body::from("whole")),
                _ => Response::new(Body::stream(async move |mut sender| {
                    is_made.set(true);
                    sender.send("never").await
                })),
            }
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("HEAD /whole HTTP/1.1\r\nHost: a\r\n\r\nHEAD /streamed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answers = client.rest().await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2);
        assert!(answers.contains("content-length: 5\r\n") && answers.ends_with("\r\n\r\n"), "{answers}");
        assert!(!made.get());
    });
}

#[test]
fn a_service_that_panics_is_answered_for_and_its_connection_goes_on() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            assert_ne!(request.uri().path(), "/panic", "a panic that the test wants");
            Response::new("fine")
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.answer().await.0.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().await.1, b"fine");
    });
}

#[test]
fn an_answer_that_cannot_be_sent_is_a_500() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            let mut response = Response::new("five!");
            match request.uri().path() {
                "/length" => {
                    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("3"));
                }
                "/status" => *response.status_mut() = StatusCode::CONTINUE,
                _ => *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS,
            }
            response
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        for path in ["/length", "/status", "/switch"] {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(client.answer().await.0.starts_with("HTTP/1.1 500 "), "{path}");
        }
    });
}

#[test]
fn an_error_of_a_service_is_its_answer() {
    struct Teapot;
    impl IntoResponse for Teapot {
        fn into_response(self) -> Response<Body> {
            StatusCode::IM_A_TEAPOT.into_response()
        }
    }
    ferrio::run(async {
        let service = async |_: Request<Body>| Err::<Response<&str>, _>(Teapot);
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        assert!(ask(&server, "GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.1 418 "));
        let service =
            async |_: Request<Body>| Err::<Response<&str>, _>(std::io::Error::other("the test wants it"));
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let answer = ask(&server, "GET / HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("test"), "{answer}");
    });
}

#[test]
fn limits_have_their_statuses() {
    ferrio::run(async {
        let limits = Limits { head: 300, request_line: 100, headers: 3, body: Some(10), ..Limits::default() };
        let service =
            async |mut request: Request<Body>| request.body_mut().text(100).await.map(Response::new);
        let server = Server::builder().limits(limits).start(service, "127.0.0.1", 0).await.unwrap();
        let long = "x".repeat(300);
        for (status, request) in [
            ("414", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
            ("431", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
            ("431", "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n".to_owned()),
            ("413", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world".to_owned()),
            ("413", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n".to_owned()),
        ] {
            let answer = ask(&server, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        }
    });
}

#[test]
fn one_connection_too_many_is_told_so() {
    ferrio::run(async {
        let service = async |_| Response::new("hello");
        let server = Server::builder().max_connections(1).start(service, "127.0.0.1", 0).await.unwrap();
        let mut first = Client::of(&server).await;
        first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(first.answer().await.1, b"hello");
        let second = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(second.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{second}");
        first.writer.abort();
        ferrio::sleep(milliseconds(20)).await;
        assert!(ask(&server, "GET / HTTP/1.0\r\n\r\n").await.ends_with("hello"));
    });
}

#[test]
fn a_client_that_goes_away_has_its_service_dropped_unless_shielded() {
    struct OnDrop(Rc<Cell<bool>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    ferrio::run(async {
        let [begun, dropped, saved]: [Rc<Cell<bool>>; 3] = Default::default();
        let service = {
            let (begun, dropped, saved) = (begun.clone(), dropped.clone(), saved.clone());
            async move |_: Request<Body>| {
                let _dropped = OnDrop(dropped.clone());
                begun.set(true);
                let saved = saved.clone();
                ferrio::shield(async move {
                    ferrio::sleep(milliseconds(50)).await;
                    saved.set(true);
                })
                .await;
                std::future::pending::<Response<&str>>().await
            }
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        until(|| begun.get()).await;
        client.writer.close();
        until(|| dropped.get()).await;
        assert!(!saved.get());
        until(|| saved.get()).await;
        server.wait_closed().await;
    });
}

#[test]
fn a_unix_socket_is_served_too() {
    ferrio::run(async {
        let path = std::env::temp_dir().join(format!("ferrio-http-{}", std::process::id()));
        let server = http::start_unix_server(async |_| Response::new("hello"), &path).unwrap();
        let (mut reader, mut writer) = ferrio::open_unix_connection(&path).await.unwrap();
        writer.write(b"GET / HTTP/1.0\r\n\r\n");
        assert!(reader.read_to_end().await.unwrap().ends_with(b"\r\n\r\nhello"));
        drop(server);
        std::fs::remove_file(path).unwrap();
    });
}
