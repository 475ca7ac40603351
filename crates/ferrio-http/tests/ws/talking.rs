//! Server and client talk to each other: random messages of 0 to 1 MiB, in fragments too, with deflate in all combinations.

use ferrio_http::ws::handshake::{Deflate, Offer, Opening};
use ferrio_http::ws::{Config, Connection, Role};

use super::peer::{Random, Seen, events_cut, frame, frames};

/// Both sides of a connection whose handshake went through headers.
fn pair(offered: Option<Deflate>, wanted: Option<Deflate>, config: Config) -> (Connection, Connection) {
    let opening = Opening::new(&[], offered);
    let request: Vec<_> = opening.headers().collect();
    let accepted = Offer::read(b"GET", (1, 1), &request).unwrap();
    let accepted = accepted.accept(None, wanted);
    let answer: Vec<_> = accepted.headers().collect();
    let agreed = opening.check(101, &answer).unwrap();
    assert_eq!(agreed.deflate, accepted.deflate());
    assert_eq!(agreed.deflate.is_some(), offered.is_some() && wanted.is_some());
    (
        Connection::new(Role::Client, config, agreed.deflate),
        Connection::new(Role::Server, config, agreed.deflate),
    )
}

fn message(random: &mut Random, longest: usize) -> Seen {
    let length = match random.below(8) {
        0 => random.below(longest + 1),
        1 => 0,
        2 => [125, 126, 127, 65535, 65536][random.below(5)].min(longest),
        _ => random.below(2000.min(longest)),
    };
    match random.below(3) {
        0 => Seen::Binary(random.bytes(length)),
        1 => Seen::Binary(vec![7; length]),
        _ => Seen::Text(random.text(length.saturating_sub(8))),
    }
}

fn send(connection: &mut Connection, message: &Seen, out: &mut Vec<u8>) {
    match message {
        Seen::Text(text) => connection.send_text(text, out).unwrap(),
        Seen::Binary(data) => connection.send_binary(data, out).unwrap(),
        _ => unreachable!("a message"),
    }
}

/// Sends some messages one way, and compares what comes.
fn exchange(random: &mut Random, from: &mut Connection, to: &mut Connection, longest: usize) {
    let messages: Vec<_> = (0..=random.below(4)).map(|_| message(random, longest)).collect();
    let mut bytes = Vec::new();
    for message in &messages {
        send(from, message, &mut bytes);
    }
    let pieces = 1 + random.below(bytes.len() + 1);
    let (seen, answers) = events_cut(to, &bytes, || pieces);
    assert!(seen == messages, "what came is not what was sent");
    assert!(answers.is_empty());
}

#[test]
fn plain_messages_of_all_sizes() {
    let (mut client, mut server) = pair(None, Some(Deflate::default()), Config::default());
    let mut random = Random(2);
    for _ in 0..40 {
        exchange(&mut random, &mut client, &mut server, 1 << 20);
        exchange(&mut random, &mut server, &mut client, 1 << 20);
    }
}

#[test]
fn deflated_messages_with_all_combinations_of_parameters() {
    let mut random = Random(3);
    for round in 0..64_u8 {
        let deflate = Deflate {
            server_no_context_takeover: round & 1 != 0,
            client_no_context_takeover: round & 2 != 0,
            server_max_window_bits: 8 + (round >> 2 & 7),
            client_max_window_bits: 8 + (round >> 3 & 7),
        };
        let wanted = if round & 4 == 0 { deflate } else { Deflate::default() };
        let config = Config { compression_level: 1 + round % 9, compress_from: 0, ..Config::default() };
        let (mut client, mut server) = pair(Some(deflate), Some(wanted), config);
        for _ in 0..3 {
            exchange(&mut random, &mut client, &mut server, 20_000);
            exchange(&mut random, &mut server, &mut client, 20_000);
        }
    }
}

#[test]
fn connections_that_take_turns_do_not_disturb_each_other() {
    let mut random = Random(4);
    let mut pairs: Vec<_> =
        (0..5).map(|_| pair(Some(Deflate::default()), Some(Deflate::default()), Config::default())).collect();
    for _ in 0..200 {
        let at = random.below(5);
        let (client, server) = &mut pairs[at];
        if random.below(2) == 0 {
            exchange(&mut random, client, server, 9000);
        } else {
            exchange(&mut random, server, client, 9000);
        }
    }
}

#[test]
fn a_connection_may_go_to_another_thread_and_come_back() {
    let mut random = Random(5);
    let (mut client, mut server) =
        pair(Some(Deflate::default()), Some(Deflate::default()), Config::default());
    for round in 0..10 {
        exchange(&mut random, &mut server, &mut client, 5000);
        if round % 2 == 0 {
            std::thread::scope(|scope| {
                scope.spawn(|| exchange(&mut random, &mut server, &mut client, 5000));
            });
        }
    }
}

#[test]
fn deflated_messages_of_a_mebibyte_in_fragments() {
    let mut random = Random(6);
    let (mut client, mut server) =
        pair(Some(Deflate::default()), Some(Deflate::default()), Config::default());
    for length in [1 << 20, 300_000, 200] {
        let text = random.text(length);
        let mut bytes = Vec::new();
        server.send_text(&text, &mut bytes).unwrap();
        let [(0xC1, packed)] = &frames(&bytes)[..] else { panic!("one packed frame") };
        assert!(packed.len() < length * 2 / 3);
        let size = 1 + random.below(packed.len());
        let mut input = frame(0x41, b"");
        input.extend(packed.chunks(size).flat_map(|piece| [frame(0x00, piece), frame(0x89, b"?")]).flatten());
        input.extend(frame(0x80, b""));
        let (seen, _) = events_cut(&mut client, &input, || 4096);
        assert!(seen.last() == Some(&Seen::Text(text)));
    }
}
