//! `Route`: what a request to a URL looks like on the wire, and which connections can take it. `Routes`: those that a session has made.
//!
//! A session's Python code makes a route once for a method, a URL and a type of body; it is kept until the session forgets all, or has
//! too many. Where a route is common, those of other paths of its origin are derived from it (`addresses`).

use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::ffi::prelude::*;
use crate::http::packed::Packed;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Content {
    #[default]
    None,
    Bytes,
    Json,
    Form,
    Text,
}

/// How many types a body has that headers say.
const TYPES: usize = 4;

impl Content {
    /// Its place among the types, and what that is called where it is not the usual one.
    fn kind(self) -> (usize, Option<&'static str>) {
        match self {
            Content::None | Content::Bytes => (0, None),
            Content::Json => (1, Some("application/json")),
            Content::Form => (2, Some("application/x-www-form-urlencoded")),
            Content::Text => (3, Some("text/plain; charset=utf-8")),
        }
    }
}

const ALL: [Method; METHODS] =
    [Method::Get, Method::Options, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];

impl Method {
    /// The one of that name, in any case.
    pub(crate) fn of(name: &Bound<'_, PyAny>) -> Option<Method> {
        let name = name.cast_exact::<PyString>().ok()?.to_str().ok()?;
        ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }

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
    pub(crate) headers: Packed,
    /// So many of them, the first ones, are the session's; `None` where those of a request may not be put among them.
    pub(crate) own: Option<usize>,
    /// To other paths it is the same, but for the target.
    pub(crate) is_common: bool,
}

impl Route {
    /// From what `_route()` gave: `(key, target, headers, ...)`, with `own` and `is_common` as its last two of five, or None.
    fn create<'py>(made: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = made.py();
        let mut route = Route {
            made: Slot::default(),
            key: Slot::default(),
            target: Vec::new(),
            headers: Packed::default(),
            own: None,
            is_common: false,
        };
        if !made.is_none() {
            let made = made.cast::<PyTuple>()?;
            let headers: Vec<(Vec<u8>, Vec<u8>)> = made.get_item(2)?.extract()?;
            route.key.set(made.get_item(0)?);
            route.target = made.get_item(1)?.cast::<PyBytes>()?.as_bytes().to_vec();
            route.headers = Packed::copied(headers.iter().map(|(name, value)| (&name[..], &value[..])), 0);
            if made.len() == 5 {
                (route.own, route.is_common) = (made.get_item(3)?.extract()?, made.get_item(4)?.extract()?);
            }
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
pub(crate) struct Routes([[Slot; METHODS]; TYPES]);

impl Routes {
    pub(crate) fn forget(&self) {
        self.0.as_flattened().iter().for_each(|known| drop(known.take()));
    }

    /// The route of `url`, if it is known.
    pub(crate) fn find<'py>(
        &self,
        method: Method,
        url: &Bound<'py, PyAny>,
        content: Content,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.place(method, content).and_then(|place| place.bind(url.py())) {
            Some(known) => known.cast_into::<PyDict>()?.get_item(url),
            None => Ok(None),
        }
    }

    /// The route of `url`, for which the session is asked.
    pub(crate) fn make<'py>(
        &self,
        session: &Bound<'py, PyAny>,
        method: Method,
        url: &Bound<'py, PyAny>,
        content: Content,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, name) = (session.py(), intern!(session.py(), "_route"));
        let made = match content.kind().1 {
            Some(kind) => session.call_method1(name, (method.object(py), url, kind))?,
            None => session.call_method1(name, (method.object(py), url))?,
        };
        let route = Route::create(&made)?;
        let Some(place) = self.place(method, content) else { return Ok(route) };
        let known = place.bind(py).map(Bound::cast_into::<PyDict>).transpose()?;
        let known = known.unwrap_or_else(|| PyDict::new(py));
        if known.len() >= MOST {
            known.clear();
        }
        known.set_item(url, &route)?;
        place.set(known.into_any());
        Ok(route)
    }

    fn place(&self, method: Method, content: Content) -> Option<&Slot> {
        self.0.get(content.kind().0)?.get(method as usize)
    }
}

impl Held for Routes {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.0.as_flattened().iter().for_each(|known| known.show(visitor));
    }

    fn empty(&self) {
        self.forget();
    }
}
