//! The native part of asyncio's BaseSelectorEventLoop: watching descriptors, and the table of transports by descriptor.

use std::os::fd::RawFd;

use ferrio_engine::{Direction, Loop};
use pyo3::exceptions::{PyAttributeError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::types::PyInt;
use rustix::io::Errno;

use crate::event_loop::events::{Handle, note_caller};
use crate::event_loop::exceptions::os_error;
use crate::event_loop::queueing::call_of;
use crate::event_loop::run::run_left_words;
use crate::event_loop::state::BaseLoop;
use crate::ffi::instances::track;
use crate::ffi::prelude::*;
use crate::net::watching::{displace, forsake, unwatch};

impl BaseLoop {
    pub(crate) fn selector_members() -> Members {
        members! { BaseLoop;
            method c"_add_reader" c"Call callback(*args) whenever fd can be read." => add_reader;
            method c"_add_writer" c"Call callback(*args) whenever fd can be written." => add_writer;
            method c"_remove_reader" c"Undo _add_reader()." => remove_reader;
            method c"_remove_writer" c"Undo _add_writer()." => remove_writer;
            method c"_settle" c"Send what transports hold." => settle;
            method c"_transport_of" c"The open transport that has a descriptor, or None." => transport_of;
            method c"_forget_transport" c"A transport has its descriptor no more." => forget_transport;
            method c"_remember_transport" c"Undo _forget_transport()." => remember_transport;
        }
    }

    fn add_reader<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        self.add_watcher(this, "_add_reader", Direction::Read, args)
    }

    fn add_writer<'py>(&self, this: &Bound<'py, PyAny>, args: Args<'_, 'py>) -> PyResult<Py<PyAny>> {
        self.add_watcher(this, "_add_writer", Direction::Write, args)
    }

    fn remove_reader(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        self.remove_watcher("_remove_reader", Direction::Read, args)
    }

    fn remove_writer(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<bool> {
        self.remove_watcher("_remove_writer", Direction::Write, args)
    }

    /// Called before a fork: otherwise both processes would send what is held back.
    fn settle(&self, this: &Bound<'_, PyAny>, _: Args<'_, '_>) -> PyResult<()> {
        self.engine().map_or(Ok(()), |engine| run_left_words(this.py(), &engine))
    }

    fn transport_of(&self, this: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        let fd = args.positional().next().ok_or_else(|| missing("_transport_of", "fd"))?;
        Ok(fd.extract().ok().and_then(|fd| self.transports.find(this.py(), fd)).map(Bound::unbind))
    }

    fn forget_transport(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [fd, transport] = args.all("_forget_transport", ["fd", "transport"])?;
        self.transports.remove(fd.extract()?, &transport);
        Ok(())
    }

    fn remember_transport(&self, _: &Bound<'_, PyAny>, args: Args<'_, '_>) -> PyResult<()> {
        let [fd, transport] = args.all("_remember_transport", ["fd", "transport"])?;
        self.transports.insert(fd.extract()?, &transport)
    }

    fn add_watcher<'py>(
        &self,
        this: &Bound<'py, PyAny>,
        method: &str,
        direction: Direction,
        args: Args<'_, 'py>,
    ) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let ([fd, callback], context) = args.split(method, ["fd", "callback"], intern!(py, "context"))?;
        let (call, context) = call_of(callback, args.positional().skip(2), context)?;
        let engine = self.engine()?;
        let handle = Handle::create(this, call, context)?;
        // Its word is queued many times while the watch keeps one, so the garbage collector has to track the handle itself.
        track(&handle);
        if self.is_debug() {
            note_caller::<Handle>(&handle)?;
        }
        let number = descriptor(&fd);
        let file = known_by(&engine, number.as_ref().ok().copied(), fd);
        if let (Some(file), Some(state)) = (file, try_state::<Handle>(&handle)) {
            state.set_file(file);
        }
        let word = Word::of::<Handle>(handle.clone());
        let old = match number {
            Ok(number) => engine.watch(number, direction, word, false).map_err(|error| {
                if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) {
                    forsake(py, &engine, number);
                }
                os_error(&error)
            })?,
            Err(error) => Some(watch_closed(&engine, fd, direction, word, error)?),
        };
        displace(py, old)?;
        Ok(handle.unbind())
    }

    fn remove_watcher(&self, method: &str, direction: Direction, args: Args<'_, '_>) -> PyResult<bool> {
        let fd = args.positional().next().ok_or_else(|| missing(method, "fd"))?;
        let py = fd.py();
        let Ok(engine) = self.engine() else { return Ok(false) };
        let number = match descriptor(&fd) {
            Ok(number) => number,
            // A number that no descriptor has.
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => return Ok(false),
            // As in `watch_closed`.
            Err(error) => engine.find_watcher(|word| watches(word, fd)).ok_or(error)?,
        };
        let old = unwatch(py, &engine, number, direction, |_| true).map_err(|error| os_error(&error))?;
        let found = old.is_some();
        displace(py, old)?;
        Ok(found)
    }
}

/// A file that was closed while it was watched has no number any more: it is known by itself. What the kernel was told of it
/// stands, so that it can be watched again in the same direction only.
fn watch_closed(
    engine: &Loop<Word>,
    file: Borrowed<'_, '_, PyAny>,
    direction: Direction,
    word: Word,
    error: PyErr,
) -> PyResult<Word> {
    let number = engine.find_watcher(|word| watches(word, file)).ok_or(error)?;
    engine.swap(number, direction, word).ok_or_else(|| {
        forsake(file.py(), engine, number);
        os_error(&Errno::BADF.into())
    })
}

/// The file object by which `fd` is known while it is watched: that of whoever watched its number first, as in asyncio's
/// selector, if they gave one.
fn known_by<'py>(
    engine: &Loop<Word>,
    number: Option<RawFd>,
    fd: Borrowed<'_, 'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    let file = |number, direction| engine.look(number, direction, |word| file_of(fd.py(), word));
    let first = number.and_then(|n| file(n, Direction::Read).or_else(|| file(n, Direction::Write)));
    first.unwrap_or_else(|| (!fd.is_instance_of::<PyInt>()).then(|| fd.to_owned()))
}

fn file_of<'py>(py: Python<'py>, word: &Word) -> Option<Bound<'py, PyAny>> {
    word.as_handle(py).as_ref().and_then(try_state::<Handle>)?.file(py)
}

/// Whether `word` watches this very file object.
fn watches(word: &Word, file: Borrowed<'_, '_, PyAny>) -> bool {
    file_of(file.py(), word).is_some_and(|mine| mine.is(file))
}

/// The descriptor that `object` is or has. Errors have the wording of the selectors module.
fn descriptor(object: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    // As the selectors module does: whatever is not an int must have a `fileno()`.
    let number = if object.is_instance_of::<PyInt>() {
        object.extract::<RawFd>()
    } else if object.is_instance(&object.py().get_type::<PyInt>())? {
        number_of_disguised(object)?.extract::<RawFd>()
    } else {
        number_of(object)?.extract::<RawFd>()
    };
    match number {
        Ok(number) if number >= 0 => Ok(number),
        Ok(number) => Err(PyValueError::new_err(format!("Invalid file descriptor: {number}"))),
        Err(_) => Err(PyOverflowError::new_err("Python int too large to convert to C int")),
    }
}

/// The answer of `object.fileno()`, as an int.
fn number_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let said = object.call_method0(intern!(py, "fileno"));
    said.and_then(|number| py.get_type::<PyInt>().call1((number,))).map_err(|error| {
        let none = error.is_instance_of::<PyAttributeError>(py)
            || error.is_instance_of::<PyTypeError>(py)
            || error.is_instance_of::<PyValueError>(py);
        match object.repr() {
            Ok(shown) if none => PyValueError::new_err(format!("Invalid file object: {shown}")),
            Err(unshown) if none => unshown,
            _ => error,
        }
    })
}

/// The number of an object that says that its class is int: asyncio compares it as one and finds it in dictionaries, until
/// the kernel's door asks for `fileno()`.
#[cold]
fn number_of_disguised<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    object.hash()?;
    if object.lt(0)? {
        return Err(PyValueError::new_err(format!("Invalid file descriptor: {object}")));
    }
    object.call_method0(intern!(object.py(), "fileno")).map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(object.py()) {
            PyTypeError::new_err("argument must be an int, or have a fileno() method.")
        } else {
            error
        }
    })
}
