//! A hello server by hyper, on ferrio's loop.
//!
//! What it teaches: hyper asks its runtime for very little, and `ferrio::compat` has it: a stream to read and write. The service
//! need not be `Send`: it counts in a `Cell`.
//!
//! ```text
//! cargo run --package ferrio-examples --bin hello_hyper               asks itself, and ends
//! cargo run --package ferrio-examples --bin hello_hyper serve 8080    a server, for `curl http://127.0.0.1:8080/you`
//! ```

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use ferrio::{Server, StreamReader, StreamWriter};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

const HOST: &str = "127.0.0.1";

async fn start(port: u16) -> io::Result<Server> {
    let count = Rc::new(Cell::new(0));
    let serve = async move |reader: StreamReader, writer: StreamWriter| {
        let Ok(stream) = reader.join(writer) else { return };
        let service = service_fn(|request: Request<Incoming>| {
            count.set(count.get() + 1);
            let text = format!("hello {}, you are number {}\n", &request.uri().path()[1..], count.get());
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
        });
        // Whoever hangs up has heard enough.
        let _hung_up = http1::Builder::new().serve_connection(stream, service).await;
    };
    ferrio::start_server(serve, HOST, port).await
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, port] = arguments.as_slice()
        && command == "serve"
    {
        let server =
            start(port.parse().map_err(|_| io::Error::other(format!("{port:?} is no port")))?).await?;
        println!("listening on http://{HOST}:{}", server.port());
        return ferrio::ctrl_c().await;
    }
    let server = start(0).await?;
    for name in ["Ada", "Bob"] {
        let (mut reader, mut writer) = ferrio::open_connection(HOST, server.port()).await?;
        writer.write(format!("GET /{name} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n").as_bytes());
        let answer = reader.read_to_end().await?;
        println!("{}", String::from_utf8_lossy(&answer).lines().last().unwrap_or_default());
    }
    Ok(())
}
