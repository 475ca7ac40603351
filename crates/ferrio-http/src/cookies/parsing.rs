//! `Set-Cookie`, read as browsers read it (RFC 6265, 5.2): no header is an error, but some say nothing.

use super::dates;

/// More than this in name and value, and in an attribute, is not kept (RFC 6265bis, 5.6).
const MOST: usize = 4096;
const MOST_OF_ATTRIBUTE: usize = 1024;

/// What a header says, before it is known whether it may.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) domain: Option<&'a [u8]>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) expires: Option<u64>,
    /// In seconds from now; not above zero: it has expired.
    pub(super) max_age: Option<i64>,
    pub(super) secure: bool,
}

/// Reads one header's value.
pub(super) fn read(header: &[u8]) -> Option<Said<'_>> {
    if header.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return None;
    }
    let mut parts = header.split(|byte| *byte == b';');
    let (name, value) = pair(parts.next()?);
    // A cookie without a name would be sent as if its value were one.
    let value = value.filter(|value| !name.is_empty() && name.len() + value.len() <= MOST)?;
    let mut said = Said { name, value, ..Said::default() };
    for part in parts {
        let (name, value) = pair(part);
        let value = value.unwrap_or_default();
        if value.len() <= MOST_OF_ATTRIBUTE {
            said.attribute(name, value);
        }
    }
    Some(said)
}

impl<'a> Said<'a> {
    fn attribute(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("expires") {
            self.expires = dates::read(value).or(self.expires);
        } else if is("max-age") {
            self.max_age = seconds(value).or(self.max_age);
        } else if is("domain") {
            self.domain = Some(value.strip_prefix(b".").unwrap_or(value)).filter(|domain| !domain.is_empty());
        } else if is("path") {
            self.path = Some(value).filter(|path| path.starts_with(b"/"));
        } else if is("secure") {
            self.secure = true;
        }
    }
}

/// A sign and digits; what is beyond a number is its largest.
fn seconds(value: &[u8]) -> Option<i64> {
    let (below, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if below { -number } else { number })
}

/// Name and value, trimmed.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = part.split_at(at);
            (name.trim_ascii(), Some(value.get(1..).unwrap_or_default().trim_ascii()))
        }
        None => (part.trim_ascii(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_servers_write_them() {
        let all =
            read(b" a = b=c ;Domain=.E.org; path=/x ; SECURE;HttpOnly; max-age=9; Max-Age=x;Expires=soon");
        let expected = Said {
            name: b"a",
            value: b"b=c",
            domain: Some(b"E.org"),
            path: Some(b"/x"),
            max_age: Some(9),
            secure: true,
            ..Said::default()
        };
        assert_eq!(all, Some(expected));
        for nothing in ["", "a", "=b", "; a=b", "a=b\x01", "a\0=b", "a=b\nc=d"] {
            assert_eq!(read(nothing.as_bytes()), None, "{nothing:?}");
        }
        for (age, expected) in [
            ("-1", Some(-1)),
            ("0", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("+1", None),
            ("-", None),
        ] {
            assert_eq!(seconds(age.as_bytes()), expected, "{age}");
        }
        // The last one counts, an empty one too; a long one never was.
        let long = [b"a=b; path=/x; path=/".as_slice(), &[b'y'; 1024], b"; domain=c; domain="].concat();
        assert_eq!(read(&long).map(|said| (said.path, said.domain)), Some((Some(&b"/x"[..]), None)));
        assert_eq!(read(&[b"a=".as_slice(), &[b'b'; 4096]].concat()), None);
    }
}
