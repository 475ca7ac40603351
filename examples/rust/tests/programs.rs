//! Runs every example as its users do, and looks at what it prints: the order, the results, never how long something took.

use std::process::{Command, Output};

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// What it prints, if it ends well.
fn prints(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Whether the lines come in this order, others between them.
#[track_caller]
fn assert_order(text: &str, lines: &[&str]) {
    let mut rest = text.lines();
    for line in lines {
        assert!(rest.any(|other| other.contains(line)), "{line:?} is missing, or too early, in:\n{text}");
    }
}

#[test]
fn gather_requests() {
    let text = prints(env!("CARGO_BIN_EXE_gather_requests"), &[]);
    assert_order(
        &text,
        &["GET /users", "GET /orders", "GET /prices", "200 for /orders", "200 for /prices", "200 for /users"],
    );
    assert_order(&text, &["the body of /users", "the body of /orders", "the body of /prices"]);
    assert_order(&text, &["answered: the body of /users", "failed: 404 for /nothing"]);
}

#[test]
fn sequential_vs_concurrent() {
    let text = prints(env!("CARGO_BIN_EXE_sequential_vs_concurrent"), &[]);
    let (sequential, concurrent) = text.split_once("concurrent:").unwrap();
    assert_order(
        sequential,
        &["soup is ordered", "soup is served", "pasta is ordered", "pasta is served", "coffee is ordered"],
    );
    assert_order(
        concurrent,
        &[
            "soup is ordered",
            "pasta is ordered",
            "coffee is ordered",
            "coffee is served",
            "soup is served",
            "pasta is served",
        ],
    );
}

#[test]
fn five_tasks() {
    let text = prints(env!("CARGO_BIN_EXE_five_tasks"), &[]);
    assert_order(
        &text,
        &[
            "five tasks made",
            "task 1 starts",
            "task 5 starts",
            "task 5 ends",
            "task 1 ends",
            "results: [1, 4, 9, 16, 25]",
        ],
    );
    assert_order(&text, &["task 1 was cancelled", "the group failed: task 2 had bad luck"]);
}

#[test]
fn interleaved_counters() {
    let text = prints(env!("CARGO_BIN_EXE_interleaved_counters"), &[]);
    let words: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).map(str::trim).collect();
    assert_eq!(words, ["a1", "a2", "a3", "b1", "b2", "b3", "a1", "b1", "a2", "b2", "a3", "b3"]);
}

#[test]
fn wait_n() {
    let text = prints(env!("CARGO_BIN_EXE_wait_n"), &["7"]);
    assert_order(&text, &["the shortest came first: true", "7 waits of"]);
    let refused = run(env!("CARGO_BIN_EXE_wait_n"), &["many"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no number of waits"));
}

#[test]
fn tasks_coroutines_futures() {
    let text = prints(env!("CARGO_BIN_EXE_tasks_coroutines_futures"), &[]);
    assert_order(
        &text,
        &["made, and nothing ran", "double(1) runs", "awaited: 2", "both run already, done: false false"],
    );
    assert_order(
        &text,
        &["the one who awaits gets it: set by a timer", "the timer is done: true", "is told: true"],
    );
}

#[test]
fn fire_and_forget() {
    let text = prints(env!("CARGO_BIN_EXE_fire_and_forget"), &[]);
    assert_order(
        &text,
        &[
            "statistics failed: no statistics today",
            "waiting for invoice, report",
            "WARNING: report was cancelled",
            "the end",
        ],
    );
    assert_order(&text, &["sent the welcome mail", "sent the invoice"]);
}

#[test]
fn executors() {
    let text = prints(env!("CARGO_BIN_EXE_executors"), &[]);
    assert_order(&text, &["went on during to_thread: true", "to_thread, three at once: [1, 2, 3]"]);
    assert_order(
        &text,
        &["went on during the pool: true", "together 6057", "the same as counted here: true"],
    );
}

#[test]
fn limited_fetcher() {
    let text = prints(env!("CARGO_BIN_EXE_limited_fetcher"), &[]);
    assert_order(&text, &["limit 40: 39 pages", "limit  8: 39 pages"]);
    assert_order(&text, &["at most 40 at once, timed out: [13]", "at most 8 at once, timed out: [13]"]);
}

#[test]
fn rate_limiter() {
    let text = prints(env!("CARGO_BIN_EXE_rate_limiter"), &[]);
    let most: usize =
        text.split("at most 4 at once: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert!((1..=4).contains(&most), "{text}");
    assert_order(&text, &["at most 10 starts in any 250ms: true"]);
}

#[test]
fn queue_pipeline() {
    let text = prints(env!("CARGO_BIN_EXE_queue_pipeline"), &[]);
    assert_order(
        &text,
        &["apples 630", "pears 590", "plums 610", "rejected: [\"oops\"]", "waited for room: true"],
    );
}

#[test]
fn port_scanner() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let open = listener.local_addr().unwrap().port();
    let text = prints(env!("CARGO_BIN_EXE_port_scanner"), &[&format!("{open}")]);
    assert_order(&text, &[&format!("{open} open"), "1 open, 0 closed, 0 silent"]);
    let refused = run(env!("CARGO_BIN_EXE_port_scanner"), &["90-80"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean 80-90?"));
}

#[test]
fn echo_servers() {
    let text = prints(env!("CARGO_BIN_EXE_tcp_echo"), &[]);
    assert_order(&text, &["echoed: hello", "echoed: one two three", "echoed: ä x"]);
    let text = prints(env!("CARGO_BIN_EXE_udp_echo"), &[]);
    assert_order(&text, &["message 1: answered at try", "message 5: answered at try"]);
    let text = prints(env!("CARGO_BIN_EXE_unix_echo"), &[]);
    assert_order(&text, &[r#""hello" came back as "hello""#, r#""two\nlines" came back as "two\nlines""#]);
}

#[test]
fn chat() {
    let text = prints(env!("CARGO_BIN_EXE_chat"), &[]);
    assert_order(
        &text,
        &[
            "Ada hears: * Ada is here; here are: Ada",
            "Ada hears: * Bob is here; here are: Ada, Bob",
            "Ada hears: Ada: hello Bob",
            "Ada hears: * here are: Ada, Bob",
            "Ada hears: * Bob has left; here are: Ada",
        ],
    );
}

#[test]
fn hello_hyper() {
    let text = prints(env!("CARGO_BIN_EXE_hello_hyper"), &[]);
    assert_eq!(text, "hello Ada, you are number 1\nhello Bob, you are number 2\n");
}

#[test]
fn many_files() {
    let text = prints(env!("CARGO_BIN_EXE_many_files"), &[]);
    assert_order(
        &text,
        &["200 files written at once", "19900 bytes read", "the same: true", "the folder is gone: true"],
    );
}

#[test]
fn sync_threads_async() {
    let text = prints(env!("CARGO_BIN_EXE_sync_threads_async"), &[]);
    assert_order(&text, &["sync █", "threads █", "async █", "threads and async both beat sync: true"]);
}

#[test]
fn http_hello() {
    let text = prints(env!("CARGO_BIN_EXE_http_hello"), &[]);
    assert_eq!(text, "hello Ada, you are number 1\nhello Bob, you are number 2\n");
}

#[test]
fn http_client() {
    let text = prints(env!("CARGO_BIN_EXE_http_client"), &[]);
    assert_order(
        &text,
        &[
            "one after the other: 30 pages, 23000 bytes in ",
            "at most 10 at once: 30 pages, 23000 bytes in ",
            "concurrent is faster: ",
            "connections that were opened: 10",
            "a missing page is an error: 404 Not Found",
        ],
    );
}

#[test]
fn http_fetcher() {
    let text = prints(env!("CARGO_BIN_EXE_http_fetcher"), &[]);
    for (line, (limit, most)) in text.lines().zip([("limit 40: ", 40), ("limit  8: ", 8)]) {
        assert!(line.starts_with(limit) && line.contains(&format!(" at most {most} at once")), "{text}");
        assert!(line.ends_with("13]") || line.contains("13, "), "{text}");
    }
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn web_crawler() {
    let text = prints(env!("CARGO_BIN_EXE_web_crawler"), &[]);
    assert_order(
        &text,
        &[
            "/            3 links",
            "/a           4 links",
            "/a/deep/2    1 links",
            "/b           3 links",
            "/broken      error 500",
            "/gone        error 404",
            "pages, depth 4, 4 workers, ",
            "each was visited once: true",
        ],
    );
    let text = prints(env!("CARGO_BIN_EXE_web_crawler"), &["--depth", "0"]);
    assert!(text.contains("1 pages, depth 0"), "{text}");
    assert!(!run(env!("CARGO_BIN_EXE_web_crawler"), &["--width", "0"]).status.success());
}

#[test]
fn websocket_client() {
    let text = prints(env!("CARGO_BIN_EXE_websocket_client"), &[]);
    let expected = "received: echo of one\nreceived: echo of two\nreceived: echo of three\nreceived: 3 bytes\n\
                    closed: 1000\nrefused: 403\n";
    assert_eq!(text, expected);
}
