//! Rules of a frame by itself (RFC 6455, 5), for both roles, and what is written.

use ferrio_http::ws::{Connection, Event, Kind, Misuse, code};

use super::peer::{Seen, client, events, frame, framed, masked, server};

const PROTOCOL: u16 = code::PROTOCOL_ERROR;

/// Fails with 1002, and says so to the peer in a close frame with the reason.
fn fails(mut connection: Connection, input: &[u8], reason: &str) {
    let (mut input, mut out) = (input.to_vec(), Vec::new());
    let length = input.len();
    let (used, event) = connection.advance(&mut input, &mut out);
    let Event::Failed(failed) = event else { panic!("{reason}: {event:?}") };
    assert_eq!((failed.code, failed.reason, used), (PROTOCOL, reason, length));
    assert_eq!(connection.advance(&mut [1, 2, 3], &mut out), (3, Event::Closed));
    assert_eq!(out[0], 0x88);
    assert_eq!(usize::from(out[1] & 0x7F), 2 + reason.len());
    if out[1] & 0x80 == 0 {
        assert_eq!(out[2..], [&PROTOCOL.to_be_bytes(), reason.as_bytes()].concat());
    }
}

#[test]
fn reserved_bits_and_opcodes_fail() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(server(), &masked(0x80 | opcode, b""), "the opcode is reserved");
        fails(client(), &frame(0x80 | opcode, b""), "the opcode is reserved");
        fails(client(), &frame(opcode, b""), "the opcode is reserved");
    }
    for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        for opcode in [0, 1, 2, 8, 9, 10] {
            fails(server(), &masked(0x80 | bits | opcode, b""), "a reserved bit is set");
            fails(client(), &frame(0x80 | bits | opcode, b""), "a reserved bit is set");
        }
    }
    for opcode in [1, 2] {
        fails(server(), &masked(0xC0 | opcode, b""), "compression was not agreed on");
        fails(client(), &frame(0xC0 | opcode, b""), "compression was not agreed on");
    }
}

#[test]
fn masks_are_a_client_s() {
    for opcode in [1, 2, 8, 9, 10] {
        fails(server(), &frame(0x80 | opcode, b""), "a client's frame is not masked");
        fails(client(), &masked(0x80 | opcode, b""), "a server's frame is masked");
    }
}

#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [8, 9, 10] {
        fails(server(), &masked(opcode, b""), "a control frame is fragmented");
        fails(server(), &masked(0xC0 | opcode, b""), "a control frame is compressed");
        fails(server(), &masked(0x80 | opcode, &[b'a'; 126]), "a control frame is longer than 125 bytes");
        fails(
            client(),
            &frame(0x80 | opcode, &vec![b'a'; 70_000]),
            "a control frame is longer than 125 bytes",
        );
    }
    let (seen, out) = events(&mut server(), &masked(0x89, &[b'a'; 125]));
    assert_eq!((seen, out), (vec![Seen::Ping(vec![b'a'; 125])], frame(0x8A, &[b'a'; 125])));
    assert_eq!(events(&mut server(), &masked(0x8A, b"x")), (vec![Seen::Pong(b"x".to_vec())], vec![]));
}

#[test]
fn lengths_are_in_their_shortest_form() {
    const LONG: &str = "the length of a frame is not in its shortest form";
    for length in [0_u16, 1, 125] {
        fails(client(), &[&[0x82, 126][..], &length.to_be_bytes()].concat(), LONG);
    }
    for length in [0_u64, 125, 126, 0xFFFF] {
        fails(client(), &[&[0x82, 127][..], &length.to_be_bytes()].concat(), LONG);
    }
    for length in [1 << 63, u64::MAX] {
        let input = [&[0x82, 127][..], &length.to_be_bytes()].concat();
        fails(client(), &input, "the length of a frame has its highest bit set");
    }
    for length in [0, 1, 125, 126, 127, 128, 65535, 65536] {
        let payload = vec![b'*'; length];
        let text = Seen::Text(String::from_utf8(payload.clone()).unwrap());
        assert_eq!(events(&mut server(), &masked(0x81, &payload)).0, [text]);
        assert_eq!(events(&mut client(), &frame(0x82, &payload)).0, [Seen::Binary(payload)]);
    }
}

#[test]
fn what_is_written_is_the_shortest_frame() {
    for length in [0, 1, 125, 126, 65535, 65536, 100_000] {
        let payload = vec![b'x'; length];
        let (mut out, text) = (Vec::new(), str::from_utf8(&payload).unwrap());
        server().send_text(text, &mut out).unwrap();
        assert_eq!(out, frame(0x81, &payload));
        out.clear();
        server().send_binary(&payload, &mut out).unwrap();
        assert_eq!(out, frame(0x82, &payload));
        for (kind, first) in [(Kind::Text, 0x81), (Kind::Binary, 0x82)] {
            let head = server().message_head(kind, length).unwrap();
            assert_eq!([&head, &payload[..]].concat(), frame(first, &payload));
        }
        out.clear();
        client().send_binary(&payload, &mut out).unwrap();
        let at = out.len() - length;
        let key = out[at - 4..at].try_into().unwrap();
        assert_eq!(out, framed(0x82, &payload, Some(key)));
    }
}

#[test]
fn every_frame_of_a_client_has_a_key_of_its_own() {
    let (mut connection, mut keys) = (client(), std::collections::HashSet::new());
    for _ in 0..200 {
        let mut out = Vec::new();
        connection.send_text("", &mut out).unwrap();
        keys.insert(out[2..].to_vec());
    }
    assert!(keys.len() > 195);
}

#[test]
fn what_must_not_be_sent_is_refused_and_nothing_is_written() {
    let mut out = Vec::new();
    assert_eq!(server().ping(&[0; 126], &mut out), Err(Misuse::LongControl));
    assert_eq!(server().pong(&[0; 126], &mut out), Err(Misuse::LongControl));
    assert_eq!(server().close(code::NORMAL, &"x".repeat(124), &mut out), Err(Misuse::LongControl));
    assert_eq!(server().close(code::NO_STATUS, "x", &mut out), Err(Misuse::CloseCode));
    assert_eq!(client().message_head(Kind::Text, 1).unwrap_err(), Misuse::Masked);
    for code in [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(server().close(code, "", &mut out), Err(Misuse::CloseCode), "{code}");
    }
    assert!(out.is_empty());
}
