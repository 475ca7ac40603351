//! Messages: fragments and their order, UTF-8 that fails with its first bad byte, the limit of the size.

use std::borrow::Cow;

use ferrio_http::ws::{Config, Connection, Event, Role, code};

use super::peer::{Seen, client, events, events_cut, frame, masked, server};

#[test]
fn fragments_are_one_message_and_control_frames_go_between() {
    let input = [
        masked(0x01, b"frag"),
        masked(0x89, b"?"),
        masked(0x00, b""),
        masked(0x8A, b"!"),
        masked(0x80, b"ments"),
        masked(0x02, b""),
        masked(0x80, b""),
    ]
    .concat();
    let (seen, out) = events(&mut server(), &input);
    assert_eq!(
        seen,
        [
            Seen::Ping(b"?".to_vec()),
            Seen::Pong(b"!".to_vec()),
            Seen::Text("fragments".into()),
            Seen::Binary(vec![])
        ]
    );
    assert_eq!(out, frame(0x8A, b"?"));
}

#[test]
fn fragments_out_of_order_fail() {
    let sequences = [
        vec![masked(0x80, b"x")],
        vec![masked(0x00, b"x")],
        vec![masked(0x81, b"x"), masked(0x80, b"x")],
        vec![masked(0x01, b"x"), masked(0x81, b"x")],
        vec![masked(0x01, b"x"), masked(0x02, b"x")],
        vec![masked(0x02, b"x"), masked(0x00, b"x"), masked(0x82, b"x")],
        vec![masked(0x01, b"x"), masked(0x80, b"x"), masked(0x80, b"x")],
    ];
    for sequence in sequences {
        let (seen, _) = events(&mut server(), &sequence.concat());
        assert_eq!(seen.last(), Some(&Seen::Failed(code::PROTOCOL_ERROR)), "{sequence:?}");
    }
}

#[test]
fn only_what_is_whole_in_the_input_is_borrowed() {
    let mut input = frame(0x82, &[7; 1000]);
    let (used, event) = client().advance(&mut input, &mut Vec::new());
    assert!(matches!((used, event), (1004, Event::Binary(Cow::Borrowed(data))) if data == [7; 1000]));
    let (mut connection, mut out) = (client(), Vec::new());
    assert_eq!(connection.advance(&mut input[..500], &mut out), (500, Event::NeedMore));
    let (used, event) = connection.advance(&mut input[500..], &mut out);
    assert!(matches!((used, event), (504, Event::Binary(Cow::Owned(data))) if data == [7; 1000]));
}

/// Texts that are no UTF-8, and how many of their bytes it takes to know.
const BAD_TEXTS: [(&[u8], usize); 16] = [
    (b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80edited", 13),
    (b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited", 13),
    (b"\x80", 1),
    (b"ab\xBF", 3),
    (b"\xC0\xAF", 1),
    (b"\xC1\xBF", 1),
    (b"\xE0\x80\xAF", 2),
    (b"\xE0\x9F\xBF", 2),
    (b"\xED\xBF\xBF", 2),
    (b"\xF0\x80\x80\xAF", 2),
    (b"\xF0\x8F\xBF\xBF", 2),
    (b"\xF5\x80\x80\x80", 1),
    (b"\xFE", 1),
    (b"\xE2\x82 ", 3),
    (b"\xF0\x9D\x84x", 4),
    (b"\xC3(", 2),
];

#[test]
fn a_bad_text_fails_with_the_byte_that_spoils_it() {
    let failed = [Seen::Failed(code::INVALID_PAYLOAD)];
    for (text, known) in BAD_TEXTS {
        assert_eq!(events(&mut server(), &masked(0x81, text)).0, failed, "{text:?}");
        // In a frame that is not all there.
        let whole = masked(0x81, &[text, &[b'x'; 20]].concat());
        for length in 0..=text.len() {
            let (seen, _) = events(&mut server(), &whole[..6 + length]);
            assert_eq!(seen == failed, length >= known, "{text:?} at {length}");
            assert_eq!(seen.is_empty(), length < known);
        }
        // In fragments of a byte each.
        for length in 0..=text.len() {
            let begin = masked(0x01, b"");
            let rest = text[..length].iter().flat_map(|&byte| masked(0x00, &[byte]));
            let (seen, _) = events(&mut server(), &begin.into_iter().chain(rest).collect::<Vec<_>>());
            assert_eq!(seen == failed, length >= known, "{text:?} at {length}");
        }
    }
}

#[test]
fn a_text_that_ends_within_a_character_fails_at_its_end() {
    for text in [&b"\xC3"[..], b"a\xE2\x82", b"\xF0\x9D\x84", b"\xF4\x8F"] {
        let failed = [Seen::Failed(code::INVALID_PAYLOAD)];
        assert_eq!(events(&mut server(), &masked(0x81, text)).0, failed);
        let (begin, end) = (masked(0x01, text), masked(0x80, b""));
        assert_eq!(events(&mut server(), &begin).0, []);
        assert_eq!(events(&mut server(), &[begin, end].concat()).0, failed);
    }
}

#[test]
fn good_texts_come_through_in_any_pieces() {
    let text =
        "κόσμε \u{0} \u{7F} \u{80} \u{7FF} \u{800} \u{D7FF} \u{E000} \u{FFFD} \u{FFFF} \u{10000} \u{10FFFF}";
    for size in 1..text.len() {
        let input = masked(0x81, text.as_bytes());
        assert_eq!(events_cut(&mut server(), &input, || size).0, [Seen::Text(text.into())]);
        let pieces = text.as_bytes().chunks(size).flat_map(|piece| masked(0x00, piece));
        let input: Vec<u8> = masked(0x01, b"").into_iter().chain(pieces).chain(masked(0x80, b"")).collect();
        assert_eq!(events(&mut server(), &input).0, [Seen::Text(text.into())]);
    }
}

fn small() -> Connection {
    Connection::new(Role::Server, Config { max_message_size: 1000, ..Config::default() }, None)
}

#[test]
fn a_message_that_is_too_big_fails_when_it_is_announced() {
    let failed = [Seen::Failed(code::TOO_BIG)];
    assert_eq!(events(&mut small(), &masked(0x82, &[0; 1000])).0, [Seen::Binary(vec![0; 1000])]);
    let long = masked(0x82, &[0; 1001]);
    for length in [8, 9, 500, long.len()] {
        assert_eq!(events(&mut small(), &long[..length]).0, failed);
    }
    assert_eq!(events(&mut small(), &long[..7]).0, []);
    // 2^63 - 1 bytes.
    let giant = [&[0x82, 0xFF, 0x7F][..], &[0xFF; 7], &[0; 4]].concat();
    assert_eq!(events(&mut server(), &giant).0, failed);
    let fragments = [masked(0x02, &[0; 600]), masked(0x00, &[0; 400]), masked(0x00, b""), masked(0x80, b"")];
    assert_eq!(events(&mut small(), &fragments.concat()).0, [Seen::Binary(vec![0; 1000])]);
    let one_more = [masked(0x02, &[0; 600]), masked(0x00, &[0; 300]), masked(0x00, &[0; 101])].concat();
    assert_eq!(events(&mut small(), &one_more[..600 + 8 + 300 + 8 + 6]).0, failed);
    assert_eq!(events(&mut small(), &one_more[..600 + 8 + 300 + 8 + 5]).0, []);
}
