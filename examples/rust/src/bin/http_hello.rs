//! A hello server, on ferrio's loop and by ferrio's own HTTP.
//!
//! What it teaches: a service is an async closure from a request to a response. It runs on the loop's thread, so it need not be
//! `Send`: it counts in a `Cell`.
//!
//! ```text
//! cargo run --package ferrio-examples --bin http_hello               asks itself, and ends
//! cargo run --package ferrio-examples --bin http_hello serve 8080    a server, for `curl http://127.0.0.1:8080/you`
//! ```

use std::cell::Cell;
use std::io;

use ferrio::http::{self, Body, Request, Response, Server};

const HOST: &str = "127.0.0.1";

async fn start(port: u16) -> io::Result<Server> {
    let count = Cell::new(0);
    let hello = async move |request: Request<Body>| {
        count.set(count.get() + 1);
        let name = request.uri().path().trim_start_matches('/');
        Response::new(format!("hello {name}, you are number {}\n", count.get()))
    };
    http::start_server(hello, HOST, port).await
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
        return server.serve().await;
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
