//! What a WebSocket message costs without its socket: ns a message and a server's memory.
//!
//! `cargo run --release -p ferrio-http --example ws_cost`. Each figure is the least of 15 rounds, since others use the machine.

use std::fmt::Write;
use std::time::Instant;

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{Config, Connection, Event, Role};

const ROUNDS: usize = 15;

fn main() {
    // First, while nothing that was freed is there to be used again.
    memory();
    for (name, sample) in
        [("ASCII", "{\"id\": 12345, \"name\": \"user\"}, "), ("not ASCII", "größer als → 𝄞, ")]
    {
        for size in [16, 125, 1024, 4096, 65536] {
            echo(name, &text(sample, size));
        }
    }
    for level in [1, 2, 3, 4, 6, 9] {
        pack(level, 1, 1024);
        pack(level, 64, 1024);
    }
    for size in [32, 64, 128, 256, 512, 4096, 32768] {
        pack(Config::default().compression_level, 64, size);
    }
}

/// A server reads a client's text and sends it back.
fn echo(name: &str, text: &str) {
    let mut client = Connection::new(Role::Client, Config::default(), None);
    let mut server = Connection::new(Role::Server, Config::default(), None);
    let mut sent = Vec::new();
    client.send_text(text, &mut sent).expect("open");
    let (mut input, mut out) = (sent.clone(), Vec::new());
    let cost = least(2000, || {
        // What a read would do. The copy is measured, too: some ns.
        input.copy_from_slice(&sent);
        out.clear();
        let Event::Text(text) = server.advance(&mut input, &mut out).1 else { return };
        let _ = server.send_text(&text, &mut out);
    });
    let masking = least(2000, || {
        out.clear();
        let _ = client.send_text(text, &mut out);
    });
    println!("echo, {} bytes, {name}: {cost:.0} ns; a client's sending: {masking:.0} ns", text.len());
}

/// Servers take turns to send messages that are compressed, and a client of each reads them.
fn pack(level: u8, connections: usize, size: usize) {
    let config = Config { compression_level: level, compress_from: 1, ..Config::default() };
    let deflate = Some(Deflate::default());
    let mut servers: Vec<_> =
        (0..connections).map(|_| Connection::new(Role::Server, config, deflate)).collect();
    let mut clients: Vec<_> =
        (0..connections).map(|_| Connection::new(Role::Client, config, deflate)).collect();
    let messages: Vec<_> = (0..1000).map(|number| json(number, size)).collect();
    let (mut at, mut bytes, mut packed) = (0, 0, vec![Vec::new(); 200]);
    let next = |at: &mut usize| {
        *at += 1;
        (*at % connections, &messages[*at * 7 / connections % messages.len()])
    };
    let (mut packing, mut unpacking) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let begin = at;
        packing = packing.min(once(200, |round| {
            let (connection, message) = next(&mut at);
            packed[round].clear();
            let _ = servers[connection].send_text(message, &mut packed[round]);
            bytes += packed[round].len();
        }));
        unpacking = unpacking.min(once(200, |round| {
            let event =
                clients[(begin + 1 + round) % connections].advance(&mut packed[round], &mut Vec::new()).1;
            assert!(matches!(event, Event::Text(_)));
        }));
    }
    let bytes = bytes / (200 * ROUNDS);
    println!(
        "deflate, level {level}, {connections} connections, {size} bytes: pack {packing:.0} ns to {bytes} bytes, unpack {unpacking:.0} ns"
    );
}

/// What a thousand servers own after ten compressed messages each way.
fn memory() {
    let deflate = Some(Deflate::default());
    for (name, deflate) in [("without deflate", None), ("with deflate", deflate)] {
        let before = resident();
        let mut servers: Vec<_> =
            (0..1000).map(|_| Connection::new(Role::Server, Config::default(), deflate)).collect();
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        for server in &mut servers {
            let mut client = Connection::new(Role::Client, Config::default(), deflate);
            for number in 0..10 {
                sent.clear();
                out.clear();
                let _ = client.send_text(&json(number, 1024), &mut sent);
                if let Event::Text(text) = server.advance(&mut sent, &mut out).1 {
                    let _ = server.send_text(&text, &mut out);
                }
            }
        }
        println!("1,000 idle servers {name}: {} KiB", resident() - before);
        drop(servers);
    }
}

fn least(times: usize, mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).map(|_| once(times, |_| work())).fold(f64::MAX, f64::min)
}

/// ns for each of that many calls.
fn once(times: usize, mut work: impl FnMut(usize)) -> f64 {
    let begin = Instant::now();
    (0..times).for_each(&mut work);
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(times).unwrap_or(u32::MAX))
}

fn text(sample: &str, size: usize) -> String {
    let mut text = sample.repeat(size / sample.len() + 1);
    text.truncate((0..=size).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0));
    text
}

/// Records with numbers that do not repeat, as a feed sends them.
fn json(number: u64, size: usize) -> String {
    let (mut text, mut word) = (String::new(), number * 7919 + 13);
    while text.len() < size {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (id, name, price, active) = (word >> 40, word >> 50, word >> 20 & 1023, word & 1 == 0);
        let _ =
            write!(text, r#"{{"id": {id}, "name": "user{name}", "price": {price}, "active": {active}}},"#);
    }
    text.truncate(size);
    text
}

/// KiB of memory in use.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).map_or(0, |pages| pages * 4)
}
