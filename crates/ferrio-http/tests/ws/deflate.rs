//! Compressed messages: examples of RFC 7692, what is compressed at all, bombs, and what cannot be inflated.

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{Config, Connection, Role, code};

use super::inflate::inflate;
use super::peer::{Random, Seen, deflating, events, frame, frames, masked};

fn client() -> Connection {
    deflating(Role::Client, Config::default())
}

fn hello() -> Seen {
    Seen::Text("Hello".into())
}

#[test]
fn examples_of_the_rfc() {
    let (unfragmented, again) = (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00");
    let examples: [Vec<Vec<u8>>; 5] = [
        vec![frame(0xC1, unfragmented)],
        vec![frame(0x41, b"\xf2\x48\xcd"), frame(0x80, b"\xc9\xc9\x07\x00")],
        // A block without compression, a final block, two blocks.
        vec![frame(0xC1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")],
        vec![frame(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")],
        vec![frame(0xC1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")],
    ];
    for example in examples {
        assert_eq!(events(&mut client(), &example.concat()).0, [hello()], "{example:?}");
    }
    // The second refers to the first.
    let both = [frame(0xC1, unfragmented), frame(0xC1, again)].concat();
    assert_eq!(events(&mut client(), &both).0, [hello(), hello()]);
    // Also after a final block, and with a message between that is not compressed.
    let three =
        [frame(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), frame(0x81, b"?"), frame(0xC1, again)].concat();
    assert_eq!(events(&mut client(), &three).0, [hello(), Seen::Text("?".into()), hello()]);
    // Without takeover there is nothing to refer to.
    let fresh = Deflate { server_no_context_takeover: true, ..Deflate::default() };
    let mut forgetful = Connection::new(Role::Client, Config::default(), Some(fresh));
    assert_eq!(events(&mut forgetful, &both).0, [hello(), Seen::Failed(code::INVALID_PAYLOAD)]);
}

#[test]
fn what_cannot_be_inflated_fails() {
    let payloads: [&[u8]; 6] = [
        b"\x07",                                 // A block of the type that there is not.
        b"\xf2\x48\xcd\xc9\xc9",                 // Ends within a block.
        b"\x00\x14\x00\xeb\xff\x48",             // The same, uncompressed: of 20 bytes there is one.
        b"\x00\x05\x00\xfa\xfe\x48",             // A length that its complement denies.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00\xf2", // Goes on after a final block.
        b"\xf2\x00\x11\x00\x00",                 // Refers to what never was.
    ];
    for payload in payloads {
        let (seen, out) = events(&mut client(), &frame(0xC2, payload));
        assert_eq!(seen, [Seen::Failed(code::INVALID_PAYLOAD)], "{payload:?}");
        assert_eq!(out[0], 0x88);
    }
    // Inflated text is checked, too: a stored block with the byte FF.
    let bad = frame(0xC1, b"\x00\x01\x00\xfe\xff\xff\x00");
    assert_eq!(events(&mut client(), &bad).0, [Seen::Failed(code::INVALID_PAYLOAD)]);
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    for input in [[frame(0x41, b"\xf2\x48"), frame(0xC0, b"")], [frame(0x01, b"x"), frame(0xC0, b"x")]] {
        assert_eq!(events(&mut client(), &input.concat()).0, [Seen::Failed(code::PROTOCOL_ERROR)]);
    }
    assert_eq!(events(&mut client(), &frame(0xC9, b"")).0, [Seen::Failed(code::PROTOCOL_ERROR)]);
}

#[test]
fn a_bomb_goes_off_at_the_limit() {
    let config = Config { max_message_size: 100_000, ..Config::default() };
    for (length, expected) in
        [(100_000, None), (100_001, Some(code::TOO_BIG)), (2 << 20, Some(code::TOO_BIG))]
    {
        let mut bytes = Vec::new();
        deflating(Role::Server, config).send_binary(&vec![0; length], &mut bytes).unwrap();
        assert!(bytes.len() < length / 100);
        let (seen, _) = events(&mut deflating(Role::Client, config), &bytes);
        assert_eq!(seen, [expected.map_or_else(|| Seen::Binary(vec![0; length]), Seen::Failed)]);
    }
    // Blocks that hold nothing are not gathered for ever.
    let nothing = frame(0x42, &vec![0; 50_000]);
    let (seen, _) = events(
        &mut deflating(Role::Client, config),
        &[&nothing[..], &frame(0x00, &vec![0; 70_000])].concat(),
    );
    assert_eq!(seen, [Seen::Failed(code::TOO_BIG)]);
}

#[test]
fn what_does_not_compress_fits_into_the_limit_all_the_same() {
    let config = Config { max_message_size: 100_000, ..Config::default() };
    for level in 1..=9 {
        let (mut bytes, noise) = (Vec::new(), Random(7).bytes(100_000));
        let sending = Config { compression_level: level, ..config };
        deflating(Role::Server, sending).send_binary(&noise, &mut bytes).unwrap();
        assert!(events(&mut deflating(Role::Client, config), &bytes).0 == [Seen::Binary(noise)]);
    }
}

#[test]
fn what_a_connection_said_is_known_though_others_compress_in_between() {
    let noise = [1, 2].map(|seed| Random(seed).bytes(1000));
    let mut servers = [(); 2].map(|()| deflating(Role::Server, Config::default()));
    for round in 0..3 {
        for (server, noise) in servers.iter_mut().zip(&noise) {
            let mut out = Vec::new();
            server.send_binary(noise, &mut out).unwrap();
            assert_eq!(out.len() < 50, round > 0, "what was said before takes a few bytes: {}", out.len());
        }
    }
}

#[test]
fn short_messages_are_sent_as_they_are() {
    let mut server = deflating(Role::Server, Config::default());
    let firsts = [("x".repeat(127), 0x81), ("x".repeat(128), 0xC1)].map(|(text, first)| {
        let mut out = Vec::new();
        server.send_text(&text, &mut out).unwrap();
        assert_eq!(out[0], first);
        frames(&out).len()
    });
    assert_eq!(firsts, [1, 1]);
    // An empty message has nothing to compress, whatever the limit.
    let mut out = Vec::new();
    deflating(Role::Server, Config { compress_from: 0, ..Config::default() })
        .send_text("", &mut out)
        .unwrap();
    assert_eq!(out, [0x81, 0]);
}

#[test]
fn a_client_s_message_is_packed_and_masked() {
    let (mut out, text) = (Vec::new(), "abc".repeat(100));
    deflating(Role::Client, Config::default()).send_text(&text, &mut out).unwrap();
    assert!(out.len() < 40 && out[1] & 0x80 != 0);
    assert_eq!(events(&mut deflating(Role::Server, Config::default()), &out).0, [Seen::Text(text.clone())]);
    // A server without deflate takes it for the fault that it is.
    assert_eq!(events(&mut super::peer::server(), &out).0, [Seen::Failed(code::PROTOCOL_ERROR)]);
    assert_eq!(events(&mut super::peer::server(), &masked(0x81, text.as_bytes())).0, [Seen::Text(text)]);
}

#[test]
fn no_message_refers_further_back_than_agreed() {
    for bits in 8..=12 {
        let (mut random, window, mut furthest) = (Random(u64::from(bits)), 1 << bits, 0);
        for level in [1, 3, 6] {
            let deflate = Deflate { server_max_window_bits: bits, ..Deflate::default() };
            let config = Config { compression_level: level, compress_from: 1, ..Config::default() };
            let mut servers = [(); 2].map(|()| Connection::new(Role::Server, config, Some(deflate)));
            let mut inflated = [(); 2].map(|()| Vec::new());
            // Noise that repeats after that many bytes, in two connections that take turns or not.
            for distance in [
                window * 15 / 32,
                window / 2,
                window * 5 / 8,
                window * 15 / 16,
                window - 6,
                window,
                window + 10,
            ] {
                let noise = random.bytes(distance);
                for _ in 0..3 {
                    let (at, mut out) = (random.below(2), Vec::new());
                    servers[at].send_binary(&noise, &mut out).unwrap();
                    let [(0xC2, packed)] = &frames(&out)[..] else { panic!("one packed frame") };
                    furthest = furthest.max(inflate(packed, &mut inflated[at]));
                    assert!(inflated[at].ends_with(&noise));
                }
            }
        }
        assert!(furthest <= window, "{furthest} with {bits} bits");
        assert!(furthest >= window * 15 / 32, "{furthest} of {window}: too near to prove something");
    }
}
