//! A chat over TCP, with a list of users.
//!
//! What it teaches: state that all connections share without a lock, since they run in one thread; a bounded queue for each
//! client, so that a slow one delays nobody: it is thrown out.
//!
//! ```text
//! cargo run --package ferrio-examples --bin chat                a conversation, in one program
//! cargo run --package ferrio-examples --bin chat serve 8888     a server, for `nc 127.0.0.1 8888`
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use ferrio::{Queue, Server, StreamReader, StreamWriter};

const HOST: &str = "127.0.0.1";
const ROOM: usize = 100; // lines that wait for a client

/// Who is there, and what waits for whom.
#[derive(Default)]
struct Chat {
    users: RefCell<BTreeMap<String, Rc<Queue<String>>>>,
}

impl Chat {
    fn tell_all(&self, line: &str) {
        let full = |queue: &Rc<Queue<String>>| queue.put_nowait(line.to_owned()).is_err();
        for queue in self.users.borrow().values().filter(|queue| full(queue)) {
            queue.shutdown(true); // its client does not read
        }
    }

    fn names(&self) -> String {
        self.users.borrow().keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// One connection, from its name to its end.
    async fn serve(&self, mut reader: StreamReader, mut writer: StreamWriter) -> io::Result<()> {
        writer.write(b"your name?\n");
        let Some(name) = line(&mut reader).await?.filter(|name| !name.is_empty()) else { return Ok(()) };
        if self.users.borrow().contains_key(&name) {
            writer.write(b"this name is taken\n");
            return Ok(());
        }
        let queue = Rc::new(Queue::new(ROOM));
        self.users.borrow_mut().insert(name.clone(), queue.clone());
        self.tell_all(&format!("* {name} is here; here are: {}", self.names()));
        // Whichever ends first ends the other.
        let result = ferrio::race!(self.hear(&name, &mut reader), speak(&queue, &mut writer)).await;
        self.users.borrow_mut().remove(&name);
        self.tell_all(&format!("* {name} has left; here are: {}", self.names()));
        result
    }

    async fn hear(&self, name: &str, reader: &mut StreamReader) -> io::Result<()> {
        while let Some(text) = line(reader).await? {
            match text.as_str() {
                "/who" => self.tell_all(&format!("* here are: {}", self.names())),
                "/quit" => break,
                _ => self.tell_all(&format!("{name}: {text}")),
            }
        }
        Ok(())
    }
}

async fn speak(queue: &Queue<String>, writer: &mut StreamWriter) -> io::Result<()> {
    while let Ok(text) = queue.get().await {
        writer.write_all(format!("{text}\n").as_bytes()).await?;
    }
    Ok(())
}

/// The next line; `None` at the end.
async fn line(reader: &mut StreamReader) -> io::Result<Option<String>> {
    let line = reader.readline().await?;
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).trim().to_owned()))
}

async fn start(port: u16) -> io::Result<Server> {
    let chat = Rc::new(Chat::default());
    ferrio::start_server(
        async move |reader, writer| {
            // Who vanishes has left, no more.
            let _vanished = chat.serve(reader, writer).await;
        },
        HOST,
        port,
    )
    .await
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, port] = arguments.as_slice()
        && command == "serve"
    {
        let server =
            start(port.parse().map_err(|_| io::Error::other(format!("{port:?} is no port")))?).await?;
        println!("listening on {HOST}:{}", server.port());
        return ferrio::ctrl_c().await;
    }
    let server = start(0).await?;
    let mut ada = Client::enter(server.port(), "Ada").await?;
    let mut bob = Client::enter(server.port(), "Bob").await?;
    ada.says("hello Bob").await?;
    bob.says("/who").await?;
    bob.says("/quit").await?;
    for line in ada.hears(4).await? {
        println!("Ada hears: {line}");
    }
    Ok(())
}

/// Somebody in the conversation.
struct Client(StreamReader, StreamWriter);

impl Client {
    async fn enter(port: u16, name: &str) -> io::Result<Self> {
        let (mut reader, mut writer) = ferrio::open_connection(HOST, port).await?;
        reader.readline().await?;
        writer.write(format!("{name}\n").as_bytes());
        let mut client = Client(reader, writer);
        // Its own arrival, so that whoever enters next enters later.
        println!("{name} hears: {}", client.hears(1).await?.concat());
        Ok(client)
    }

    async fn says(&mut self, text: &str) -> io::Result<()> {
        self.1.write_all(format!("{text}\n").as_bytes()).await?;
        // So that others speak after it.
        ferrio::sleep(std::time::Duration::from_millis(20)).await;
        Ok(())
    }

    async fn hears(&mut self, count: usize) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.extend(line(&mut self.0).await?);
        }
        Ok(lines)
    }
}
