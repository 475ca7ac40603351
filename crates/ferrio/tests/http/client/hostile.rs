//! Servers that say more than they were asked, and requests that are dropped wherever they wait.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ferrio::http::{self, Body, Client, Method, Request, Response, code};
use ferrio::{StreamReader, StreamWriter, timeout};

use super::{raw, url};
use crate::support::{milliseconds, until};

#[test]
fn what_comes_behind_an_answer_is_nobodys_answer() {
    const LIE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlies";
    ferrio::run(async {
        for (method, head) in [
            (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n"),
            (Method::GET, "HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n"),
            (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n"),
            (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            (Method::GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ] {
            for late in [false, true] {
                let said = Rc::new(Cell::new(false));
                let is_said = said.clone();
                let (server, count) = raw(move |number, mut reader, mut writer| {
                    let is_said = is_said.clone();
                    async move {
                        let _head = reader.read_until(b"\r\n\r\n").await;
                        if number > 0 {
                            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntruth");
                        } else if late {
                            writer.write(head.as_bytes());
                            ferrio::sleep(milliseconds(20)).await;
                            writer.write(LIE.as_bytes());
                        } else {
                            writer.write(format!("{head}{LIE}").as_bytes());
                        }
                        is_said.set(true);
                        let _end = reader.read_to_end().await;
                    }
                })
                .await;
                let client = Client::new();
                let mut first = client.request(method.clone(), url(&server, "/")).send().await.unwrap();
                assert_eq!(first.bytes().await.unwrap(), "");
                until(|| said.get()).await;
                // It is on its way.
                ferrio::sleep(milliseconds(20)).await;
                let text = client.get(url(&server, "/")).send().await.unwrap().text().await.unwrap();
                assert_eq!((text.as_str(), count.get()), ("truth", 2), "{method} {head} {late}");
            }
        }
    });
}

#[test]
fn a_request_that_is_dropped_at_any_poll_leaves_its_answer_to_nobody() {
    ferrio::run(async {
        let service = async |mut request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let sent = request.body_mut().text(100).await.unwrap();
            Response::new(Body::stream(async move |mut sender| {
                for part in [path, "-".to_owned(), sent] {
                    ferrio::sleep(milliseconds(1)).await;
                    sender.send(part).await?;
                }
                Ok(())
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let client = Client::builder().max_connections(Some(1)).build();
        let base = format!("http://127.0.0.1:{}", server.port());
        let ask = async |path: String| {
            let body = Body::stream(async |mut sender| {
                sender.send("one").await?;
                ferrio::sleep(milliseconds(1)).await;
                sender.send("two").await
            });
            client.post(format!("{base}{path}")).body(body).send().await.unwrap().text().await.unwrap()
        };
        for polls in 0.. {
            let mut request = Box::pin(ask(format!("/dropped{polls}")));
            let mut text = None;
            let mut left = polls;
            // Polled when it is woken, until it was so often enough.
            poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                match request.as_mut().poll(context) {
                    Poll::Ready(said) => {
                        text = Some(said);
                        Poll::Ready(())
                    }
                    Poll::Pending if left == 0 => Poll::Ready(()),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if let Some(text) = text {
                assert_eq!(text, format!("/dropped{polls}-onetwo"));
                assert!(polls > 3, "it was dropped nowhere");
                break;
            }
            drop(request);
            assert_eq!(ask(format!("/after{polls}")).await, format!("/after{polls}-onetwo"));
            assert_eq!(client.connections(), (0, 1));
        }
    });
}

/// A server that gives a WebSocket, and then says `frames`. What it is told goes to `told`.
async fn socket_server(frames: &'static [u8], told: Rc<RefCell<Vec<u8>>>) -> ferrio::Server {
    raw(move |_, mut reader, mut writer| {
        let told = told.clone();
        async move {
            accept(&mut reader, &mut writer, frames).await;
            let _end = writer.drain().await;
            while let Ok(data) = reader.read(1000).await {
                if data.is_empty() {
                    break;
                }
                told.borrow_mut().extend(data);
            }
        }
    })
    .await
    .0
}

#[test]
fn a_server_that_breaks_a_websocket_is_told_why_and_left() {
    ferrio::run(async {
        for (frames, expected) in [
            (&b"\x81\x82\0\0\0\0hi"[..], code::PROTOCOL_ERROR),
            (b"\xc1\x02hi", code::PROTOCOL_ERROR),
            (b"\x91\x02hi", code::PROTOCOL_ERROR),
            (b"\x83\x02hi", code::PROTOCOL_ERROR),
            (b"\x8b\x02hi", code::PROTOCOL_ERROR),
            (b"\x80\x02hi", code::PROTOCOL_ERROR),
            (b"\x01\x02hi\x81\x02ho", code::PROTOCOL_ERROR),
            (b"\x09\x02hi", code::PROTOCOL_ERROR),
            (b"\x89\x7e\0\x7e", code::PROTOCOL_ERROR),
            (b"\x82\x7e\0\x02hi", code::PROTOCOL_ERROR),
            (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", code::PROTOCOL_ERROR),
            (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", code::PROTOCOL_ERROR),
            (b"\x88\x01\x03", code::PROTOCOL_ERROR),
            (b"\x88\x02\x03\xed", code::PROTOCOL_ERROR),
            (b"\x88\x02\0\0", code::PROTOCOL_ERROR),
            (b"\x88\x04\x03\xe8\xc3\x28", code::INVALID_PAYLOAD),
            (b"\x81\x02\xc3\x28", code::INVALID_PAYLOAD),
            (b"\x01\x01\xc3\x80\x01\x28", code::INVALID_PAYLOAD),
            (b"\x82\x7f\0\0\0\x01\0\0\0\0", code::TOO_BIG),
            (b"\x02\x7e\x03\xe8", code::TOO_BIG),
        ] {
            let told = Rc::default();
            let server = socket_server(frames, Rc::clone(&told)).await;
            let client = Client::new();
            let opening = client.websocket(url(&server, "/").replace("http", "ws")).max_message_size(999);
            let mut socket = opening.deflate(false).connect().await.unwrap();
            assert_eq!(socket.recv().await, None, "{frames:x?}");
            assert_eq!(socket.closed().unwrap().0, expected, "{frames:x?}");
            assert_eq!(
                socket.send_text("on").await.unwrap_err().kind(),
                std::io::ErrorKind::BrokenPipe,
                "{frames:x?}"
            );
            drop(socket);
            // It is told in one frame, which is masked and has that code.
            until(|| told.borrow().len() > 7).await;
            let told = told.borrow();
            let (key, payload) = (&told[2..6], &told[6..8]);
            assert!(told[0] == 0x88 && told[1] & 0x80 != 0, "{told:x?}");
            assert_eq!(u16::from_be_bytes([payload[0] ^ key[0], payload[1] ^ key[1]]), expected);
            assert_eq!(client.connections(), (0, 0));
        }
    });
}

#[test]
fn answers_that_are_no_websockets() {
    ferrio::run(async {
        for (says, reason) in [
            ("Upgrade: websocket\r\nConnection: Upgrade\r\n", "does not belong to the key"),
            ("Connection: Upgrade\r\nACCEPT", "no Upgrade: websocket"),
            ("Upgrade: websocket\r\nACCEPT", "no Connection: Upgrade"),
            ("Upgrade: websocket\r\nConnection: Upgrade\r\nACCEPTACCEPT", "does not belong to the key"),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: x\r\nACCEPT",
                "was not offered",
            ),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: x\r\nACCEPT",
                "was not offered",
            ),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=16\r\nACCEPT",
                "permessage-deflate",
            ),
        ] {
            let (server, _) = raw(move |_, mut reader, mut writer| async move {
                let accepted = key_of(&mut reader).await;
                let fields = says.replace("ACCEPT", &format!("Sec-WebSocket-Accept: {accepted}\r\n"));
                writer.write(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n").as_bytes());
                let _end = reader.read_to_end().await;
            })
            .await;
            let client = Client::new();
            let opening = client.websocket(url(&server, "/").replace("http", "ws")).protocols(&["a", "b"]);
            let error = opening.connect().await.unwrap_err();
            assert!(error.to_string().contains(reason), "{says}: {error}");
            assert_eq!(client.connections(), (0, 0));
        }
    });
}

#[test]
fn a_peer_that_sends_pings_and_reads_no_answer_has_few_kept_for_it() {
    const MOST: usize = 64 << 20;
    ferrio::run(async {
        let sent = Rc::new(Cell::new(0));
        let counter = sent.clone();
        let (server, _) = raw(move |_, mut reader, mut writer| {
            let counter = counter.clone();
            async move {
                reader.set_limit(1024);
                accept(&mut reader, &mut writer, b"").await;
                let pings = [&b"\x89\x7d"[..], &[b'x'; 125]].concat().repeat(500);
                while counter.get() < MOST
                    && timeout(Duration::from_secs(1), writer.write_all(&pings)).await.is_ok()
                {
                    counter.set(counter.get() + pings.len());
                }
                counter.set(MOST.max(counter.get()));
                let _end = reader.read_to_end().await;
            }
        })
        .await;
        let opening = Client::new().websocket(url(&server, "/").replace("http", "ws"));
        let mut socket = opening.pings(None, Duration::ZERO).connect().await.unwrap();
        let sender = socket.sender();
        ferrio::race!(async { drop(socket.recv().await) }, until(|| sent.get() >= MOST)).await;
        assert!(sender.write_buffer_size() < 1 << 20, "{} bytes are kept", sender.write_buffer_size());
        sender.abort();
    });
}

/// The head of a request for a WebSocket, and what is to be answered to its key.
async fn key_of(reader: &mut StreamReader) -> String {
    let head = String::from_utf8(reader.read_until(b"\r\n\r\n").await.unwrap()).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    let fields = [
        (&b"upgrade"[..], &b"websocket"[..]),
        (b"connection", b"upgrade"),
        (b"sec-websocket-key", key.as_bytes()),
        (b"sec-websocket-version", b"13"),
        (b"host", b"a"),
    ];
    let offer = ferrio_http::ws::handshake::Offer::read(b"GET", (1, 1), &fields).unwrap();
    let accepted = offer.accept(None, None);
    let value = accepted.headers().find(|(name, _)| name.eq_ignore_ascii_case(b"sec-websocket-accept"));
    String::from_utf8(value.unwrap().1.to_vec()).unwrap()
}

/// Gives a WebSocket, and says `frames` with the head.
pub(super) async fn accept(reader: &mut StreamReader, writer: &mut StreamWriter, frames: &[u8]) {
    let accepted = key_of(reader).await;
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let head = format!("{head}Sec-WebSocket-Accept: {accepted}\r\n\r\n");
    writer.write(&[head.as_bytes(), frames].concat());
}
