//! Clients that ask and take no answer, that hold on to what is over, and peers on the way that spoil what is encrypted.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ferrio::http::{self, Body, Request, Response, Upgrade, UpgradeError};
use ferrio::{testing, timeout};

use crate::support::{Client, HANDSHAKE, milliseconds};

/// A client that asks on as long as it is answered at all, and reads nothing: how often the service was called.
#[test]
fn a_client_that_reads_no_answers_is_given_no_more() {
    const MOST: usize = 1000;
    ferrio::run(async {
        let called = Rc::new(Cell::new(0));
        let counter = called.clone();
        // Two of them are more than waits to be sent before a writer is to wait, and one is less.
        let service = async move |_| {
            counter.set(counter.get() + 1);
            Response::new(vec![b'x'; 60_000])
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.reader.set_limit(1024);
        let mut asked = 0;
        while asked < MOST {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            asked += 1;
            let answered = async {
                while called.get() < asked {
                    ferrio::sleep(Duration::from_micros(100)).await;
                }
            };
            if timeout(Duration::from_secs(1), answered).await.is_err() {
                break;
            }
        }
        assert!(called.get() < MOST, "60 MB are kept for a client that reads nothing");
        // It is answered all the same, once it reads.
        for _ in 0..asked {
            client.head().await;
            client.reader.read_exact(60_000).await.unwrap();
        }
    });
}

#[test]
fn a_websocket_that_is_gone_waits_no_longer_than_it_must_for_a_peer_that_reads_nothing() {
    let runner = ferrio::Runner::builder().virtual_clock(true).build().unwrap();
    runner.run(async {
        let service = async |request: Request<Body>| {
            let (response, socket) = Upgrade::new().deflate(false).upgrade(request)?;
            ferrio::create_task(async move {
                let socket = socket.await.unwrap();
                let _full = timeout(milliseconds(100), socket.send_binary(&vec![0; 15 << 20])).await;
            })
            .detach();
            Ok::<_, UpgradeError>(response)
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let mut client = Client::of(&server).await;
        client.reader.set_limit(1024);
        client.send([HANDSHAKE, "\r\n"].concat());
        client.head().await;
        testing::advance(Duration::from_secs(20)).await;
        let ended = Cell::new(false);
        let wait = async {
            server.wait_closed().await;
            ended.set(true);
        };
        ferrio::race!(wait, testing::advance(Duration::from_secs(5))).await;
        assert!(!ended.get(), "the peer has a while");
        timeout(Duration::from_secs(60), server.wait_closed()).await.expect("no connection is kept for ever");
        assert!(client.reader.read_to_end().await.unwrap().len() < 15 << 20, "it was cut off");
    });
}

/// With what somebody on the way, who cannot read it, has added.
#[cfg(feature = "tls")]
mod spoilt {
    use ferrio::http::{Client, Server};
    use ferrio::ssl::{ClientContext, ServerContext};
    use ferrio::{StreamReader, StreamWriter};

    use super::*;
    use crate::support::with_certificate;

    /// Leads to `port`. Once `spoil` is set, what the client sends next has behind it a record that nobody has encrypted.
    async fn relay(port: u16, spoil: Rc<Cell<bool>>) -> ferrio::Server {
        let relay = async move |mut reader: StreamReader, mut writer: StreamWriter| {
            let (mut inner, mut outer) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
            let up = async {
                while let Ok(mut data) = reader.read(65_536).await {
                    if spoil.get() {
                        data.extend(b"\x17\x03\x03\0\x20this was encrypted by nobody, ok");
                    }
                    if data.is_empty() || outer.write_all(&data).await.is_err() {
                        break;
                    }
                }
            };
            let down = async {
                while let Ok(data) = inner.read(65_536).await {
                    if data.is_empty() || writer.write_all(&data).await.is_err() {
                        break;
                    }
                }
            };
            ferrio::race!(up, down).await;
        };
        ferrio::start_server(relay, "127.0.0.1", 0).await.unwrap()
    }

    #[test]
    fn a_websocket_ends_when_its_encryption_breaks() {
        with_certificate(|certificate, key| {
            ferrio::run(async {
                let (tell, told) = ferrio::create_future();
                let tell = Cell::new(Some(tell));
                let service = async move |request: Request<Body>| {
                    let (response, socket) = http::upgrade(request)?;
                    let tell = tell.take().unwrap();
                    ferrio::create_task(async move {
                        let mut socket = socket.await.unwrap();
                        // In each turn it is asked, in the one in which TLS breaks, too.
                        let always = async {
                            loop {
                                ferrio::yield_now().await;
                            }
                        };
                        let came = ferrio::race!(socket.recv(), always).await;
                        tell.set_result((came, socket.closed().unwrap().0));
                    })
                    .detach();
                    Ok::<_, UpgradeError>(response)
                };
                let context = ServerContext::from_pem(certificate, key).unwrap();
                let server = Server::builder().tls(context).start(service, "127.0.0.1", 0).await.unwrap();
                let spoil = Rc::new(Cell::new(false));
                let relay = relay(server.port(), spoil.clone()).await;
                let client = Client::builder().tls(ClientContext::trusting_pem(certificate).unwrap()).build();
                let opening = client.websocket(format!("wss://localhost:{}/", relay.port()));
                let mut socket = opening.connect().await.unwrap();
                spoil.set(true);
                socket.send_text("spoilt").await.unwrap();
                assert_eq!(told.await.unwrap(), (None, http::code::ABNORMAL));
                assert_eq!(socket.recv().await, None);
            });
        });
    }
}
