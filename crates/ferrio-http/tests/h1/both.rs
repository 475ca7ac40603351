//! Both sides talk to each other: what one writes the other reads, in random pieces, on one connection, with every framing.

use ferrio_http::h1::{Defaults, Length, Limits, client, server};

use crate::support::{Numbers, listed};

const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "PURGE"];
const STATUSES: [u16; 5] = [200, 204, 304, 404, 500];

fn some(numbers: &mut Numbers, most: usize) -> Vec<u8> {
    let size = numbers.below(most);
    (0..size).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
}

/// Writes a body in random parts.
fn parts(numbers: &mut Numbers, body: &[u8], mut write: impl FnMut(&[u8], bool)) {
    let mut rest = body;
    loop {
        let (part, after) = rest.split_at(numbers.below(rest.len() + 1));
        rest = after;
        let last = rest.is_empty() && numbers.below(2) == 0;
        write(part, !last);
        if last {
            return;
        }
    }
}

/// Gives a connection bytes in random pieces, until all are used.
fn fed(numbers: &mut Numbers, input: &[u8], mut advance: impl FnMut(&[u8]) -> (usize, bool)) {
    let (mut at, mut there) = (0, 0);
    loop {
        let (used, more) = advance(&input[at..there]);
        at += used;
        if more && there == input.len() {
            assert_eq!(at, input.len());
            return;
        }
        if more {
            there += (1 + numbers.below(60)).min(input.len() - there);
        }
    }
}

#[test]
fn what_one_side_writes_the_other_reads() {
    let mut numbers = Numbers(3);
    let mut client = client::Connection::new(Limits::default());
    let mut server = server::Connection::new(Limits::default());
    for round in 0..1000 {
        let method = METHODS[numbers.below(METHODS.len())];
        let body = if numbers.below(2) == 0 { Vec::new() } else { some(&mut numbers, 300) };
        let chunked = numbers.below(2) == 0;
        let length = if chunked { Length::Chunked } else { Length::Known(body.len() as u64) };
        let tag = format!("{round}");
        let mut wire = Vec::new();
        let headers = [(&b"Host"[..], &b"example.org:80"[..]), (b"X-Tag", tag.as_bytes())];
        client.request(method.as_bytes(), b"/path?query", headers, length, &mut wire).unwrap();
        if length != Length::Known(0) {
            parts_of(&mut numbers, &body, chunked, &mut client, &mut wire);
        }

        let (mut read, mut ended) = (Vec::new(), false);
        fed(&mut numbers, &wire, |bytes| {
            let (used, event) = server.advance(bytes);
            match event {
                server::Event::Request(head) => {
                    assert_eq!((head.method, head.target), (method.as_bytes(), &b"/path?query"[..]));
                    assert_eq!(head.headers.find("x-tag"), Some(tag.as_bytes()));
                    assert_eq!(head.length, length);
                }
                server::Event::Data(data) => read.extend_from_slice(data),
                server::Event::End(trailers) => {
                    ended = true;
                    assert_eq!(listed(&trailers), if chunked { "x-sum=7;" } else { "" });
                }
                server::Event::NeedMore | server::Event::Blocked => return (used, true),
                other => panic!("{other:?}"),
            }
            (used, false)
        });
        assert!(ended && read == body);

        answered(&mut numbers, &mut server, &mut client, method);
        assert!(client.can_reuse() && server.is_idle());
    }
}

#[test]
fn what_an_application_may_send_cannot_be_read_as_anything_else() {
    let bytes = b"\r\n \t:;,=aZ0-_\0\x7f\x80\xff";
    let (mut numbers, mut accepted) = (Numbers(5), 0);
    let mut drawn = |most| {
        let size = numbers.below(most);
        (0..size).map(|_| bytes[numbers.below(bytes.len())]).collect::<Vec<_>>()
    };
    for _ in 0..20_000 {
        let headers = [(b"x".to_vec(), drawn(4)), (drawn(4), b"y".to_vec()), (drawn(3), drawn(3))];
        let pairs = || headers.iter().map(|(name, value)| (&name[..], &value[..]));
        let mut server = server::Connection::new(Limits::default());
        server.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut wire = Vec::new();
        let sent = server.answer(200, pairs(), b"body", &Defaults::new(), &mut wire);
        if sent.is_err() {
            assert!(wire.is_empty());
            continue;
        }
        accepted += 1;
        let mut client = client::Connection::new(Limits::default());
        client.request(b"GET", b"/", [(&b"host"[..], &b"a"[..])], Length::Known(0), &mut Vec::new()).unwrap();
        let (used, client::Event::Response(head)) = client.advance(&wire) else { panic!("{headers:?}") };
        let read: Vec<_> = head.headers.iter().filter(|(name, _)| *name != b"content-length").collect();
        let expected: Vec<_> = pairs().map(|(name, value)| (name, value.trim_ascii())).collect();
        assert_eq!(read, expected);
        assert_eq!(&wire[used..], b"body");
        // The same in a request.
        let mut client = client::Connection::new(Limits::default());
        let (mut wire, host) = (Vec::new(), (&b"host"[..], &b"a"[..]));
        client.request(b"GET", b"/", pairs().chain([host]), Length::Known(0), &mut wire).unwrap();
        let mut server = server::Connection::new(Limits::default());
        let (used, server::Event::Request(head)) = server.advance(&wire) else { panic!("{headers:?}") };
        assert_eq!(used, wire.len());
        assert!(head.headers.iter().eq(expected.into_iter().chain([host])));
    }
    assert!(accepted > 100, "only {accepted} were accepted");
}

fn parts_of(
    numbers: &mut Numbers,
    body: &[u8],
    chunked: bool,
    client: &mut client::Connection,
    wire: &mut Vec<u8>,
) {
    if chunked {
        parts(numbers, body, |part, _| client.body(part, true, wire).unwrap());
        client.trailers([(&b"x-sum"[..], &b"7"[..])], wire).unwrap();
    } else {
        let mut left = body.len();
        parts(numbers, body, |part, more| {
            left -= part.len();
            client.body(part, more || left > 0, wire).unwrap();
        });
    }
}

fn answered(
    numbers: &mut Numbers,
    server: &mut server::Connection,
    client: &mut client::Connection,
    method: &str,
) {
    let status = STATUSES[numbers.below(STATUSES.len())];
    let body = some(numbers, 300);
    let (mut wire, defaults) = (Vec::new(), Defaults::new());
    let interim = numbers.below(2) == 0;
    if interim {
        server.informational(103, [(&b"link"[..], &b"</a>"[..])], &mut wire).unwrap();
    }
    let (size, kind) = (body.len().to_string(), numbers.below(3));
    let headers = (kind == 1).then_some((&b"content-length"[..], size.as_bytes()));
    if kind == 0 {
        server.answer(status, [], &body, &defaults, &mut wire).unwrap();
    } else {
        server.respond(status, headers, &defaults, &mut wire).unwrap();
        parts(numbers, &body, |part, more| server.body(part, more, &mut wire).unwrap());
    }

    let bodiless = method == "HEAD" || status == 204 || status == 304;
    let (mut read, mut ended, mut hinted) = (Vec::new(), false, false);
    fed(numbers, &wire, |bytes| {
        let (used, event) = client.advance(bytes);
        match event {
            client::Event::Informational(head) => hinted = head.headers.find("link") == Some(b"</a>"),
            client::Event::Response(head) => assert_eq!(head.status, status),
            client::Event::Data(data) => read.extend_from_slice(data),
            client::Event::End(_) => ended = true,
            client::Event::NeedMore => return (used, true),
            other => panic!("{other:?}"),
        }
        (used, false)
    });
    assert!(ended && hinted == interim);
    assert_eq!(read, if bodiless { Vec::new() } else { body });
}
