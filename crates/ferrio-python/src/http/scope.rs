//! A request as ASGI describes it: a copy of the server's prototype, with what is the request's own.
//!
//! Names that come again and again are made once: methods, and headers' names, which ASGI wants in lower case.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use ferrio_http::h1::Version;
use ferrio_http::h1::server::Head;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::ffi::prelude::*;

/// Headers' names that are known: a few hundred at most, so that a client cannot fill the memory with them.
const MOST_NAMES: usize = 512;
/// Longer ones are not looked for.
const LONGEST_NAME: usize = 32;

/// See the module. What stands for a header's name.
#[derive(Default)]
pub(crate) struct HeaderNames(RefCell<HashMap<[u8; LONGEST_NAME], Ref, Seed>>);

/// Makes a hash of a name, eight bytes at a time, which takes a fifth of the standard one's instructions. No client knows the
/// seed, so none can choose names with one hash; and `MOST_NAMES` are kept at most.
struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Seed(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seed {
    type Hasher = Mix;

    fn build_hasher(&self) -> Mix {
        Mix(self.0)
    }
}

struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            if let Some(place) = word.get_mut(..chunk.len()) {
                place.copy_from_slice(chunk);
            }
            // The golden ratio: each bit of the name reaches the high bits, and turning brings those down.
            self.0 = (self.0 ^ u64::from_ne_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl HeaderNames {
    /// What `make` has made of the name in lower case.
    pub(crate) fn get<'py>(
        &self,
        py: Python<'py>,
        name: &[u8],
        make: impl Fn(Python<'py>, &[u8]) -> Bound<'py, PyAny>,
    ) -> Bound<'py, PyAny> {
        let mut key = [0; LONGEST_NAME];
        let Some(place) = key.get_mut(..name.len()) else {
            return make(py, &name.to_ascii_lowercase());
        };
        place.copy_from_slice(name);
        place.make_ascii_lowercase();
        let mut names = self.0.borrow_mut();
        if let Some(known) = names.get(&key) {
            return known.bind(py).to_owned();
        }
        let new = make(py, &key[..name.len()]);
        if names.len() < MOST_NAMES {
            names.insert(key, new.clone().into());
        }
        new
    }
}

/// What a scope says of the connection.
pub(crate) struct Ends<'a, 'py> {
    pub(crate) client: &'a Bound<'py, PyAny>,
    pub(crate) server: &'a Bound<'py, PyAny>,
}

/// The scope of a request.
pub(crate) fn scope<'py>(
    prototype: &Bound<'py, PyDict>,
    head: &Head<'_>,
    root_path: &str,
    ends: &Ends<'_, 'py>,
    names: &HeaderNames,
) -> PyResult<Bound<'py, PyDict>> {
    let py = prototype.py();
    let scope = prototype.copy()?;
    let (path, query) = (head.path(), head.query());
    scope.set_item(intern!(py, "method"), method(py, head.method))?;
    if head.version == Version::Http10 {
        scope.set_item(intern!(py, "http_version"), intern!(py, "1.0"))?;
    }
    scope.set_item(intern!(py, "path"), decoded(py, root_path, path))?;
    scope.set_item(intern!(py, "raw_path"), raw(py, root_path, path))?;
    scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query))?;
    scope.set_item(intern!(py, "headers"), headers(py, head, names)?)?;
    scope.set_item(intern!(py, "client"), ends.client)?;
    scope.set_item(intern!(py, "server"), ends.server)?;
    Ok(scope)
}

fn headers<'py>(py: Python<'py>, head: &Head<'_>, names: &HeaderNames) -> PyResult<Bound<'py, PyList>> {
    let pairs = head.headers.iter().map(|(name, value)| {
        let name = names.get(py, name, |py, name| PyBytes::new(py, name).into_any());
        let value = PyBytes::new(py, value).into_any();
        PyTuple::new(py, [name, value])
    });
    let pairs: PyResult<Vec<_>> = pairs.collect();
    PyList::new(py, pairs?)
}

pub(crate) fn method<'py>(py: Python<'py>, method: &[u8]) -> Bound<'py, PyString> {
    match method {
        b"GET" => intern!(py, "GET").clone(),
        b"POST" => intern!(py, "POST").clone(),
        b"HEAD" => intern!(py, "HEAD").clone(),
        b"PUT" => intern!(py, "PUT").clone(),
        b"DELETE" => intern!(py, "DELETE").clone(),
        b"OPTIONS" => intern!(py, "OPTIONS").clone(),
        b"PATCH" => intern!(py, "PATCH").clone(),
        other => PyString::new(py, &String::from_utf8_lossy(other)),
    }
}

/// The path without its escapes, behind the root path.
fn decoded<'py>(py: Python<'py>, root_path: &str, path: &[u8]) -> Bound<'py, PyString> {
    if !path.contains(&b'%') && root_path.is_empty() {
        return PyString::new(py, &String::from_utf8_lossy(path));
    }
    PyString::new(py, &format!("{root_path}{}", String::from_utf8_lossy(&unescaped(path))))
}

/// The bytes that a path stands for.
pub(crate) fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped =
            if byte == b'%' { behind.split_first_chunk().and_then(|(digits, _)| hex(*digits)) } else { None };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

fn hex([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn raw<'py>(py: Python<'py>, root_path: &str, path: &[u8]) -> Bound<'py, PyBytes> {
    if root_path.is_empty() {
        PyBytes::new(py, path)
    } else {
        PyBytes::new(py, &[root_path.as_bytes(), path].concat())
    }
}

/// Whether a proxy says whom the request is from.
pub(crate) fn came_through_proxy(head: &Head<'_>) -> bool {
    head.headers.iter().any(|(name, _)| name.len() > 11 && name[..11].eq_ignore_ascii_case(b"x-forwarded"))
}

/// What an access log says of a request: client, method, path with query, and version.
pub(crate) fn line(py: Python<'_>, client: Option<Bound<'_, PyAny>>, head: &Head<'_>) -> PyResult<Ref> {
    let client = match client {
        Some(client) if !client.is_none() => {
            let (host, port): (String, i64) = client.extract()?;
            format!("{host}:{port}")
        }
        _ => String::new(),
    };
    let version = if head.version == Version::Http10 { "1.0" } else { "1.1" };
    let mut path = String::from_utf8_lossy(head.path()).into_owned();
    if !head.query().is_empty() {
        path.push('?');
        path.push_str(&String::from_utf8_lossy(head.query()));
    }
    let line = (client, method(py, head.method), path, version).into_pyobject(py)?;
    Ok(line.into_any().into())
}
