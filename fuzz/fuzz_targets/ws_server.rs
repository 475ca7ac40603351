//! Bytes to a server: no panic, no message above the limit, and what it answers are frames that a client takes.
#![no_main]

#[path = "../../crates/ferrio-http/tests/ws/peer.rs"]
#[allow(dead_code)]
mod peer;

use ferrio_http::ws::{Config, Event, Role, State};
use libfuzzer_sys::fuzz_target;
use peer::{Seen, client, deflating, events, frames};

const CONFIG: Config = Config { max_message_size: 5000, compress_from: 1, compression_level: 3 };

fuzz_target!(|input: &[u8]| {
    let mut server = deflating(Role::Server, CONFIG);
    let (seen, out) = events(&mut server, input);
    let (heard, _) = events(&mut client(), &out);
    assert_eq!(heard.len(), frames(&out).len(), "each answer is a frame that means something");
    for (at, event) in seen.iter().enumerate() {
        match event {
            Seen::Text(text) => assert!(text.len() <= CONFIG.max_message_size),
            Seen::Binary(data) => assert!(data.len() <= CONFIG.max_message_size),
            Seen::Ping(payload) => assert!(heard.contains(&Seen::Pong(payload.clone()))),
            Seen::Pong(_) => {}
            Seen::Failed(code) => {
                assert!(matches!(heard.last(), Some(Seen::Close(told, _)) if told == code));
                assert_eq!(at, seen.len() - 1);
            }
            Seen::Close(..) => assert_eq!((heard.last(), at), (Some(event), seen.len() - 1)),
        }
    }
    let ended = matches!(seen.last(), Some(Seen::Close(..) | Seen::Failed(_)));
    assert_eq!(server.state() == State::Closed, ended);
    assert_eq!(server.end_of_input() == Event::Closed, ended);
});
