//! The same requests with blocking calls, with threads and with a loop, and a chart of their times.
//!
//! What it teaches: the three ways to wait for many answers, each complete, side by side. A server on loopback takes its time over
//! each answer. Blocking calls add up. Threads wait together, with a stack for each; the loop waits for them all in one thread.
//!
//! ```text
//! cargo run --package ferrio-examples --bin sync_threads_async
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const REQUESTS: usize = 20;
const DELAY: Duration = Duration::from_millis(30); // that the server takes over an answer
const WIDTH: usize = 50; // of the longest bar
const HOST: &str = "127.0.0.1";

fn main() -> io::Result<()> {
    let (tell, told) = std::sync::mpsc::channel();
    // The server has a loop, and a thread, of its own; it ends with the program.
    thread::spawn(move || ferrio::run(serve(tell)));
    let port = told.recv().map_err(io::Error::other)?;
    let times = [
        ("sync", timed(|| (0..REQUESTS).map(|number| ask(port, number)).collect())?),
        ("threads", timed(|| ask_in_threads(port))?),
        (
            "async",
            timed(|| {
                ferrio::run(ferrio::try_gather((0..REQUESTS).map(|number| ask_on_a_loop(port, number))))
            })?,
        ),
    ];
    let longest = times.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    println!("{REQUESTS} requests, each answered after {DELAY:?}:");
    for (name, seconds) in times {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a bar"
        )]
        let bar = "█".repeat(((WIDTH as f64 * seconds / longest) as usize).max(1));
        println!("{name:>8} {bar:<WIDTH$} {seconds:.3} s");
    }
    println!("threads and async both beat sync: {}", times[1].1.max(times[2].1) < times[0].1);
    Ok(())
}

/// One request with a blocking socket: the thread that calls it waits for the answer.
#[expect(clippy::disallowed_methods, reason = "it blocks: that is what is measured")]
fn ask(port: u16, number: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect((HOST, port))?;
    writeln!(stream, "{number}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn ask_in_threads(port: u16) -> io::Result<Vec<String>> {
    let threads: Vec<_> = (0..REQUESTS).map(|number| thread::spawn(move || ask(port, number))).collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic"))))
        .collect()
}

async fn ask_on_a_loop(port: u16, number: usize) -> io::Result<String> {
    let (mut reader, mut writer) = ferrio::open_connection(HOST, port).await?;
    writer.write(format!("{number}\n").as_bytes());
    let answer = reader.readline().await?; // others have their turn until it is there
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn timed(way: impl FnOnce() -> io::Result<Vec<String>>) -> io::Result<f64> {
    let begin = Instant::now();
    let answers = way()?;
    let seconds = begin.elapsed().as_secs_f64();
    let expected: Vec<_> = (0..REQUESTS).map(|number| format!("answer {number}\n")).collect();
    if answers == expected { Ok(seconds) } else { Err(io::Error::other(format!("{answers:?}"))) }
}

async fn serve(tell: std::sync::mpsc::Sender<u16>) -> io::Result<()> {
    let server = ferrio::start_server(
        async |mut reader: ferrio::StreamReader, mut writer: ferrio::StreamWriter| {
            let number = reader.readline().await.unwrap_or_default();
            ferrio::sleep(DELAY).await;
            writer.write(&[b"answer ", number.as_slice()].concat());
        },
        HOST,
        0,
    )
    .await?;
    tell.send(server.port()).map_err(io::Error::other)?;
    server.serve_forever().await;
    Ok(())
}
