//! HTTPS, with a certificate that is made for the test.

use ferrio::http::{Body, Request, Response, Server};
use ferrio::ssl::{self, ClientContext, ServerContext};

use crate::support::with_certificate;

#[test]
fn the_same_over_tls() {
    with_certificate(|certificate, key| {
        ferrio::run(async {
            let service =
                async |mut request: Request<Body>| request.body_mut().bytes(1 << 20).await.map(Response::new);
            let context = ServerContext::from_pem(certificate, key).unwrap();
            let server = Server::builder().tls(context).start(service, "127.0.0.1", 0).await.unwrap();
            let context = ClientContext::trusting_pem(certificate).unwrap().alpn(&["h2", "http/1.1"]);
            let (mut reader, mut writer) =
                ssl::open_connection("localhost", server.port(), &context).await.unwrap();
            assert_eq!(writer.alpn().unwrap(), b"http/1.1");
            writer
                .write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\nConnection: close\r\n\r\n");
            writer.write(&vec![b'x'; 500_000]);
            let answer = reader.read_to_end().await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
            assert_eq!(answer.iter().rev().take_while(|byte| **byte == b'x').count(), 500_000);
        });
    });
}
