//! Many fetches, at most so many at once: a semaphore.
//!
//! What it teaches: starting a thousand futures is cheap, but a server does not like a thousand requests. A semaphore lets a
//! number of them in and makes the others wait in line; and a time-out belongs inside, so that it does not count the time in
//! line. The futures borrow the server and the semaphore: nothing is cloned or counted.
//!
//! ```text
//! cargo run --package ferrio-examples --bin limited_fetcher
//! ```

use std::cell::Cell;
use std::time::{Duration, Instant};

use ferrio::Semaphore;

const PAGES: usize = 40;
const AT_ONCE: usize = 8;
const TIMEOUT: Duration = Duration::from_millis(200);

/// Answers after a while, never to page 13, and remembers how many it had to do with at once.
#[derive(Default)]
struct MockServer {
    now: Cell<usize>,
    most: Cell<usize>,
}

impl MockServer {
    async fn fetch(&self, page: usize) -> String {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        let _gone = Gone(&self.now);
        ferrio::sleep(Duration::from_millis(if page == 13 { 3_600_000 } else { 50 })).await;
        format!("page {page}")
    }
}

/// One less, however the request ends.
struct Gone<'a>(&'a Cell<usize>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[ferrio::main]
async fn main() {
    for limit in [PAGES, AT_ONCE] {
        let server = MockServer::default();
        let begin = Instant::now();
        let pages = fetch_all(&server, limit).await;
        let missing: Vec<_> = (0..PAGES).filter(|page| pages[*page].is_none()).collect();
        println!(
            "limit {limit:>2}: {} pages in {:.2} s, at most {} at once, timed out: {missing:?}",
            PAGES - missing.len(),
            begin.elapsed().as_secs_f64(),
            server.most.get(),
        );
    }
}

/// All pages in order, `None` for those that did not come in time.
async fn fetch_all(server: &MockServer, limit: usize) -> Vec<Option<String>> {
    let semaphore = Semaphore::new(limit);
    let fetches = (0..PAGES).map(async |page| {
        let _place = semaphore.acquire().await;
        ferrio::timeout(TIMEOUT, server.fetch(page)).await.ok()
    });
    ferrio::gather(fetches).await
}
