//! URLs as yarl has them, as far as that is plain: which part of a URL's text is the target, and parameters behind one.
//!
//! Must agree with yarl, byte by byte (`tests/http/test_client_options.py`), or say that the text is not plain: then yarl is asked.

use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::ffi::prelude::*;
use crate::http::client::pairs::each_pair;

/// What yarl leaves as it is in a path, and in a query.
const IN_PATH: &[u8] = b"-._~!$&'()*+,;=:@/";
const IN_QUERY: &[u8] = b"-._~!$&'()*+,;=:@/?";
/// What it leaves as it is in a name or a value of a parameter, and `urlencode()` in one of a form.
const IN_PARAMETER: &[u8] = b"-._~!$'()*,?/:@";
const IN_FORM: &[u8] = b"-._~";

/// Of a plain URL's text, whose target it needs and what it puts in that one's place: `http://a:1/` and `/x?y`. A relative one needs
/// that of `/`, or that of `./` behind which it stands.
pub(crate) fn parted(url: &str) -> Option<(&str, &str)> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return relative(url).filter(|(_, target)| is_plain(target.as_bytes()));
    };
    let (host, _) = rest.split_once('/')?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte);
    let (origin, target) = url.split_at_checked(url.len() - rest.len() + host.len())?;
    (host.bytes().all(is_name) && is_plain(target.as_bytes()))
        .then(|| (url.get(..=origin.len()).unwrap_or_default(), target))
}

fn relative(url: &str) -> Option<(&str, &str)> {
    if url.starts_with('/') {
        return (!url.starts_with("//")).then_some(("/", url));
    }
    // A colon may end a scheme.
    let is_path = url.starts_with(|first: char| first.is_ascii_alphanumeric()) && !url.contains(':');
    is_path.then_some(("./", url))
}

/// Whether it is sent as it is.
fn is_plain(target: &[u8]) -> bool {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at_checked(end).unwrap_or((target, b""));
    let holds = |part: &[u8], other: &[u8]| {
        part.iter().all(|byte| byte.is_ascii_alphanumeric() || other.contains(byte))
    };
    // A segment that begins with a dot may be one that leads upwards; a query without anything in it is left out.
    holds(path, IN_PATH)
        && !path.windows(2).any(|pair| pair == b"/.")
        && query.len() != 1
        && holds(query, IN_QUERY)
}

/// Writes parameters behind a target; false where yarl has to.
pub(crate) fn add_parameters(target: &mut Vec<u8>, parameters: &Bound<'_, PyAny>) -> PyResult<bool> {
    let may_repeat =
        !(parameters.is_exact_instance_of::<PyList>() || parameters.is_exact_instance_of::<PyTuple>());
    let mut separator = match target.last() {
        Some(b'&') if target.contains(&b'?') => None,
        _ if target.contains(&b'?') => Some(b'&'),
        _ => Some(b'?'),
    };
    each_pair(parameters, |name, value| {
        let mut add = |value: &Bound<'_, PyAny>| {
            target.extend(separator);
            separator = Some(b'&');
            Ok(quoted(target, &name, IN_PARAMETER) && {
                target.push(b'=');
                scalar(target, value)?
            })
        };
        if may_repeat && let Ok(values) = value.cast_exact::<PyList>() {
            return values.iter().try_fold(true, |good, value| Ok(good && add(&value)?));
        }
        if may_repeat && let Ok(values) = value.cast_exact::<PyTuple>() {
            return values.iter().try_fold(true, |good, value| Ok(good && add(&value)?));
        }
        add(&value)
    })
}

fn scalar(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_exact_instance_of::<PyInt>() {
        let Ok(number) = value.extract::<i64>() else { return Ok(false) };
        out.extend_from_slice(number.to_string().as_bytes());
        return Ok(true);
    }
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        return Ok(number.value().is_finite() && quoted(out, number.str()?.as_any(), IN_PARAMETER));
    }
    Ok(quoted(out, value, IN_PARAMETER))
}

/// A form of texts as it stands in a URL; `None` where it is no dictionary of those.
pub(crate) fn form(fields: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (name, value) in fields.cast_exact::<PyDict>().ok()? {
        if !out.is_empty() {
            out.push(b'&');
        }
        let is_safe = !name.extract::<&str>().ok()?.bytes().any(|byte| byte.is_ascii_control());
        let is_added = is_safe && quoted(&mut out, &name, IN_FORM) && {
            out.push(b'=');
            quoted(&mut out, &value, IN_FORM)
        };
        if !is_added {
            return None;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Writes a text with all that is not `safe` in percent signs; false where it is none (a subclass's `__str__` may say something
/// else), or has half of a surrogate pair.
fn quoted(out: &mut Vec<u8>, text: &Bound<'_, PyAny>, safe: &[u8]) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let Some(text) = text.cast_exact::<PyString>().ok().and_then(|text| text.to_str().ok()) else {
        return false;
    };
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            out.push(byte);
        } else if byte == b' ' {
            out.push(b'+');
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
    true
}
