//! A TCP echo server and its client, with streams.
//!
//! What it teaches: `start_server` runs a task for each connection, `open_connection` makes one; reading until the end, writing
//! with `drain`, closing.
//!
//! ```text
//! cargo run --package ferrio-examples --bin tcp_echo                    both, in one program
//! cargo run --package ferrio-examples --bin tcp_echo serve 8888         a server, until Ctrl-C
//! ```

use std::io;

use ferrio::{Server, StreamReader, StreamWriter};

const HOST: &str = "127.0.0.1";

#[ferrio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => both().await,
        ["serve", port] => {
            serve(port.parse().map_err(|_| io::Error::other(format!("{port:?} is no port")))?).await
        }
        _ => Err(io::Error::other("usage: tcp_echo [serve PORT]")),
    }
}

async fn both() -> io::Result<()> {
    let server = echo_server(0).await?;
    // Three clients at once; their output would mix, so each gives its answers.
    let long = "x".repeat(40);
    let conversations = [vec!["hello"], vec!["one", "two", "three"], vec!["ä", &long]];
    for answers in
        ferrio::try_gather(conversations.iter().map(|messages| send(server.port(), messages))).await?
    {
        println!("echoed: {answers}");
    }
    Ok(())
}

async fn serve(port: u16) -> io::Result<()> {
    let mut server = echo_server(port).await?;
    println!("listening on {HOST}:{}", server.port());
    ferrio::ctrl_c().await?;
    // That only stops accepting. Those who are still connected are cut off.
    server.close();
    server.abort_clients();
    server.wait_closed().await;
    Ok(())
}

async fn echo_server(port: u16) -> io::Result<Server> {
    ferrio::start_server(
        async |mut reader: StreamReader, mut writer: StreamWriter| {
            // A client may vanish at any time.
            while let Ok(data) = reader.read(65_536).await {
                if data.is_empty() || writer.write_all(&data).await.is_err() {
                    break;
                }
            }
        },
        HOST,
        port,
    )
    .await
}

/// Sends each as a line; the lines that came back.
async fn send(port: u16, messages: &[&str]) -> io::Result<String> {
    let (mut reader, mut writer) = ferrio::open_connection(HOST, port).await?;
    for message in messages {
        writer.write(format!("{message}\n").as_bytes());
        writer.drain().await?; // waits when the other end reads more slowly than we write
    }
    writer.write_eof()?; // that was all, but we still listen
    let answers = reader.read_to_end().await?;
    Ok(String::from_utf8_lossy(&answers).split_whitespace().collect::<Vec<_>>().join(" "))
}
