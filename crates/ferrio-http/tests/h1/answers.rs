//! What a server writes: framing, headers, the order of calls, and whether the connection goes on.

use ferrio_http::h1::server::{Connection, Event};
use ferrio_http::h1::{Defaults, Limits, Misuse};

use crate::support::text;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A connection that has read this request, as far as it is there.
fn asked(input: &str) -> Connection {
    let mut connection = Connection::new(Limits::default());
    let mut at = 0;
    loop {
        match connection.advance(&input.as_bytes()[at..]) {
            (_, Event::NeedMore | Event::Blocked) => return connection,
            (_, Event::Refuse(refusal)) => panic!("{refusal:?}"),
            (used, _) => at += used,
        }
    }
}

fn request(line: &str, headers: &str) -> Connection {
    asked(&format!("{line}\r\nHost: a\r\n{headers}\r\n"))
}

fn get() -> Connection {
    request("GET / HTTP/1.1", "")
}

fn bytes(headers: Pairs<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

#[test]
fn an_answer_in_one_go() {
    // Request, status, headers, what is written, whether the connection goes on.
    let cases: [(&str, &str, u16, Pairs<'_>, &str, bool); 15] = [
        ("GET / HTTP/1.1", "", 200, &[], "200 OK\r\ncontent-length: 2\r\n\r\nhi", true),
        ("GET / HTTP/1.1", "", 599, &[], "599 \r\ncontent-length: 2\r\n\r\nhi", true),
        (
            "GET / HTTP/1.1",
            "",
            200,
            &[("Content-Length", "2"), ("x", "y")],
            "200 OK\r\nx: y\r\ncontent-length: 2\r\n\r\nhi",
            true,
        ),
        (
            "GET / HTTP/1.1",
            "",
            200,
            &[("Transfer-Encoding", "chunked")],
            "200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            true,
        ),
        (
            "GET / HTTP/1.0",
            "",
            200,
            &[("Transfer-Encoding", "chunked")],
            "200 OK\r\nconnection: close\r\n\r\nhi",
            false,
        ),
        ("HEAD / HTTP/1.1", "", 200, &[], "200 OK\r\ncontent-length: 2\r\n\r\n", true),
        ("HEAD / HTTP/1.1", "", 200, &[("content-length", "9")], "200 OK\r\ncontent-length: 9\r\n\r\n", true),
        ("GET / HTTP/1.1", "", 204, &[("content-length", "0")], "204 No Content\r\n\r\n", true),
        (
            "GET / HTTP/1.1",
            "",
            304,
            &[("content-length", "9")],
            "304 Not Modified\r\ncontent-length: 9\r\n\r\n",
            true,
        ),
        ("GET / HTTP/1.1", "", 304, &[], "304 Not Modified\r\n\r\n", true),
        ("GET / HTTP/1.1", "", 205, &[], "205 Reset Content\r\ncontent-length: 0\r\n\r\n", true),
        (
            "GET / HTTP/1.1",
            "Connection: close\r\n",
            200,
            &[],
            "200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
            false,
        ),
        (
            "GET / HTTP/1.1",
            "",
            200,
            &[("connection", "Close")],
            "200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
            false,
        ),
        (
            "GET / HTTP/1.0",
            "",
            200,
            &[("connection", "keep-alive")],
            "200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
            false,
        ),
        (
            "GET / HTTP/1.0",
            "Connection: keep-alive\r\n",
            200,
            &[],
            "200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi",
            true,
        ),
    ];
    for (line, asks, status, headers, expected, goes_on) in cases {
        let mut connection = request(line, asks);
        let mut out = b"before".to_vec();
        connection.answer(status, bytes(headers), b"hi", &Defaults::new(), &mut out).unwrap();
        assert_eq!(text(&out), format!("beforeHTTP/1.1 {expected}"));
        assert_eq!(connection.is_closed(), !goes_on, "{expected}");
        assert_eq!(connection.is_idle(), goes_on, "{expected}");
    }
}

#[test]
fn an_answer_in_parts() {
    let cases: [(&str, &str, Pairs<'_>, &str, bool); 6] = [
        (
            "GET / HTTP/1.1",
            "",
            &[],
            "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            true,
        ),
        ("GET / HTTP/1.1", "", &[("content-length", "5")], "content-length: 5\r\n\r\nabcde", true),
        ("GET / HTTP/1.0", "", &[], "connection: close\r\n\r\nabcde", false),
        ("GET / HTTP/1.0", "Connection: keep-alive\r\n", &[], "connection: close\r\n\r\nabcde", false),
        (
            "GET / HTTP/1.0",
            "Connection: keep-alive\r\n",
            &[("content-length", "5")],
            "content-length: 5\r\nconnection: keep-alive\r\n\r\nabcde",
            true,
        ),
        ("HEAD / HTTP/1.1", "", &[], "\r\n", true),
    ];
    for (line, asks, headers, expected, goes_on) in cases {
        let mut connection = request(line, asks);
        let mut out = Vec::new();
        connection.respond(200, bytes(headers), &Defaults::new(), &mut out).unwrap();
        for (data, more) in [(&b"abc"[..], true), (b"", true), (b"de", true), (b"", false)] {
            connection.body(data, more, &mut out).unwrap();
        }
        assert_eq!(text(&out), format!("HTTP/1.1 200 OK\r\n{expected}"));
        assert_eq!(connection.is_closed(), !goes_on, "{expected}");
    }
}

#[test]
fn the_last_part_may_have_data_and_the_frame_is_the_same_around_it() {
    for length in [None, Some("5")] {
        let headers: Vec<_> = length.iter().map(|length| ("content-length", *length)).collect();
        let (mut whole, mut framed) = (Vec::new(), Vec::new());
        let mut connection = get();
        connection.respond(200, bytes(&headers), &Defaults::new(), &mut whole).unwrap();
        connection.body(b"abc", true, &mut whole).unwrap();
        connection.body(b"de", false, &mut whole).unwrap();
        let mut connection = get();
        connection.respond(200, bytes(&headers), &Defaults::new(), &mut framed).unwrap();
        for (data, more) in [(&b"abc"[..], true), (b"de", false)] {
            let frame = connection.frame(data.len(), more, &mut framed).unwrap();
            assert!(frame.send);
            framed.extend_from_slice(data);
            framed.extend_from_slice(frame.suffix);
        }
        assert_eq!(text(&whole), text(&framed));
        assert!(connection.is_idle());
    }
}

#[test]
fn headers_that_must_not_be_sent_write_nothing() {
    let cases: [(&str, &str, &str); 13] = [
        ("a\r\nb", "c", "its name is no token"),
        ("", "c", "its name is no token"),
        ("a b", "c", "its name is no token"),
        ("a:", "c", "its name is no token"),
        ("\u{e9}", "c", "its name is no token"),
        ("a", "b\r\nc: d", "its value has a line end or another control byte"),
        ("a", "b\n", "its value has a line end or another control byte"),
        ("a", "\0", "its value has a line end or another control byte"),
        ("content-length", "-1", "Content-Length is no plain number"),
        ("content-length", "1, 1", "Content-Length is no plain number"),
        ("transfer-encoding", "", "Transfer-Encoding has an empty element"),
        ("transfer-encoding", "gzip", "a Transfer-Encoding other than chunked"),
        ("connection", "a\r\n", "its value has a line end or another control byte"),
    ];
    for (name, value, expected) in cases {
        let (mut connection, mut out) = (get(), b"before".to_vec());
        let headers = [("x", "y"), (name, value)];
        let misuse = connection.answer(200, bytes(&headers), b"hi", &Defaults::new(), &mut out).unwrap_err();
        let Misuse::Header { name: named, fault } = misuse else { panic!("{misuse:?}") };
        assert_eq!((named.as_str(), fault), (name, expected));
        assert_eq!(out, b"before");
        // So the application's mistake can be answered for.
        connection.answer(500, [], b"", &Defaults::new(), &mut out).unwrap();
        assert!(out.starts_with(b"beforeHTTP/1.1 500 "));
    }
    let twice = [("content-length", "2"), ("content-length", "2")];
    assert!(get().answer(200, bytes(&twice), b"hi", &Defaults::new(), &mut Vec::new()).is_err());
    let both = [("content-length", "2"), ("transfer-encoding", "chunked")];
    assert!(get().answer(200, bytes(&both), b"hi", &Defaults::new(), &mut Vec::new()).is_err());
}

#[test]
fn calls_in_the_wrong_order_say_so() {
    let (defaults, mut out) = (Defaults::new(), Vec::new());
    let order = |result: Result<(), Misuse>| match result {
        Err(Misuse::Order(text)) => text,
        other => panic!("{other:?}"),
    };
    let mut connection = Connection::new(Limits::default());
    assert_eq!(order(connection.respond(200, [], &defaults, &mut out)), "an answer without a request");
    assert_eq!(order(connection.body(b"", false, &mut out)), "a body after its end");
    let mut connection = get();
    assert_eq!(order(connection.body(b"x", true, &mut out)), "a body before its head");
    assert_eq!(connection.respond(100, [], &defaults, &mut out), Err(Misuse::Status(100)));
    assert_eq!(connection.respond(1000, [], &defaults, &mut out), Err(Misuse::Status(1000)));
    assert_eq!(connection.informational(200, [], &mut out), Err(Misuse::Status(200)));
    assert_eq!(
        order(connection.respond(101, [], &defaults, &mut out)),
        "101 to a request that does not ask to switch"
    );
    assert!(out.is_empty());
    connection.respond(200, [], &defaults, &mut out).unwrap();
    assert_eq!(order(connection.respond(200, [], &defaults, &mut out)), "a second head for one request");
    assert_eq!(order(connection.informational(103, [], &mut out)), "a second head for one request");
    connection.body(b"x", false, &mut out).unwrap();
    assert_eq!(order(connection.body(b"x", false, &mut out)), "a body after its end");
}

#[test]
fn a_body_that_breaks_its_length_ends_the_connection() {
    for (parts, expected) in [
        (&[(&b"abcd"[..], true)][..], Misuse::TooMuch),
        (&[(b"ab", true), (b"cd", false)], Misuse::TooMuch),
        (&[(b"ab", false)], Misuse::TooLittle(1)),
        (&[(b"a", true), (b"", false)], Misuse::TooLittle(2)),
    ] {
        let (mut connection, mut out) = (get(), Vec::new());
        connection.respond(200, [(&b"content-length"[..], &b"3"[..])], &Defaults::new(), &mut out).unwrap();
        let results: Vec<_> =
            parts.iter().map(|(data, more)| connection.body(data, *more, &mut out)).collect();
        assert_eq!(results.last(), Some(&Err(expected)));
        assert!(connection.is_closed());
    }
    let (mut connection, mut out) = (get(), Vec::new());
    let said = [(&b"content-length"[..], &b"3"[..])];
    assert_eq!(connection.answer(200, said, b"ab", &Defaults::new(), &mut out), Err(Misuse::TooLittle(1)));
    assert!(out.is_empty() && !connection.is_closed());
}

#[test]
fn defaults_give_way_to_the_applications_own() {
    let mut defaults = Defaults::new();
    defaults.add(b"Server", b"ferrio").unwrap();
    defaults.add(b"X-Own", b"1").unwrap();
    defaults.tick(784_111_777);
    let out = |headers: Pairs<'_>| {
        let mut out = Vec::new();
        get().answer(204, bytes(headers), b"", &defaults, &mut out).unwrap();
        text(&out)
    };
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(out(&[]), format!("HTTP/1.1 204 No Content\r\nServer: ferrio\r\nX-Own: 1\r\n{date}\r\n"));
    assert_eq!(
        out(&[("server", "mine"), ("x-owner", "z")]),
        format!("HTTP/1.1 204 No Content\r\nserver: mine\r\nx-owner: z\r\nX-Own: 1\r\n{date}\r\n")
    );
    assert_eq!(
        out(&[("DATE", "now"), ("x-own", "2"), ("SERVER", "")]),
        "HTTP/1.1 204 No Content\r\nDATE: now\r\nx-own: 2\r\nSERVER: \r\n\r\n"
    );
    defaults.tick(784_111_778);
    assert!(text(defaults.as_bytes()).ends_with("08:49:38 GMT\r\n"));
    assert!(defaults.add(b"Connection", b"close").is_err() && defaults.add(b"a b", b"c").is_err());
}

#[test]
fn continue_is_said_once_and_only_where_it_may() {
    const EXPECTING: &str = "Content-Length: 3\r\nExpect: 100-continue\r\n";
    let (mut connection, mut out) = (request("PUT / HTTP/1.1", EXPECTING), Vec::new());
    assert!(connection.continue_(&mut out));
    assert!(!connection.continue_(&mut out));
    assert_eq!(connection.advance(b"abc").0, 3);
    assert!(matches!(connection.advance(b"").1, Event::End(_)));
    connection.answer(200, [], b"", &Defaults::new(), &mut out).unwrap();
    assert!(connection.is_idle());
    // Part of the body came already.
    let mut connection = request("PUT / HTTP/1.1", &format!("{EXPECTING}\r\na"));
    assert!(!connection.continue_(&mut out));
    // HTTP/1.0 has no such thing, nor has a request without a body.
    assert!(!request("PUT / HTTP/1.0", EXPECTING).continue_(&mut out));
    assert!(!request("PUT / HTTP/1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n").continue_(&mut out));
    // After the final head it is too late, and nobody knows whether the body will come.
    let mut connection = request("PUT / HTTP/1.1", EXPECTING);
    out.clear();
    connection.answer(403, [], b"", &Defaults::new(), &mut out).unwrap();
    assert!(!connection.continue_(&mut out) && connection.is_closed());
    assert!(text(&out).contains("connection: close\r\n"));
}

#[test]
fn a_body_that_nobody_reads_is_drained_up_to_the_limit() {
    let head = |framing: &str| format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
    let next = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = Limits { drain: 10, ..Limits::default() };
    for (framing, body, goes_on, told) in [
        ("Content-Length: 10", "0123456789", true, true),
        ("Content-Length: 11", "01234567890", false, true),
        ("Transfer-Encoding: chunked", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", true, true),
        ("Transfer-Encoding: chunked", "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n", false, false),
        ("Transfer-Encoding: chunked", "nonsense", false, false),
    ] {
        let mut connection = Connection::new(limits);
        let head = head(framing);
        assert_eq!(connection.advance(head.as_bytes()).0, head.len());
        let mut out = Vec::new();
        connection.answer(200, [], b"", &Defaults::new(), &mut out).unwrap();
        assert_eq!(text(&out).contains("connection: close"), !goes_on && told, "{framing}");
        let rest = format!("{body}{next}");
        let (used, event) = connection.advance(rest.as_bytes());
        assert_eq!(
            matches!(event, Event::Request(head) if head.target == b"/2"),
            goes_on,
            "{framing}: {event:?}"
        );
        assert!(if goes_on { used == rest.len() } else { connection.is_closed() });
    }
}

#[test]
fn a_pipelined_request_waits_for_the_answer() {
    let mut connection = Connection::new(Limits::default());
    let one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let two = [&one[..], &one[..]].concat();
    let (used, _) = connection.advance(&two);
    assert!(matches!(connection.advance(&two[used..]), (0, Event::End(_))));
    assert!(matches!(connection.advance(&two[used..]), (0, Event::Blocked)));
    let mut out = Vec::new();
    connection.respond(200, [], &Defaults::new(), &mut out).unwrap();
    assert!(matches!(connection.advance(&two[used..]), (0, Event::Blocked)));
    connection.body(b"", false, &mut out).unwrap();
    assert!(matches!(connection.advance(&two[used..]), (_, Event::Request(_))));
}

#[test]
fn another_protocol_takes_over() {
    let mut connection = request("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: x\r\n");
    let mut out = Vec::new();
    connection.respond(101, [(&b"upgrade"[..], &b"x"[..])], &Defaults::new(), &mut out).unwrap();
    assert_eq!(text(&out), "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
    assert!(matches!(connection.advance(b"raw"), (0, Event::Upgraded)) && !connection.is_closed());
    assert!(connection.body(b"", false, &mut out).is_err());
    // Not before the request is read, and not where the client did not ask.
    let mut connection =
        request("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n");
    assert!(connection.respond(101, [], &Defaults::new(), &mut out).is_err());
    assert!(
        request("GET / HTTP/1.1", "Upgrade: x\r\n").respond(101, [], &Defaults::new(), &mut out).is_err()
    );

    for (status, tunnel) in [(200, true), (502, false)] {
        let mut connection = Connection::new(Limits::default()).with_tunnels();
        connection.advance(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
        out.clear();
        connection.answer(status, [], b"", &Defaults::new(), &mut out).unwrap();
        assert_eq!(matches!(connection.advance(b"raw"), (0, Event::Upgraded)), tunnel);
        assert_eq!(text(&out).contains("content-length"), !tunnel);
    }
}

#[test]
fn shutting_down_lets_an_answer_end() {
    let mut connection = get();
    connection.shut_down();
    assert!(!connection.is_closed());
    let mut out = Vec::new();
    connection.answer(200, [], b"", &Defaults::new(), &mut out).unwrap();
    assert!(connection.is_closed() && text(&out).contains("connection: close\r\n"));
}

#[test]
fn shutting_down_does_not_wait_for_what_nobody_reads() {
    let mut connection = request("PUT / HTTP/1.1", "Content-Length: 5\r\n");
    connection.answer(200, [], b"", &Defaults::new(), &mut Vec::new()).unwrap();
    assert!(!connection.is_closed());
    connection.shut_down();
    assert!(connection.is_closed() && matches!(connection.advance(b"abcde").1, Event::Closed));
}

#[test]
fn a_refusal_within_a_body_does_not_follow_a_head_that_was_sent() {
    let mut connection = request("PUT / HTTP/1.1", "Transfer-Encoding: chunked\r\n");
    let mut out = Vec::new();
    connection.respond(200, [], &Defaults::new(), &mut out).unwrap();
    let Event::Refuse(refusal) = connection.advance(b"zz").1 else { panic!("no chunk") };
    let sent = out.len();
    assert!(!connection.refuse(refusal, &Defaults::new(), &mut out));
    assert!(out.len() == sent && connection.is_closed());
}

#[test]
fn interim_answers_are_not_for_the_old_version() {
    let mut out = Vec::new();
    request("GET / HTTP/1.0", "").informational(103, [], &mut out).unwrap();
    assert!(out.is_empty());
    let framed = [(&b"content-length"[..], &b"0"[..])];
    assert!(get().informational(103, framed, &mut out).is_err() && out.is_empty());
}

#[test]
fn trailers_go_where_chunks_go() {
    for (line, ends) in [
        ("GET / HTTP/1.1", "0\r\nx: y\r\n\r\n"),
        ("GET / HTTP/1.0", "\r\n\r\n"),
        ("HEAD / HTTP/1.1", "\r\n\r\n"),
    ] {
        let (mut connection, mut out) = (request(line, ""), Vec::new());
        connection.respond(200, [], &Defaults::new(), &mut out).unwrap();
        connection.trailers([(&b"x"[..], &b"y"[..])], &mut out).unwrap();
        assert!(text(&out).ends_with(ends), "{line}: {}", text(&out));
    }
    let (mut connection, mut out) = (get(), Vec::new());
    connection.respond(200, [], &Defaults::new(), &mut out).unwrap();
    assert!(connection.trailers([(&b"Content-Length"[..], &b"1"[..])], &mut out).is_err());
    assert!(connection.is_closed());
}
