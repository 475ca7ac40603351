//! Where reads land before they become `bytes` of the right size: one buffer a thread, shared by its loops.

use std::cell::RefCell;
use std::mem::MaybeUninit;

/// The most one read takes; asyncio's figure. A smaller buffer cuts a 100 KiB message in two, and each part costs a
/// callback and a write of its own: echoing such took 1.4 times as long with 64 KiB. Untouched pages cost nothing.
pub(crate) const SCRATCH: usize = 256 * 1024;

/// The most one read of ciphertext takes: sixteen whole records of 16 KiB with their heads and tags, as they are often sent.
/// With less the last is cut, and each read begins with the rest of a record that OpenSSL keeps meanwhile.
pub(crate) const CIPHERTEXT: usize = SCRATCH + 1024;

thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// Lends `SCRATCH` bytes of the thread's buffer to `body`, or of a fresh one should it be lent already.
pub(crate) fn with_scratch<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    with_ciphertext(|space| body(&mut space[..SCRATCH]))
}

/// The same, `CIPHERTEXT` bytes.
pub(crate) fn with_ciphertext<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    let lend = |buffer: &mut Vec<u8>| {
        buffer.reserve_exact(CIPHERTEXT);
        body(&mut buffer.spare_capacity_mut()[..CIPHERTEXT])
    };
    BUFFER.with(|buffer| match buffer.try_borrow_mut() {
        Ok(mut buffer) => lend(&mut buffer),
        Err(_) => lend(&mut Vec::new()),
    })
}
