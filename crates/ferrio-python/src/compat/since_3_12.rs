//! What Python 3.12 changed.

/// Tasks may take their first step when they are made, and have `get_context()`.
pub(crate) const EAGER_TASKS: bool = cfg!(Py_3_12);

/// `gather()` sees to those that are done already at once.
pub(crate) const GATHER_SEES_DONE: bool = cfg!(Py_3_12);

/// `writelines()` of a socket's transport keeps the pieces; before, it joins them and calls `write()`.
pub(crate) const KEEPS_PIECES: bool = cfg!(Py_3_12);

/// An exception has its traceback in itself.
pub(crate) const TRACEBACK_INSIDE: bool = cfg!(Py_3_12);

/// `throw()` warns of more than one argument.
pub(crate) const THROW_WARNS: bool = cfg!(Py_3_12);

/// A `StopIteration` that is thrown into a coroutine that has not begun is raised as it is.
pub(crate) const NEW_ONES_RAISE_STOP: bool = cfg!(Py_3_12);
