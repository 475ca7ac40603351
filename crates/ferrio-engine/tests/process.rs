//! Child processes: pipes, statuses, signals, many at once, and no zombies, whatever happens to the handle.
#![cfg(not(miri))]

mod common;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Door, join};
use ferrio_engine::process::{Child, spawn};
use ferrio_engine::{sleep, task::yield_now};
use rustix::process::{Pid, Signal, test_kill_process};

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::null());
    command
}

async fn start(script: &str) -> Child {
    spawn(shell(script)).await.unwrap()
}

/// A zombie still has its pid.
fn is_reaped(id: u32) -> bool {
    test_kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap()).is_err()
}

#[test]
fn statuses_of_children_that_exit_and_of_children_that_are_killed() {
    Door::new().block_on(async {
        assert!(start("true").await.wait().await.unwrap().success());
        assert_eq!(start("exit 7").await.wait().await.unwrap().code(), Some(7));
        let child = start("kill -USR1 $$; sleep 1000").await;
        assert_eq!(child.wait().await.unwrap().signal(), Some(Signal::USR1.as_raw()));
        assert_eq!(child.status().and_then(|status| status.signal()), Some(Signal::USR1.as_raw()));
        assert!(is_reaped(child.id()));
    });
}

#[test]
fn more_than_a_pipe_holds_goes_through_a_child_and_back() {
    const SIZE: usize = 1 << 20;
    let (echoed, errors, status) = Door::new().block_on(async {
        let mut command = shell("cat; echo done >&2");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command).await.unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let feed = async move { stdin.write_all(&vec![b'x'; SIZE]).await.unwrap() };
        let mut echoed = Vec::new();
        join(feed, async { stdout.read_to_end(&mut echoed).await.unwrap() }).await;
        let mut errors = Vec::new();
        child.stderr.take().unwrap().read_to_end(&mut errors).await.unwrap();
        (echoed, errors, child.wait().await.unwrap())
    });
    assert!(echoed.len() == SIZE && echoed.iter().all(|&byte| byte == b'x'));
    assert_eq!((errors.as_slice(), status.success()), (&b"done\n"[..], true));
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let error = Door::new().block_on(spawn(Command::new("/nonexistent/program"))).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn killing_ends_a_child_and_an_ended_child_cannot_be_signalled() {
    Door::new().block_on(async {
        let child = start("exec sleep 1000").await;
        child.kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(Signal::KILL.as_raw()));
        assert_eq!(child.signal(Signal::TERM).unwrap_err().kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn signals_reach_the_child() {
    Door::new().block_on(async {
        let mut command = shell("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
        command.stdout(Stdio::piped());
        let mut child = spawn(command).await.unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut line = [0; 6];
        stdout.read_exact(&mut line).await.unwrap();
        child.signal(Signal::TERM).unwrap();
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&line, rest.as_slice()), (b"ready\n", &b"caught\n"[..]));
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
    });
}

#[test]
fn any_number_of_tasks_may_wait_and_a_dropped_wait_harms_nobody() {
    Door::new().block_on(async {
        let child = start("exec sleep 1000").await;
        let (one, other) = join(
            async {
                let mut dropped = Box::pin(child.wait());
                std::future::poll_fn(|context| {
                    assert!(dropped.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                drop(dropped);
                child.wait().await.unwrap()
            },
            async {
                sleep(Duration::from_millis(5)).unwrap().await;
                child.kill().unwrap();
                child.wait().await.unwrap()
            },
        )
        .await;
        assert_eq!((one.signal(), other.signal()), (Some(9), Some(9)));
    });
}

#[test]
fn a_dropped_child_is_reaped_in_the_background() {
    let door = Door::new();
    let (quick, slow) = door.block_on(async {
        let (quick, slow) = (start("true").await, start("exec sleep 0.05").await);
        (quick.id(), slow.id())
    });
    door.run_until(|| is_reaped(quick) && is_reaped(slow));
}

#[test]
fn a_child_is_reaped_even_if_nobody_waits() {
    let door = Door::new();
    let child = door.block_on(start("exit 4"));
    door.run_until(|| child.status().is_some());
    assert_eq!(child.status().and_then(|status| status.code()), Some(4));
}

#[test]
fn a_start_that_is_abandoned_leaves_nothing_behind() {
    let door = Door::new();
    let marker = std::env::temp_dir().join(format!("ferrio-abandoned-{}", std::process::id()));
    let script = format!("echo $$ > {}; exec sleep 1000", marker.display());
    door.block_on(async move {
        let mut starting = Box::pin(spawn(shell(&script)));
        std::future::poll_fn(|context| {
            assert!(starting.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        // Long enough for the thread to have started the child on most runs; both outcomes are right.
        sleep(Duration::from_millis(20)).unwrap().await;
        drop(starting);
    });
    let mut gone = false;
    for _ in 0..2_000 {
        let id = std::fs::read_to_string(&marker).ok().and_then(|text| text.trim().parse().ok());
        gone = id.is_none_or(is_reaped);
        if gone {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _never_started = std::fs::remove_file(&marker);
    assert!(gone, "the child still runs");
}

/// More children at a time than the blocking pool has threads.
#[test]
fn many_children_at_once() {
    let door = Door::new();
    let ids = door.block_on(async {
        let children: Vec<_> = (0..40)
            .map(|n| {
                ferrio_engine::spawn(async move { start(&format!("exec sleep 0.0{}", n % 10)).await })
                    .unwrap()
            })
            .collect();
        let mut ids = Vec::new();
        for child in children {
            let child = child.await.unwrap();
            assert!(child.wait().await.unwrap().success());
            ids.push(child.id());
            yield_now().await;
        }
        ids
    });
    assert!(ids.into_iter().all(is_reaped));
}
