//! A server is given any bytes, twice: with an application that answers when a request is whole, and with one that answers at once.
#![no_main]

#[path = "../../crates/ferrio-http/tests/h1/support.rs"]
#[allow(dead_code)]
mod support;

use ferrio_http::h1::server::{Connection, Event};
use ferrio_http::h1::{Length, Limits, Version};
use libfuzzer_sys::fuzz_target;
use support::Server;

fuzz_target!(|input: &[u8]| {
    let limits = Limits { drain: 100, body: Some(1000), ..Limits::default() };
    for mut server in [Server::new(limits), Server::eager(limits)] {
        server.feed(input);
    }
    let mut connection = Connection::new(limits).with_tunnels();
    if let (used, Event::Request(head)) = connection.advance(input) {
        assert!(used <= input.len() && input[..used].ends_with(b"\r\n\r\n"));
        let count = |name: &str| {
            head.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).count()
        };
        assert!(count("host") == 1 || head.version == Version::Http10 && count("host") == 0);
        let framing = (count("content-length"), count("transfer-encoding"));
        match head.length {
            Length::Known(0) => assert!(framing.0 <= 1 && framing.1 == 0),
            Length::Known(_) => assert_eq!(framing, (1, 0)),
            Length::Chunked => assert!(framing.0 == 0 && framing.1 >= 1 && head.version == Version::Http11),
            Length::UntilClose => panic!("a request that ends with its connection"),
        }
        assert!(head.target.iter().all(u8::is_ascii_graphic) && !head.method.is_empty());
        for (name, value) in head.headers.iter() {
            assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic) && !name.contains(&b':'));
            assert!(value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f));
            assert_eq!(value.trim_ascii(), value);
        }
        let mut slots = [httparse::EMPTY_HEADER; 100];
        let mut other = httparse::Request::new(&mut slots);
        assert_eq!(other.parse(input), Ok(httparse::Status::Complete(used)));
        assert_eq!(other.method.map(str::as_bytes), Some(head.method));
        assert_eq!(other.path.map(str::as_bytes), Some(head.target));
        assert_eq!(other.version, Some(u8::from(head.version == Version::Http11)));
        let others = other.headers.iter().map(|header| (header.name.as_bytes(), header.value));
        assert!(head.headers.iter().eq(others));
        assert!(head.path().len() + head.query().len() <= head.target.len().max(1));
    }
});
