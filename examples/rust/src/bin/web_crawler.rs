//! A web crawler, on a local site that it serves itself.
//!
//! What it teaches: work that makes more work, for a fixed number of workers and a queue whose `join` says when nothing is left;
//! each page once, though many link to it; not deeper than told, not off the site, and broken links are reported rather
//! than the end of the crawl.
//!
//! ```text
//! cargo run --package ferrio-examples --bin web_crawler
//! cargo run --package ferrio-examples --bin web_crawler -- --depth 2
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ferrio::Queue;
use ferrio::http::{Body, Client, Request, Response, StatusCode, start_server};

/// The site: what each page links to. "/gone" is not there, "/broken" fails, and one link leads away.
const SITE: [(&str, &[&str]); 8] = [
    ("/", &["/a", "/b#part", "b"]),
    ("/a", &["/", "/a/1", "/a/2", "http://elsewhere.invalid/"]),
    ("/b", &["/a", "/broken", "/gone"]),
    ("/a/1", &["2", "/b", "../"]),
    ("/a/2", &["deep/1"]),
    ("/a/deep/1", &["2"]),
    ("/a/deep/2", &["3"]),
    ("/a/deep/3", &["/"]),
];
const WORKERS: usize = 4;
const DELAY: Duration = Duration::from_millis(30); // that the server takes over a page

/// One crawl of a site.
struct Crawl {
    base: String,
    /// Links to follow from the start.
    depth: usize,
    /// What became of each page.
    found: RefCell<BTreeMap<String, String>>,
    queue: Queue<(String, usize)>,
    client: Client,
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let depth = depth()?;
    let visits = Rc::new(RefCell::new(Vec::new()));
    let noted = visits.clone();
    let server = start_server(async move |request| page(&noted, &request).await, "127.0.0.1", 0).await?;
    let crawl = Crawl {
        base: format!("http://127.0.0.1:{}", server.port()),
        depth,
        found: RefCell::default(),
        queue: Queue::new(0),
        client: Client::builder().timeout(Some(Duration::from_secs(5))).build(),
    };
    let begin = Instant::now();
    crawl.run().await;
    let seconds = begin.elapsed().as_secs_f64();
    let found = crawl.found.borrow();
    for (path, state) in &*found {
        println!("{path:<12} {state}");
    }
    println!("{} pages, depth {depth}, {WORKERS} workers, {seconds:.2} s", found.len());
    visits.borrow_mut().sort();
    println!("each was visited once: {}", visits.borrow().iter().eq(found.keys()));
    Ok(())
}

impl Crawl {
    async fn run(&self) {
        self.add(&format!("{}/", self.base), 0);
        ferrio::scope(async |workers| {
            let all: Vec<_> = (0..WORKERS).map(|_| workers.spawn(self.work())).collect();
            self.queue.join().await; // every page that was put has been done
            for worker in all {
                worker.cancel();
            }
        })
        .await;
    }

    /// Queues a page, unless it is known, too deep or elsewhere.
    fn add(&self, url: &str, depth: usize) {
        let Some(path) = url.strip_prefix(&self.base).filter(|path| path.starts_with('/')) else { return };
        let mut found = self.found.borrow_mut();
        if depth <= self.depth && !found.contains_key(path) {
            found.insert(path.to_owned(), "queued".to_owned()); // now, not when it is done: others may find it meanwhile
            let _room = self.queue.put_nowait((url.to_owned(), depth));
        }
    }

    async fn work(&self) {
        while let Ok((url, depth)) = self.queue.get().await {
            let state = self.visit(&url, depth).await;
            self.found.borrow_mut().insert(url[self.base.len()..].to_owned(), state);
            self.queue.task_done();
        }
    }

    /// Loads a page and queues its links; what is to be said of it.
    async fn visit(&self, url: &str, depth: usize) -> String {
        let loaded = async {
            let mut response = self.client.get(url).send().await?.error_for_status()?;
            let page = response.text().await?;
            Ok::<_, ferrio::http::client::Error>((response, page))
        };
        let (response, page) = match loaded.await {
            Ok(loaded) => loaded,
            Err(error) => {
                return error.status().map_or_else(
                    || format!("error: {error}"),
                    |status| format!("error {}", status.as_u16()),
                );
            }
        };
        let links = links(&page);
        for link in &links {
            if let Some(url) = response.resolve(link) {
                self.add(&url, depth + 1);
            }
        }
        format!("{} links", links.len())
    }
}

/// The targets of the links of a page, as this site writes them.
fn links(page: &str) -> Vec<&str> {
    page.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

async fn page(
    visits: &RefCell<Vec<String>>,
    request: &Request<Body>,
) -> Result<Response<String>, StatusCode> {
    let path = request.uri().path();
    visits.borrow_mut().push(path.to_owned());
    ferrio::sleep(DELAY).await;
    if path == "/broken" {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let (_, links) = SITE.iter().find(|(page, _)| *page == path).ok_or(StatusCode::NOT_FOUND)?;
    let anchors = links.iter().flat_map(|&link| ["<a href=\"", link, "\">", link, "</a>\n"]);
    Ok(Response::new(anchors.collect()))
}

/// What `--depth` says: 4 without it.
fn depth() -> io::Result<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let depth = match arguments.as_slice() {
        [] => Ok(4),
        [option, depth] if option == "--depth" => depth.parse().map_err(drop),
        _ => Err(()),
    };
    depth.map_err(|()| io::Error::new(io::ErrorKind::InvalidInput, "usage: [--depth LINKS]"))
}
