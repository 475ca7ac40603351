//! Bytes to a client, and to one without deflate that sent its close already: no panic, and what it answers a server takes.
#![no_main]

#[path = "../../crates/ferrio-http/tests/ws/peer.rs"]
#[allow(dead_code)]
mod peer;

use ferrio_http::ws::{Config, Role, code};
use libfuzzer_sys::fuzz_target;
use peer::{Seen, client, deflating, events, server};

const CONFIG: Config = Config { max_message_size: 5000, compress_from: 1, compression_level: 3 };

fuzz_target!(|input: &[u8]| {
    let (seen, out) = events(&mut deflating(Role::Client, CONFIG), input);
    let (heard, _) = events(&mut server(), &out);
    let answered = |event: &&Seen| !matches!(event, Seen::Text(_) | Seen::Binary(_) | Seen::Pong(_));
    assert_eq!(heard.len(), seen.iter().filter(answered).count(), "one answer for each that wants one");
    assert!(!heard.iter().any(|event| matches!(event, Seen::Failed(_))));

    let mut closing = client();
    closing.close(code::NORMAL, "", &mut Vec::new()).unwrap();
    assert!(events(&mut closing, input).1.is_empty(), "nothing follows a close");
});
