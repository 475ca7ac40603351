//! `Route`: what a request to a URL looks like on the wire, and which connections can take it. `Routes`: those that a session has made.
//!
//! A session's Python code makes a route once for a method and a URL; it is kept until the session forgets all, or has too many.

use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::ffi::prelude::*;
use crate::http::client::fields::Fields;

/// So many URLs are known by their text; a crawler sees each of its own once.
const MOST: usize = 1024;

/// The methods that a session has routes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Options,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

const METHODS: usize = 7;

/// What a request sends behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Bytes,
    Json,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Options => "OPTIONS",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The one object that its requests share.
    pub(crate) fn object(self, py: Python<'_>) -> Bound<'_, PyString> {
        let object = match self {
            Method::Get => intern!(py, "GET"),
            Method::Options => intern!(py, "OPTIONS"),
            Method::Head => intern!(py, "HEAD"),
            Method::Post => intern!(py, "POST"),
            Method::Put => intern!(py, "PUT"),
            Method::Patch => intern!(py, "PATCH"),
            Method::Delete => intern!(py, "DELETE"),
        };
        object.clone()
    }

    /// Whether a request of this method has a body; what is between needs Python code to decide.
    pub(crate) fn has_body(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch)
    }

    /// Whether it may be sent again where nobody knows what became of it.
    pub(crate) fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Patch)
    }
}

/// See the module.
pub(crate) struct Route {
    /// What the session has made of the URL; `None` where this is not for native code.
    pub(crate) made: Slot,
    pub(crate) key: Slot,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Fields,
}

impl Route {
    /// From what `_route()` gave: `(key, target, headers, ...)`, or None.
    fn create<'py>(made: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = made.py();
        let mut route = Route {
            made: Slot::default(),
            key: Slot::default(),
            target: Vec::new(),
            headers: Fields::default(),
        };
        if !made.is_none() {
            let made = made.cast::<PyTuple>()?;
            let headers: Vec<(Vec<u8>, Vec<u8>)> = made.get_item(2)?.extract()?;
            route.key.set(made.get_item(0)?);
            route.target = made.get_item(1)?.cast::<PyBytes>()?.as_bytes().to_vec();
            route.headers = Fields::copied(headers.iter().map(|(name, value)| (&name[..], &value[..])), 0);
            route.made.set(made.clone().into_any());
        }
        alloc(&type_object::<Route>(py)?, route)
    }

    /// Whether requests may go by it without Python code.
    pub(crate) fn is_native(&self) -> bool {
        !self.key.is_empty()
    }
}

impl Native for Route {
    const NAME: &'static CStr = c"ferrio._ferrio.HttpRoute";
    const DOC: &'static CStr = c"What a request to a URL looks like.";

    holds!(made, key);

    fn members() -> Members {
        Members::default()
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Routes {
    plain: [Slot; METHODS],
    /// With a body that is JSON, which the headers say.
    json: [Slot; METHODS],
}

impl Routes {
    pub(crate) fn forget(&self) {
        self.plain.iter().chain(&self.json).for_each(|known| drop(known.take()));
    }

    /// The route of `url`. Where it is not known, the session is asked, if that is worth it.
    pub(crate) fn find<'py>(
        &self,
        session: &Bound<'py, PyAny>,
        method: Method,
        url: &Bound<'py, PyAny>,
        content: Content,
        is_worth_it: impl FnOnce() -> PyResult<bool>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = session.py();
        let kind = if content == Content::Json { &self.json } else { &self.plain };
        let Some(place) = kind.get(method as usize) else { return Ok(None) };
        let known = place.bind(py).map(Bound::cast_into::<PyDict>).transpose()?;
        if let Some(route) = known.as_ref().map(|known| known.get_item(url)).transpose()?.flatten() {
            return Ok(Some(route));
        }
        if !is_worth_it()? {
            return Ok(None);
        }
        let name = intern!(py, "_route");
        let made = if content == Content::Json {
            session.call_method1(name, (method.object(py), url, intern!(py, "application/json")))?
        } else {
            session.call_method1(name, (method.object(py), url))?
        };
        let route = Route::create(&made)?;
        let known = known.unwrap_or_else(|| PyDict::new(py));
        if known.len() >= MOST {
            known.clear();
        }
        known.set_item(url, &route)?;
        place.set(known.into_any());
        Ok(Some(route))
    }
}

impl Held for Routes {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.plain.iter().chain(&self.json).for_each(|known| known.show(visitor));
    }

    fn empty(&self) {
        self.forget();
    }
}
