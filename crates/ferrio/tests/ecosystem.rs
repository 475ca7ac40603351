//! Other people's crates on ferrio's connections: WebSocket by tungstenite, both families of traits, combinators of `futures`.
#![cfg(all(feature = "futures-io", feature = "tokio"))]

use async_tungstenite::tungstenite::Message;
use ferrio::{Stream, StreamReader, StreamWriter};
use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt, TryStreamExt, stream};

async fn connect(port: u16) -> Stream {
    let (reader, writer) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
    reader.join(writer).unwrap()
}

#[test]
fn a_websocket_by_tungstenite() {
    ferrio::run(async {
        let serve = async |reader: StreamReader, writer: StreamWriter| {
            let mut socket = async_tungstenite::accept_async(reader.join(writer).unwrap()).await.unwrap();
            while let Ok(Some(message)) = socket.try_next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        };
        let server = ferrio::start_server(serve, "127.0.0.1", 0).await.unwrap();
        let stream = connect(server.port()).await;
        let (mut socket, _answer) = async_tungstenite::client_async("ws://localhost/", stream).await.unwrap();
        for message in [Message::text("hello"), Message::binary(vec![7; 200_000]), Message::text("")] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), message);
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        server.wait_closed().await;
    });
}

#[test]
fn traits_of_futures_and_of_tokio_for_the_same_connection() {
    ferrio::run(async {
        let serve = async |reader: StreamReader, writer: StreamWriter| {
            let (mut reader, mut writer) = (reader, writer);
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut writer).await.unwrap();
        };
        let server = ferrio::start_server(serve, "127.0.0.1", 0).await.unwrap();
        let mut stream = connect(server.port()).await;
        let data = vec![9; 500_000];
        let (mut reader, mut writer) = AsyncReadExt::split(&mut stream);
        let mut back = Vec::new();
        let (sent, received) = futures_util::join!(
            async {
                AsyncWriteExt::write_all(&mut writer, &data).await?;
                AsyncWriteExt::close(&mut writer).await
            },
            AsyncReadExt::read_to_end(&mut reader, &mut back),
        );
        sent.unwrap();
        assert_eq!(received.unwrap(), data.len());
        assert_eq!(back, data);
        let late = AsyncWriteExt::write_all(&mut writer, b"after the end").await;
        assert_eq!(late.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn combinators_of_futures() {
    ferrio::run(async {
        let doubled: Vec<u32> = stream::iter(1..=20_u32)
            .map(async |number| {
                ferrio::sleep(std::time::Duration::from_micros(u64::from(20 - number))).await;
                2 * number
            })
            .buffered(5)
            .collect()
            .await;
        assert_eq!(doubled, (1..=20).map(|number| 2 * number).collect::<Vec<_>>());
        let first = futures_util::select! {
            () = ferrio::sleep(std::time::Duration::from_secs(60)).fuse() => "late",
            () = ferrio::yield_now().boxed_local().fuse() => "early",
        };
        assert_eq!(first, "early");
    });
}
