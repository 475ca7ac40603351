//! Many URLs, one after the other and concurrently.
//!
//! What it teaches: one `Client` for all requests, since it keeps connections open and uses them again; a limit on how many go
//! to one host, in its builder; `error_for_status`, and a time-out for the whole. The server is local, and started by the
//! program itself; each of its answers takes a while.
//!
//! ```text
//! cargo run --package ferrio-examples --bin http_client
//! ```

use std::time::{Duration, Instant};

use ferrio::http::client::Error;
use ferrio::http::{Body, Client, Request, Response, StatusCode, start_server};

const URLS: usize = 30;
const DELAY: Duration = Duration::from_millis(20); // that the server takes over an answer
const AT_ONCE: usize = 10;

#[ferrio::main]
async fn main() -> std::io::Result<()> {
    let server = start_server(page, "127.0.0.1", 0).await?; // port 0: any free one
    let base = format!("http://127.0.0.1:{}", server.port());
    let urls: Vec<String> = (0..URLS).map(|number| format!("{base}/page/{number}")).collect();

    let client = client();
    let begin = Instant::now();
    let mut lengths = Vec::new();
    for url in &urls {
        lengths.push(fetch(&client, url).await?);
    }
    let sequential = told("one after the other", &lengths, begin);

    let begin = Instant::now();
    let lengths = ferrio::try_gather(urls.iter().map(|url| fetch(&client, url))).await?;
    let concurrent = told(&format!("at most {AT_ONCE} at once"), &lengths, begin);
    println!("concurrent is faster: {:.1} x", sequential / concurrent);
    println!("connections that were opened: {}", client.connections().1);

    if let Err(error) = fetch(&client, &format!("{base}/missing")).await {
        println!("a missing page is an error: {}", error.status().unwrap_or_default());
    }
    Ok(())
}

fn client() -> Client {
    Client::builder()
        .max_connections_per_host(Some(AT_ONCE))
        .timeout(Some(Duration::from_secs(10))) // for each request with its time in line
        .build()
}

/// The length of a page.
async fn fetch(client: &Client, url: &str) -> Result<usize, Error> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    Ok(response.bytes().await?.len())
}

/// Says what was fetched; how many seconds it took.
fn told(name: &str, lengths: &[usize], begin: Instant) -> f64 {
    let seconds = begin.elapsed().as_secs_f64();
    let sum: usize = lengths.iter().sum();
    println!("{name}: {} pages, {sum} bytes in {seconds:.2} s", lengths.len());
    seconds
}

async fn page(request: Request<Body>) -> Result<Response<String>, StatusCode> {
    let number = request.uri().path().strip_prefix("/page/").ok_or(StatusCode::NOT_FOUND)?;
    ferrio::sleep(DELAY).await;
    Ok(Response::new(format!("page {number}\n").repeat(100)))
}
