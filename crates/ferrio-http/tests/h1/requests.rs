//! The rules of a request's head, each with the status it is refused with: RFC 9110, RFC 9112, and what we chose beyond them.

use ferrio_http::h1::server::{Connection, Event};
use ferrio_http::h1::{Length, Limits, Version};

use crate::support::{Said, served};

/// A request with these lines behind the first, and what it is refused with; 0: it is not.
const LINES: [(&str, &str, u16); 81] = [
    // The request line.
    ("GET / HTTP/1.1", "Host: a", 0),
    ("GET / HTTP/1.0", "", 0),
    ("get / HTTP/1.1", "Host: a", 0),
    ("M-SEARCH * HTTP/1.1", "Host: a", 400),
    ("BREW!#$%&'*+-.^_`|~ / HTTP/1.1", "Host: a", 0),
    ("GE(T / HTTP/1.1", "Host: a", 400),
    (" GET / HTTP/1.1", "Host: a", 400),
    ("GET  / HTTP/1.1", "Host: a", 400),
    ("GET /  HTTP/1.1", "Host: a", 400),
    ("GET / HTTP/1.1 ", "Host: a", 400),
    ("GET /", "Host: a", 400),
    ("GET", "Host: a", 400),
    ("GET / HTTP/1.2", "Host: a", 505),
    ("GET / HTTP/2.0", "Host: a", 505),
    ("PRI * HTTP/2.0", "", 505),
    ("GET / HTTP/1.10", "Host: a", 400),
    ("GET / HTTP/11", "Host: a", 400),
    ("GET / ICY/1.1", "Host: a", 400),
    ("GET / Http/1.1", "Host: a", 400),
    // Targets.
    ("GET /a?b=c&d=[e]|%zz HTTP/1.1", "Host: a", 0),
    ("GET /a#b HTTP/1.1", "Host: a", 400),
    ("GET /\x7f HTTP/1.1", "Host: a", 400),
    ("GET /\u{e9} HTTP/1.1", "Host: a", 400),
    ("GET a HTTP/1.1", "Host: a", 400),
    ("GET a:80 HTTP/1.1", "Host: a:80", 400),
    ("GET ?a HTTP/1.1", "Host: a", 400),
    ("GET http://a HTTP/1.1", "Host: a", 0),
    ("GET https://A.b:81/c?d HTTP/1.1", "Host: a.B:81", 0),
    ("GET http://a/ HTTP/1.1", "", 400),
    ("GET http://a/ HTTP/1.1", "Host: b", 400),
    ("GET http://a:80/ HTTP/1.1", "Host: a", 0),
    ("GET https://a/ HTTP/1.1", "Host: a:443", 0),
    ("GET https://a/ HTTP/1.1", "Host: a:80", 400),
    ("GET http://u@a/ HTTP/1.1", "Host: a", 400),
    ("GET http:///b HTTP/1.1", "Host: a", 400),
    ("GET 1http://a/ HTTP/1.1", "Host: a", 400),
    ("OPTIONS * HTTP/1.1", "Host: a", 0),
    ("GET * HTTP/1.1", "Host: a", 400),
    ("CONNECT a:1 HTTP/1.1", "Host: a:1", 501),
    // Host.
    ("GET / HTTP/1.1", "X: y", 400),
    ("GET / HTTP/1.1", "Host: a\r\nhost: a", 400),
    ("GET / HTTP/1.0", "Host: a\r\nhost: a", 400),
    ("GET / HTTP/1.1", "Host:", 400),
    ("GET / HTTP/1.1", "Host: a b", 400),
    ("GET / HTTP/1.1", "Host: a/b", 400),
    ("GET / HTTP/1.1", "Host: u@a", 400),
    ("GET / HTTP/1.1", "Host: [::1]:8080", 0),
    ("GET / HTTP/1.1", "Host: a:b", 400),
    // Header fields.
    ("GET / HTTP/1.1", "Host: a\r\nX:", 0),
    ("GET / HTTP/1.1", "Host: a\r\nX:\t y \t", 0),
    ("GET / HTTP/1.1", "Host: a\r\nX: \u{fc}", 0),
    ("GET / HTTP/1.1", "Host: a\r\nX : y", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX\ty: z", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX", 400),
    ("GET / HTTP/1.1", "Host: a\r\n: y", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX\u{e9}: y", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX: y\r\n z", 400),
    ("GET / HTTP/1.1", " X: y\r\nHost: a", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX: y\nZ: w", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX: y\rZ: w", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX: \0", 400),
    ("GET / HTTP/1.1", "Host: a\r\nX: \x7f", 400),
    // Framing.
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 0", 0),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 5\r\nContent-Length: 5", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 5, 5", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: +5", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 0x5", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 5 6", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 05", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length:", 400),
    ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 18446744073709551616", 400),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0", 400),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: gzip, chunked", 501),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: identity", 501),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked, gzip", 400),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: \"chunked\"", 400),
    ("POST / HTTP/1.0", "Host: a\r\nTransfer-Encoding: chunked", 400),
    // Expectations.
    ("POST / HTTP/1.1", "Host: a\r\nExpect: 100-Continue", 0),
    ("POST / HTTP/1.1", "Host: a\r\nExpect: more", 417),
    ("POST / HTTP/1.0", "Host: a\r\nExpect: more", 0),
];

#[test]
fn each_rule_of_the_head_has_its_status() {
    for (line, headers, status) in LINES {
        let headers = if headers.is_empty() { String::new() } else { format!("{headers}\r\n") };
        let input = format!("{line}\r\n{headers}\r\n");
        let server = served(Limits::default(), input.as_bytes());
        let expected = if status == 0 { 200 } else { status };
        assert_eq!(server.statuses(), [expected], "{input:?}: {:?}", server.said);
        if let Some(Said::Refused(_, reason)) = server.said.first() {
            assert!(server.connection.is_closed() && server.sent.ends_with(reason.as_bytes()), "{input:?}");
        }
    }
}

#[test]
fn one_empty_line_before_a_request_is_skipped() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        served(Limits::default(), format!("\r\n{request}\r\n{request}").as_bytes()).statuses(),
        [200, 200]
    );
    assert_eq!(served(Limits::default(), format!("\r\n\r\n{request}").as_bytes()).statuses(), [400]);
    assert_eq!(served(Limits::default(), format!("\n{request}").as_bytes()).statuses(), [400]);
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { request_line: 30, head: 60, headers: 2, body: Some(5), ..Limits::default() };
    let status = |input: String| served(limits, input.as_bytes()).statuses();
    let padded = |count: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(count));
    assert_eq!(status(padded(14)), [200]); // 30 bytes with the line's end.
    assert_eq!(status(padded(15)), [414]);
    assert_eq!(status("X".repeat(31)), [400]);
    assert_eq!(status(format!("\r\n{}", "X".repeat(31))), [400]);
    let valued = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(count));
    assert_eq!(status(valued(28)), [200]); // 60 bytes.
    assert_eq!(status(valued(29)), [431]);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n".to_owned()), [431]);
    let body = |size: usize| {
        format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{}", "x".repeat(size))
    };
    assert_eq!(status(body(5)), [200]);
    assert_eq!(status(body(6)), [413]);
    let limits = Limits { body: Some(5), ..Limits::default() };
    let chunked = |rest| format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{rest}");
    let status = |input: String| served(limits, input.as_bytes()).statuses();
    assert_eq!(status(chunked("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")), [200]);
    assert_eq!(status(chunked("2\r\nab\r\n4\r\n")), [413]);
}

#[test]
fn an_endless_line_is_refused_before_it_ends() {
    for (input, status) in [
        (&b"GET /aaaa"[..], 414),
        (b"aaaaaaaaa", 400),
        (b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaa", 431),
    ] {
        let limits = Limits { request_line: 20, head: 40, ..Limits::default() };
        let mut connection = Connection::new(limits);
        let long = [input, &[b'a'; 100]].concat();
        assert!(matches!(connection.advance(&long).1, Event::Refuse(why) if why.status == status));
        assert!(matches!(connection.advance(&long).1, Event::Closed));
    }
}

#[test]
fn what_a_head_says_of_the_connection() {
    // Version, headers, keep_alive, expect_continue, upgrade.
    type Case = (&'static str, &'static str, bool, bool, Option<&'static [u8]>);
    let cases: [Case; 11] = [
        ("1.1", "", true, false, None),
        ("1.1", "Connection: close", false, false, None),
        ("1.1", "Connection: x, CLOSE ,y", false, false, None),
        ("1.1", "Connection: keep-alive, close", false, false, None),
        ("1.0", "", false, false, None),
        ("1.0", "Connection: Keep-Alive", true, false, None),
        ("1.1", "Content-Length: 1\r\nExpect: 100-continue", true, true, None),
        ("1.1", "Expect: 100-continue", true, false, None),
        ("1.0", "Content-Length: 1\r\nExpect: 100-continue", false, false, None),
        ("1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket", true, false, Some(b"websocket")),
        ("1.1", "Upgrade: websocket", true, false, None),
    ];
    for (version, headers, keep_alive, expect_continue, upgrade) in cases {
        let input = format!(
            "GET / HTTP/{version}\r\nHost: a\r\n{headers}{}\r\n",
            if headers.is_empty() { "" } else { "\r\n" }
        );
        let mut connection = Connection::new(Limits::default());
        let Event::Request(head) = connection.advance(input.as_bytes()).1 else { panic!("{input:?}") };
        assert_eq!(
            (head.keep_alive, head.expect_continue, head.upgrade),
            (keep_alive, expect_continue, upgrade),
            "{input:?}"
        );
        assert_eq!(head.version == Version::Http10, version == "1.0");
    }
}

#[test]
fn targets_are_taken_apart() {
    for (target, path, query) in [
        ("/", "/", ""),
        ("/a/b?c=d?e", "/a/b", "c=d?e"),
        ("//a//b", "//a//b", ""),
        ("http://h", "/", ""),
        ("http://h?q", "/", "q"),
        ("http://h/p?q", "/p", "q"),
        ("/http://x/y", "/http://x/y", ""),
    ] {
        let mut connection = Connection::new(Limits::default());
        let input = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        let Event::Request(head) = connection.advance(input.as_bytes()).1 else { panic!("{target}") };
        assert_eq!(
            (head.path(), head.query(), head.authority()),
            (path.as_bytes(), query.as_bytes(), &b"h"[..]),
            "{target}"
        );
        assert_eq!(head.length, Length::Known(0));
    }
}

#[test]
fn a_target_names_its_host_even_where_no_header_does() {
    let mut connection = Connection::new(Limits::default());
    let Event::Request(head) = connection.advance(b"GET http://h:1/p HTTP/1.0\r\n\r\n").1 else {
        panic!("refused")
    };
    assert_eq!((head.authority(), head.path()), (&b"h:1"[..], &b"/p"[..]));
}

#[test]
fn tunnels_need_a_host_and_a_port() {
    for (target, status) in
        [("a:1", 0), ("[::1]:443", 0), ("a", 400), ("a:", 400), (":1", 400), ("/", 400), ("http://a:1", 400)]
    {
        let mut connection = Connection::new(Limits::default()).with_tunnels();
        let input = format!("CONNECT {target} HTTP/1.1\r\nHost: a:1\r\n\r\n");
        let found = match connection.advance(input.as_bytes()).1 {
            Event::Refuse(refusal) => refusal.status,
            event => {
                assert!(matches!(event, Event::Request(_)));
                0
            }
        };
        assert_eq!(found, status, "{target}");
    }
}

#[test]
fn an_end_of_input_is_told_apart_by_where_it_comes() {
    let end = |input: &[u8]| {
        let mut connection = Connection::new(Limits::default());
        let mut at = 0;
        loop {
            match connection.advance(&input[at..]) {
                (_, Event::NeedMore | Event::Blocked) => break,
                (used, _) => at += used,
            }
        }
        format!("{:?}", connection.end_of_input())
    };
    assert_eq!(end(b""), "Closed");
    assert!(end(b"G").contains("within a head"));
    assert!(end(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcd").contains("within a body"));
    assert!(
        end(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
            .contains("within a body")
    );
    assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "Blocked");
}
