//! The watchdog: what blocks a loop is told of once, by name and number, and nothing else is ever told of.
//!
//! It writes to stderr, so each program is a process of its own: this file's, which runs one of its tests alone.
//! A limit of 200 ms leaves room for a busy machine: only a thread that gets no time for as long could be told of wrongly, so the
//! programs which must be silent leave the processor alone.
#![cfg(not(miri))] // Miri starts no processes.

use std::process::Command;
use std::time::Duration;

use ferrio::{Runner, create_task, sleep, yield_now};

const LIMIT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(700);

/// What a program of this file writes to stderr.
fn told_by(program: &str) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([program, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

fn watched() -> Runner {
    Runner::builder().watchdog(LIMIT).build().unwrap()
}

fn block() {
    std::thread::sleep(LONG);
}

#[test]
fn what_blocks_is_told_of_once_by_name_and_number() {
    let told = told_by("program_that_blocks");
    assert_eq!(
        told,
        ["ferrio: greedy (Task-2) has kept the loop busy for 200ms: nothing else runs meanwhile. \
             Move the work to `ferrio::to_thread`, or await `ferrio::yield_now()` in it."]
    );
}

#[test]
#[ignore = "a program of another test"]
fn program_that_blocks() {
    watched().run(async {
        let greedy = create_task(async { block() }).named("greedy");
        sleep(Duration::from_millis(1)).await;
        greedy.await.unwrap();
    });
}

#[test]
fn each_block_is_told_of() {
    let told = told_by("program_that_blocks_twice");
    let names: Vec<_> = told.iter().map(|line| line.split(" has").next().unwrap()).collect();
    assert_eq!(names, ["ferrio: Task-1", "ferrio: Task-3"]);
}

#[test]
#[ignore = "a program of another test"]
fn program_that_blocks_twice() {
    watched().run(async {
        create_task(yield_now()).await.unwrap();
        block();
        create_task(async { block() }).await.unwrap();
    });
}

#[test]
fn nothing_is_told_of_a_loop_that_sleeps_or_rests() {
    assert_eq!(told_by("program_that_sleeps_and_rests"), [""; 0]);
}

#[test]
#[ignore = "a program of another test"]
fn program_that_sleeps_and_rests() {
    let runner = watched();
    block();
    runner.run(async {
        let thread = ferrio::to_thread(block);
        sleep(LONG).await;
        thread.await;
    });
    block();
    runner.run(async {
        // Closing waits for it.
        create_task(ferrio::to_thread(block)).detach();
        yield_now().await;
    });
    block();
}

#[test]
fn without_one_there_is_no_thread_for_it() {
    assert_eq!(told_by("program_without_a_watchdog"), [""; 0]);
}

#[test]
#[ignore = "a program of another test"]
fn program_without_a_watchdog() {
    ferrio::run(async {
        assert!(!threads().contains("ferrio-watchdog"));
        block();
    });
    let runner = watched();
    runner.run(async {
        // A thread has its name a moment after it was started.
        while cfg!(target_os = "linux") && !threads().contains("ferrio-watchdog") {
            sleep(Duration::from_millis(1)).await;
        }
    });
    drop(runner);
    assert!(!threads().contains("ferrio-watchdog"));
}

/// The names of this process's threads, where the system has a list of them.
fn threads() -> String {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}
