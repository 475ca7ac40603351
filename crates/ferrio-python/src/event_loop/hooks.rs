//! What the loop calls of the rooms above, which it does not know: filled once, when the extension is imported.

use std::sync::OnceLock;

use ferrio_engine::Loop;

use crate::ffi::prelude::*;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hooks {
    /// A callback has failed, perhaps before it was called.
    pub(crate) callback_failed: fn(&Bound<'_, PyAny>, &PyErr) -> PyResult<()>,
    /// The coroutine that this native one, which has no frames, is about: what tools are shown in its place.
    pub(crate) inner_coroutine: for<'py> fn(&Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>>,
    /// A batch of this loop has ended well; debug builds only.
    pub(crate) batch_ended: fn(&Bound<'_, PyAny>, &Loop<Word>),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

pub(crate) fn fill(hooks: Hooks) {
    HOOKS.get_or_init(|| hooks);
}

/// See `Hooks`.
#[cold]
pub(crate) fn callback_failed(callback: &Bound<'_, PyAny>, error: &PyErr) -> PyResult<()> {
    HOOKS.get().map_or(Ok(()), |hooks| (hooks.callback_failed)(callback, error))
}

/// See `Hooks`.
pub(crate) fn inner_coroutine<'py>(coroutine: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    HOOKS.get().and_then(|hooks| (hooks.inner_coroutine)(coroutine))
}

/// See `Hooks`.
pub(crate) fn batch_ended(event_loop: &Bound<'_, PyAny>, engine: &Loop<Word>) {
    if let Some(hooks) = HOOKS.get() {
        (hooks.batch_ended)(event_loop, engine);
    }
}
