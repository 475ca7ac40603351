//! The table of tests/http/probes.tsv, as whoever asks a server by it reads it.

#[allow(dead_code, reason = "who asks by it looks at a part of it")]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) parser: bool,
    pub(crate) passes: &'static str,
    pub(crate) done: &'static str,
    pub(crate) steps: Vec<Vec<u8>>,
}

pub(crate) fn table() -> Vec<Probe> {
    let text = include_str!("../../../../tests/http/probes.tsv");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let mut columns = row.split('\t');
        let mut next = || columns.next().unwrap();
        let (name, whom, passes, done) = (next(), next(), next(), next());
        Probe {
            name,
            parser: whom == "parser",
            passes,
            done,
            steps: columns.map(|step| bytes(step.as_bytes())).collect(),
        }
    })
    .collect()
}

/// Undoes the escapes that the table's head names.
fn bytes(mut text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((first, rest)) = text.split_first() {
        text = rest;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (kind, rest) = text.split_first().unwrap();
        text = rest;
        match kind {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'x' => {
                out.push(u8::from_str_radix(std::str::from_utf8(&text[..2]).unwrap(), 16).unwrap());
                text = &text[2..];
            }
            b'{' => {
                let end = text.iter().position(|byte| *byte == b'}').unwrap();
                let star = text[..end].iter().rposition(|byte| *byte == b'*').unwrap();
                let times = std::str::from_utf8(&text[star + 1..end]).unwrap().parse().unwrap();
                out.extend(bytes(&text[..star]).repeat(times));
                text = &text[end + 1..];
            }
            other => out.push(*other),
        }
    }
    out
}
