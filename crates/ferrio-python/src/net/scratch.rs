//! Where reads land before they become `bytes` of the right size: one buffer a thread, shared by its loops.

use std::cell::Cell;
use std::mem::MaybeUninit;

/// The most one read takes; asyncio's figure. A smaller buffer cuts a 100 KiB message in two, and each part costs a
/// callback and a write of its own: echoing such took 1.4 times as long with 64 KiB. Untouched pages cost nothing.
pub(crate) const SCRATCH: usize = 256 * 1024;

/// The most one read of ciphertext takes: sixteen whole records of 16 KiB with their heads and tags, as they are often sent.
/// With less the last is cut, and each read begins with the rest of a record that OpenSSL keeps meanwhile.
pub(crate) const CIPHERTEXT: usize = SCRATCH + 1024;

thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

/// Lends `SCRATCH` bytes of the thread's buffer to `body`, or of a fresh one should it be lent already.
#[expect(
    clippy::inline_always,
    reason = "outlined, which is chance, it takes 1.6 % more instructions of a small echo"
)]
#[inline(always)]
pub(crate) fn with_scratch<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    with_ciphertext(|space| body(&mut space[..SCRATCH]))
}

/// The same, `CIPHERTEXT` bytes. `body` may run any code: the buffer is not there for it meanwhile.
#[expect(
    clippy::inline_always,
    reason = "outlined, which is chance, it takes 1.6 % more instructions of a small echo"
)]
#[inline(always)]
pub(crate) fn with_ciphertext<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    let mut buffer = BUFFER.take();
    buffer.reserve_exact(CIPHERTEXT);
    let result = body(&mut buffer.spare_capacity_mut()[..CIPHERTEXT]);
    BUFFER.set(buffer);
    result
}
