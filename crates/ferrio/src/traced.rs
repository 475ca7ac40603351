//! Spans of tasks and calls on threads, as tokio-console reads them: "runtime.spawn", entered at each poll, closed at the end.
//! `untraced` stands in for it without the feature `tracing`, with equal names and nothing in them.
//!
//! A task's span begins at its first poll, not when the task is created: by then it has the name that it was given. One that is
//! cancelled before has none.

use std::panic::Location;

use ferrio_engine::polled;
use tracing::Span;
use tracing::span::Entered;

/// The span of a task.
pub(crate) enum TaskSpan {
    New { kind: &'static str, from: &'static Location<'static>, size: usize },
    Open(Span),
}

impl TaskSpan {
    /// For a task that is created here, with a future of type `F`.
    #[track_caller]
    pub(crate) fn task<F>() -> Self {
        TaskSpan::New { kind: "task", from: Location::caller(), size: size_of::<F>() }
    }

    /// For the main task of a loop that is run here.
    #[track_caller]
    pub(crate) fn main<F>() -> Self {
        TaskSpan::New { kind: "block_on", from: Location::caller(), size: size_of::<F>() }
    }

    /// For a poll. `name` is asked at the first one.
    pub(crate) fn enter(&mut self, name: impl FnOnce() -> String) -> Entered<'_> {
        if let TaskSpan::New { kind, from, size } = *self {
            *self = TaskSpan::Open(tracing::trace_span!(
                target: "tokio::task",
                parent: None,
                "runtime.spawn",
                %kind,
                task.name = %name(),
                task.id = polled().map(|id| id.number),
                size.bytes = size,
                loc.file = from.file(),
                loc.line = from.line(),
                loc.col = from.column(),
            ));
        }
        match self {
            TaskSpan::Open(span) => span.enter(),
            // Cannot fail: it was opened above.
            TaskSpan::New { .. } => unreachable!("a span that was opened"),
        }
    }
}

/// The span of a call on a thread.
pub(crate) struct CallSpan(Span);

impl CallSpan {
    /// For a call that is asked for here.
    #[track_caller]
    pub(crate) fn new<F>(what: &str) -> Self {
        let from = Location::caller();
        CallSpan(tracing::trace_span!(
            target: "tokio::task::blocking",
            parent: None,
            "runtime.spawn",
            kind = %"blocking",
            task.name = %what,
            fn = %std::any::type_name::<F>(),
            size.bytes = size_of::<F>(),
            loc.file = from.file(),
            loc.line = from.line(),
            loc.col = from.column(),
        ))
    }

    pub(crate) fn enter(&self) -> Entered<'_> {
        self.0.enter()
    }
}
