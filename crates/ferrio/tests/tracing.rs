//! Spans of tasks, as a subscriber sees them.
#![cfg(feature = "tracing")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What happened to a span.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    target: String,
    is_root: bool,
    fields: BTreeMap<&'static str, String>,
    entered: usize,
    exited: usize,
    closed: usize,
    references: usize,
}

/// Notes all spans, by the order in which they began.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    fn with<R>(&self, id: &Id, call: impl FnOnce(&mut Seen) -> R) -> R {
        call(&mut self.0.lock().unwrap()[usize::try_from(id.into_u64()).unwrap() - 1])
    }

    fn spans_of<T>(program: impl FnOnce() -> T) -> Vec<Seen> {
        let recorder = Recorder::default();
        let seen = recorder.0.clone();
        tracing::subscriber::with_default(recorder, program);
        let seen = seen.lock().unwrap().clone();
        assert!(seen.iter().all(|span| span.entered == span.exited), "{seen:?}");
        seen
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        let mut seen = Seen {
            name: metadata.name(),
            target: metadata.target().to_owned(),
            is_root: span.is_root(),
            references: 1,
            ..Seen::default()
        };
        span.record(&mut seen);
        let mut spans = self.0.lock().unwrap();
        spans.push(seen);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.with(id, |seen| seen.entered += 1);
    }

    fn exit(&self, id: &Id) {
        self.with(id, |seen| seen.exited += 1);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.with(id, |seen| seen.references += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.with(&id, |seen| {
            seen.references -= 1;
            seen.closed += usize::from(seen.references == 0);
            seen.references == 0
        })
    }
}

#[test]
fn a_task_is_a_span_entered_at_each_poll_and_closed_at_the_end() {
    let line = line!() + 3;
    let spans = Recorder::spans_of(|| {
        ferrio::run(async {
            let task = ferrio::create_task(async {
                ferrio::yield_now().await;
                ferrio::yield_now().await;
            });
            task.named("worker").await.unwrap();
        });
    });
    let [main, task] = spans.as_slice() else { panic!("{spans:?}") };
    for span in [main, task] {
        assert_eq!((span.name, span.target.as_str()), ("runtime.spawn", "tokio::task"));
        assert!(span.is_root && span.closed == 1, "{span:?}");
        assert_eq!(span.fields["loc.file"], format!("{:?}", file!()));
        assert!(span.fields.contains_key("loc.col") && span.fields.contains_key("size.bytes"));
    }
    assert_eq!((main.fields["kind"].as_str(), main.fields["task.id"].as_str()), ("block_on", "1"));
    assert_eq!((task.fields["kind"].as_str(), task.fields["task.id"].as_str()), ("task", "2"));
    assert_eq!((main.fields["task.name"].as_str(), task.fields["task.name"].as_str()), ("Task-1", "worker"));
    assert_eq!(task.fields["loc.line"], line.to_string());
    assert_eq!((main.entered, task.entered), (2, 3));
}

#[test]
fn spans_of_tasks_that_are_cancelled_or_panic_close_too() {
    let spans = Recorder::spans_of(|| {
        ferrio::run(async {
            let waits = ferrio::create_task(std::future::pending::<()>());
            let panics = ferrio::create_task(async { panic!("expected") });
            ferrio::yield_now().await;
            waits.cancel();
            let _panicked: Result<(), _> = panics.await;
            ferrio::get_running_loop().call_soon(|| ());
            ferrio::create_task(std::future::pending::<()>()).detach();
            ferrio::testing::settle().await;
        });
    });
    assert_eq!(spans.len(), 5);
    assert!(
        spans.iter().all(|span| span.closed == 1 && span.fields["loc.file"].contains("tracing.rs")),
        "{spans:?}"
    );
}

#[test]
fn calls_on_threads_are_spans() {
    let recorder = Recorder::default();
    let seen = recorder.0.clone();
    tracing::subscriber::with_default(recorder, || ferrio::run(async { ferrio::to_thread(|| ()).await }));
    let seen = seen.lock().unwrap();
    let call = seen.iter().find(|span| span.target == "tokio::task::blocking").unwrap();
    assert_eq!((call.fields["kind"].as_str(), call.fields["task.name"].as_str()), ("blocking", "to_thread"));
    assert_eq!((call.entered, call.closed), (1, 1));
    assert!(call.fields["loc.file"].contains("tracing.rs"));
}
