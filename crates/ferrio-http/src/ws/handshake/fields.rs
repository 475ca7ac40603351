//! Looking into headers: names in any case, values as lists of tokens.

use super::Field;

/// The values of all headers with that name.
pub(super) fn all<'a, 'h>(headers: &'h [Field<'a>], name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
    let found = headers.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, value)| value.trim_ascii())
}

/// The value of the one header with that name; `Err` if there are more.
pub(super) fn one<'a>(headers: &[Field<'a>], name: &str) -> Result<Option<&'a [u8]>, ()> {
    let mut values = all(headers, name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(()),
        (value, None) => Ok(value),
    }
}

/// Whether one of the lists under that name has the token, in any case.
pub(super) fn lists(headers: &[Field<'_>], name: &str, token: &str) -> bool {
    all(headers, name).flat_map(elements).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The elements of a list, without empty ones.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// A token's text (RFC 9110, 5.6.2).
pub(super) fn token(text: &[u8]) -> Option<&str> {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if text.is_empty() || !text.iter().all(good) { None } else { str::from_utf8(text).ok() }
}
