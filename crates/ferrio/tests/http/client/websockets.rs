//! WebSockets, a client's side: against the server of this crate, and against servers that refuse.

use ferrio::http::{self, Client, Message, Response, Upgrade, code};

use super::hostile::accept;
use super::{raw, says};
use crate::support::{echo_server, milliseconds};

#[test]
fn messages_go_and_come_and_both_sides_close() {
    ferrio::run(async {
        let server = echo_server(Upgrade::new().protocols(&["v2", "v1"])).await;
        let url = format!("ws://127.0.0.1:{}/", server.port());
        let client = Client::new();
        for deflate in [true, false] {
            let opening = client.websocket(&url).protocols(&["v1", "v2"]).deflate(deflate);
            let mut socket = opening.connect().await.unwrap();
            assert_eq!(socket.subprotocol(), Some("v2"));
            for text in ["hello", "", &"long ".repeat(50_000)] {
                socket.send_text(text).await.unwrap();
                assert_eq!(socket.recv().await, Some(Message::Text(text.to_owned())));
            }
            socket.send_binary(&vec![7; 500_000]).await.unwrap();
            assert_eq!(socket.recv().await, Some(Message::Binary(vec![7; 500_000])));
            socket.send_text("bye").await.unwrap();
            assert_eq!(socket.recv().await, None);
            assert_eq!(socket.closed(), Some((code::NORMAL, "as you wish".into())));
        }
        assert_eq!(client.connections(), (0, 0));
        server.wait_closed().await;
    });
}

#[test]
fn whoever_is_silent_is_asked_and_then_given_up() {
    ferrio::run(async {
        let (server, _) = raw(|_, mut reader, mut writer| async move {
            // The first message comes with the head.
            accept(&mut reader, &mut writer, b"\x81\x02hi").await;
            let _silence = reader.read_to_end().await;
        })
        .await;
        let opening = Client::new().websocket(format!("ws://127.0.0.1:{}/", server.port()));
        let mut socket = opening.pings(Some(milliseconds(20)), milliseconds(20)).connect().await.unwrap();
        assert_eq!(socket.recv().await, Some(Message::Text("hi".into())));
        assert_eq!(socket.recv().await, None);
        assert_eq!(socket.closed().unwrap().0, code::ABNORMAL);
    });
}

#[test]
fn servers_that_give_none() {
    ferrio::run(async {
        let plain = http::start_server(async |_| Response::new("no"), "127.0.0.1", 0).await.unwrap();
        let client = Client::new();
        let open =
            async |port| client.websocket(format!("ws://127.0.0.1:{port}/x")).connect().await.unwrap_err();
        let error = open(plain.port()).await;
        assert_eq!(error.status().unwrap(), 200);
        assert!(error.to_string().ends_with("/x: the answer is 200 OK"), "{error}");
        let liar = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: guessed\r\n\r\n";
        let error = open(says(liar).await.port()).await;
        assert!(error.to_string().ends_with("Sec-WebSocket-Accept does not belong to the key"), "{error}");
        assert_eq!(client.connections().0, 0);
    });
}
