//! Key and answer: a proof that the server knows WebSocket, by SHA-1 and base64, neither of which has to keep a secret.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the server answers to the key.
pub(super) fn answer(key: &[u8]) -> [u8; 28] {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(GUID);
    encode(&hash.digest().bytes())
}

/// A client's new key.
pub(super) fn fresh() -> [u8; 24] {
    encode(&super::super::mask::random::<16>())
}

/// Whether it is 16 bytes in base64.
pub(super) fn is_valid(key: &[u8]) -> bool {
    matches!(key, [digits @ .., b'=', b'='] if digits.len() == 22 && digits.iter().all(|digit| ALPHABET.contains(digit)))
}

/// Base64 with padding. `TEXT` is four characters for each three bytes begun.
fn encode<const BYTES: usize, const TEXT: usize>(bytes: &[u8; BYTES]) -> [u8; TEXT] {
    const { assert!(TEXT == BYTES.div_ceil(3) * 4) }
    let mut text = [b'='; TEXT];
    for (three, four) in bytes.chunks(3).zip(text.chunks_mut(4)) {
        let bits =
            three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte)) << (8 * (3 - three.len()));
        for (at, digit) in four.iter_mut().enumerate().take(three.len() + 1) {
            *digit = ALPHABET[bits >> (18 - 6 * at) & 63];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_one_of_the_rfc() {
        assert_eq!(&encode::<6, 8>(b"foobar"), b"Zm9vYmFy");
        assert_eq!(&encode::<5, 8>(b"fooba"), b"Zm9vYmE=");
        assert_eq!(&encode::<4, 8>(b"foob"), b"Zm9vYg==");
    }

    #[test]
    fn the_answer_is_that_of_the_rfc_s_example() {
        assert_eq!(&answer(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_valid(b"dGhlIHNhbXBsZSBub25jZQ==") && is_valid(&fresh()));
    }
}
