//! What only the inside of the module shows: children watched by a thread, as where there are no pidfds, and children
//! that nobody took.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Door;
use crate::futures::process::exit::{Process, Unclaimed};
use crate::futures::process::{PipeReader, spawn_watched};

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

/// A pipe from the child that ends when the child is gone, whoever reaps it.
fn watched(script: &str) -> (Command, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = shell(script);
    command.stdin(Stdio::null()).stdout(writer);
    (command, reader)
}

fn is_reaped(id: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_err()
}

fn wait_until_reaped(id: u32) {
    let start = Instant::now();
    while !is_reaped(id) {
        assert!(start.elapsed() < Duration::from_secs(20), "process {id} is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_thread_watches_where_there_is_no_pidfd() {
    let door = Door::new();
    let (output, status, id) = door.block_on(async {
        let mut command = shell("read line; echo got $line; exit 3");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn_watched(command, Process::start_without_pidfd).await.unwrap();
        child.stdin.take().unwrap().write_all(b"a line\n").await.unwrap();
        let stdout: PipeReader = child.stdout.take().unwrap();
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).await.unwrap();
        (output, child.wait().await.unwrap(), child.id())
    });
    assert_eq!((output.as_slice(), status.code()), (&b"got a line\n"[..], Some(3)));
    assert!(is_reaped(id));
}

#[test]
fn a_thread_watches_children_that_are_killed_and_dropped() {
    let door = Door::new();
    let id = door.block_on(async {
        let child = spawn_watched(shell("exec sleep 1000"), Process::start_without_pidfd).await.unwrap();
        child.kill().unwrap();
        child.id()
    });
    door.run_until(|| is_reaped(id));
}

#[test]
fn closing_the_loop_leaves_a_child_to_a_thread() {
    let start_functions: [fn(&mut Command) -> std::io::Result<Process>; 2] =
        [Process::start, Process::start_without_pidfd];
    for start in start_functions {
        let door = Door::new();
        let (mut command, mut output) = watched("echo up; exec sleep 1000");
        let child = door.block_on(async move {
            command.stderr(Stdio::null());
            spawn_watched(command, start).await.unwrap()
        });
        output.read_exact(&mut [0; 3]).unwrap();
        door.engine.close();
        assert!(child.status().is_none());
        assert!(!is_reaped(child.id()));
        assert_eq!(child.kill().unwrap_err().kind(), std::io::ErrorKind::NotFound);
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait_until_reaped(child.id());
        let lost = Door::new();
        let error = lost.block_on(async move { child.wait().await.unwrap_err() });
        assert!(error.to_string().contains("closed"), "{error}");
    }
}

#[test]
fn a_child_that_nobody_takes_is_killed_and_reaped() {
    let (mut command, _output) = watched("exec sleep 1000");
    let process = Process::start(&mut command).unwrap();
    let id = process.id();
    drop(Unclaimed::new(process));
    wait_until_reaped(id);
}
