//! The buffer that data is read into before `bytes` of the right size are made of it: one for each thread. With a new one each
//! time `echo_datagrams` takes 15 % more instructions, `echo_protocol` 9 %.

use std::cell::Cell;
use std::mem::MaybeUninit;

/// The most that one read takes; asyncio's number. A smaller buffer cuts a 100 KiB message in two, and each part costs a
/// callback and a write: an echo of such messages took 1.4 times as long with 64 KiB. Pages that are not touched are free.
pub(crate) const SCRATCH: usize = 256 * 1024;

/// The most that one read of ciphertext takes: sixteen records of 16 KiB with their heads and tags, which are often sent
/// together. A smaller buffer cuts the last record, and OpenSSL has to keep the first part until the next read.
pub(crate) const CIPHERTEXT: usize = SCRATCH + 1024;

thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

/// Lends `SCRATCH` bytes of the thread's buffer to `body`, or of a new buffer if the thread's is lent already.
#[expect(
    clippy::inline_always,
    reason = "outlined, which is chance, it takes 1.6 % more instructions of a small echo"
)]
#[inline(always)]
pub(crate) fn with_scratch<R>(body: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> R {
    with_ciphertext(|space| body(&mut space[..SCRATCH]))
}

/// Lends `CIPHERTEXT` bytes. `body` may run any code: whoever asks meanwhile gets a new buffer.
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
