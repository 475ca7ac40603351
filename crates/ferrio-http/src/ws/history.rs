//! The end of what was said: all that compression has to remember between two messages.
//!
//! A deflate stream that was flushed at the end of a message is wholly described by the last bytes of its plain text, as many
//! as the window has. So a connection keeps these, 4 KiB a direction at most by default, rather than a compressor of 157 KiB
//! and an inflater of 19 KiB.

/// The last bytes of a stream. Grows with what was said, up to the window.
pub(super) struct History {
    window: usize,
    bytes: Vec<u8>,
}

impl History {
    pub(super) fn new(window_bits: u8) -> Self {
        Self { window: 1 << window_bits, bytes: Vec::new() }
    }

    pub(super) fn remember(&mut self, message: &[u8]) {
        let tail = &message[message.len().saturating_sub(self.window)..];
        let kept = self.bytes.len().min(self.window - tail.len());
        self.bytes.drain(..self.bytes.len() - kept);
        let length = kept + tail.len();
        if length > self.bytes.capacity() {
            // Not `reserve`, which could take twice the window.
            self.bytes.reserve_exact(length.next_power_of_two() - kept);
        }
        self.bytes.extend_from_slice(tail);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_end_of_all_messages_and_never_larger_than_the_window() {
        let mut history = History::new(9);
        let mut all = Vec::new();
        for (round, length) in [0, 1, 300, 2, 511, 512, 513, 5, 1000, 200, 200, 200].into_iter().enumerate() {
            let message: Vec<u8> = (0..length).map(|n| u8::try_from((n + round) % 251).unwrap()).collect();
            history.remember(&message);
            all.extend_from_slice(&message);
            assert_eq!(history.bytes(), &all[all.len().saturating_sub(512)..]);
            assert!(history.bytes.capacity() <= 512);
        }
    }
}
