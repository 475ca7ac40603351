//! What is sent: bytes that tell a shifted or torn echo from a true one, or lines as in text protocols.

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Lines are of 64 bytes; what is left is one less, and the last one is empty.
pub(crate) fn compose(size: usize, lines: bool) -> Vec<u8> {
    let letter = |place: usize| LETTERS[place % LETTERS.len()];
    let byte = |place: usize| (place.wrapping_mul(31) + place / 251).to_le_bytes()[0];
    let ends = |place: usize| place % 64 == 63 || place + 2 >= size;
    let of = |place| {
        if !lines {
            byte(place)
        } else if ends(place) {
            b'\n'
        } else {
            letter(place)
        }
    };
    (0..size).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::compose;

    #[test]
    fn lines_end_with_an_empty_one() {
        let message = compose(1024, true);
        assert_eq!(message.len(), 1024);
        assert!(message.ends_with(b"\n\n") && !message[..1022].windows(2).any(|pair| pair == b"\n\n"));
    }
}
