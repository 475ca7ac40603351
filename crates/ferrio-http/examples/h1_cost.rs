//! What a request costs a server in this crate alone, in nanoseconds: reading the head, asking for the end, writing the answer.
//! `cargo run --release --package ferrio-http --example h1_cost`; an argument is how many rounds, for counting instructions.

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use ferrio_http::h1::server::{Connection, Event};
use ferrio_http::h1::{Defaults, Limits};

const CASES: [(&str, &[u8]); 3] = [
    ("two headers", b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\n\r\n"),
    (
        "five headers",
        b"GET /plaintext HTTP/1.1\r\nHost: tfb-server:8080\r\nAccept: text/plain,text/html;q=0.9,application/xhtml+xml;q=0.9,\
          application/xml;q=0.8,*/*;q=0.7\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n",
    ),
    (
        "a browser's",
        b"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\nHost: www.example.org\r\n\
          User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:139.0) Gecko/20100101 Firefox/139.0\r\n\
          Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-us,en;q=0.5\r\n\
          Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\
          Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\n\
          Cookie: session=6a17f29e0c5d4b33a1f9e1d8c7b65a42; csrftoken=Zk3pLw8Xv2Qm9Rt5; theme=dark\r\n\
          Priority: u=0, i\r\nCache-Control: max-age=0\r\n\r\n",
    ),
];

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000_u32);
    let mut defaults = Defaults::new();
    defaults.add(b"server", b"ferrio").expect("a header");
    defaults.tick(784_111_777);
    for (name, input) in CASES {
        let read = time(rounds, || {
            let mut connection = Connection::new(Limits::default());
            let (used, event) = connection.advance(black_box(input));
            assert!(used == input.len() && matches!(black_box(event), Event::Request(_)));
        });
        let (mut connection, mut out) = (Connection::new(Limits::default()), Vec::new());
        let whole = time(rounds, || {
            out.clear();
            let (used, event) = connection.advance(black_box(input));
            assert!(used == input.len() && matches!(event, Event::Request(_)));
            assert!(matches!(connection.advance(b"").1, Event::End(_)));
            let headers = [(&b"content-type"[..], &b"text/plain"[..]), (b"content-length", b"13")];
            connection
                .answer(200, headers, b"Hello, World!", &defaults, black_box(&mut out))
                .expect("an answer");
        });
        println!("{name}: {} bytes, {read:.0} ns a first head, {whole:.0} ns a request", input.len());
    }
}

/// CPU time, which a busy machine distorts less than time on the clock.
fn time(rounds: u32, mut once: impl FnMut()) -> f64 {
    let start = cpu_time();
    for _ in 0..rounds {
        once();
    }
    (cpu_time() - start) / f64::from(rounds)
}

/// Of this process in nanoseconds, where the system says it, or time on the clock.
fn cpu_time() -> f64 {
    let said = std::fs::read_to_string("/proc/self/schedstat").ok();
    let said = said.and_then(|text| text.split(' ').next().and_then(|first| first.parse().ok()));
    said.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e9
    })
}
