//! What `traced` is without the feature `tracing`: nothing, in as many words.
#![expect(
    clippy::extra_unused_type_parameters,
    clippy::unused_self,
    reason = "equal names and kinds as in `traced`"
)]

pub(crate) struct TaskSpan;

/// The end of a span that never was.
pub(crate) struct Entered;

impl TaskSpan {
    #[inline]
    pub(crate) fn task<F>() -> Self {
        TaskSpan
    }

    #[inline]
    pub(crate) fn main<F>() -> Self {
        TaskSpan
    }

    #[inline]
    pub(crate) fn enter(&mut self, _name: impl FnOnce() -> String) -> Entered {
        Entered
    }
}

pub(crate) struct CallSpan;

impl CallSpan {
    #[inline]
    pub(crate) fn new<F>(_what: &str) -> Self {
        CallSpan
    }

    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }
}
