//! WebSockets: tungstenite as the client, and bytes where it cannot do what is to be seen.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Message as Theirs;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use ferrio::http::{self, Body, Request, Response, Server, Upgrade, UpgradeError, code};
use ferrio::{Stream, timeout};
use futures_util::StreamExt;

use crate::support::{Client, HANDSHAKE, ask, echo_server, milliseconds};

async fn connect(server: &Server) -> WebSocketStream<Stream> {
    let (reader, writer) = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
    let stream = reader.join(writer).unwrap();
    async_tungstenite::client_async("ws://localhost/", stream).await.unwrap().0
}

/// The handshake by hand, with more headers.
async fn open(server: &Server, headers: &str) -> (Client, String) {
    let mut client = Client::of(server).await;
    client.send(format!("{HANDSHAKE}{headers}\r\n"));
    let head = client.head().await;
    (client, head)
}

#[test]
fn messages_come_back_and_both_sides_close() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new()).await;
        let mut socket = connect(&server).await;
        for message in [Theirs::text("hello"), Theirs::binary(vec![7; 500_000]), Theirs::text("")] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), message);
        }
        socket.send(Theirs::Ping("lives?".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Theirs::Pong("lives?".into()));
        socket.send(Theirs::text("bye")).await.unwrap();
        let Theirs::Close(Some(CloseFrame { code, reason })) = socket.next().await.unwrap().unwrap() else {
            panic!("no close")
        };
        assert_eq!((u16::from(code), reason.as_str()), (1000, "as you wish"));
        assert!(socket.next().await.is_none_or(|end| end.is_err()));
        server.wait_closed().await;
    });
}

#[test]
fn deflate_and_a_subprotocol_are_agreed_on_where_the_client_offers_them() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new().protocols(&["v2", "v1"])).await;
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: v1, v2\r\n";
        let (mut client, head) = open(&server, offer).await;
        assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert!(head.contains("\r\nsec-websocket-protocol: v2\r\n"), "{head}");
        assert!(head.contains("\r\nsec-websocket-extensions: permessage-deflate"), "{head}");
        let mut frame = b"\x81\xfe\x03\xe8\0\0\0\0".to_vec();
        frame.extend([b'a'; 1000]);
        client.send(frame);
        let begin = client.reader.read_exact(2).await.unwrap();
        assert_eq!(begin[0], 0xc1, "a text that is compressed");
        assert!(begin[1] < 40, "{}", begin[1]);
        let plain = echo_server(Upgrade::new().deflate(false)).await;
        assert!(!open(&plain, offer).await.1.contains("extensions"));
    });
}

#[test]
fn a_message_too_big_and_a_frame_that_is_none_close_it() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new().max_message_size(1000)).await;
        let mut socket = connect(&server).await;
        socket.send(Theirs::text("x".repeat(1001))).await.unwrap();
        let Theirs::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!(u16::from(frame.code), code::TOO_BIG);
        let (mut client, _) = open(&server, "").await;
        client.send(b"\x83\x80\0\0\0\0");
        let close = client.reader.read_exact(4).await.unwrap();
        assert_eq!(close[2..], code::PROTOCOL_ERROR.to_be_bytes());
        client.reader.read_to_end().await.unwrap();
        server.wait_closed().await;
    });
}

/// A socket that is closed with something unread resets the connection: who still sends fails at that, and looks no further.
#[test]
#[allow(clippy::disallowed_methods, reason = "a peer that blocks, on a thread of its own")]
fn who_still_sends_learns_why_the_websocket_ends() {
    const LENGTH: usize = 8 << 20;
    ferrio::run(async {
        let server = echo_server(Upgrade::new().max_message_size(1000)).await;
        let port = server.port();
        let said = ferrio::to_thread(move || {
            let mut peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let mut frame = format!("{HANDSHAKE}\r\n").into_bytes();
            frame.extend(b"\x81\xff");
            frame.extend((LENGTH as u64).to_be_bytes());
            frame.resize(frame.len() + 4 + LENGTH, 0);
            peer.write_all(&frame).unwrap();
            let mut said = Vec::new();
            peer.read_to_end(&mut said).unwrap();
            said
        });
        let said = timeout(Duration::from_secs(60), said).await.expect("an end");
        let close = b"\x88\x18\x03\xf1the message is too big"; // 1009
        assert!(said.ends_with(close), "{}", said.escape_ascii());
        server.wait_closed().await;
    });
}

#[test]
fn closing_the_server_tells_websockets_and_waits_for_them() {
    ferrio::run(async {
        let mut server = echo_server(Upgrade::new()).await;
        let mut socket = connect(&server).await;
        socket.send(Theirs::text("hello")).await.unwrap();
        socket.next().await.unwrap().unwrap();
        server.close();
        let Theirs::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!(u16::from(frame.code), code::RESTART);
        assert!(socket.next().await.is_none_or(|end| end.is_err()));
        timeout(Duration::from_secs(20), server.wait_closed()).await.unwrap();
    });
}

#[test]
fn a_peer_that_answers_no_ping_is_gone_and_one_that_does_stays() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new().pings(Some(milliseconds(40)), milliseconds(200))).await;
        let (mut silent, _) = open(&server, "").await;
        let mut lives = connect(&server).await;
        let listens = async {
            // Reading is what answers.
            let reads = async { while let Some(Ok(Theirs::Ping(_))) = lives.next().await {} };
            assert!(timeout(milliseconds(600), reads).await.is_err());
        };
        let ends = async {
            assert_eq!(silent.reader.read_exact(2).await.unwrap(), b"\x89\0");
            let end = timeout(Duration::from_secs(20), silent.reader.read_to_end()).await.unwrap();
            assert!(end.is_err() || end.unwrap().is_empty());
        };
        ferrio::gather!(listens, ends).await;
        lives.send(Theirs::text("still here")).await.unwrap();
        let mut next = lives.next().await.unwrap().unwrap();
        while next.is_ping() {
            next = lives.next().await.unwrap().unwrap();
        }
        assert_eq!(next, Theirs::text("still here"));
    });
}

#[test]
fn a_client_that_vanishes_ends_the_websocket() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new()).await;
        let (mut client, _) = open(&server, "").await;
        client.writer.abort();
        timeout(Duration::from_secs(20), server.wait_closed()).await.unwrap();
    });
}

#[test]
fn what_asks_for_no_websocket_is_told_so() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new()).await;
        let answer = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
        assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
    });
}

#[test]
fn a_websocket_whose_answer_is_withheld_never_comes() {
    ferrio::run(async {
        let (tell, told) = ferrio::create_future();
        let tell = std::cell::Cell::new(Some(tell));
        let service = async move |request: Request<Body>| {
            let (response, socket) = http::upgrade(request)?;
            drop(response);
            if let Some(tell) = tell.take() {
                tell.set_result(socket.await.is_err());
            }
            Ok::<_, UpgradeError>(Response::new("rather not"))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let (_client, head) = open(&server, "").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(told.await.unwrap());
    });
}

#[test]
fn a_handshake_and_its_first_frame_may_come_together() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new()).await;
        let mut client = Client::of(&server).await;
        let mut both = HANDSHAKE.as_bytes().to_vec();
        both.extend(b"\r\n\x81\x82\0\0\0\0hi");
        client.send(both);
        client.head().await;
        assert_eq!(client.reader.read_exact(4).await.unwrap(), b"\x81\x02hi");
    });
}
