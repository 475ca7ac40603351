//! A chat over WebSocket, with its page: join, leave, talk to all, see who is here. The twin of `examples/python/chat`.
//!
//! What it teaches: each connection is a task that reads and writes at once; what it writes comes from a channel of bounded
//! length. Saying something to all is then a matter of filling channels: it never waits, and a client that does not read is put
//! out, while the others notice nothing. The room is an `Rc` with a `RefCell`, as all of it is on one thread.
//!
//! ```text
//! cargo run --package ferrio-examples --bin chat_page -- --port 8000
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ferrio::Sender;
use ferrio::http::{
    self, Body, IntoResponse, Message, Request, Response, StatusCode, Upgrade, WebSocket, WebSocketSender,
};
use ferrio_examples::{is_foreign, page, port, refused, serve};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../python/chat/page.html");
const LONGEST_NAME: usize = 20;
const LONGEST_TEXT: usize = 500;
/// Messages that may wait for one client.
const QUEUE: usize = 64;
/// A client may send so many messages in that time.
const BURST: usize = 10;
const BURST_TIME: Duration = Duration::from_secs(5);

/// One connected client.
struct Member {
    name: RefCell<String>,
    socket: WebSocketSender,
    queue: Sender<String>,
    received: RefCell<VecDeque<Duration>>,
}

impl Member {
    /// Never waits. Who does not read is put out, without a farewell: it would wait behind what is not read.
    fn send(&self, message: &Value) {
        if self.queue.try_send(message.to_string()).is_err() {
            self.socket.abort();
        }
    }

    /// Whether this client sends more than people can read.
    fn is_in_haste(&self) -> bool {
        let now = ferrio::get_running_loop().time();
        let mut received = self.received.borrow_mut();
        if received.len() == BURST {
            if received.front().is_some_and(|first| now.saturating_sub(*first) < BURST_TIME) {
                return true;
            }
            received.pop_front();
        }
        received.push_back(now);
        false
    }
}

/// Who is here, by folded name: Ada and ADA would be taken for one another.
#[derive(Default)]
struct Room(RefCell<BTreeMap<String, Rc<Member>>>);

impl Room {
    fn names(&self) -> Vec<String> {
        self.0.borrow().values().map(|member| member.name.borrow().clone()).collect()
    }

    /// Fails with a reason that the user can act on.
    fn join(&self, member: &Rc<Member>, name: &str) -> Result<(), &'static str> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            return Err("Please choose a name.");
        }
        if name.chars().count() > LONGEST_NAME {
            return Err("This name is too long: at most 20 characters.");
        }
        if name.chars().any(char::is_control) {
            return Err("This name has characters that cannot be shown.");
        }
        if self.0.borrow().contains_key(&name.to_lowercase()) {
            return Err("This name is taken: please choose another.");
        }
        self.0.borrow_mut().insert(name.to_lowercase(), member.clone());
        member.name.replace(name.clone());
        member.send(&json!({"type": "welcome", "name": name, "users": self.names()}));
        self.tell(&json!({"type": "joined", "name": name, "users": self.names()}), Some(member));
        Ok(())
    }

    fn leave(&self, member: &Rc<Member>) {
        let name = member.name.take();
        if self.0.borrow_mut().remove(&name.to_lowercase()).is_some() {
            self.tell(&json!({"type": "left", "name": name, "users": self.names()}), None);
        }
    }

    fn say(&self, member: &Rc<Member>, text: &str) -> Result<(), &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("There is nothing to say in this message.");
        }
        if text.chars().count() > LONGEST_TEXT {
            return Err("This message is too long: at most 500 characters.");
        }
        self.tell(&json!({"type": "said", "name": *member.name.borrow(), "text": text}), None);
        Ok(())
    }

    fn tell(&self, message: &Value, but: Option<&Rc<Member>>) {
        for member in self.0.borrow().values().filter(|one| !but.is_some_and(|but| Rc::ptr_eq(but, one))) {
            member.send(message);
        }
    }
}

/// One connection, from the handshake to the end.
async fn talk(room: Rc<Room>, mut socket: WebSocket) {
    let (queue, waiting) = ferrio::channel(QUEUE);
    let sender = socket.sender();
    let (name, received) = (RefCell::default(), RefCell::default());
    let member = Rc::new(Member { name, socket: sender.clone(), queue, received });
    let reads = async {
        while let Some(message) = socket.recv().await {
            if let Message::Text(text) = message {
                understand(&room, &member, &text);
            }
        }
    };
    let writes = async {
        while let Some(text) = waiting.recv().await {
            if sender.send_text(&text).await.is_err() {
                break;
            }
        }
    };
    ferrio::race!(reads, writes).await;
    room.leave(&member);
}

/// What a client sends is data from a stranger: each way it can be wrong ends in a refusal, none in an error.
fn understand(room: &Room, member: &Rc<Member>, text: &str) {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let is_in = !member.name.borrow().is_empty();
    let understood = if member.is_in_haste() {
        Err("This is too fast: please wait a moment.")
    } else {
        match (message["type"].as_str(), is_in) {
            (Some("join"), false) => room.join(member, message["name"].as_str().unwrap_or_default()),
            (Some("say"), true) => room.say(member, message["text"].as_str().unwrap_or_default()),
            _ => Err("This message makes no sense here."),
        }
    };
    if let Err(reason) = understood {
        member.send(&json!({"type": "refused", "reason": reason}));
    }
}

fn answer(room: &Rc<Room>, request: Request<Body>) -> Response<Body> {
    match request.uri().path() {
        "/" => page(PAGE),
        "/chat" if is_foreign(request.headers()) => {
            refused(StatusCode::FORBIDDEN, "This chat is for its own page only.")
        }
        "/chat" => match Upgrade::new().max_message_size(8192).upgrade(request) {
            Err(error) => error.into_response(),
            Ok((response, socket)) => {
                let room = room.clone();
                ferrio::create_task(async move {
                    if let Ok(socket) = socket.await {
                        talk(room, socket).await;
                    }
                })
                .detach();
                response
            }
        },
        _ => refused(StatusCode::NOT_FOUND, "There is no such page."),
    }
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let room = Rc::new(Room::default());
    let service = async move |request: Request<Body>| answer(&room, request);
    serve(http::start_server(service, "127.0.0.1", port()?).await?, Duration::from_secs(2)).await
}
