//! Sockets as futures, on loopback: TCP, Unix and UDP, names, cancelling, and one waiter per direction.
#![cfg(not(miri))]

mod common;

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::Duration;

use common::{Door, abandon, join};
use ferrio_engine::net::{self, TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use ferrio_engine::{Source, sleep, spawn};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let address = listener.inner().local_addr().unwrap();
    (listener, address)
}

/// An address on which nobody listens, as the port was just given up.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap()
}

async fn echo<S: std::os::fd::AsFd>(stream: Source<S>)
where
    for<'a> &'a S: io::Read + io::Write,
{
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return,
            count => stream.write_all(&buffer[..count]).await.unwrap(),
        }
    }
}

#[test]
fn tcp_echo_of_more_than_the_buffers_hold() {
    const SIZE: usize = 8 << 20;
    Door::new().block_on(async {
        let (listener, address) = listen();
        let server = spawn(async move {
            let (stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, stream.inner().peer_addr().unwrap());
            echo(stream).await;
        })
        .unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(client.inner().peer_addr().unwrap(), address);
        assert!(client.inner().nodelay().unwrap());
        let data: Vec<u8> = (0..SIZE).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let mut echoed = Vec::new();
        let send = async {
            client.write_all(&data).await.unwrap();
            client.inner().shutdown(Shutdown::Write).unwrap();
        };
        join(send, async { client.read_to_end(&mut echoed).await.unwrap() }).await;
        assert!(echoed == data);
        server.await.unwrap();
    });
}

#[test]
fn many_connections_at_once() {
    Door::new().block_on(async {
        let (listener, address) = listen();
        let server = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(echo(stream)).unwrap().detach();
            }
        })
        .unwrap();
        let clients: Vec<_> = (0..50_u8)
            .map(|n| {
                let client = async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    for round in 0..10 {
                        stream.write_all(&[n, round]).await.unwrap();
                        let mut answer = [0; 2];
                        stream.read_exact(&mut answer).await.unwrap();
                        assert_eq!(answer, [n, round]);
                    }
                };
                spawn(client).unwrap()
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        drop(server);
    });
}

#[test]
fn refused_and_unusable_addresses() {
    Door::new().block_on(async {
        let refused = TcpStream::connect(nobody()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let by_name = net::connect("127.0.0.1", nobody().port()).await.unwrap_err();
        assert_eq!(by_name.kind(), io::ErrorKind::ConnectionRefused);
        assert!(by_name.to_string().contains("127.0.0.1"), "{by_name}");
        let (_listener, address) = listen();
        assert_eq!(TcpListener::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    });
    assert!(TcpListener::bind(ANY_PORT).is_err(), "no loop runs here");
}

/// With its backlog full, Linux ignores who knocks until they knock again, a second later.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_takes_its_time_is_not_taken_for_made() {
    Door::new().block_on(async {
        let (listener, address) = listen();
        rustix::net::listen(&listener, 0).unwrap();
        let _first = TcpStream::connect(address).await.unwrap();
        let made = Cell::new(false);
        let second = async {
            let stream = TcpStream::connect(address).await.unwrap();
            made.set(true);
            stream
        };
        let other = async {
            for _ in 0..20 {
                sleep(Duration::from_millis(1)).unwrap().await;
                assert!(!made.get());
            }
            drop(listener.accept().await.unwrap());
            listener.accept().await.unwrap()
        };
        let (stream, (_, peer)) = join(second, other).await;
        assert_eq!(peer, stream.inner().local_addr().unwrap());
    });
}

#[test]
fn a_peer_that_resets_is_an_error_and_one_that_closes_is_the_end() {
    Door::new().block_on(async {
        let (listener, address) = listen();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"never read").await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut error = None;
        while error.is_none() {
            error = client.write(b"nobody is there").await.err();
        }
        assert_eq!(error.unwrap().kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_read_that_was_dropped_loses_nothing() {
    Door::new().block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        abandon(one.read(&mut [0; 8])).await;
        other.write_all(b"kept").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(one.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"kept");
        let (listener, address) = listen();
        abandon(listener.accept()).await;
        let client = TcpStream::connect(address).await.unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.inner().local_addr().unwrap());
    });
}

#[test]
fn a_second_reader_is_refused_and_the_first_goes_on() {
    Door::new().block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut mine, mut yours) = ([0; 8], [0; 8]);
        let first = one.read(&mut mine);
        let second = async {
            let refused = one.read(&mut yours).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
            one.write_all(b"writing is another direction").await.unwrap();
            other.write_all(b"x").await.unwrap();
        };
        assert_eq!(join(first, second).await.0.unwrap(), 1);
    });
}

/// A task is polled for reasons of its own too; being polled again must not pass for being ready.
#[test]
fn spurious_polls_neither_complete_nor_lose_a_wait() {
    Door::new().block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let mut buffer = [0; 1];
        let busy = async {
            for _ in 0..50 {
                sleep(Duration::from_micros(10)).unwrap().await;
            }
            other.write_all(b"x").await.unwrap();
        };
        let (count, ()) = join(one.read(&mut buffer), busy).await;
        assert_eq!(count.unwrap(), 1);
    });
}

#[test]
fn a_descriptor_given_back_lives_on_elsewhere() {
    let door = Door::new();
    let (one, other) = door.block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        abandon(one.read(&mut [0])).await;
        (one.into_inner(), other.into_inner())
    });
    drop(door);
    Door::new().block_on(async move {
        let (one, other) = (Source::new(one).unwrap(), Source::new(other).unwrap());
        join(async { other.write_all(b"x").await.unwrap() }, async {
            one.read_exact(&mut [0]).await.unwrap();
        })
        .await;
    });
}

/// The numbers of closed descriptors are used again at once; no waker of the old may stay behind.
#[test]
fn sockets_come_and_go_on_the_same_numbers() {
    Door::new().block_on(async {
        for _ in 0..200 {
            let (one, other) = UnixStream::pair().unwrap();
            abandon(one.read(&mut [0])).await;
            let (reader, writer) = (async { one.read(&mut [0]).await.unwrap() }, other.write_all(b"x"));
            assert_eq!(join(reader, writer).await.0, 1);
        }
    });
}

#[test]
fn unix_sockets() {
    let directory = std::env::temp_dir().join(format!("ferrio-net-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let place = path.clone();
    Door::new().block_on(async move {
        assert_eq!(UnixStream::connect(&place).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&place).unwrap();
        let server = spawn(async move { echo(listener.accept().await.unwrap()).await }).unwrap();
        let client = UnixStream::connect(&place).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"hello");
        drop(client);
        server.await.unwrap();
        assert_eq!(UnixStream::connect(&place).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn udp_datagrams() {
    Door::new().block_on(async {
        let (one, other) = (UdpSocket::bind(ANY_PORT).unwrap(), UdpSocket::bind(ANY_PORT).unwrap());
        let (here, there) = (one.inner().local_addr().unwrap(), other.inner().local_addr().unwrap());
        let mut buffer = [0; 16];
        let (received, sent) = join(other.recv_from(&mut buffer), one.send_to(b"ping", there)).await;
        assert_eq!((received.unwrap(), sent.unwrap()), ((4, here), 4));
        other.inner().connect(here).unwrap();
        one.inner().connect(there).unwrap();
        let (received, sent) = join(one.recv(&mut buffer), other.send(b"answer")).await;
        assert_eq!((received.unwrap(), sent.unwrap()), (6, 6));
        assert_eq!(&buffer[..6], b"answer");
        drop(other);
        one.send(b"anybody?").await.unwrap();
        assert_eq!(one.recv(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn numeric_hosts_start_no_thread_and_names_do() {
    let door = Door::new();
    let (numeric, local, missing) = door.block_on(async {
        let core = ferrio_engine::Core::require().unwrap();
        let numeric = net::resolve("::1", 80).await.unwrap();
        assert_eq!(core.resolver().threads(), 0);
        let local = net::resolve("localhost", 81).await.unwrap();
        let missing = net::resolve("no such host\u{0}", 1).await.unwrap_err();
        (numeric, local, missing)
    });
    assert_eq!(numeric, [SocketAddr::from((Ipv6Addr::LOCALHOST, 80))]);
    assert!(
        !local.is_empty() && local.iter().all(|address| address.ip().is_loopback() && address.port() == 81)
    );
    assert!(missing.to_string().contains("cannot resolve \"no such host"), "{missing}");
}

#[test]
fn connecting_by_name_finds_the_family_that_listens() {
    Door::new().block_on(async {
        let (listener, address) = listen();
        let client = net::connect("localhost", address.port()).await.unwrap();
        assert_eq!(client.inner().peer_addr().unwrap(), address);
        drop(listener);
    });
}
