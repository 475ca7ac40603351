//! `Callback`: what is known of the callback that runs, and what is to be done when it has ended.

use std::cell::{Cell, RefCell};

/// See the module. Words that were left for its end hold what they hold until the door has run them.
#[derive(Debug)]
pub struct Callback<H> {
    runs: Cell<bool>,
    /// Whether `afterwards` has any: asked after every callback.
    left: Cell<bool>,
    afterwards: RefCell<Vec<H>>,
}

impl<H> Callback<H> {
    pub(crate) fn new() -> Self {
        Callback { runs: Cell::new(false), left: Cell::new(false), afterwards: RefCell::default() }
    }

    /// Whether one runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.runs.get()
    }

    /// Callbacks run from here until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Running<'_> {
        Running { runs: &self.runs, before: self.runs.replace(true) }
    }

    /// Leaves `word` for the end of the callback that runs. The door runs it then, before any other.
    pub fn afterwards(&self, word: H) {
        self.left.set(true);
        self.afterwards.borrow_mut().push(word);
    }

    /// Whether words were left.
    #[must_use]
    pub fn left_words(&self) -> bool {
        self.left.get()
    }

    /// Takes the words that were left.
    #[must_use]
    pub fn take_words(&self) -> Vec<H> {
        self.left.set(false);
        self.afterwards.take()
    }

    pub(crate) fn for_each(&self, visit: impl FnMut(&H)) {
        self.afterwards.borrow().iter().for_each(visit);
    }
}

/// See [`Callback::enter`].
#[derive(Debug)]
pub struct Running<'a> {
    runs: &'a Cell<bool>,
    before: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runs.set(self.before);
    }
}
