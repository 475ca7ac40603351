//! HTTPS: directly, through a proxy, and with somebody who is not who they should be.

use ferrio::http::client::Proxy;
use ferrio::http::{self, Client, Response, Server};
use ferrio::ssl::{ClientContext, ServerContext, start_server_tls};
use ferrio::{StreamReader, StreamWriter};

use super::raw;
use crate::support::with_certificate;

#[test]
fn the_same_over_tls_and_through_a_tunnel() {
    with_certificate(|certificate, key| {
        ferrio::run(async {
            let context = ServerContext::from_pem(certificate, key).unwrap();
            let service = async |_| Response::new("x".repeat(300_000));
            let server = Server::builder().tls(context).start(service, "127.0.0.1", 0).await.unwrap();
            let trusting = || ClientContext::trusting_pem(certificate).unwrap();
            let client = Client::builder().tls(trusting()).build();
            let url = format!("https://localhost:{}/", server.port());
            for _ in 0..3 {
                assert_eq!(client.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 300_000);
            }
            assert_eq!(client.connections(), (0, 1));
            let error = client.get(url.replace("localhost", "127.0.0.1")).send().await.unwrap_err();
            assert!(error.is_connect() && error.to_string().contains("ertificate"), "{error}");
            let (proxying, count) = raw(tunnel).await;
            let proxy = Proxy::parse(&format!("http://127.0.0.1:{}", proxying.port())).unwrap();
            let client = Client::builder().tls(trusting()).proxy(proxy).build();
            for _ in 0..2 {
                assert_eq!(client.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 300_000);
            }
            assert_eq!((count.get(), client.connections()), (1, (0, 1)));
            // The way to the proxy is encrypted, too; what the proxy reads itself is encrypted so far.
            let serving = ServerContext::from_pem(certificate, key).unwrap();
            let (proxying, count) = raw(move |number, reader, writer| {
                let serving = serving.clone();
                async move {
                    let (reader, writer) = start_server_tls(reader, writer, &serving).await.unwrap();
                    tunnel(number, reader, writer).await;
                }
            })
            .await;
            let proxy = Proxy::parse(&format!("https://localhost:{}", proxying.port())).unwrap();
            let client = Client::builder().tls(trusting()).proxy(proxy).build();
            for _ in 0..3 {
                assert_eq!(client.get(&url).send().await.unwrap().bytes().await.unwrap().len(), 300_000);
            }
            assert_eq!((count.get(), client.connections()), (1, (0, 1)));
            let other = url.replace("localhost", "127.0.0.1");
            assert!(client.get(other).send().await.unwrap_err().to_string().contains("ertificate"));
            client.close_idle();
            assert_eq!(client.connections(), (0, 0));
            let plain = http::start_server(async |_| Response::new(""), "127.0.0.1", 0).await.unwrap();
            let url = format!("https://localhost:{}/", plain.port());
            assert!(
                Client::builder().tls(trusting()).build().get(url).send().await.unwrap_err().is_connect()
            );
        });
    });
}

/// Connects to whom the head names, and hands on what both sides say.
async fn tunnel(_: usize, mut reader: StreamReader, mut writer: StreamWriter) {
    let head = String::from_utf8(reader.read_until(b"\r\n\r\n").await.unwrap()).unwrap();
    let port = head.split(':').nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let (mut inner, mut outer) = ferrio::open_connection("127.0.0.1", port).await.unwrap();
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n");
    let up = async {
        while let Ok(data) = reader.read(65_536).await {
            if data.is_empty() || outer.write_all(&data).await.is_err() {
                break;
            }
        }
        outer.close();
    };
    let down = async {
        while let Ok(data) = inner.read(65_536).await {
            if data.is_empty() || writer.write_all(&data).await.is_err() {
                break;
            }
        }
        writer.close();
    };
    ferrio::gather!(up, down).await;
}
