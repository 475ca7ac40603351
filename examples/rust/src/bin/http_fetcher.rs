//! Many fetches over HTTP, at most so many at once: `limited_fetcher` with a real server.
//!
//! What it teaches: a client's own limit makes requests wait in line, in order, for a connection. Its `head_timeout` begins when
//! a request is sent, so that the time in line does not count; and a request that is given up takes its connection along,
//! so that its late answer goes to nobody.
//!
//! ```text
//! cargo run --package ferrio-examples --bin http_fetcher
//! ```

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ferrio::http::{Body, Client, Request, Response, start_server};

const PAGES: usize = 40;
const AT_ONCE: usize = 8;
const TIMEOUT: Duration = Duration::from_millis(200);

/// How many requests a server has to do with.
#[derive(Default)]
struct Load {
    now: Cell<usize>,
    most: Cell<usize>,
}

/// One less, however the request ends.
struct Gone<'a>(&'a Cell<usize>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[ferrio::main]
async fn main() -> std::io::Result<()> {
    for limit in [PAGES, AT_ONCE] {
        let load = Rc::new(Load::default());
        let seen = load.clone();
        let server = start_server(async move |request| answer(&seen, &request).await, "127.0.0.1", 0).await?;
        let begin = Instant::now();
        let pages = fetch_all(&format!("http://127.0.0.1:{}", server.port()), limit).await;
        let missing: Vec<_> = (0..PAGES).filter(|page| pages[*page].is_none()).collect();
        println!(
            "limit {limit:>2}: {} pages in {:.2} s, at most {} at once, timed out: {missing:?}",
            PAGES - missing.len(),
            begin.elapsed().as_secs_f64(),
            load.most.get(),
        );
    }
    Ok(())
}

/// All pages in order, `None` for those that did not come in time.
async fn fetch_all(base: &str, limit: usize) -> Vec<Option<String>> {
    let client = Client::builder().max_connections(Some(limit)).head_timeout(Some(TIMEOUT)).build();
    let fetches = (0..PAGES).map(async |page| {
        let mut response = client.get(format!("{base}/{page}")).send().await.ok()?;
        response.text().await.ok()
    });
    ferrio::gather(fetches).await
}

/// Answers after a while, never to page 13.
async fn answer(load: &Load, request: &Request<Body>) -> Response<String> {
    load.now.set(load.now.get() + 1);
    load.most.set(load.most.get().max(load.now.get()));
    let _gone = Gone(&load.now);
    let page = request.uri().path().trim_start_matches('/').to_owned();
    ferrio::sleep(Duration::from_millis(if page == "13" { 3_600_000 } else { 50 })).await;
    Response::new(format!("page {page}"))
}
