//! Child processes: streams of every kind, large outputs both ways, signals by name, and no zombies.
#![cfg(not(miri))] // Miri has no processes.

use std::io;
use std::time::Duration;

use ferrio::signals::{SIGKILL, SIGTERM, SIGUSR1, Signal};
use ferrio::subprocess::{
    DEVNULL, INHERIT, PIPE, Process, STDOUT, create_subprocess_exec, create_subprocess_shell,
};

/// A zombie still has its pid.
fn is_reaped(pid: u32) -> bool {
    let mut kill = std::process::Command::new("kill");
    let kill = kill.args(["-0", &pid.to_string()]).stderr(std::process::Stdio::null());
    !kill.status().unwrap().success()
}

async fn shell(script: &str) -> Process {
    create_subprocess_shell(script).stdin(DEVNULL).await.unwrap()
}

#[test]
fn codes_and_signals() {
    ferrio::run(async {
        for (script, code) in [
            ("true", 0),
            ("exit 7", 7),
            ("kill -TERM $$; sleep 100", -SIGTERM.number()),
            ("kill -KILL $$", -9),
        ] {
            let process = shell(script).await;
            assert!(process.wait().await.is_ok());
            assert_eq!(process.returncode(), Some(code), "{script}");
            assert!(is_reaped(process.pid()));
        }
        let process = shell("exec sleep 100").await;
        assert_eq!((process.returncode(), process.status()), (None, None));
        process.send_signal(SIGUSR1).unwrap();
        process.wait().await.unwrap();
        assert_eq!(process.returncode(), Some(-SIGUSR1.number()));
        let error = process.kill().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

/// Each side has more for the other than a pipe holds.
#[test]
fn communicate_never_waits_for_ever() {
    const SIZE: usize = 1 << 20;
    let (output, errors) = ferrio::run(async {
        let script = "tee /dev/stderr";
        let mut process =
            create_subprocess_shell(script).stdin(PIPE).stdout(PIPE).stderr(PIPE).await.unwrap();
        process.communicate(vec![b'x'; SIZE]).await.unwrap()
    });
    assert_eq!((output.len(), errors.len()), (SIZE, SIZE));
}

#[test]
fn a_child_that_wants_no_input_is_no_error() {
    ferrio::run(async {
        let mut process = create_subprocess_exec("true", [""; 0]).stdin(PIPE).stdout(PIPE).await.unwrap();
        let (output, errors) = process.communicate(vec![b'x'; 1 << 20]).await.unwrap();
        assert!(output.is_empty() && errors.is_empty());
        assert_eq!(process.returncode(), Some(0));
        let mut process = create_subprocess_exec("true", [""; 0]).await.unwrap();
        let error = process.communicate("text").await.unwrap_err();
        assert!(error.to_string().contains("stdin(PIPE)"), "{error}");
        process.communicate("").await.unwrap();
    });
}

#[test]
fn streams_go_where_they_are_said_to_go() {
    let path = std::env::temp_dir().join(format!("ferrio-subprocess-{}", std::process::id()));
    let say = "echo out; echo err >&2";
    ferrio::run(async {
        let output = create_subprocess_shell(say).stderr(STDOUT).output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\nerr\n"[..], &b""[..]));
        let output = create_subprocess_shell(say).stdout(DEVNULL).output().await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b"err\n"[..]));
        let file = std::fs::File::create(&path).unwrap();
        let process = create_subprocess_shell(say).stdout(file).stderr(STDOUT).await.unwrap();
        assert!(process.stdout.is_none());
        process.wait().await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "out\nerr\n");
        let input = std::fs::File::open(&path).unwrap();
        let output = create_subprocess_exec("cat", ["-"]).stdin(input).output().await.unwrap();
        assert_eq!(output.stdout, b"out\nerr\n");
        let output =
            create_subprocess_shell("cat; echo").stdout(DEVNULL).stderr(STDOUT).output().await.unwrap();
        assert!(output.stdout.is_empty() && output.status.success());
        for command in [
            create_subprocess_shell(say).stdout(STDOUT),
            create_subprocess_shell(say).stdin(STDOUT).stderr(INHERIT),
        ] {
            assert_eq!(command.await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_environment_and_the_folder() {
    ferrio::run(async {
        let command = create_subprocess_shell("echo $ONE-$TWO-$3; pwd").arg("none");
        let command = command.env_clear().env("ONE", "1").env("TWO", "2").env_remove("TWO").current_dir("/");
        let command = command.configure(|command| {
            command.args(["a", "b", "c"]);
        });
        let output = command.output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1--c\n/\n");
    });
}

#[test]
fn a_conversation_line_by_line() {
    ferrio::run(async {
        let mut process = create_subprocess_exec("cat", [""; 0]).stdin(PIPE).stdout(PIPE).await.unwrap();
        let (mut stdin, mut stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        for n in 0..100 {
            stdin.write_all(format!("line {n}\n").as_bytes()).await.unwrap();
            assert_eq!(stdout.readline().await.unwrap(), format!("line {n}\n").as_bytes());
        }
        stdin.write_all(b"a::b::c").await.unwrap();
        assert_eq!(stdout.read_until(b"::").await.unwrap(), b"a::");
        stdin.close();
        assert_eq!(stdout.read_until(b"::").await.unwrap(), b"b::");
        assert_eq!(stdout.read_until(b"::").await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(stdout.read_exactly(2).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(!stdout.at_eof());
        let mut rest = [0; 8];
        assert_eq!(stdout.read(&mut rest).await.unwrap(), 1);
        assert_eq!(stdout.read(&mut rest).await.unwrap(), 0);
        assert!(stdout.at_eof() && stdout.readline().await.unwrap().is_empty());
        assert!(process.wait().await.unwrap().success());
    });
}

/// What a read that is dropped had got is there for the next.
#[test]
fn a_read_that_is_dropped_loses_nothing() {
    ferrio::run(async {
        let script = "printf abc; read go; printf 'def\n'";
        let mut process = create_subprocess_shell(script).stdin(PIPE).stdout(PIPE).await.unwrap();
        let mut stdout = process.stdout.take().unwrap();
        let reading = async {
            let _line = stdout.readline().await;
        };
        let waiting = ferrio::sleep(Duration::from_millis(100));
        futures_util::future::select(std::pin::pin!(reading), waiting).await;
        process.stdin.take().unwrap().write_all(b"go\n").await.unwrap();
        assert_eq!(stdout.readline().await.unwrap(), b"abcdef\n");
    });
}

#[test]
fn a_program_that_is_not_there() {
    let error = ferrio::run(create_subprocess_exec("/nowhere/at/all", [""; 0]).spawn()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn dropping_kills_where_that_was_asked_for() {
    let pid = ferrio::run(async {
        let process = create_subprocess_shell("exec sleep 1000").kill_on_drop(true).await.unwrap();
        process.pid()
    });
    until_reaped(pid);
}

#[test]
fn dropping_lets_run_on_otherwise() {
    let mut process = None;
    let runner = ferrio::Runner::new().unwrap();
    let pid = runner.run(async {
        process = Some(create_subprocess_shell("exec sleep 1000").await.unwrap());
        process.as_ref().map(Process::pid).unwrap()
    });
    drop(process);
    runner.run(ferrio::sleep(Duration::from_millis(20)));
    assert!(!is_reaped(pid));
    drop(runner);
    assert!(!is_reaped(pid));
    let mut kill = std::process::Command::new("kill");
    assert!(kill.arg(pid.to_string()).status().unwrap().success());
    until_reaped(pid);
}

#[test]
fn dropping_output_kills_the_program() {
    let path = std::env::temp_dir().join(format!("ferrio-pid-{}", std::process::id()));
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", path.display());
    let pid = ferrio::run(async {
        let task = ferrio::create_task(create_subprocess_shell(script).output());
        let pid = loop {
            match std::fs::read_to_string(&path) {
                Ok(pid) => break pid.trim().parse().unwrap(),
                Err(_) => ferrio::sleep(Duration::from_millis(5)).await,
            }
        };
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        pid
    });
    std::fs::remove_file(path).unwrap();
    until_reaped(pid);
}

#[test]
fn many_at_once_each_with_its_own_output() {
    ferrio::run(async {
        let tasks: Vec<_> = (0..30)
            .map(|n| ferrio::create_task(create_subprocess_shell(format!("echo {n}")).output()))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap().stdout, format!("{n}\n").into_bytes());
        }
    });
}

#[test]
fn a_virtual_clock_waits_for_children() {
    ferrio::Runner::builder().virtual_clock(true).build().unwrap().run(async {
        let alarm = ferrio::create_task(ferrio::sleep(Duration::from_secs(3600)));
        let output = create_subprocess_shell("sleep 0.05; echo done").output().await.unwrap();
        assert_eq!(output.stdout, b"done\n");
        assert!(!alarm.is_finished());
    });
}

#[test]
fn names_of_signals() {
    assert_eq!(Signal::from_number(9), Some(SIGKILL));
    assert_eq!(Signal::from_number(0), None);
    assert_eq!(format!("{SIGKILL} {SIGTERM:?}"), "SIGKILL SIGTERM");
    let error = "TERM".parse::<Signal>().unwrap_err();
    assert_eq!(error.to_string(), "no signal is called \"TERM\"; names are as SIGTERM");
}

fn until_reaped(pid: u32) {
    let begin = std::time::Instant::now();
    while !is_reaped(pid) {
        assert!(begin.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(2));
    }
}
