//! `Answer`: how far an answer has come, and what of it waits. `Fields`: headers as an application gives them.
//!
//! ```text
//!   Due ── http.response.start ──▶ Begun ── http.response.body, more ──▶ Body ── the last ──▶ Whole
//!                                    └───── http.response.body, the last ───────────────────▶ Whole
//! ```
//!
//! The head waits for the first part of the body, and leaves with it in one write.

use ferrio_http::h1::Misuse;
use pyo3::exceptions::{PyKeyError, PyOSError, PyRuntimeError, PyTypeError};
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::ffi::prelude::*;
use crate::http::packed::Packed;

/// How many errors that led to each other are looked at.
const MOST_CAUSES: usize = 16;

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    #[default]
    Due,
    /// The head is here, and waits.
    Begun,
    /// The head was sent.
    Body,
    Whole,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Answer {
    stage: Cell<Stage>,
    status: Cell<u16>,
    headers: Slot,
    /// Headers that came natively.
    packed: RefCell<Packed>,
    /// The request was HEAD.
    pub(crate) bodiless: bool,
}

held!(Answer: headers);

impl Answer {
    pub(crate) fn to(head: bool) -> Self {
        Answer { bodiless: head, ..Answer::default() }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.stage.get() == Stage::Whole
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.stage.get() != Stage::Due
    }

    /// Whether something of it was sent.
    pub(crate) fn was_sent(&self) -> bool {
        matches!(self.stage.get(), Stage::Body | Stage::Whole)
    }

    pub(crate) fn set(&self, stage: Stage) {
        self.stage.set(stage);
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// The head is here.
    pub(crate) fn begin(&self, status: u16, headers: Option<Bound<'_, PyAny>>) {
        self.status.set(status);
        drop(self.headers.replace(headers.map(Into::into)));
        self.stage.set(Stage::Begun);
    }

    /// As `begin`, natively.
    pub(crate) fn begin_natively(&self, status: u16, headers: Packed) {
        self.packed.replace(headers);
        self.begin(status, None);
    }

    pub(crate) fn status(&self) -> u16 {
        self.status.get()
    }

    /// The body's length as its head says it.
    pub(crate) fn length(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let fields = self.headers(py)?;
        let length = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
        let length = length.and_then(|(_, length)| std::str::from_utf8(length).ok()?.parse().ok());
        // They are asked for again, and what was given may be an iterator.
        drop(self.headers.replace(fields.given.clone().map(Into::into)));
        Ok(length)
    }

    /// The headers, which stay for who sends again what was refused.
    pub(crate) fn headers<'py>(&self, py: Python<'py>) -> PyResult<Fields<'py>> {
        match self.headers.bind(py) {
            Some(headers) => Fields::of(&headers),
            None => Ok(Fields { packed: self.packed.take(), ..Fields::default() }),
        }
    }
}

/// Headers as an application gives them, which stay where they are.
#[derive(Default)]
pub(crate) struct Fields<'py> {
    pairs: Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
    given: Option<Bound<'py, PyAny>>,
    packed: Packed,
}

impl<'py> Fields<'py> {
    pub(crate) fn of(headers: &Bound<'py, PyAny>) -> PyResult<Self> {
        let list = match headers.cast_exact::<PyList>() {
            Ok(list) => list.clone(),
            // What can be read once is kept.
            Err(_) => PyList::new(headers.py(), headers.try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
        };
        let mut pairs = Vec::with_capacity(list.len());
        for pair in &list {
            pairs.push(Self::pair(&pair)?);
        }
        Ok(Fields { pairs, given: Some(list.into_any()), packed: Packed::default() })
    }

    fn pair(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        if let Ok(tuple) = pair.cast_exact::<PyTuple>()
            && tuple.len() == 2
        {
            return Ok((
                bytes(tuple.get_borrowed_item(0)?.to_owned())?,
                bytes(tuple.get_borrowed_item(1)?.to_owned())?,
            ));
        }
        let mut parts = pair.try_iter()?;
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(value), None) => Ok((bytes(name?)?, bytes(value?)?)),
            _ => Err(PyTypeError::new_err(format!("a header is a name and a value, not {}", pair.repr()?))),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        pairs.chain(self.packed.iter())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.iter().any(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// A part of a header.
pub(crate) fn bytes(part: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyBytes>> {
    match part.cast_into::<PyBytes>() {
        Ok(bytes) => Ok(bytes),
        Err(other) => {
            let part = other.into_inner();
            if let Ok(array) = part.cast::<PyByteArray>() {
                return Ok(PyBytes::new(part.py(), &array.to_vec()));
            }
            let kind = part.get_type().qualname()?;
            Err(PyTypeError::new_err(format!(
                "names and values of headers are bytes, not {kind}: {}",
                part.repr()?
            )))
        }
    }
}

/// What a message must have.
pub(crate) fn required<'py>(
    message: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    match optional(message, name)? {
        Some(value) => Ok(value),
        None => Err(PyKeyError::new_err(name.clone().unbind())),
    }
}

/// What a message may have.
pub(crate) fn optional<'py>(
    message: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Ok(dict) = message.cast::<PyDict>() {
        return dict.get_item(name);
    }
    match message.get_item(name) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyKeyError>(message.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an application did that cannot be sent.
#[cold]
pub(crate) fn misused(misuse: &Misuse) -> PyErr {
    PyRuntimeError::new_err(match misuse {
        Misuse::TooMuch => "Response content longer than Content-Length".to_owned(),
        Misuse::TooLittle(_) => "Response content shorter than Content-Length".to_owned(),
        other => other.to_string(),
    })
}

/// The error of a message that has no place here.
#[cold]
pub(crate) fn wrong(kind: &Bound<'_, PyAny>, expected: &str) -> PyResult<()> {
    Err(PyRuntimeError::new_err(format!("{expected} '{}'.", kind.str()?)))
}

pyo3::create_exception!(ferrio, ClientDisconnected, PyOSError, "The client is gone.");

/// What `send` raises when the client is gone.
#[cold]
pub(crate) fn disconnect() -> PyErr {
    ClientDisconnected::new_err("the client has disconnected")
}

/// Whether an application ended by that: by this error itself, or by one that a framework raised in its place.
pub(crate) fn is_disconnect(py: Python<'_>, error: &PyErr) -> bool {
    let mut next = Some(raised::value(py, error));
    for _ in 0..MOST_CAUSES {
        let Some(error) = next else { return false };
        if error.is_instance_of::<ClientDisconnected>() {
            return true;
        }
        next = error.getattr(intern!(py, "__context__")).ok().filter(|context| !context.is_none());
    }
    false
}
