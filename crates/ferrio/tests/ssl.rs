//! TLS over real sockets, with certificates that are made for the test.
#![cfg(feature = "tls")]

use std::io;
use std::path::PathBuf;

use ferrio::ssl::{self, ClientContext, ServerContext};
use ferrio::{Server, StreamReader, StreamWriter};

/// A folder with a certificate for "localhost" and its key; gone when dropped.
struct Papers(PathBuf);

impl Papers {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ferrio-ssl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Papers(folder)
    }

    fn server(&self) -> ServerContext {
        ServerContext::from_pem(self.0.join("cert.pem"), self.0.join("key.pem")).unwrap()
    }

    fn client(&self) -> ClientContext {
        ClientContext::trusting_pem(self.0.join("cert.pem")).unwrap()
    }
}

impl Drop for Papers {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

async fn echo(mut reader: StreamReader, mut writer: StreamWriter) {
    while let Ok(data) = reader.read(1 << 16).await {
        if data.is_empty() || writer.write_all(&data).await.is_err() {
            break;
        }
    }
}

async fn serve(context: ServerContext) -> Server {
    Server::builder().tls(context).start(echo, "127.0.0.1", 0).await.unwrap()
}

async fn connect(port: u16, context: &ClientContext) -> io::Result<(StreamReader, StreamWriter)> {
    let (reader, writer) = ferrio::open_connection("127.0.0.1", port).await?;
    ssl::start_tls(reader, writer, "localhost", context).await
}

#[test]
fn what_is_written_comes_back() {
    let papers = Papers::new("echo");
    ferrio::run(async {
        let server = serve(papers.server()).await;
        let (mut reader, mut writer) = connect(server.port(), &papers.client()).await.unwrap();
        for size in [1, 16_384, 16_385, 100_000, 3_000_000] {
            let data: Vec<u8> = (0..=250).cycle().take(size).collect();
            writer.write(&data);
            assert_eq!(reader.read_exact(size).await.unwrap(), data);
        }
        writer.close();
        writer.wait_closed().await.unwrap();
        assert_eq!(reader.read(1).await.unwrap(), b"");
    });
}

#[test]
fn a_stranger_is_refused_with_the_reason_and_the_server_goes_on() {
    let (papers, others) = (Papers::new("mine"), Papers::new("theirs"));
    ferrio::run(async {
        let server = serve(papers.server()).await;
        let error = connect(server.port(), &others.client()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("certificate"), "{error}");
        // Somebody who does not speak TLS at all.
        let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
        writer.write(b"GET / HTTP/1.0\r\n\r\n");
        let _alert = reader.read_to_end().await;
        let (mut reader, mut writer) = connect(server.port(), &papers.client()).await.unwrap();
        writer.write(b"x");
        assert_eq!(reader.read_exact(1).await.unwrap(), b"x");
    });
}

#[test]
fn a_server_that_hangs_up_in_the_handshake_is_an_error() {
    let papers = Papers::new("hung-up");
    ferrio::run(async {
        let server = ferrio::start_server(async |_, _| {}, "127.0.0.1", 0).await.unwrap();
        let error = connect(server.port(), &papers.client()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    });
}

/// Passes on what comes both ways, from the server no more than `most` bytes: then it hangs up.
async fn cut_off(port: u16, most: usize) -> Server {
    let pass_on = async move |mut reader: StreamReader, mut writer: StreamWriter| {
        let (mut from_server, mut to_server) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
        let back = async {
            let mut left = most;
            while left > 0 {
                let data = from_server.read(left).await.unwrap();
                if data.is_empty() {
                    break;
                }
                left -= data.len();
                writer.write_all(&data).await.unwrap();
            }
        };
        let forth = async {
            while let Ok(data) = reader.read(1 << 16).await {
                if data.is_empty() || to_server.write_all(&data).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        ferrio::race!(back, forth).await;
    };
    ferrio::start_server(pass_on, "127.0.0.1", 0).await.unwrap()
}

#[test]
fn what_somebody_has_cut_short_does_not_look_whole() {
    let papers = Papers::new("cut");
    ferrio::run(async {
        let says = async |_, mut writer: StreamWriter| writer.write(&vec![b'a'; 100_000]);
        let server = Server::builder().tls(papers.server()).start(says, "127.0.0.1", 0).await.unwrap();
        let context = papers.client();
        let (mut whole, _writer) = connect(server.port(), &context).await.unwrap();
        assert_eq!(whole.read_to_end().await.unwrap().len(), 100_000);
        for most in [3_000, 60_000, 100_000] {
            let between = cut_off(server.port(), most).await;
            let (mut reader, mut writer) = connect(between.port(), &context).await.unwrap();
            let error = reader.read_to_end().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
            assert!(reader.readline().await.is_err());
            assert!(writer.wait_closed().await.is_err());
            // Whoever closes does not wait for more.
            let between = cut_off(server.port(), most).await;
            let (_reader, mut writer) = connect(between.port(), &context).await.unwrap();
            writer.close();
            writer.wait_closed().await.unwrap();
        }
    });
}

#[test]
fn a_silent_server_takes_too_long() {
    let papers = Papers::new("silent");
    let runner = ferrio::Runner::builder().virtual_clock(true).build().unwrap();
    runner.run(async {
        let silent = async |mut reader: StreamReader, _writer: StreamWriter| {
            let _all = reader.read_to_end().await;
        };
        let server = ferrio::start_server(silent, "127.0.0.1", 0).await.unwrap();
        let before = ferrio::get_running_loop().time();
        let error = connect(server.port(), &papers.client()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "TLS handshake is taking longer than 60s");
        assert!(ferrio::get_running_loop().time().saturating_sub(before).as_secs() >= 60);
    });
}

#[test]
fn both_sides_agree_on_a_protocol() {
    let papers = Papers::new("alpn");
    ferrio::run(async {
        let server = serve(papers.server().alpn(&["h2", "http/1.1"])).await;
        let (_reader, writer) = connect(server.port(), &papers.client().alpn(&["http/1.1"])).await.unwrap();
        assert_eq!(writer.alpn().unwrap(), b"http/1.1");
    });
}

#[test]
fn a_connection_goes_on_encrypted_after_a_word_in_clear() {
    let papers = Papers::new("starttls");
    let context = papers.server();
    ferrio::run(async {
        let serve = async move |mut reader: StreamReader, mut writer: StreamWriter| {
            assert_eq!(reader.readline().await.unwrap(), b"STARTTLS\n");
            writer.write(b"go\n");
            let (reader, writer) = ssl::start_server_tls(reader, writer, &context).await.unwrap();
            echo(reader, writer).await;
        };
        let server = ferrio::start_server(serve, "127.0.0.1", 0).await.unwrap();
        let (mut reader, mut writer) = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
        writer.write(b"STARTTLS\n");
        assert_eq!(reader.readline().await.unwrap(), b"go\n");
        let (mut reader, mut writer) =
            ssl::start_tls(reader, writer, "localhost", &papers.client()).await.unwrap();
        writer.write(b"secret");
        assert_eq!(reader.read_exact(6).await.unwrap(), b"secret");
        let unsupported = writer.write_eof().unwrap_err();
        assert_eq!(unsupported.kind(), io::ErrorKind::Unsupported);
        let twice = ssl::start_tls(reader, writer, "localhost", &papers.client()).await.unwrap_err();
        assert!(twice.to_string().contains("encrypted already"), "{twice}");
    });
}

#[test]
fn a_reader_that_does_not_read_makes_the_writer_wait() {
    let papers = Papers::new("pressure");
    ferrio::run(async {
        let server = Server::builder()
            .tls(papers.server())
            .start(
                async |_, mut writer: StreamWriter| {
                    for _ in 0..100 {
                        if writer.write_all(&vec![9; 65_536]).await.is_err() {
                            return;
                        }
                    }
                },
                "127.0.0.1",
                0,
            )
            .await
            .unwrap();
        let (mut reader, _writer) = connect(server.port(), &papers.client()).await.unwrap();
        ferrio::sleep(std::time::Duration::from_millis(50)).await;
        let text = format!("{reader:?}");
        let unread: usize = text.split(&[' ', ',']).nth(3).unwrap().parse().unwrap();
        assert!(unread < 1_000_000, "{text}");
        assert_eq!(reader.read_to_end().await.unwrap(), vec![9; 100 * 65_536]);
    });
}

#[test]
fn files_that_are_no_papers_are_named() {
    let papers = Papers::new("bad");
    let nothing = papers.0.join("empty.pem");
    std::fs::write(&nothing, "nothing here\n").unwrap();
    let error = ClientContext::trusting_pem(&nothing).unwrap_err();
    assert!(error.to_string().contains("empty.pem"), "{error}");
    let error = ServerContext::from_pem(papers.0.join("cert.pem"), papers.0.join("cert.pem")).unwrap_err();
    assert!(error.to_string().contains("cert.pem"), "{error}");
    let error = ServerContext::from_pem(papers.0.join("absent.pem"), &nothing).unwrap_err();
    assert!(error.to_string().contains("absent.pem"), "{error}");
}
