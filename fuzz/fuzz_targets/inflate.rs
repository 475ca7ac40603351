//! Bytes as compressed messages, whole and in fragments, which mean the same; and as messages, packed and unpacked again.
#![no_main]

#[path = "../../crates/ferrio-http/tests/ws/peer.rs"]
#[allow(dead_code)]
mod peer;

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{Config, Connection, Role};
use libfuzzer_sys::fuzz_target;
use peer::{Seen, events, frame};

fuzz_target!(|input: &[u8]| {
    let [first, second, input @ ..] = input else { return };
    let deflate = Deflate {
        server_no_context_takeover: first & 1 != 0,
        client_no_context_takeover: false,
        server_max_window_bits: 8 + (first >> 1 & 7),
        client_max_window_bits: 12,
    };
    let config =
        Config { max_message_size: 100_000, compress_from: 1, compression_level: 1 + (first >> 4) % 9 };
    let connection = |role| Connection::new(role, config, Some(deflate));
    let at = usize::from(*second).min(input.len());
    let (begin, end) = input.split_at(at);

    let two = [frame(0xC2, begin), frame(0xC1, end)].concat();
    let pieces = [frame(0x42, begin), frame(0x80, b""), frame(0x41, b""), frame(0x80, end)].concat();
    let read = |input: &[u8]| events(&mut connection(Role::Client), input).0;
    assert_eq!(read(&two), read(&pieces));

    let (mut server, mut packed) = (connection(Role::Server), Vec::new());
    // A second connection that takes turns with the first.
    let (mut other, mut elsewhere) = (connection(Role::Server), Vec::new());
    for message in [begin, end, input, input] {
        server.send_binary(message, &mut packed).unwrap();
        if first & 0x80 != 0 {
            other.send_binary(end, &mut elsewhere).unwrap();
        }
    }
    let sent = [begin, end, input, input].map(|message| Seen::Binary(message.to_vec()));
    assert_eq!(read(&packed), sent);
    assert!(read(&elsewhere).iter().all(|message| *message == Seen::Binary(end.to_vec())));
});
