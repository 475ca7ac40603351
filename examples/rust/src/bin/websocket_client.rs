//! A WebSocket from its client's side, with a server that the program starts itself.
//!
//! What it teaches: sending and receiving are apart, so that one side may do both at once; messages keep their order and their kind;
//! a server may refuse, by a status; and closing is a message, too, with a code that says why.
//!
//! ```text
//! cargo run --package ferrio-examples --bin websocket_client
//! ```

use ferrio::http::{
    Body, Client, IntoResponse, Message, Request, Response, StatusCode, code, start_server, upgrade,
};

const WORDS: [&str; 3] = ["one", "two", "three"];

#[ferrio::main]
async fn main() -> std::io::Result<()> {
    let server = start_server(answer, "127.0.0.1", 0).await?; // port 0: any free one
    let base = format!("ws://127.0.0.1:{}", server.port());
    let client = Client::new();

    let mut socket = client.websocket(format!("{base}/echo")).connect().await?;
    let sender = socket.sender();
    let sending = async {
        for word in WORDS {
            sender.send_text(word).await?;
        }
        sender.send_binary(&[1, 2, 3]).await?;
        sender.send_text("bye").await
    };
    let receiving = async {
        while let Some(message) = socket.recv().await {
            match message {
                Message::Text(text) => println!("received: {text}"),
                Message::Binary(data) => println!("received: {} bytes", data.len()),
            }
        }
    };
    let (sent, ()) = ferrio::gather!(sending, receiving).await; // both at once
    sent?;
    println!("closed: {}", socket.closed().unwrap_or_default().0);

    if let Err(error) = client.websocket(format!("{base}/members")).connect().await {
        println!("refused: {}", error.status().unwrap_or_default().as_u16());
    }
    Ok(())
}

/// Sends everything back until it is told to stop; to members alone there is another place.
async fn answer(request: Request<Body>) -> Response<Body> {
    if request.uri().path() != "/echo" {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (response, socket) = match upgrade(request) {
        Ok(upgraded) => upgraded,
        Err(error) => return error.into_response(),
    };
    ferrio::create_task(async move {
        let Ok(mut socket) = socket.await else { return };
        while let Some(message) = socket.recv().await {
            let sent = match message {
                Message::Text(text) if text == "bye" => socket.close(code::NORMAL, "as you wish").await,
                Message::Text(text) => socket.send_text(&format!("echo of {text}")).await,
                Message::Binary(data) => socket.send_binary(&data).await,
            };
            if sent.is_err() {
                break;
            }
        }
    })
    .detach();
    response
}
