//! The same bytes whole and in pieces, whose lengths the first bytes say: a server and a client say the same of both.
#![no_main]

#[path = "../../crates/ferrio-http/tests/h1/support.rs"]
#[allow(dead_code)]
mod support;

use ferrio_http::h1::client::{Connection, Event};
use ferrio_http::h1::{Length, Limits};
use libfuzzer_sys::fuzz_target;
use support::{Said, Server};

const LIMITS: Limits = Limits {
    request_line: 60,
    head: 200,
    headers: 5,
    body: Some(300),
    extensions: 20,
    trailers: 60,
    drain: 20,
};

fuzz_target!(|input: &[u8]| {
    let Some((lengths, input)) = input.split_first_chunk::<4>() else { return };
    let pieces = cut(input, *lengths);
    for server in [Server::new, Server::eager] {
        let said = |pieces: &[&[u8]]| {
            let mut server = server(LIMITS);
            pieces.iter().for_each(|piece| server.feed(piece));
            (server.said, server.sent)
        };
        assert_eq!(said(&[input]), said(&pieces));
    }
    assert_eq!(received(&[input]), received(&pieces));
});

fn cut(mut input: &[u8], lengths: [u8; 4]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    for length in lengths.into_iter().cycle() {
        if input.is_empty() {
            break;
        }
        let (piece, rest) = input.split_at((1 + usize::from(length)).min(input.len()));
        pieces.push(piece);
        input = rest;
    }
    pieces
}

fn received(pieces: &[&[u8]]) -> Vec<Said> {
    let mut connection = Connection::new(LIMITS).with_folds();
    connection.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new()).unwrap();
    let (mut said, mut kept) = (Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let (used, event) = connection.advance(&kept[at..]);
            at += used;
            match event {
                Event::Informational(head) | Event::Response(head) => {
                    said.push(Said::Head(format!("{head:?}")))
                }
                Event::Data(data) => support::add(&mut said, data),
                Event::End(trailers) => said.push(Said::End(support::listed(&trailers))),
                Event::Broken(what) => said.push(Said::Refused(0, what)),
                Event::NeedMore | Event::Upgraded | Event::Closed => break,
            }
        }
        kept.drain(..at);
    }
    said
}
