//! The programs, each written once: this folder is compiled anew inside each runtime's file, whose names it uses.

mod net;
mod sync;
mod tasks;
mod timers;

use super as rt;
use crate::load::Load;
use crate::measured::{Measured, Start};

/// Runs a program once to warm up, and once to be measured. A macro, since no bound says "a future that is `Send` where tasks
/// have to be".
macro_rules! timed {
    ($program:path, $count:expr) => {{
        let count = $count;
        rt::run(async move {
            $program(count / 10).await;
            let start = Start::now();
            $program(count).await;
            start.stop(count)
        })
    }};
}

/// What `count` operations of a row took each; `None` for a row that is not known here.
pub fn measure(row: &str, count: usize) -> Option<Measured> {
    let load = |mode, form, connections| Load { mode, form, connections, milliseconds: count };
    Some(match row {
        "spawn_one" => timed!(tasks::spawn_one, count),
        "spawn_x100" => timed!(tasks::spawn_hundred, count),
        "spawn_many" => timed!(tasks::spawn_many, count),
        "yield_x1" => timed!(tasks::yield_alone, count),
        "yield_x100" => timed!(tasks::yield_in_turn, count),
        "ping_pong" => timed!(sync::ping_pong, count),
        "mpsc_uncontended" => timed!(sync::uncontended, count),
        "mpsc_contended" => timed!(sync::contended, count),
        "mpsc_full" => timed!(sync::full, count),
        "lock_uncontended" => timed!(sync::lock_alone, count),
        "lock_contended" => timed!(sync::lock_in_turn, count),
        "lock_longest_wait" => rt::run(sync::lock_longest_wait(count)),
        "semaphore_contended" => timed!(sync::ten_places, count),
        "semaphore_longest_wait" => rt::run(sync::place_longest_wait(count)),
        "timers_due" => timed!(timers::due, count),
        "timer_cancel" => timed!(timers::cancelled_at_once, count),
        "timer_cancel_x1000" => timed!(timers::cancelled_later, count),
        "sleeps_1m" => rt::run(timers::asleep(count)),
        "to_thread" => timed!(tasks::one_call, count),
        "to_thread_x100" => timed!(tasks::hundred_calls, count),
        "echo_1k_x64" => rt::run(net::echo(load("echo", "bytes", 64))),
        "echo_1k_x512" => rt::run(net::echo(load("echo", "bytes", 512))),
        "connections" => rt::run(net::hang_up(load("churn", "bytes", 32))),
        "hyper_hello_x64" | "http_hello_x64" => rt::run(net::hello(load("echo", "http", 64))),
        _ => return None,
    })
}
