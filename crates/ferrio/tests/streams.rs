//! Connections: what asyncio's streams do, over real sockets on loopback.
#![cfg(not(miri))] // Miri watches no socket.

use std::io;
use std::time::Duration;

use ferrio::{ReadError, Server, StreamReader, StreamWriter};
use futures_util::FutureExt;

async fn echo(mut reader: StreamReader, mut writer: StreamWriter) {
    while let Ok(data) = reader.read(1 << 16).await {
        if data.is_empty() || writer.write_all(&data).await.is_err() {
            break;
        }
    }
}

async fn echo_server() -> Server {
    ferrio::start_server(echo, "127.0.0.1", 0).await.unwrap()
}

/// A server that sends `data` and closes.
async fn says(data: &'static [u8]) -> Server {
    ferrio::start_server(async |_, mut writer: StreamWriter| writer.write(data), "127.0.0.1", 0)
        .await
        .unwrap()
}

async fn connect(server: &Server) -> (StreamReader, StreamWriter) {
    ferrio::open_connection("127.0.0.1", server.port()).await.unwrap()
}

#[test]
fn what_is_written_comes_back() {
    ferrio::run(async {
        let server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        for size in [1, 1024, 100_000, 3_000_000] {
            let data: Vec<u8> = (0..=250).cycle().take(size).collect();
            writer.write(&data);
            assert_eq!(reader.read_exact(size).await.unwrap(), data);
        }
        writer.write_eof().unwrap();
        assert_eq!(reader.read(10).await.unwrap(), b"");
        assert!(reader.at_eof());
    });
}

#[test]
fn a_writer_waits_for_a_reader_that_does_not_read() {
    ferrio::run(async {
        let (tell, told) = ferrio::create_future();
        let tell = std::cell::Cell::new(Some(tell));
        let server = ferrio::start_server(
            async move |reader: StreamReader, writer: StreamWriter| {
                if let Some(tell) = tell.take() {
                    tell.set_result((reader, writer));
                }
            },
            "127.0.0.1",
            0,
        )
        .await
        .unwrap();
        let (_reader, mut writer) = connect(&server).await;
        let (mut other, _kept) = told.await.unwrap();
        let sent = ferrio::create_task(async move {
            for _ in 0..200 {
                writer.write_all(&vec![7; 65_536]).await.unwrap();
            }
        });
        ferrio::sleep(Duration::from_millis(50)).await;
        assert!(!sent.is_finished());
        assert_eq!(other.read_exact(200 * 65_536).await.unwrap(), vec![7; 200 * 65_536]);
        sent.await.unwrap();
    });
}

/// What it reads comes while its own writes make room: neither may put the other to sleep for good.
#[test]
fn a_reader_that_wants_more_than_is_kept_gets_it_while_it_writes() {
    ferrio::run(async {
        let server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        let data = vec![5; 3_000_000];
        for _ in 0..20 {
            writer.write(&data);
            assert_eq!(reader.read_exact(data.len()).await.unwrap(), data);
        }
    });
}

#[test]
fn lines_and_separators() {
    ferrio::run(async {
        let server = says(b"one\ntwo\r\nthree|four").await;
        let (mut reader, _writer) = connect(&server).await;
        assert_eq!(reader.readline().await.unwrap(), b"one\n");
        assert_eq!(reader.read_until(b"\r\n").await.unwrap(), b"two\r\n");
        assert_eq!(reader.read_until(b"|").await.unwrap(), b"three|");
        match reader.read_until(b"\n").await {
            Err(ReadError::Incomplete { partial, expected: None }) => assert_eq!(partial, b"four"),
            other => panic!("{other:?}"),
        }
        assert_eq!(reader.readline().await.unwrap(), b"");
    });
}

#[test]
fn an_end_in_the_midst_gives_what_there_was() {
    ferrio::run(async {
        let server = says(b"abc").await;
        let (mut reader, _writer) = connect(&server).await;
        match reader.read_exact(5).await {
            Err(ReadError::Incomplete { partial, expected: Some(5) }) => assert_eq!(partial, b"abc"),
            other => panic!("{other:?}"),
        }
        let server = says(b"abc").await;
        let (mut reader, _writer) = connect(&server).await;
        let error = io::Error::from(reader.read_exact(5).await.unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "3 bytes read on a total of 5 expected bytes");
    });
}

#[test]
fn a_line_beyond_the_limit_is_refused_and_dropped() {
    ferrio::run(async {
        let server = says(b"0123456789abcdef\nnext\n").await;
        let (mut reader, _writer) = connect(&server).await;
        reader.set_limit(8);
        while !reader.at_eof() && format!("{reader:?}") != "StreamReader { unread: 22, at_eof: false }" {
            ferrio::yield_now().await;
        }
        assert!(matches!(reader.readline().await, Err(ReadError::LimitOverrun { .. })));
        assert_eq!(reader.readline().await.unwrap(), b"next\n");
    });
}

#[test]
fn there_may_be_no_limit() {
    ferrio::run(async {
        for limit in [usize::MAX, usize::MAX / 2 + 1] {
            let server = Server::builder().limit(limit).start(echo, "127.0.0.1", 0).await.unwrap();
            let (mut reader, mut writer) = connect(&server).await;
            reader.set_limit(limit);
            writer.write(&vec![b'a'; 200_000]);
            writer.write(b"\n");
            assert_eq!(reader.readline().await.unwrap().len(), 200_001);
        }
    });
}

#[test]
fn what_was_written_is_sent_though_both_halves_are_dropped() {
    ferrio::run(async {
        let data = vec![3; 4_000_000];
        let server = ferrio::start_server(
            async |_, mut writer: StreamWriter| writer.write(&vec![3; 4_000_000]),
            "127.0.0.1",
            0,
        )
        .await
        .unwrap();
        let (mut reader, _writer) = connect(&server).await;
        assert_eq!(reader.read_to_end().await.unwrap(), data);
    });
}

#[test]
fn a_reset_is_an_error_for_both_halves() {
    ferrio::run(async {
        let server = ferrio::start_server(
            async |mut reader: StreamReader, mut writer: StreamWriter| {
                let _first = reader.read(1).await;
                writer.abort();
            },
            "127.0.0.1",
            0,
        )
        .await
        .unwrap();
        let (mut reader, mut writer) = connect(&server).await;
        // The peer closes with unread data, which is a reset.
        writer.write(&vec![0; 100_000]);
        let error = loop {
            match reader.read(1000).await {
                Ok(data) if data.is_empty() => {
                    writer.write(b"x");
                    if let Err(error) = writer.drain().await {
                        break error;
                    }
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
            "{error:?}"
        );
        assert!(writer.drain().await.is_err());
        assert!(writer.wait_closed().await.is_err());
    });
}

#[test]
fn a_reset_is_no_end_of_a_line() {
    ferrio::run(async {
        let server = ferrio::start_server(
            async |mut reader: StreamReader, mut writer: StreamWriter| {
                let _first = reader.read(1).await;
                writer.abort();
            },
            "127.0.0.1",
            0,
        )
        .await
        .unwrap();
        let (mut reader, mut writer) = connect(&server).await;
        // The peer closes with unread data, which is a reset.
        writer.write(&vec![0; 100_000]);
        let failed =
            |error| matches!(error, ReadError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset);
        assert!(failed(reader.readline().await.unwrap_err()));
        assert!(failed(reader.read_until(b"x").await.unwrap_err()));
        assert!(failed(reader.read_exact(3).await.unwrap_err()));
        assert!(reader.read(3).await.is_err() && reader.read_to_end().await.is_err());
    });
}

#[test]
fn what_is_written_after_the_end_is_not_lost_in_silence() {
    ferrio::run(async {
        let server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        writer.write(b"all");
        writer.write_eof().unwrap();
        writer.drain().await.unwrap();
        writer.write(b"more");
        assert_eq!(writer.drain().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(reader.read_to_end().await.unwrap(), b"all");
    });
}

#[test]
fn a_server_closes_and_its_connections_go_on() {
    ferrio::run(async {
        let mut server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        writer.write(b"x");
        reader.read_exact(1).await.unwrap();
        let port = server.port();
        server.close();
        assert!(!server.is_serving());
        assert!(ferrio::open_connection("127.0.0.1", port).await.is_err());
        writer.write(b"still here");
        assert_eq!(reader.read_exact(10).await.unwrap(), b"still here");
        drop((reader, writer));
        server.wait_closed().await;
    });
}

#[test]
fn close_clients_ends_connections_in_order() {
    ferrio::run(async {
        let server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        writer.write(b"x");
        reader.read_exact(1).await.unwrap();
        server.close_clients();
        assert_eq!(reader.read(1).await.unwrap(), b"");
    });
}

#[test]
fn unix_sockets() {
    let folder = std::env::temp_dir().join(format!("ferrio-streams-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    ferrio::run(async {
        let _server = ferrio::start_unix_server(echo, &path).unwrap();
        let (mut reader, mut writer) = ferrio::open_unix_connection(&path).await.unwrap();
        writer.write(b"hello");
        assert_eq!(reader.read_exact(5).await.unwrap(), b"hello");
        let again = ferrio::start_unix_server(echo, &path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_servers_share_a_port_if_both_say_so() {
    ferrio::run(async {
        let one = Server::builder().reuse_port(true).start(echo, "127.0.0.1", 0).await.unwrap();
        let port = one.port();
        let other = Server::builder().reuse_port(true).start(echo, "127.0.0.1", port).await.unwrap();
        assert_eq!(other.port(), port);
        let refused = Server::builder().start(echo, "127.0.0.1", port).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().contains(&format!("127.0.0.1:{port}")), "{refused}");
    });
}

#[test]
fn many_connections_at_once() {
    ferrio::run(async {
        let server = echo_server().await;
        let port = server.port();
        let clients: Vec<_> = (0..300_u32)
            .map(|n| {
                ferrio::create_task(async move {
                    let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
                    for round in 0..5 {
                        let data = (n + round).to_be_bytes();
                        writer.write(&data);
                        assert_eq!(reader.read_exact(4).await.unwrap(), data);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

/// What a task writes in small pieces is held until its step ends, and whoever waits for it to be sent must not wait for ever.
#[test]
fn flushing_sends_what_is_held() {
    ferrio::run(async {
        let server = echo_server().await;
        let (mut reader, mut writer) = connect(&server).await;
        for _ in 0..5 {
            writer.write(b"a");
            writer.write(b"b");
            assert!(std::pin::pin!(writer.flush()).now_or_never().is_some());
            assert_eq!(reader.read_exact(2).await.unwrap(), b"ab");
        }
    });
}
