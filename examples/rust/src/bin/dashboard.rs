//! A live dashboard of the event loop itself, by server-sent events. The twin of `examples/python/dashboard`, with its page.
//!
//! What it teaches: a loop that runs one thing at a time is late for everything else while that thing lasts. A task sleeps for a
//! tenth of a second, again and again, and notes how late it woke: a service that blocks shows at once as a peak, the same wait
//! with `await` or in a thread does not. `Body::stream` sends an endless answer: it is dropped when the browser goes away.
//!
//! ```text
//! cargo run --package ferrio-examples --bin dashboard -- --port 8000
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use ferrio::Queue;
use ferrio::http::{self, Body, HeaderValue, IntoResponse, Method, Request, Response, StatusCode, header};
use ferrio_examples::{page, port, refused, serve, typed};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../python/dashboard/page.html");
/// From one sample to the next.
const PERIOD: Duration = Duration::from_millis(100);
/// Samples kept for those who come later.
const HISTORY: usize = 300;
/// Samples that may wait for one viewer.
const QUEUE: usize = 50;
/// How long each of the buttons makes the server wait.
const WORK: Duration = Duration::from_millis(300);

/// The samples on their way to one browser: at most `QUEUE`, the newest ones.
type Viewer = Queue<Rc<Value>>;

/// Takes the samples, keeps the last ones and hands each to every viewer.
#[derive(Default)]
struct Monitor {
    samples: RefCell<VecDeque<Rc<Value>>>,
    viewers: RefCell<Vec<Weak<Viewer>>>,
    working: Cell<usize>,
}

impl Monitor {
    async fn run(&self) {
        let mut busy = process_time();
        for number in 1_u64.. {
            let before = ferrio::get_running_loop().time();
            ferrio::sleep(PERIOD).await;
            let took = ferrio::get_running_loop().time().saturating_sub(before);
            let spent = process_time() - std::mem::replace(&mut busy, process_time());
            self.viewers.borrow_mut().retain(|viewer| viewer.strong_count() > 0);
            self.publish(json!({
                "number": number,
                "late_ms": rounded(took.saturating_sub(PERIOD).as_secs_f64() * 1e3, 100.0),
                "cpu_percent": rounded(spent / took.as_secs_f64() * 100.0, 10.0),
                "tasks": ferrio::all_tasks().len(),
                "viewers": self.viewers.borrow().len(),
                "working": self.working.get(),
            }));
        }
    }

    fn publish(&self, sample: Value) {
        let sample = Rc::new(sample);
        let mut samples = self.samples.borrow_mut();
        samples.push_back(sample.clone());
        if samples.len() > HISTORY {
            samples.pop_front();
        }
        for viewer in self.viewers.borrow().iter().filter_map(Weak::upgrade) {
            // Who reads slowly loses the oldest samples, never the newest, and delays nobody.
            if viewer.full() {
                let _oldest = viewer.get_nowait();
            }
            let _room = viewer.put_nowait(sample.clone());
        }
    }

    /// The kept samples after that one. A greater number than the last is from before a restart: all of them.
    fn since(&self, number: u64) -> Vec<Rc<Value>> {
        let samples = self.samples.borrow();
        let last = samples.back().map_or(0, |sample| number_of(sample));
        samples.iter().filter(|sample| number_of(sample) > number || number > last).cloned().collect()
    }

    /// The stream: what was missed in one go, then each sample when it is taken.
    fn events(&self, seen: u64) -> Response<Body> {
        let viewer = Rc::new(Viewer::new(QUEUE));
        self.viewers.borrow_mut().push(Rc::downgrade(&viewer));
        let missed: String = self.since(seen).iter().map(|sample| event(sample)).collect();
        let body = Body::stream(async move |mut sender| {
            sender.send(format!("retry: 1000\n\n{missed}")).await?;
            while let Ok(sample) = viewer.get().await {
                sender.send(event(&sample)).await?;
            }
            Ok(())
        });
        let mut response = typed("text/event-stream", body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The same wait in three ways; the chart tells them apart.
    async fn work(&self, how: &str) -> Response<Body> {
        self.working.set(self.working.get() + 1);
        match how {
            "block" => std::thread::sleep(WORK), // wrong, on purpose: nothing else runs meanwhile
            "await" => ferrio::sleep(WORK).await,
            _ => ferrio::to_thread(|| std::thread::sleep(WORK)).await,
        }
        self.working.set(self.working.get() - 1);
        StatusCode::NO_CONTENT.into_response()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        match (request.method(), path, path.strip_prefix("/job/")) {
            (&Method::GET, "/", _) => page(PAGE),
            (&Method::GET, "/events", _) => {
                let seen =
                    request.headers().get("last-event-id").and_then(|seen| seen.to_str().ok()?.parse().ok());
                self.events(seen.unwrap_or(0))
            }
            // Counted even if the browser goes away: the work goes on to its end.
            (&Method::POST, _, Some(how @ ("block" | "await" | "thread"))) => self.work(how).await,
            _ => refused(StatusCode::NOT_FOUND, "There is no such page."),
        }
    }
}

fn event(sample: &Value) -> String {
    format!("id: {}\ndata: {sample}\n\n", sample["number"])
}

fn number_of(sample: &Value) -> u64 {
    sample["number"].as_u64().unwrap_or(0)
}

fn rounded(value: f64, places: f64) -> f64 {
    (value * places).round() / places
}

/// Seconds of processor time that this process has used.
#[allow(clippy::cast_precision_loss, reason = "to the microsecond for a century")]
fn process_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let monitor = Rc::new(Monitor::default());
    let samples = monitor.clone();
    ferrio::create_task(async move { samples.run().await }).named("samples").detach();
    let service = async move |request: Request<Body>| {
        let monitor = monitor.clone();
        ferrio::shield(async move { monitor.answer(request).await }).await
    };
    // Streams do not end by themselves: they are cut off, and browsers connect again.
    serve(http::start_server(service, "127.0.0.1", port()?).await?, Duration::from_millis(200)).await
}
