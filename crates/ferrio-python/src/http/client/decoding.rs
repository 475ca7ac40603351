//! `Decoding`: a body that is unpacked piece by piece: gzip, deflate, br, zstd.
//!
//! The codings are `ferrio_http::encodings`'. Python's `ferrio.http.encodings` says what a broken body raises, and who is to be
//! asked again. Invariant: no call makes more than `LARGEST` bytes, however small the piece was that they are made of.

use ferrio_http::encodings::{Decoder, Fault};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::types::{PyBytes, PyString};

use crate::ffi::object::{constructed_slots, new};
use crate::ffi::prelude::*;

/// What one call makes at most.
const LARGEST: usize = 256 * 1024;

/// The room that is made at first. Most bodies are small, and memory that is not used has to be made, too.
const FIRST: usize = 4 * 1024;

/// So much is unpacked without the interpreter's lock: it takes some 100 us, while giving the lock up and back takes less than one.
const LARGE: usize = 16 * 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct Decoding {
    /// None before `__init__()`, and while a thread unpacks.
    decoder: RefCell<Option<Decoder>>,
    /// A piece of which a part was not used yet, and where that begins.
    rest: Slot,
    start: Cell<usize>,
    has_more: Cell<bool>,
}

impl Constructed for Decoding {
    /// `HttpDecoder(encoding)`
    fn init(&self, _: &Bound<'_, PyAny>, given: Given<'_, '_>) -> PyResult<()> {
        let [encoding] = given.bind("HttpDecoder", ["encoding"], 1)?;
        let encoding = encoding.ok_or_else(|| missing("HttpDecoder", "encoding"))?;
        let encoding = encoding.cast::<PyString>()?.to_str()?;
        let decoder = Decoder::new(encoding.as_bytes());
        let decoder = decoder.ok_or_else(|| PyValueError::new_err(format!("no encoding: {encoding:?}")))?;
        self.decoder.replace(Some(decoder));
        Ok(())
    }
}

impl Decoding {
    /// `decode(data)`: what comes of a piece, or with an empty one of what is left of the last.
    fn decode(&self, this: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        let piece = self.with_rest(data.cast::<PyBytes>()?);
        let start = self.start.replace(0);
        let input = piece.as_bytes().get(start..).unwrap_or_default();
        let mut decoder = self.decoder.take().ok_or_else(unusable)?;
        let unpacked = if input.len() < LARGE {
            unpack(&mut decoder, input)
        } else {
            py.detach(|| unpack(&mut decoder, input))
        };
        self.decoder.replace(Some(decoder));
        let (used, made) = unpacked.map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        let is_left = used < input.len();
        self.has_more.set(is_left || made.len() == LARGEST);
        if is_left {
            self.start.set(start + used);
            self.rest.set(piece.into_any());
        }
        Ok(PyBytes::new(py, &made).into_any().unbind())
    }

    /// What is left of the last piece, and behind that a new one.
    fn with_rest<'py>(&self, data: &Bound<'py, PyBytes>) -> Bound<'py, PyBytes> {
        let py = data.py();
        let rest = self.rest.take().and_then(|rest| rest.into_bound(py).cast_into::<PyBytes>().ok());
        match rest {
            None => data.clone(),
            Some(rest) if data.as_bytes().is_empty() => rest,
            Some(rest) => {
                let left = rest.as_bytes().get(self.start.replace(0)..).unwrap_or_default();
                PyBytes::new(py, &[left, data.as_bytes()].concat())
            }
        }
    }

    fn is_whole(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.decoder.borrow().as_ref().ok_or_else(unusable)?.finish().is_ok())
    }
}

fn unusable() -> PyErr {
    PyRuntimeError::new_err("HttpDecoder: __init__() was not called, or another thread unpacks")
}

/// What comes of an input, and how much of that was used.
fn unpack(decoder: &mut Decoder, input: &[u8]) -> Result<(usize, Vec<u8>), Fault> {
    let (mut used, mut made) = (0, Vec::new());
    loop {
        let room = made.len().max(FIRST).min(LARGEST - made.len());
        let step = decoder.decode(input.get(used..).unwrap_or_default(), room, &mut made)?;
        used += step.used;
        if !step.full || made.len() >= LARGEST {
            return Ok((used, made));
        }
    }
}

impl Native for Decoding {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpDecoder";
    const DOC: &'static CStr = c"Unpacks a body: gzip, deflate, br, zstd.";
    const NEW: New = Some(new::<Decoding>);

    holds!(rest);

    fn members() -> Members {
        constructed_slots::<Decoding>().and(members! { Decoding;
            one c"decode" c"What comes of a piece, or with an empty one of what is left." => decode;
            shown c"has_more" => has_more;
            attribute c"is_whole" => is_whole;
        })
    }
}
