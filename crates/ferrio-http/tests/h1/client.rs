//! What a client writes and reads: each rule with what comes of it.

use std::fmt::Write;

use ferrio_http::h1::client::{Connection, Event};
use ferrio_http::h1::{Length, Limits, Misuse};

use crate::support::text;

const HOST: (&[u8], &[u8]) = (b"host", b"a");

fn asked(method: &str) -> Connection {
    let mut connection = Connection::new(Limits::default());
    let target = if method == "CONNECT" { "a:1" } else { "/" };
    connection
        .request(method.as_bytes(), target.as_bytes(), [HOST], Length::Known(0), &mut Vec::new())
        .unwrap();
    connection
}

/// What is read, in short: heads as status and length, data, ends; then whether the connection can be used again.
fn read(mut connection: Connection, input: &str, ends: bool) -> String {
    let (mut said, mut at) = (String::new(), 0);
    let add = |said: &mut String, more: std::fmt::Arguments<'_>| said.write_fmt(more).unwrap();
    loop {
        let (used, event) = connection.advance(&input.as_bytes()[at..]);
        at += used;
        match event {
            Event::Informational(head) => add(&mut said, format_args!("({}) ", head.status)),
            Event::Response(head) => add(&mut said, format_args!("{} {:?} ", head.status, head.length)),
            Event::Data(data) => add(&mut said, format_args!("{:?} ", text(data))),
            Event::End(_) => {
                said += "end ";
                break;
            }
            Event::Broken(what) => return said + what,
            Event::NeedMore if ends => match connection.end_of_input() {
                Event::Broken(what) => return said + what,
                event => said += if matches!(event, Event::End(_)) { "end " } else { "closed " },
            },
            Event::NeedMore => break,
            Event::Upgraded => return said + "upgraded",
            Event::Closed => return said + "closed",
        }
    }
    said + if connection.can_reuse() { "again" } else { "over" }
}

#[test]
fn answers_are_read_by_their_framing() {
    for (method, input, ends, expected) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "200 Known(2) \"hi\" end again"),
        ("GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "200 Known(0) end again"),
        (
            "GET",
            "HTTP/1.1 200 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            false,
            "200 Known(0) end over",
        ),
        ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, "200 Known(0) end over"),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
            false,
            "200 Known(0) end again",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            false,
            "200 Chunked \"hi\" end again",
        ),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nhi", true, "200 UntilClose \"hi\" end closed"),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nhi", false, "200 UntilClose \"hi\" over"),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false, "200 Known(0) end again"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "200 Known(0) end again"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "204 Known(0) end again"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, "304 Known(0) end again"),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            false,
            "(103) 204 Known(0) end again",
        ),
        ("CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw", false, "200 Known(0) upgraded"),
        ("CONNECT", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", false, "407 Known(0) end again"),
        // What is not to be read.
        ("GET", "HTTP/1.1 101 Switch\r\n\r\n", false, "101 to a request that did not ask to switch"),
        ("GET", "HTTP/2 200 OK\r\n\r\n", false, "the answer does not begin with a status line"),
        ("GET", "HTTP/1.1 2000 OK\r\n\r\n", false, "the answer does not begin with a status line"),
        ("GET", "HTTP/1.1 099 OK\r\n\r\n", false, "the answer does not begin with a status line"),
        ("GET", "HTTP/1.1  200 OK\r\n\r\n", false, "the answer does not begin with a status line"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            false,
            "Content-Length is there twice",
        ),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\n", false, "Content-Length is no plain number"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
            "Transfer-Encoding and Content-Length at once",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            false,
            "a Transfer-Encoding other than chunked",
        ),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
            "HTTP/1.0 has no Transfer-Encoding",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
            false,
            "a line of the head begins with a space: headers are not folded",
        ),
        ("GET", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", false, "a space in a header's name, or before its colon"),
        ("GET", "HTTP/1.1 200 OK\nX: a\n\n", false, "a line feed without a carriage return"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            true,
            "200 Known(3) \"hi\" the connection ended within the answer",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            true,
            "200 Chunked \"hi\" the connection ended within the answer",
        ),
        ("GET", "HTTP/1.1 200 OK\r\n", true, "the connection ended before the answer"),
    ] {
        assert_eq!(read(asked(method), input, ends), expected, "{method} {input:?}");
    }
}

#[test]
fn requests_are_framed_as_they_are_said_to_be() {
    for (method, length, expected) in [
        ("GET", Length::Known(0), ""),
        ("DELETE", Length::Known(0), ""),
        ("POST", Length::Known(0), "content-length: 0\r\n"),
        ("PUT", Length::Known(7), "content-length: 7\r\n"),
        ("PATCH", Length::Chunked, "transfer-encoding: chunked\r\n"),
    ] {
        let mut out = Vec::new();
        Connection::new(Limits::default())
            .request(method.as_bytes(), b"/", [HOST], length, &mut out)
            .unwrap();
        assert_eq!(text(&out), format!("{method} / HTTP/1.1\r\nhost: a\r\n{expected}\r\n"));
    }
    let refused =
        Connection::new(Limits::default()).request(b"GET", b"/", [HOST], Length::UntilClose, &mut Vec::new());
    assert_eq!(refused, Err(Misuse::Order("a request's body does not end with its connection")));
}

#[test]
fn requests_that_must_not_be_sent_write_nothing() {
    type Pairs<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, &str, Pairs<'_>); 13] = [
        ("G T", "/", &[("host", "a")]),
        ("", "/", &[("host", "a")]),
        ("GET", "", &[("host", "a")]),
        ("GET", "/a b", &[("host", "a")]),
        ("GET", "/ HTTP/1.1\r\nX: y", &[("host", "a")]),
        ("GET", "/#a", &[("host", "a")]),
        ("GET", "/\u{e9}", &[("host", "a")]),
        ("GET", "/", &[]),
        ("GET", "/", &[("host", "a"), ("Host", "a")]),
        ("GET", "/", &[("host", "a/b")]),
        ("GET", "/", &[("host", "a"), ("x", "y\r\nz: w")]),
        ("GET", "/", &[("host", "a"), ("Content-Length", "5")]),
        ("GET", "/", &[("host", "a"), ("Transfer-Encoding", "chunked")]),
    ];
    for (method, target, headers) in cases {
        let mut connection = Connection::new(Limits::default());
        let mut out = b"before".to_vec();
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let result =
            connection.request(method.as_bytes(), target.as_bytes(), headers, Length::Known(0), &mut out);
        assert!(result.is_err(), "{method:?} {target:?}");
        assert!(out == b"before" && connection.can_reuse());
    }
}

#[test]
fn one_request_at_a_time() {
    let (mut connection, mut out) = (asked("GET"), Vec::new());
    assert!(!connection.can_reuse());
    assert!(connection.request(b"GET", b"/", [HOST], Length::Known(0), &mut out).is_err());
    let input = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let (used, _) = connection.advance(input);
    assert!(matches!(connection.advance(&input[used..]).1, Event::End(_)) && connection.can_reuse());
    // What comes without being asked for is no answer to the next request.
    assert!(matches!(connection.advance(&input[used..]).1, Event::Broken(_)) && !connection.can_reuse());
}

#[test]
fn an_early_answer_leaves_the_connection_to_who_sends_the_rest() {
    let early = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let mut connection = Connection::new(Limits::default());
    let mut out = Vec::new();
    connection.request(b"PUT", b"/", [HOST], Length::Known(4), &mut out).unwrap();
    connection.body(b"ab", true, &mut out).unwrap();
    let (used, _) = connection.advance(early);
    assert!(matches!(connection.advance(&early[used..]).1, Event::End(_)) && !connection.can_reuse());
    connection.body(b"cd", false, &mut out).unwrap();
    assert!(connection.can_reuse() && out.ends_with(b"\r\n\r\nabcd"));
}

#[test]
fn a_body_keeps_to_its_length() {
    let mut connection = Connection::new(Limits::default());
    let mut out = Vec::new();
    assert!(connection.body(b"a", false, &mut out).is_err());
    connection.request(b"PUT", b"/", [HOST], Length::Known(4), &mut out).unwrap();
    assert_eq!(connection.body(b"abcde", false, &mut out), Err(Misuse::TooMuch));
    assert!(!connection.can_reuse() && out.ends_with(b"\r\n\r\n"));
}

#[test]
fn limits_are_those_of_a_server() {
    let limits = Limits { body: Some(3), head: 60, headers: 1, ..Limits::default() };
    for (input, what) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "the body is too long"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n", "the body is too long"),
        ("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n", "too many headers"),
        (
            "HTTP/1.1 200 OK\r\nA: 0123456789012345678901234567890123456789\r\n\r\n",
            "the headers are too long",
        ),
        (
            "HTTP/1.1 200 0123456789012345678901234567890123456789012345678901234567890123456789",
            "the status line is too long",
        ),
    ] {
        let mut connection = Connection::new(limits);
        connection.request(b"GET", b"/", [HOST], Length::Known(0), &mut Vec::new()).unwrap();
        assert_eq!(
            read(connection, input, false).rsplit("  ").next().map(|said| said.ends_with(what)),
            Some(true),
            "{input}"
        );
    }
}
