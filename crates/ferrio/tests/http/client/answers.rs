//! What comes: framing, codings, trailers, limits, and servers that lie, cut off, or send without end.

use std::time::Duration;

use ferrio::http::{self, Body, Client, HeaderMap, Response};

use super::{raw, says, url};
use crate::support::milliseconds;

#[test]
fn answers_in_every_framing() {
    ferrio::run(async {
        for (bytes, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi"),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
            ("HTTP/1.0 200 OK\r\n\r\nold", "old"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\n\r\n",
                "hi!",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
                "",
            ),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n", ""),
        ] {
            let server = says(bytes).await;
            let text = Client::new().get(url(&server, "/")).send().await.unwrap().text().await.unwrap();
            assert_eq!(text, expected, "{bytes}");
        }
    });
}

#[test]
fn servers_that_break_the_protocol_are_told_of() {
    ferrio::run(async {
        for (bytes, head, text) in [
            ("", true, "the connection ended before the answer"),
            ("HTTP/1.1 20", true, "the connection ended before the answer"),
            ("SSH-2.0-OpenSSH\r\n", true, "the answer does not begin with a status line"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", true, "Content-Length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", true, "Content-Length is no plain number"),
            ("HTTP/1.1 101 Switching\r\n\r\n", true, "101 to a request that did not ask to switch"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
                false,
                "the connection ended within the answer",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                false,
                "ended within the answer",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, "chunk"),
            ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip", false, "the body is no gzip"),
            ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f", false, "the body ends within its gzip"),
        ] {
            let (server, client) = (says(bytes).await, Client::new());
            let error = match client.get(url(&server, "/a?secret")).send().await {
                Err(error) => error,
                Ok(mut response) => response.bytes().await.unwrap_err(),
            };
            assert!(error.to_string().contains(text), "{bytes:?}: {error}");
            assert!(!error.to_string().contains("secret"));
            assert_eq!((error.is_body(), error.is_connect(), error.is_timeout()), (!head, false, false));
            assert_eq!(client.connections(), (0, 0));
        }
    });
}

#[test]
fn more_than_was_announced_harms_no_other_answer() {
    ferrio::run(async {
        let (server, count) = raw(|number, mut reader, mut writer| async move {
            while reader.read_until(b"\r\n\r\n").await.is_ok() {
                let lie = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlies";
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
                writer.write(if number == 0 { lie.as_bytes() } else { answer.as_bytes() });
            }
        })
        .await;
        let client = Client::new();
        for (expected, connections) in [("hi", 1), ("1", 2), ("1", 2)] {
            let text = client.get(url(&server, "/")).send().await.unwrap().text().await.unwrap();
            assert_eq!((text.as_str(), count.get()), (expected, connections));
        }
    });
}

#[test]
fn endless_heads_and_bodies_have_limits() {
    ferrio::run(async {
        for (begin, again) in [("HTTP/1.1 200 OK\r\n", "x: y\r\n"), ("", "HTTP/1.1 100 Continue\r\n\r\n")] {
            let (server, _) = raw(move |_, mut reader, mut writer| async move {
                let _head = reader.read_until(b"\r\n\r\n").await;
                writer.write(begin.as_bytes());
                while writer.write_all(again.repeat(100).as_bytes()).await.is_ok() {}
            })
            .await;
            let client = Client::builder().timeout(Some(Duration::from_secs(1))).build();
            let error = client.get(url(&server, "/")).send().await.unwrap_err();
            assert!(error.is_timeout() || error.to_string().ends_with("too many headers"), "{error}");
        }
        let service = async |_| {
            Response::new(Body::stream(async |mut sender| {
                loop {
                    sender.send(vec![b'x'; 65_536]).await?;
                }
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let url = format!("http://127.0.0.1:{}/", server.port());
        let client = Client::builder().max_body_size(1 << 20).build();
        let error = client.get(&url).send().await.unwrap().bytes().await.unwrap_err();
        assert!(error.is_body() && error.to_string().ends_with("longer than `max_body_size`"), "{error}");
        assert_eq!(client.connections(), (0, 0));
    });
}

#[test]
fn codings_are_taken_off_and_asked_for() {
    const HELLO: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    ferrio::run(async {
        let service = async |request: http::Request<Body>| {
            let accepted = request.headers().get("accept-encoding").cloned();
            let mut response = Response::new(Body::from(HELLO));
            response.headers_mut().insert("content-encoding", "GZip".parse().unwrap());
            response.headers_mut().insert("x-accepted", accepted.unwrap_or("none".parse().unwrap()));
            response
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let url = format!("http://127.0.0.1:{}/", server.port());
        let mut response = Client::new().get(&url).send().await.unwrap();
        assert!(response.headers()["x-accepted"].to_str().unwrap().starts_with("gzip, deflate"));
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.text().await.unwrap(), "hello");
        let client = Client::builder().decompress(false).build();
        let mut response = client.get(&url).send().await.unwrap();
        assert_eq!(
            (&response.headers()["x-accepted"], &response.headers()["content-encoding"]),
            (&http::HeaderValue::from_static("none"), &http::HeaderValue::from_static("GZip"))
        );
        assert_eq!(response.bytes().await.unwrap(), HELLO);
        // A bomb: three kilobytes that become three megabytes, of which one may be.
        let bomb = Client::builder().max_body_size(4).build();
        let error = bomb.get(&url).send().await.unwrap().bytes().await.unwrap_err();
        assert!(error.to_string().ends_with("longer than 4 bytes when decoded"), "{error}");
        assert_eq!(Client::new().head(&url).send().await.unwrap().text().await.unwrap(), "");
    });
}

#[test]
fn trailers_come_after_the_body() {
    ferrio::run(async {
        let service = async |_| {
            Response::new(Body::stream(async |mut sender| {
                sender.send("data").await?;
                sender.trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), 4.into())])).await
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let client = Client::new();
        let mut response = client.get(format!("http://127.0.0.1:{}/", server.port())).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "data");
        assert_eq!(response.trailers().unwrap()["x-sum"], "4");
        assert_eq!(client.connections(), (0, 1));
    });
}

#[test]
fn each_phase_has_its_limit() {
    ferrio::run(async {
        let (silent, _) = raw(|_, mut reader, _writer| async move { drop(reader.read_to_end().await) }).await;
        let (slow, _) = raw(|_, mut reader, mut writer| async move {
            let _head = reader.read_until(b"\r\n\r\n").await;
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            while writer.write_all(b"x").await.is_ok() {
                ferrio::sleep(milliseconds(10)).await;
            }
        })
        .await;
        let limit = Some(milliseconds(60));
        let head = Client::builder().head_timeout(limit).build();
        let error = head.get(url(&silent, "/")).send().await.unwrap_err();
        assert!(error.is_timeout() && error.to_string().contains("timed out while waiting for the answer"));
        let total = Client::builder().timeout(limit).build();
        let error = total.get(url(&slow, "/")).send().await.unwrap().bytes().await.unwrap_err();
        assert!(error.is_timeout() && error.is_body(), "{error}");
        let read = Client::builder().read_timeout(Some(Duration::from_secs(20))).timeout(limit).build();
        let mut response = read.get(url(&slow, "/")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "x");
        let pool = Client::builder().max_connections(Some(1)).pool_timeout(limit).build();
        let first = pool.get(url(&slow, "/")).send().await.unwrap();
        let error = pool.get(url(&slow, "/")).send().await.unwrap_err();
        assert!(error.is_timeout() && error.is_connect() && error.to_string().contains("more connections"));
        drop(first);
        assert!(pool.get(url(&slow, "/")).send().await.is_ok());
        assert_eq!((head.connections(), total.connections()), ((0, 0), (0, 0)));
        let error = std::io::Error::from(error);
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}
