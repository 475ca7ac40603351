//! What an answer tells Python, by its attributes: of the head, of the request it is for, and how far it has come.
//!
//! It reads the answer and its exchange, and changes neither.

use pyo3::types::{PyString, PyTuple};

use crate::ffi::prelude::*;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::exchange::Stage;

impl ClientAnswer {
    pub(super) fn status_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.status().into_py_any(this.py())
    }

    pub(super) fn minor_attribute(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.heading(|heading| usize::from(heading.minor)).unwrap_or(1))
    }

    pub(super) fn reason_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let reason = self.heading(|heading| {
            heading
                .fields
                .find(b"")
                .map(String::from_utf8_lossy)
                .map(|text| PyString::new(this.py(), &text).into_any().unbind())
        });
        Ok(reason.flatten())
    }

    pub(super) fn raw_headers(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let all = self.heading(|heading| heading.fields.tuple(this.py()));
        let all = all.unwrap_or_else(|| Ok(PyTuple::empty(this.py())))?;
        Ok(all.get_slice(1, all.len()).into_any().unbind())
    }

    pub(super) fn trailers(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let exchange = self.exchange()?;
        let all = exchange
            .trailers
            .get()
            .map_or_else(|| Ok(PyTuple::empty(this.py())), |all| all.tuple(this.py()))?;
        Ok(all.into_any().unbind())
    }

    pub(super) fn early(&self, this: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (py, exchange) = (this.py(), self.exchange()?);
        let early = exchange.early.borrow();
        let each = early.iter().map(|(status, fields)| Ok((*status, fields.tuple(py)?)));
        Ok(PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
    }

    /// Where the request went, if that is not where its route leads.
    pub(super) fn target(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let varied = self.varied.borrow();
        let target = varied.as_ref().and_then(|varied| varied.target_object(this.py()));
        Ok(target.map(|target| target.into_any().unbind()))
    }

    /// The header fields of the request, if they are not its route's.
    pub(super) fn sent_headers(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let varied = self.varied.borrow();
        let headers = varied.as_ref().and_then(|varied| varied.headers.as_ref());
        headers.map(|headers| Ok(headers.tuple(this.py())?.into_any().unbind())).transpose()
    }

    pub(super) fn connection_attribute(&self, this: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let over = self.exchange.borrow().as_ref().is_none_or(|exchange| exchange.over.get());
        Ok(if over { None } else { self.connection.object(this.py()) })
    }

    pub(super) fn upgraded(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.exchange()?.upgraded.get())
    }

    pub(super) fn buffered(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.exchange.borrow().as_ref().map_or(0, |exchange| exchange.buffered()))
    }

    pub(super) fn received(&self, _: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.exchange.borrow().as_ref().map_or(0, |exchange| exchange.received.get()))
    }

    pub(super) fn whole(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.exchange.borrow().as_ref().is_some_and(|exchange| exchange.stage.get() == Stage::Whole))
    }

    pub(super) fn at_eof(&self, this: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.whole(this)? && self.buffered(this)? == 0)
    }

    pub(super) fn closed(&self, _: &Bound<'_, PyAny>) -> PyResult<bool> {
        let over = self.exchange.borrow().as_ref().is_some_and(|exchange| exchange.over.get());
        Ok(over || self.released.get())
    }
}
