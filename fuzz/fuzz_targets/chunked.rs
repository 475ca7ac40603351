//! A chunked body, to a server; what it accepts, a second decoder, which knows nothing of cuts and limits, reads alike.
#![no_main]

#[path = "../../crates/ferrio-http/tests/h1/support.rs"]
#[allow(dead_code)]
mod support;

use ferrio_http::h1::Limits;
use libfuzzer_sys::fuzz_target;
use support::{Said, Server};

fuzz_target!(|input: &[u8]| {
    let mut server = Server::new(Limits::default());
    server.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    server.feed(input);
    let (body, rest) = match &server.said[1..] {
        [Said::Body(body), Said::End(_), rest @ ..] => (&body[..], rest),
        [Said::End(_), rest @ ..] => (&b""[..], rest),
        _ => return,
    };
    let (decoded, after) = decode(input).expect("what is accepted can be decoded");
    assert_eq!(decoded, body);
    assert!(!rest.is_empty() || after.len() < 65_536);
});

/// The body, and what stands behind its trailers. A line ends at the first CRLF that is not in quotes, which none is.
fn decode(mut input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = input.windows(2).position(|pair| pair == b"\r\n")?;
        let digits = input[..end].split(|byte| *byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        input = &input[end + 2..];
        if size == 0 {
            break;
        }
        body.extend_from_slice(input.get(..size)?);
        input = input[size..].strip_prefix(b"\r\n")?;
    }
    loop {
        let end = input.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &input[..end];
        input = &input[end + 2..];
        if line.is_empty() {
            return Some((body, input));
        }
    }
}
