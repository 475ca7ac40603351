//! Every mode against the bare server that answers it: something is counted, the figures are there, and a server that
//! answers wrongly is found out. Loopback only; a mode that hangs is ended by its own limit.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Running {
    fn start(mode: &str, options: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrio-load"));
        command.arg(mode).arg(format!("parent={}", std::process::id())).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("the program starts"))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let output = self.0.stdout.as_mut().expect("a pipe");
        BufReader::with_capacity(1, output).read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Ends its input; what it said on standard error.
    fn end(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        self.0.wait().expect("it ends");
        said
    }
}

/// Dropped at a failed assertion, too: no process stays behind.
impl Drop for Running {
    fn drop(&mut self) {
        let _has_ended = self.0.kill();
        let _has_ended = self.0.wait();
    }
}

fn serve(kind: &str) -> (Running, String) {
    let mut server = Running::start("serve", &[format!("kind={kind}")]);
    let target = server.line();
    (server, target)
}

/// What the client prints, and what it says on standard error.
fn load(mode: &str, to: &str, server: &Running, others: &[&str]) -> (String, String) {
    let mut options: Vec<_> = others.iter().map(ToString::to_string).collect();
    options.extend([format!("to={to}"), format!("server={}", server.0.id()), "seconds=0.05".to_owned()]);
    let mut client = Running::start(mode, &options);
    (client.line(), client.end())
}

fn number(report: &str, key: &str) -> f64 {
    let (_, rest) =
        report.split_once(&format!("\"{key}\": ")).unwrap_or_else(|| panic!("no {key} in {report:?}"));
    rest.split([',', '}']).next().and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn every_load_counts_against_its_server() {
    let loads: [(&str, &str, &[&str]); 9] = [
        ("echo", "echo", &["connections=8"]),
        ("echo", "echo", &["connections=3", "size=300000"]),
        ("echo", "echo", &["form=lines", "warmup=0.01"]),
        ("echo", "echo", &["connections=4", "rate=2000"]),
        ("http", "echo", &["connections=2", "form=http"]),
        ("datagrams", "echo", &["connections=8"]),
        ("source", "sink", &[]),
        ("sink", "source", &[]),
        ("hangup", "churn", &["connections=4"]),
    ];
    for (kind, mode, options) in loads {
        let (server, target) = serve(kind);
        let (report, said) = load(mode, &target, &server, options);
        assert_eq!(said, "", "{mode} {options:?}");
        assert!(number(&report, "count") > 0.0 && number(&report, "seconds") >= 0.05, "{mode}: {report}");
        assert!(number(&report, "cpu_seconds") > 0.0 && number(&report, "client_seconds") > 0.0, "{report}");
        if mode == "echo" {
            let quantiles = ["p50_us", "p99_us", "p999_us"].map(|key| number(&report, key));
            assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{report}");
        }
    }
}

#[test]
fn a_rate_is_not_exceeded() {
    let (server, target) = serve("echo");
    let (report, _) = load("echo", &target, &server, &["connections=4", "rate=1000"]);
    let rate = number(&report, "count") / number(&report, "seconds");
    assert!((1.0..1100.0).contains(&rate), "{report}");
}

#[test]
fn a_unix_socket_is_served_at_its_path() {
    let path = std::env::temp_dir().join(format!("ferrio-load-{}", std::process::id()));
    let target = format!("unix:{}", path.display());
    let mut server = Running::start("serve", &["kind=echo".to_owned(), format!("to={target}")]);
    assert_eq!(server.line(), target);
    let (report, said) = load("echo", &target, &server, &[]);
    std::fs::remove_file(&path).expect("the socket's file");
    assert!(number(&report, "count") > 0.0 && said.is_empty());
}

#[test]
fn handing_over_to_a_thread_counts() {
    let mut running = Running::start("handover", &["seconds=0.02".to_owned()]);
    assert!(number(&running.line(), "count") > 0.0);
    assert_eq!(running.end(), "");
}

#[test]
fn a_crowd_is_held_until_the_input_ends() {
    let (server, target) = serve("echo");
    let mut crowd = Running::start("hold", &["connections=2".to_owned(), format!("to={target}")]);
    crowd.0.stdin.as_mut().expect("a pipe").write_all(b"1\n2\n3\n").expect("it reads");
    assert!(crowd.end().contains("more than was announced"));
    drop(server);
}

#[test]
fn a_wrong_answer_ends_the_run() {
    let (server, target) = serve("source");
    let (report, said) = load("echo", &target, &server, &["size=100"]);
    assert_eq!(report, "");
    assert!(said.contains("more came back") || said.contains("differs"), "{said}");
    let (server, target) = serve("http");
    let (_, said) = load("echo", &target, &server, &["form=websocket"]);
    assert!(said.contains("does not speak WebSocket"), "{said}");
}

#[test]
fn mistakes_are_named() {
    let mistakes: [(&str, &[&str], &str); 6] = [
        ("eecho", &[], "an unknown mode: eecho"),
        ("echo", &["sise=1"], "an unknown option: sise"),
        ("echo", &["size=x"], "size=x: invalid digit"),
        ("echo", &["to=tcp:1", "form=x"], "form=x: neither"),
        ("echo", &["to=http:80"], "to=http:80: neither"),
        ("serve", &["kind=x"], "kind=x: no such server"),
    ];
    for (mode, options, text) in mistakes {
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let said = Running::start(mode, &options).end();
        assert!(said.contains(text), "{said}");
    }
}
