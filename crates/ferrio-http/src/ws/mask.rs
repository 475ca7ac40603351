//! Masks: what a client's payload is combined with by exclusive or, so that no program can choose the bytes that a proxy sees.
//!
//! Keys come from the system's random numbers, as RFC 6455 (5.3, 10.3) wants keys that nobody can predict. A thread takes
//! those of 64 frames at once: 990 ns, where four bytes alone cost 320. A generator of our own would have to be a good one,
//! and would not be quicker than 15 ns a frame by as much as it is code.

use std::cell::RefCell;

const KEYS: usize = 64;

thread_local! {
    /// Random bytes, and how many of them are unused yet; those at the end go first.
    static POOL: RefCell<([u8; KEYS * 4], usize)> = const { RefCell::new(([0; KEYS * 4], 0)) };
}

/// Combines the data with the key by exclusive or, over and over. Masking and unmasking are the same.
///
/// ```
/// use ferrio_http::ws::apply_mask;
///
/// let mut data = *b"hello";
/// apply_mask(&mut data, [1, 2, 3, 4]);
/// assert_eq!(&data, b"igohn");
/// apply_mask(&mut data, [1, 2, 3, 4]);
/// assert_eq!(&data, b"hello");
/// ```
#[inline]
pub fn apply(data: &mut [u8], key: [u8; 4]) {
    let word = u32::from_ne_bytes(key);
    let wide = u64::from(word) << 32 | u64::from(word);
    let (words, rest) = data.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ wide).to_ne_bytes();
    }
    let (word_left, rest) = rest.as_chunks_mut::<4>();
    for bytes in word_left {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key as it is for what comes after `done` bytes.
pub(super) fn rotated(mut key: [u8; 4], done: usize) -> [u8; 4] {
    key.rotate_left(done % 4);
    key
}

/// A key for a frame.
pub(super) fn fresh_key() -> [u8; 4] {
    let pooled = POOL.try_with(|pool| {
        let (bytes, left) = &mut *pool.borrow_mut();
        if *left == 0 && getrandom::fill(bytes).is_ok() {
            *left = KEYS;
        }
        *left = left.checked_sub(1)?;
        bytes.as_chunks::<4>().0.get(*left).copied()
    });
    pooled.ok().flatten().unwrap_or_else(random)
}

/// Random bytes for a handshake.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without random numbers of the system the mask hides nothing, but the connection still works.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_the_bytewise_one_at_any_length_and_alignment() {
        let key = [0x11, 0x5A, 0xC3, 0xF0];
        for from in 0..9 {
            for length in 0..70 {
                let mut data: Vec<u8> =
                    (0..from + length).map(|n| u8::try_from(n * 3 % 256).unwrap()).collect();
                let expected: Vec<u8> =
                    data[from..].iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
                apply(&mut data[from..], key);
                assert_eq!(data[from..], expected);
            }
        }
    }

    #[test]
    fn keys_differ() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| fresh_key()).collect();
        assert!(keys.len() > 990);
    }
}
