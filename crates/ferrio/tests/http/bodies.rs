//! Bodies, both ways: cut anywhere, longer than a client takes, never whole.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ferrio::http::{self, Body, BodyError, HeaderMap, HeaderValue, Request, Response};

use crate::support::{Client, ask, milliseconds, until};

const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                      5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n";

/// Says what it was sent.
async fn mirror(mut request: Request<Body>) -> Result<Response<String>, BodyError> {
    let text = request.body_mut().text(100).await?;
    let sum = request.body().trailers().map(|trailers| trailers["x-sum"].clone());
    Ok(Response::new(format!("{text} {sum:?}")))
}

#[test]
fn a_body_that_is_cut_anywhere_is_the_same() {
    ferrio::run(async {
        let server = http::start_server(mirror, "127.0.0.1", 0).await.unwrap();
        let cuts = (1..UPLOAD.len()).map(async |cut| {
            let mut client = Client::of(&server).await;
            client.send(&UPLOAD[..cut]);
            ferrio::sleep(milliseconds(2)).await;
            client.send(&UPLOAD[cut..]);
            assert_eq!(
                String::from_utf8(client.answer().await.1).unwrap(),
                "hello world Some(\"11\")",
                "{cut}"
            );
            client.send(UPLOAD);
            assert_eq!(client.answer().await.1, b"hello world Some(\"11\")");
        });
        ferrio::gather(cuts).await;
    });
}

#[test]
fn a_body_that_ends_too_early_is_an_error() {
    ferrio::run(async {
        let errors = Rc::new(RefCell::new(Vec::new()));
        let seen = errors.clone();
        let service = async move |mut request: Request<Body>| {
            let error = request.body_mut().bytes(1000).await.unwrap_err();
            seen.borrow_mut().push(error.to_string());
            Response::new(())
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
        client.writer.write_eof().unwrap();
        until(|| !errors.borrow().is_empty()).await;
        assert_eq!(*errors.borrow(), ["the connection ended within a body"]);
    });
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked_when_the_body_is_wanted() {
    ferrio::run(async {
        let service = async |mut request: Request<Body>| match request.uri().path() {
            "/wants" => request.body_mut().text(100).await.map(Response::new),
            _ => Ok(Response::new("no need".to_owned())),
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let head = |path| {
            format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        };
        let mut client = Client::of(&server).await;
        client.send(head("/wants"));
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hi");
        assert_eq!(client.answer().await.1, b"hi");
        client.send(head("/other"));
        let (head, body) = client.answer().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(body, b"no need");
    });
}

#[test]
fn another_task_may_read_the_body() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            let mut body = request.into_body();
            let reads = ferrio::create_task(async move { body.text(100).await });
            reads.await.unwrap().map(Response::new)
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
        ferrio::sleep(milliseconds(5)).await;
        client.send("lf");
        assert_eq!(client.answer().await.1, b"half");
    });
}

#[test]
fn a_body_is_over_with_its_request() {
    ferrio::run(async {
        let kept: Rc<RefCell<Option<Body>>> = Rc::default();
        let keep = kept.clone();
        let service = async move |request: Request<Body>| {
            *keep.borrow_mut() = Some(request.into_body());
            Response::new("done")
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nlate");
        assert_eq!(client.answer().await.1, b"done");
        let mut body = kept.take().unwrap();
        assert!(matches!(body.next_chunk().await, Err(BodyError::Over)));
        // What nobody read was skipped.
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().await.1, b"done");
    });
}

#[test]
fn a_stream_waits_for_a_client_that_reads_slowly_and_delays_nobody_else() {
    ferrio::run(async {
        const PIECES: usize = 400;
        let sent = Rc::new(Cell::new(0));
        let counts = sent.clone();
        let service = async move |request: Request<Body>| {
            if request.uri().path() == "/short" {
                return Response::new(Body::from("short"));
            }
            let counts = counts.clone();
            Response::new(Body::stream(async move |mut sender| {
                for _ in 0..PIECES {
                    sender.send(vec![b'x'; 64 * 1024]).await?;
                    counts.set(counts.get() + 1);
                }
                Ok(())
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut slow = Client::of(&server).await;
        slow.reader.set_limit(1024);
        slow.send("GET /long HTTP/1.0\r\n\r\n");
        let mut before = usize::MAX;
        while before != sent.get() || before == 0 {
            before = sent.get();
            ferrio::sleep(milliseconds(50)).await;
        }
        assert!(before < PIECES / 2, "{before} pieces are kept for a client that does not read");
        assert!(ask(&server, "GET /short HTTP/1.0\r\n\r\n").await.ends_with("short"));
        let all = slow.rest().await;
        assert_eq!(all.matches('x').count(), PIECES * 64 * 1024);
    });
}

#[test]
fn a_long_body_is_not_kept_whole() {
    ferrio::run(async {
        let server = http::start_server(async |_| Response::new(vec![b'x'; 20_000_000]), "127.0.0.1", 0)
            .await
            .unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..2 {
            let (head, body) = client.answer().await;
            assert!(head.contains("content-length: 20000000\r\n"));
            assert!(body.iter().all(|byte| *byte == b'x'));
        }
    });
}

#[test]
fn a_stream_has_chunks_and_trailers() {
    ferrio::run(async {
        let service = async |_| {
            Response::new(Body::stream(async |mut sender| {
                sender.send("one").await?;
                ferrio::sleep(milliseconds(1)).await;
                sender.send("").await?;
                sender.send("two").await?;
                sender
                    .trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from(6))]))
                    .await
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let answer = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 6\r\n\r\n"), "{answer}");
    });
}

#[test]
fn a_channel_from_another_thread_is_a_body() {
    ferrio::run(async {
        let service = async |_| {
            let (sender, receiver) = ferrio::channel(1);
            ferrio::create_task(async move {
                for word in ["from ", "another ", "task"] {
                    sender.send(http::Bytes::from_static(word.as_bytes())).await.unwrap();
                }
            })
            .detach();
            Response::new(Body::from(receiver))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        assert!(ask(&server, "GET / HTTP/1.0\r\n\r\n").await.ends_with("\r\n\r\nfrom another task"));
    });
}

#[test]
fn a_stream_that_fails_or_panics_is_not_taken_for_whole() {
    ferrio::run(async {
        let service = async |request: Request<Body>| {
            let panics = request.uri().path() == "/panic";
            Response::new(Body::stream(async move |mut sender| {
                sender.send("half").await?;
                ferrio::sleep(milliseconds(1)).await;
                assert!(!panics, "a panic that the test wants");
                Err(std::io::Error::other("the test wants it"))
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        for path in ["/error", "/panic"] {
            let mut client = Client::of(&server).await;
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            client.head().await;
            let rest = client.reader.read_to_end().await;
            assert!(rest.is_err() || !rest.unwrap().ends_with(b"0\r\n\r\n"));
        }
    });
}

#[test]
fn a_file_is_sent_with_its_length() {
    ferrio::run(async {
        let path = std::env::temp_dir().join(format!("ferrio-http-file-{}", std::process::id()));
        let data: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        std::fs::write(&path, &data).unwrap();
        let file = path.clone();
        let service =
            async move |_: Request<Body>| Body::file(&file).await.map(|(body, _)| Response::new(body));
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().await.1, data);
        std::fs::remove_file(path).unwrap();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.answer().await.0.starts_with("HTTP/1.1 500 "));
    });
}
