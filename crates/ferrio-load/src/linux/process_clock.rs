//! The CPU clock of another process: what it used, user and system, all threads, to the nanosecond and up to now.
//!
//! Why not /proc: what stands there is as old as the last tick, up to 4 ms, which is 1 % of a window. The number of the
//! clock follows from the process's (`clock_getcpuclockid` computes the same), and rustix takes only clocks it knows.
//! The only unsafe code of this crate.

use std::io;
use std::mem::MaybeUninit;

use rustix::time::Timespec;

use super::failure::{Named, Outcome};

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// `CPUCLOCK_SCHED`, and that the number is a process's.
const SCHEDULED: i32 = 2;

/// Nanoseconds of CPU time that the process has used.
pub(crate) fn read(process: i32) -> Outcome<u64> {
    let clock = (!process << 3) | SCHEDULED;
    let mut time = MaybeUninit::<Timespec>::uninit();
    // SAFETY: `time` is writable and of the C library's layout, which is what rustix's Timespec is on 64-bit Linux.
    if unsafe { clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error()).named("the server's CPU clock");
    }
    // SAFETY: the call succeeded, so it is filled in.
    Ok(super::window::nanoseconds(unsafe { time.assume_init() }))
}
