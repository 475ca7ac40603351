//! How far apart two CPUs are: what a cache line takes from `cpu` to `other` and back, in nanoseconds.
//!
//! A host moves the CPUs of a virtual machine to parts of the processor that share a cache, and to such that do not; a
//! server and its client on the two then need a quarter more for a round trip, whatever they do.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::failure::{Outcome, failed};
use super::keep_to;
use super::options::Options;
use super::window::{now, print_and_hold};

/// The quickest of so many batches tells: something may come between the others.
const BATCHES: u32 = 10;
const TRIPS: u32 = 200;

pub(crate) fn run(options: &Options) -> Outcome {
    let (Some(cpu), Some(other)) = (options.cpu, options.other) else {
        return failed("the distance between which CPUs? cpu=NUMBER other=NUMBER");
    };
    keep_to(other)?;
    let ball = Arc::new(AtomicU32::new(0));
    let player = ball.clone();
    thread::spawn(move || (0..BATCHES * TRIPS).for_each(|trip| pass(&player, 2 * trip + 1)));
    keep_to(cpu)?;
    let batch = |number: u32| {
        let began = now();
        (number * TRIPS..(number + 1) * TRIPS).for_each(|trip| {
            ball.store(2 * trip + 1, Ordering::Release);
            wait_for(&ball, 2 * trip + 2);
        });
        now() - began
    };
    let quickest = (0..BATCHES).map(batch).min().unwrap_or_default();
    print_and_hold(&format!("{{\"nanoseconds\": {}}}", quickest / u64::from(TRIPS)))
}

/// Receives that number and sends back the next.
fn pass(ball: &AtomicU32, number: u32) {
    wait_for(ball, number);
    ball.store(number + 1, Ordering::Release);
}

fn wait_for(ball: &AtomicU32, number: u32) {
    while ball.load(Ordering::Acquire) != number {
        spin_loop();
    }
}
