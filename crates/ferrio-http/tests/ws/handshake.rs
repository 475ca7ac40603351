//! The handshake: what a server refuses, what is negotiated, what a client refuses.

use ferrio_http::ws::handshake::{Deflate, Offer, Opening};

type Header = (&'static str, String);

fn request() -> Vec<Header> {
    let headers = [
        ("Host", "example.org"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    headers.map(|(name, value)| (name, value.to_owned())).into()
}

/// The same with one header changed, taken out (`None`), or added (`+name`).
fn changed(mut headers: Vec<Header>, name: &'static str, value: Option<&str>) -> Vec<Header> {
    let added = name.strip_prefix('+');
    headers.retain(|(other, _)| added.is_some() || *other != name);
    headers.extend(value.map(|value| (added.unwrap_or(name), value.to_owned())));
    headers
}

fn fields(headers: &[Header]) -> Vec<(&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

#[test]
fn requests_that_are_refused() {
    let cases = [
        ("Upgrade", None, 426),
        ("Upgrade", Some("h2c"), 426),
        ("Upgrade", Some("websockets"), 426),
        ("Connection", None, 400),
        ("Connection", Some("keep-alive"), 400),
        ("Sec-WebSocket-Version", None, 426),
        ("Sec-WebSocket-Version", Some("8"), 426),
        ("Sec-WebSocket-Version", Some("13, 8"), 426),
        ("+Sec-WebSocket-Version", Some("13"), 426),
        ("Sec-WebSocket-Key", None, 400),
        ("Sec-WebSocket-Key", Some(""), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ="), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25j=="), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQZQ=="), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ==="), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZTI="), 400),
        ("Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25j*Q=="), 400),
        ("+Sec-WebSocket-Key", Some("dGhlIHNhbXBsZSBub25jZQ=="), 400),
    ];
    for (name, value, status) in cases {
        let headers = changed(request(), name, value);
        let headers = fields(&headers);
        let Err(refusal) = Offer::read(b"GET", (1, 1), &headers) else { panic!("{name} {value:?}") };
        assert_eq!(refusal.status, status, "{name} {value:?}");
        let answer: Vec<_> = refusal.headers().collect();
        assert!(answer.contains(&(b"sec-websocket-version", b"13")));
        assert_eq!(answer.contains(&(b"upgrade", b"websocket")), status == 426);
    }
    let headers = request();
    let headers = fields(&headers);
    for (method, version, good) in
        [("GET", (1, 1), true), ("POST", (1, 1), false), ("get", (1, 1), false), ("GET", (1, 0), false)]
    {
        assert_eq!(Offer::read(method.as_bytes(), version, &headers).is_ok(), good, "{method} {version:?}");
    }
}

#[test]
fn names_and_tokens_are_read_in_any_case_and_in_lists() {
    let headers = [
        ("UPGRADE", "h2c, WebSocket"),
        ("connection", "keep-alive"),
        ("Connection", " , UPGRADE"),
        ("sec-websocket-KEY", " dGhlIHNhbXBsZSBub25jZQ== "),
        ("sec-websocket-version", "13"),
    ];
    let headers = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    assert!(Offer::read(b"GET", (1, 1), &headers).is_ok());
}

#[test]
fn a_subprotocol_is_one_that_was_offered() {
    let mut headers = changed(request(), "Sec-WebSocket-Protocol", Some("v2.chat , v1.chat"));
    headers = changed(headers, "+Sec-WebSocket-Protocol", Some("soap, b@d"));
    let headers = fields(&headers);
    let offer = Offer::read(b"GET", (1, 1), &headers).unwrap();
    assert_eq!(offer.subprotocols().collect::<Vec<_>>(), ["v2.chat", "v1.chat", "soap"]);
    for (chosen, there) in [(Some("soap"), true), (Some("v3.chat"), false), (None, false)] {
        let accepted = offer.accept(chosen, None);
        let answer = accepted.headers().find(|(name, _)| *name == b"sec-websocket-protocol");
        assert_eq!(answer.map(|(_, value)| value), chosen.filter(|_| there).map(str::as_bytes));
    }
}

/// What a server with 12 bits answers to an offer.
#[test]
fn offers_and_answers() {
    const NAME: &str = "permessage-deflate";
    const CLIENT: &str = "client_max_window_bits";
    let cases = [
        ("permessage-deflate", "server_max_window_bits=12; client_no_context_takeover"),
        (
            "permessage-deflate; client_max_window_bits",
            "client_max_window_bits=12; server_max_window_bits=12",
        ),
        (
            "permessage-deflate; client_max_window_bits=15",
            "client_max_window_bits=12; server_max_window_bits=12",
        ),
        (
            "permessage-deflate; client_max_window_bits=9",
            "client_max_window_bits=9; server_max_window_bits=12",
        ),
        (
            "permessage-deflate;client_max_window_bits=\"10\"",
            "client_max_window_bits=10; server_max_window_bits=12",
        ),
        (
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
            "client_max_window_bits=12; server_max_window_bits=8",
        ),
        (
            "PerMessage-Deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
            "client_max_window_bits=12; server_max_window_bits=12; server_no_context_takeover; client_no_context_takeover",
        ),
        // The first that can be taken.
        (
            "x-webkit-deflate-frame, permessage-deflate; unknown, permessage-deflate; client_max_window_bits",
            "client_max_window_bits=12; server_max_window_bits=12",
        ),
    ];
    for (offered, answer) in cases {
        let headers = changed(request(), "Sec-WebSocket-Extensions", Some(offered));
        let headers = fields(&headers);
        let offer = Offer::read(b"GET", (1, 1), &headers).unwrap();
        let accepted = offer.accept(None, Some(Deflate::default()));
        let (_, value) = accepted.headers().last().unwrap();
        assert_eq!(str::from_utf8(value).unwrap(), format!("{NAME}; {answer}"), "{offered}");
        // Never the client's bits where the client did not name them.
        assert!(answer.contains(CLIENT) <= offered.to_lowercase().contains(CLIENT));
        assert!(offer.accept(None, None).headers().all(|(name, _)| name != b"sec-websocket-extensions"));
    }
}

#[test]
fn a_window_that_the_client_named_is_named_in_the_answer() {
    let largest = Deflate { server_max_window_bits: 15, client_max_window_bits: 15, ..Deflate::default() };
    let cases = [
        ("permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
        ("permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"),
        (
            "permessage-deflate; client_max_window_bits=14; server_max_window_bits=15",
            "permessage-deflate; client_max_window_bits=14; server_max_window_bits=15",
        ),
    ];
    for (offered, answer) in cases {
        let headers = changed(request(), "Sec-WebSocket-Extensions", Some(offered));
        let headers = fields(&headers);
        let accepted = Offer::read(b"GET", (1, 1), &headers).unwrap().accept(None, Some(largest));
        assert_eq!(accepted.headers().last().unwrap().1, answer.as_bytes(), "{offered}");
    }
}

#[test]
fn offers_that_are_declined() {
    let offers = [
        "x-webkit-deflate-frame",
        "permessage-deflate; foo",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=+8",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=1x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=\"\"",
        "permessage-deflate;",
    ];
    for offered in offers {
        let headers = changed(request(), "Sec-WebSocket-Extensions", Some(offered));
        let headers = fields(&headers);
        let offer = Offer::read(b"GET", (1, 1), &headers).unwrap();
        assert_eq!(offer.accept(None, Some(Deflate::default())).deflate(), None, "{offered}");
    }
}

/// A right answer to an opening, with one header changed.
fn answered(
    opening: &Opening,
    name: &'static str,
    value: Option<&str>,
) -> Result<Option<Deflate>, &'static str> {
    let sent: Vec<_> = opening.headers().collect();
    let accepted = Offer::read(b"GET", (1, 1), &sent).map_err(|refusal| refusal.reason)?.accept(None, None);
    let (_, accept) = accepted.headers().nth(2).ok_or("an answer")?;
    let accept = str::from_utf8(accept).map_err(|_| "text")?;
    let headers = [("Upgrade", "WebSocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", accept)];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    let headers = changed(headers.into(), name, value);
    opening.check(101, &fields(&headers)).map(|agreed| agreed.deflate).map_err(|unfit| unfit.reason)
}

#[test]
fn answers_that_a_client_refuses() {
    let opening = Opening::new(&["chat"], None);
    let cases = [
        ("Upgrade", None),
        ("Upgrade", Some("h2c")),
        ("Connection", None),
        ("Connection", Some("close")),
        ("Sec-WebSocket-Accept", None),
        ("Sec-WebSocket-Accept", Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
        ("+Sec-WebSocket-Accept", Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
        ("+Sec-WebSocket-Protocol", Some("superchat")),
        ("+Sec-WebSocket-Protocol", Some("chat, chat")),
        ("+Sec-WebSocket-Extensions", Some("permessage-deflate")),
        ("+Sec-WebSocket-Extensions", Some("x-foo")),
    ];
    for (name, value) in cases {
        assert!(answered(&opening, name, value).is_err(), "{name} {value:?}");
    }
    assert_eq!(answered(&opening, "+Sec-WebSocket-Protocol", Some("chat")), Ok(None));
    assert!(opening.check(200, &[]).is_err());
}

#[test]
fn extensions_that_a_client_takes_and_refuses() {
    let bits = |server, client| Deflate {
        server_max_window_bits: server,
        client_max_window_bits: client,
        ..Deflate::default()
    };
    let fresh = |server, client| Deflate {
        server_no_context_takeover: server,
        client_no_context_takeover: client,
        ..Deflate::default()
    };
    let cases = [
        (bits(12, 12), "; server_max_window_bits=12", Some(bits(12, 12))),
        (bits(12, 12), "; server_max_window_bits=10; client_max_window_bits=9", Some(bits(10, 9))),
        (bits(12, 12), "; server_max_window_bits=12; client_max_window_bits=15", Some(bits(12, 12))),
        (bits(15, 15), "", Some(bits(15, 15))),
        (bits(12, 12), "", None),
        (bits(12, 12), "; server_max_window_bits=13", None),
        (bits(12, 12), "; server_max_window_bits=12; client_max_window_bits", None),
        (bits(15, 15), "; foo", None),
        (bits(15, 15), ", permessage-deflate", None),
        (bits(15, 15), ", x-foo", None),
        (
            fresh(true, true),
            "; server_max_window_bits=12; server_no_context_takeover",
            Some(fresh(true, true)),
        ),
        (
            fresh(false, false),
            "; server_max_window_bits=12; client_no_context_takeover",
            Some(fresh(false, true)),
        ),
        (fresh(true, false), "; server_max_window_bits=12", None),
    ];
    for (offered, answer, expected) in cases {
        let opening = Opening::new(&[], Some(offered));
        let value = format!("permessage-deflate{answer}");
        let agreed = answered(&opening, "+Sec-WebSocket-Extensions", Some(&value));
        assert_eq!(agreed.ok(), expected.map(Some), "{value}");
    }
    // A server that declines leaves it out.
    assert_eq!(answered(&Opening::new(&[], Some(bits(12, 12))), "+X", Some("")), Ok(None));
}
