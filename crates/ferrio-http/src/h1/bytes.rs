//! Which bytes may stand where: tokens, values, targets, hosts. Owns the tables and the search for control bytes; knows
//! nothing of messages.
//!
//! Invariant: nothing here panics or allocates, whatever the bytes.

/// The first control byte (below a space, or DEL) at or after `from`, eight bytes at a time: each byte of a head is looked
/// at once, here, which both ends the lines and checks the values.
pub(super) fn control(bytes: &[u8], from: usize) -> Option<usize> {
    let (words, tail) = bytes.get(from..)?.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let found = controls(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(from + number * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let at = tail.iter().position(|byte| *byte < b' ' || *byte == 0x7f)?;
    Some(from + words.len() * 8 + at)
}

/// Whether it is a token (RFC 9110, 5.6.2): a method, a header's name, a coding.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// Whether one byte may stand in a token.
pub(super) fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// Whether it may be a header's value: no control byte but a tab.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = control(bytes, from) {
        if bytes.get(at) != Some(&b'\t') {
            return false;
        }
        from = at + 1;
    }
    true
}

/// Whether it may stand in a request's target: visible ASCII without `#`, for a fragment is never sent.
pub(super) fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is(*byte, TARGET))
}

/// Whether it is `host` or `host:port` (RFC 3986, 3.2), without a user and not empty.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let literal = bytes.first() == Some(&b'[');
    let end = if literal {
        bytes.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1)
    } else {
        bytes.iter().position(|byte| !is(*byte, HOST)).unwrap_or(bytes.len())
    };
    let (host, port) = bytes.split_at(end);
    let host_good = match host {
        [b'[', address @ .., b']'] => {
            address.len() > 1 && address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        _ => !host.is_empty(),
    };
    host_good
        && match port.split_first() {
            None => true,
            Some((colon, digits)) => {
                *colon == b':' && digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit)
            }
        }
}

/// Without spaces and tabs at both ends.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    trimmed_end(trimmed_start(bytes))
}

/// Without spaces and tabs in front.
pub(super) fn trimmed_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Without spaces and tabs behind.
pub(super) fn trimmed_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, trimmed; empty ones too.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trimmed)
}

/// Whether one of a list's elements is this word, in any case.
pub(super) fn names(value: &[u8], word: &[u8]) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(word))
}

/// Appends a number in decimal.
pub(super) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// Appends a number in hexadecimal.
pub(super) fn hexadecimal(number: u64, out: &mut Vec<u8>) {
    let digits = (67 - (number | 1).leading_zeros()) / 4;
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]);
    }
}

/// The high bit of each byte that is a control byte. What stands above the lowest of them may be wrong: a borrow runs upwards.
const fn controls(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let difference = word ^ (ONES * 0x7f);
    let deleted = difference.wrapping_sub(ONES) & !difference;
    (low | deleted) & (ONES * 0x80)
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Of tokens, of targets, of hosts' names (RFC 3986, 3.2.2): a bit each.
const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const HOST: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        #[allow(clippy::cast_possible_truncation)] // Below 128.
        let character = byte as u8;
        if character.is_ascii_alphanumeric() {
            table[byte] = TOKEN | TARGET | HOST;
        } else if character.is_ascii_graphic() && character != b'#' {
            table[byte] = TARGET;
        }
        byte += 1;
    }
    let table = mark(table, b"!#$%&'*+-.^_`|~", TOKEN);
    mark(table, b"-._~%!$&'()*+,;=", HOST)
};

const fn mark(mut table: [u8; 256], bytes: &[u8], class: u8) -> [u8; 256] {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_byte_is_found_at_every_place() {
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut text = [b'x'; 20];
                text[place] = byte;
                let found = (byte < 0x20 || byte == 0x7f).then_some(place);
                assert_eq!(control(&text, 0), found, "{byte} at {place}");
                assert_eq!(control(&text, place + 1), None);
            }
        }
        assert_eq!(control(b"\x1f\x20\x7f\x80\xff\x7f\x00\x20", 1), Some(2));
        assert_eq!(control(b"abc", 9), None);
    }

    #[test]
    fn numbers_are_written_as_the_library_writes_them() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 4095, 65_536, u64::from(u32::MAX), u64::MAX] {
            let (mut ten, mut sixteen) = (Vec::new(), Vec::new());
            decimal(number, &mut ten);
            hexadecimal(number, &mut sixteen);
            assert_eq!(ten, number.to_string().into_bytes());
            assert_eq!(sixteen, format!("{number:x}").into_bytes());
        }
    }

    #[test]
    fn authorities() {
        for good in ["a", "a.b:80", "[::1]", "[::1]:8080", "127.0.0.1:", "a_b", "%41"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a:b", "a:1:2", "u@a", "a/b", "a b", "[::1", "[]", "[::1]x", "a?b", "a#", "a:123456",
            "\u{e9}",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
