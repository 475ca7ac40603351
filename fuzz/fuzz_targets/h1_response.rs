//! A client is given any bytes: the first one says what was asked.
#![no_main]

use ferrio_http::h1::client::{Connection, Event};
use ferrio_http::h1::{Length, Limits, Version};
use libfuzzer_sys::fuzz_target;

const UPGRADE: [(&[u8], &[u8]); 3] = [(b"host", b"a"), (b"connection", b"upgrade"), (b"upgrade", b"x")];

fuzz_target!(|input: &[u8]| {
    let Some((kind, mut input)) = input.split_first() else { return };
    let mut connection = Connection::new(Limits::default());
    if kind & 4 != 0 {
        connection = connection.with_folds();
    }
    let (method, target) = [(&b"GET"[..], &b"/"[..]), (b"HEAD", b"/"), (b"CONNECT", b"a:1"), (b"GET", b"/")]
        [usize::from(kind & 3)];
    let headers = if kind & 3 == 3 { &UPGRADE[..] } else { &UPGRADE[..1] };
    connection.request(method, target, headers.iter().copied(), Length::Known(0), &mut Vec::new()).unwrap();
    if let (used, Event::Informational(head) | Event::Response(head)) = connection.advance(input) {
        // With folds, values differ.
        if kind & 4 == 0 {
            let mut slots = [httparse::EMPTY_HEADER; 100];
            let mut other = httparse::Response::new(&mut slots);
            assert_eq!(other.parse(input), Ok(httparse::Status::Complete(used)));
            assert_eq!(
                (other.code, other.version),
                (Some(head.status), Some(u8::from(head.version == Version::Http11)))
            );
            let others = other.headers.iter().map(|header| (header.name.as_bytes(), header.value));
            assert!(head.headers.iter().eq(others));
        }
        input = &input[used..];
    }
    loop {
        let (used, event) = connection.advance(input);
        input = &input[used..];
        match event {
            Event::Informational(head) | Event::Response(head) => {
                assert!((100..1000).contains(&head.status));
                for (name, value) in head.headers.iter() {
                    assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
                    assert!(value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f));
                }
            }
            Event::Data(data) => assert!(!data.is_empty() && data.len() == used || used > data.len()),
            // What stands behind is not asked for, or the connection is closed.
            Event::End(_) => {}
            Event::Upgraded | Event::Closed | Event::Broken(_) => return,
            Event::NeedMore => {
                connection.end_of_input();
                return;
            }
        }
    }
});
