//! What the tests share: clients that speak bytes, and a server that sends WebSocket messages back.

#[cfg(feature = "tls")]
use std::path::Path;
#[cfg(feature = "tls")]
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferrio::http::{self, Body, Message, Request, Server, Upgrade, UpgradeError, code};
use ferrio::{StreamReader, StreamWriter, timeout};

/// The head of a request for a WebSocket, to which more headers may be added.
pub(crate) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub(crate) struct Client {
    pub(crate) reader: StreamReader,
    pub(crate) writer: StreamWriter,
}

impl Client {
    pub(crate) async fn of(server: &Server) -> Self {
        let (reader, writer) = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
        Client { reader, writer }
    }

    pub(crate) fn send(&mut self, data: impl AsRef<[u8]>) {
        self.writer.write(data.as_ref());
    }

    /// A head that came, and the body that its length names.
    pub(crate) async fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let body = self.reader.read_exact(length.map_or(0, |text| text.parse().unwrap())).await.unwrap();
        (head, body)
    }

    pub(crate) async fn head(&mut self) -> String {
        String::from_utf8(self.reader.read_until(b"\r\n\r\n").await.unwrap()).unwrap()
    }

    /// All until the server ends the connection, which it does in time.
    pub(crate) async fn rest(&mut self) -> String {
        let rest = timeout(Duration::from_secs(20), self.reader.read_to_end()).await.expect("an end");
        String::from_utf8_lossy(&rest.unwrap()).into_owned()
    }
}

/// One request on a connection of its own, and all that comes.
pub(crate) async fn ask(server: &Server, request: &str) -> String {
    let mut client = Client::of(server).await;
    client.send(request);
    client.rest().await
}

/// Gives `test` a certificate for `localhost` and its key, as files.
#[cfg(feature = "tls")]
pub(crate) fn with_certificate(test: impl FnOnce(&Path, &Path)) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("ferrio-https-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    test(&certificate, &key);
    std::fs::remove_dir_all(folder).unwrap();
}

pub(crate) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Waits until it holds, which it does in time.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            ferrio::sleep(milliseconds(1)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("it never holds");
}

/// A server whose WebSockets send back what comes; `how` says what they are like.
pub(crate) async fn echo_server(how: Upgrade) -> Server {
    let service = async move |request: Request<Body>| {
        let (response, socket) = how.upgrade(request)?;
        ferrio::create_task(async move {
            let Ok(mut socket) = socket.await else { return };
            while let Some(message) = socket.recv().await {
                let sent = match &message {
                    Message::Text(text) if text == "bye" => socket.close(code::NORMAL, "as you wish").await,
                    Message::Text(text) => socket.send_text(text).await,
                    Message::Binary(data) => socket.send_binary(data).await,
                };
                if sent.is_err() {
                    break;
                }
            }
        })
        .detach();
        Ok::<_, UpgradeError>(response)
    };
    http::start_server(service, "127.0.0.1", 0).await.unwrap()
}
