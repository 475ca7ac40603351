//! Parts with any names, headers and bodies: what is written is read again by a simple reader of RFC 2046, and no part breaks out.
#![no_main]

use ferrio_http::multipart::{Form, Part};
use libfuzzer_sys::fuzz_target;

/// Takes the input apart: a length, then as many bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let size = usize::from(self.byte()?).min(self.0.len());
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

fuzz_target!(|input: &[u8]| {
    let mut input = Input(input);
    let Some(boundary) = input.text() else { return };
    let Ok(mut form) = Form::with_boundary(&boundary) else { return };
    let (mut expected, mut refused) = (Vec::new(), 0);
    while let (Some(kind), Some(name), Some(body)) = (input.byte(), input.text(), input.bytes()) {
        let file_name = (kind & 1 != 0).then(|| input.text()).flatten();
        let content_type = (kind & 2 != 0).then(|| input.text()).flatten();
        let header = (kind & 4 != 0).then(|| input.text().zip(input.text())).flatten();
        // A boundary of one's own stands in no body: who gives one sees to that.
        if body.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
            continue;
        }
        let headers: Vec<(&str, &str)> = header.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let part = Part {
            name: &name,
            file_name: file_name.as_deref(),
            content_type: content_type.as_deref(),
            headers: &headers,
        };
        let length = (kind & 8 == 0).then_some(body.len() as u64);
        let before = form.clone();
        if form.add(&part, length).is_err() {
            refused += 1;
            assert_eq!((form.heads().len(), form.length()), (before.heads().len(), before.length()));
            continue;
        }
        let mut disposition = format!("form-data; name=\"{}\"", escaped(&name));
        if let Some(name) = &file_name {
            disposition += &format!("; filename=\"{}\"", escaped(name));
        }
        let mut fields = vec![("Content-Disposition".to_owned(), disposition)];
        fields.extend(content_type.map(|value| ("Content-Type".to_owned(), value)));
        fields.extend(header);
        expected.push((fields, body, length));
    }
    assert!(refused == 0 || form.heads().len() == expected.len());
    let mut sent = Vec::new();
    for (head, (_, body, _)) in form.heads().zip(&expected) {
        sent.extend_from_slice(head);
        sent.extend_from_slice(body);
    }
    sent.extend_from_slice(&form.tail());
    let known = expected.iter().all(|(.., length)| length.is_some());
    assert_eq!(form.length(), known.then_some(sent.len() as u64));
    let read = read(&sent, &boundary);
    assert_eq!(read.len(), expected.len());
    for ((fields, body), (expected_fields, expected_body, _)) in read.iter().zip(&expected) {
        assert_eq!((fields, body), (expected_fields, expected_body));
    }
});

fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The parts of a whole: the fields of each, and its body.
fn read<'a>(whole: &'a [u8], boundary: &str) -> Vec<(Vec<(String, String)>, &'a [u8])> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line end in front where nothing stands before it.
    let mut rest = whole.strip_prefix(&delimiter.as_bytes()[2..]).expect("it begins with a delimiter");
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, delimiter.as_bytes()).expect("each part ends");
        let (part, behind) = part.split_at(end);
        let head = find(part, b"\r\n\r\n").expect("each part has a head");
        let fields = std::str::from_utf8(&part[..head]).unwrap().split("\r\n").map(|line| {
            let (name, value) = line.split_once(": ").expect("each line is a field");
            (name.to_owned(), value.to_owned())
        });
        parts.push((fields.collect(), &part[head + 4..]));
        rest = &behind[delimiter.len()..];
    }
    assert_eq!(rest, b"--\r\n");
    parts
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
