//! However the bytes are cut, the same is said: each input whole, cut once at every place (or at many, if it is long), byte by byte,
//! and at places that only seem random.

use ferrio_http::h1::{Length, Limits, client};

use crate::support::{Numbers, Said, Server, add, listed};
use crate::table;

fn served(pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    fed(Server::new(Limits::default()), pieces)
}

/// By an application that answers before it reads the body, so that the connection drains it.
fn drained(pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    fed(Server::eager(Limits { drain: 10, ..Limits::default() }), pieces)
}

fn fed(mut server: Server, pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    for piece in pieces {
        server.feed(piece);
    }
    (server.said, server.sent)
}

fn received(pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    let mut connection = client::Connection::new(Limits::default()).with_folds();
    let headers = [(&b"host"[..], &b"a"[..]), (b"connection", b"upgrade"), (b"upgrade", b"x")];
    connection.request(b"GET", b"/", headers, Length::Known(0), &mut Vec::new()).unwrap();
    let (mut said, mut kept) = (Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let (used, event) = connection.advance(&kept[at..]);
            at += used;
            match event {
                client::Event::Informational(head) | client::Event::Response(head) => {
                    said.push(Said::Head(format!("{head:?}")));
                }
                client::Event::Data(data) => add(&mut said, data),
                client::Event::End(trailers) => said.push(Said::End(listed(&trailers))),
                client::Event::Broken(what) => said.push(Said::Refused(0, what)),
                client::Event::NeedMore | client::Event::Upgraded | client::Event::Closed => break,
            }
        }
        kept.drain(..at);
    }
    (said, Vec::new())
}

fn check(input: &[u8], read: impl Fn(&[&[u8]]) -> (Vec<Said>, Vec<u8>), numbers: &mut Numbers) {
    let whole = read(&[input]);
    let step = (input.len() / 300).max(1);
    for at in (0..input.len()).step_by(step) {
        let (left, right) = input.split_at(at);
        assert_eq!(read(&[left, right]), whole, "{:?} cut at {at}", input.escape_ascii().to_string());
    }
    if input.len() < 20_000 {
        let bytes: Vec<_> = input.chunks(1).collect();
        assert_eq!(read(&bytes), whole, "{:?} byte by byte", input.escape_ascii().to_string());
    }
    for _ in 0..20 {
        let (mut pieces, mut rest) = (Vec::new(), input);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + numbers.below(rest.len().min(40)));
            pieces.push(piece);
            rest = after;
            if pieces.len() == 1000 {
                pieces.push(std::mem::take(&mut rest));
            }
        }
        assert_eq!(read(&pieces), whole, "{:?}", input.escape_ascii().to_string());
    }
}

#[test]
fn a_servers_input_may_be_cut_anywhere() {
    let mut numbers = Numbers(7);
    for probe in table::table() {
        check(&probe.steps.concat(), served, &mut numbers);
        check(&probe.steps.concat(), drained, &mut numbers);
    }
    for extra in [
        &b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\";c\r\nhello\r\n0\r\nX: y\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n"[..],
        b"PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\nGET",
    ] {
        check(extra, served, &mut numbers);
    }
}

#[test]
fn a_clients_input_may_be_cut_anywhere() {
    let mut numbers = Numbers(8);
    for input in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\tc\r\nY:\r\n  d\r\n\r\nuntil the end",
        b"HTTP/1.0 200\r\nX: y\r\n\r\nuntil",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw",
        b"HTTP/1.1 204 No Content\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"nonsense\r\n",
        b"HTTP/1.1 200 OK\nX: y\r\n\r\n",
        b" HTTP/1.1 200 OK\r\n\r\n",
    ] {
        check(input, received, &mut numbers);
    }
}

#[test]
fn random_changes_of_requests_are_read_alike_whole_and_cut() {
    let mut numbers = Numbers(9);
    let probes = table::table();
    for _ in 0..300 {
        let mut input = probes[numbers.below(probes.len())].steps.concat();
        if input.is_empty() || input.len() > 2000 {
            continue;
        }
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(input.len());
            match numbers.below(3) {
                0 => input[at] = b"\r\n\t :;,0a\x00\x7f\xff"[numbers.below(12)],
                1 => input.insert(at, b"\r\n\t :;,0a\x00\x7f\xff"[numbers.below(12)]),
                _ => input.truncate(at.max(1)),
            }
        }
        check(&input, served, &mut numbers);
        check(&input, drained, &mut numbers);
    }
}
