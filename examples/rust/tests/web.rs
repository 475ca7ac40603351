//! Runs the web programs as their users do, speaks with them as browsers do, and stops them by a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Program {
    fn start(path: &str) -> Self {
        Self::start_with(Command::new(path).args(["--port", "0"]))
    }

    fn start_with(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = line.trim().rsplit_once(':').unwrap_or_else(|| panic!("{line:?}")).1.parse().unwrap();
        Program { child, output, port }
    }

    #[allow(clippy::disallowed_methods, reason = "a client that blocks, beside the program")]
    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        BufReader::new(stream)
    }

    /// One request on a connection of its own: all that comes.
    fn ask(&self, request: &str, body: &str) -> String {
        let mut connection = self.connect();
        let length = body.len();
        let head =
            format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        connection.get_mut().write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    /// As `ask`, for JSON: its status and value.
    fn call(&self, request: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.ask(request, &body);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    /// Ends it by a signal, which it takes well; what it had to say.
    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

/// A WebSocket by hand: short texts alone.
struct Socket(BufReader<TcpStream>);

impl Socket {
    fn open(program: &Program, path: &str) -> Self {
        let mut stream = program.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 101 "), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        Socket(stream)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        assert!(text.len() < 126);
        frame.extend(text.as_bytes());
        self.0.get_mut().write_all(&frame).unwrap();
    }

    /// The next frame: a text, or the code of a close.
    fn receive(&mut self) -> Value {
        let [first, length] = self.bytes();
        let length =
            if length == 126 { u16::from_be_bytes(self.bytes()).into() } else { usize::from(length) };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        match first {
            0x81 => serde_json::from_slice(&payload).unwrap(),
            0x88 => json!({"type": "close", "code": u16::from_be_bytes([payload[0], payload[1]])}),
            other => panic!("a frame {other:#x}"),
        }
    }

    /// The next message of this type; others between are skipped.
    fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let message = self.receive();
            if message["type"] == kind {
                return message;
            }
        }
    }

    fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

#[test]
fn chat_page() {
    let program = Program::start(env!("CARGO_BIN_EXE_chat_page"));
    assert!(program.ask("GET /", "").contains("<!doctype html>"));
    let (mut ada, mut bob) = (Socket::open(&program, "/chat"), Socket::open(&program, "/chat"));
    ada.send(&json!({"type": "join", "name": " Ada "}));
    assert_eq!(ada.receive(), json!({"type": "welcome", "name": "Ada", "users": ["Ada"]}));
    bob.send(&json!({"type": "join", "name": "ADA"}));
    assert_eq!(bob.receive()["reason"], "This name is taken: please choose another.");
    bob.send(&json!({"type": "join", "name": "Bob"}));
    assert_eq!(bob.receive()["users"], json!(["Ada", "Bob"]));
    assert_eq!(ada.receive(), json!({"type": "joined", "name": "Bob", "users": ["Ada", "Bob"]}));
    ada.send(&json!({"type": "say", "text": "hello <Bob>"}));
    assert_eq!(bob.receive(), json!({"type": "said", "name": "Ada", "text": "hello <Bob>"}));
    bob.send(&json!(["nonsense"]));
    assert_eq!(bob.receive()["type"], "refused");
    drop(bob);
    assert_eq!(ada.wait_for("left"), json!({"type": "left", "name": "Bob", "users": ["Ada"]}));
    for number in 0..12 {
        ada.send(&json!({"type": "say", "text": format!("{number}")}));
    }
    assert_eq!(ada.wait_for("refused")["reason"], "This is too fast: please wait a moment.");
    assert_eq!(program.stop(), "stopped\n");
    assert_eq!(ada.wait_for("close")["code"], 1012);
}

#[test]
fn a_page_of_another_site_is_not_let_in() {
    let program = Program::start(env!("CARGO_BIN_EXE_chat_page"));
    let mut connection = program.connect();
    let head = b"GET /chat HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    connection.get_mut().write_all(head).unwrap();
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 403 Forbidden\r\n");
}

#[test]
fn dashboard() {
    let program = Program::start(env!("CARGO_BIN_EXE_dashboard"));
    assert!(program.ask("GET /", "").contains("<!doctype html>"));
    let mut stream = program.connect();
    stream.get_mut().write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut samples = stream
        .lines()
        .map(Result::unwrap)
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let first = samples.next().unwrap();
    assert_eq!(first["number"].as_u64().unwrap() + 1, samples.next().unwrap()["number"].as_u64().unwrap());
    assert!(program.ask("POST /job/await", "").starts_with("HTTP/1.1 204 "));
    assert!(program.ask("POST /job/thread", "").starts_with("HTTP/1.1 204 "));
    assert!(program.ask("POST /job/block", "").starts_with("HTTP/1.1 204 "));
    let late = samples.take(20).map(|sample| sample["late_ms"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!(late > 100.0, "{late}");
    assert!(program.ask("POST /job/dance", "").starts_with("HTTP/1.1 404 "));
    assert_eq!(program.stop(), "stopped\n");
}

#[test]
fn game_server() {
    let program = Program::start(env!("CARGO_BIN_EXE_game_server"));
    assert!(program.ask("GET /", "").contains("<!doctype html>"));
    let (mut ada, mut bob) = (Socket::open(&program, "/play"), Socket::open(&program, "/play"));
    ada.send(&json!({"type": "join", "name": "Ada"}));
    let number = ada.wait_for("welcome")["id"].clone();
    ada.send(&json!({"type": "steer", "x": -1, "y": 0}));
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let state = bob.wait_for("state");
        assert_eq!(state["coins"].as_array().unwrap().len(), 6);
        if state["players"][0]["x"] == 16 {
            assert_eq!((&state["players"][0]["id"], &state["players"][0]["name"]), (&number, &json!("Ada")));
            break;
        }
        assert!(Instant::now() < until, "{state}");
    }
    bob.send(&json!({"type": "steer", "x": 5, "y": 0}));
    assert_eq!(bob.wait_for("close")["code"], 1008);
    assert_eq!(program.stop(), "stopped\n");
}

#[test]
fn json_service() {
    let database = std::env::temp_dir().join(format!("ferrio-orders-{}.db", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_json_service"));
    let program = Program::start_with(command.args(["--port", "0"]).env("ORDERS_DB", &database));
    let (status, tea) = program.call("POST /orders", &json!({"item": " tea ", "amount": 3}));
    assert_eq!((status, &tea), (201, &json!({"id": 1, "item": "tea", "amount": 3, "notified": false})));
    for wrong in [json!({"item": ""}), json!({"item": "tea", "amount": 0}), json!("tea")] {
        assert_eq!(program.call("POST /orders", &wrong).0, 422);
    }
    assert_eq!(program.call("POST /orders", &json!({"item": "x".repeat(20_000)})).0, 413);
    assert_eq!(program.call("GET /orders", &Value::Null), (200, json!([tea])));
    let until = Instant::now() + Duration::from_secs(20);
    while program.call("GET /orders/1", &Value::Null).1["notified"] == false {
        assert!(Instant::now() < until);
    }
    assert_eq!(program.call("DELETE /orders/1", &Value::Null).0, 204);
    assert_eq!(program.call("GET /orders/1", &Value::Null).0, 404);
    assert_eq!(program.call("PATCH /orders", &Value::Null).0, 404);
    assert_eq!(program.stop(), "notified: 3 x tea\nstopped\n");
    std::fs::remove_file(database).unwrap();
}
