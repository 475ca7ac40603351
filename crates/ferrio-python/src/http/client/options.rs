//! `Options`: what a call asks for beside its URL, as far as that is done natively; anything else is for Python code, which
//! knows what is wrong with it, too.

use pyo3::types::{PyBool, PyBoolMethods, PyBytes, PyDict, PyFloat, PyInt, PyString, PyType};

use crate::ffi::prelude::*;
use crate::http::client::addresses::form;
use crate::http::client::pairs::each_pair;
use crate::http::client::routes::Content;

/// Fields whose meaning Python code sees to.
const SPECIAL: [&[u8]; 7] = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"connection",
    b"expect",
    b"upgrade",
    b"proxy-authorization",
];

/// See the module.
#[derive(Default)]
pub(crate) struct Options<'py> {
    pub(crate) content: Content,
    /// What is sent: bytes, or of JSON the value.
    pub(crate) body: Option<Bound<'py, PyAny>>,
    pub(crate) parameters: Option<Bound<'py, PyAny>>,
    /// Header fields: names, no two of which are equal, and values.
    pub(crate) fields: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Seconds for all of it, infinite for any number, where they are not the session's.
    pub(crate) total: Option<f64>,
    /// It may not wait in line: a limit for that is Python's to keep.
    pub(crate) hurries: bool,
    /// Answers of 400 and above are errors, where the session does not say.
    pub(crate) raises: Option<bool>,
}

impl<'py> Options<'py> {
    /// What these are; `None` where native code cannot do it.
    pub(crate) fn read(given: &Bound<'py, PyDict>) -> PyResult<Option<Self>> {
        let mut options = Self::default();
        for (name, value) in given.iter() {
            let name = name.extract::<&str>().unwrap_or_default();
            if !options.take(name, value)? {
                return Ok(None);
            }
        }
        Ok(Some(options))
    }

    /// One of them; whether that is done natively.
    fn take(&mut self, name: &str, value: Bound<'py, PyAny>) -> PyResult<bool> {
        match name {
            "timeout" => self.take_timeout(&value),
            "params" | "headers" | "data" | "json" if value.is_none() => Ok(true),
            "params" => {
                self.parameters = Some(value);
                Ok(true)
            }
            "headers" => each_pair(&value, |name, value| Ok(self.take_field(name, value))),
            "data" => self.take_data(value),
            "json" => Ok(self.take_body(Content::Json, value)),
            // Redirects are followed by Python code, which gets these.
            "allow_redirects" => Ok(value.is_exact_instance_of::<PyBool>()),
            "max_redirects" => Ok(value.is_exact_instance_of::<PyInt>()),
            "raise_for_status" => {
                self.raises = value.cast_exact::<PyBool>().ok().map(PyBoolMethods::is_true);
                Ok(value.is_none() || self.raises.is_some())
            }
            "ssl" => Ok(value.is_none() || value.is(&*PyBool::new(value.py(), true))),
            "expect100" => Ok(value.is(&*PyBool::new(value.py(), false))),
            "read_until_eof" => Ok(true),
            "cookies" | "auth" | "proxy" | "proxy_auth" | "proxy_headers" | "skip_auto_headers"
            | "compress" | "chunked" | "server_hostname" | "trace_request_ctx" | "read_bufsize"
            | "auto_decompress" | "middlewares" => Ok(value.is_none()),
            _ => Ok(false),
        }
    }

    fn take_body(&mut self, content: Content, body: Bound<'py, PyAny>) -> bool {
        // Two are one too many.
        self.content = content;
        self.body.replace(body).is_none()
    }

    fn take_data(&mut self, data: Bound<'py, PyAny>) -> PyResult<bool> {
        if data.is_exact_instance_of::<PyBytes>() {
            return Ok(self.take_body(Content::Bytes, data));
        }
        let py = data.py();
        if let Ok(text) = data.cast_exact::<PyString>() {
            let Ok(text) = text.to_str() else { return Ok(false) };
            return Ok(self.take_body(Content::Text, PyBytes::new(py, text.as_bytes()).into_any()));
        }
        Ok(match form(&data) {
            Some(form) => self.take_body(Content::Form, PyBytes::new(py, &form).into_any()),
            None => false,
        })
    }

    fn take_field(&mut self, name: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> bool {
        // Of a subclass's object its `__str__` is sent, which Python code asks.
        let (Some(new), Some(text)) = (plain_text(&name), plain_text(&value)) else { return false };
        let new = new.as_bytes();
        let is_plain = !new.is_empty()
            && new.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
            && !text.bytes().any(|byte| byte.is_ascii_control());
        let is_special = SPECIAL.iter().any(|special| special.eq_ignore_ascii_case(new));
        let is_again = self.fields.iter().any(|(name, _)| bytes_of(name).eq_ignore_ascii_case(new));
        if is_plain && !is_special && !is_again {
            self.fields.push((name, value));
            return true;
        }
        false
    }

    fn take_timeout(&mut self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = value.py();
        if let Some(total) = seconds(value) {
            self.total = Some(total);
            return Ok(true);
        }
        if !value.get_type().is(CLASS.import(py, "ferrio.http.timeouts", "ClientTimeout")?) {
            return Ok(false);
        }
        let limit = |name| Ok::<_, PyErr>(seconds(&value.getattr(name)?));
        let total = limit(intern!(py, "total"))?;
        let connect = limit(intern!(py, "connect"))?;
        let silence = value.getattr(intern!(py, "sock_read"))?;
        let (Some(total), Some(connect)) = (total, connect) else { return Ok(false) };
        self.total = Some(total);
        self.hurries = connect.is_finite();
        // Less than nothing is a limit, other than the rest's.
        Ok(silence.is_none() || (seconds(&silence).is_some() && !silence.is_truthy()?))
    }
}

/// None and 0 are no limit, which is infinite. `None` where it is no number, or one for which there is no float.
fn seconds(value: &Bound<'_, PyAny>) -> Option<f64> {
    let is_number = value.is_exact_instance_of::<PyInt>() || value.is_exact_instance_of::<PyFloat>();
    let seconds = match is_number {
        true => value.extract().ok()?,
        false if value.is_none() => 0.0,
        false => return None,
    };
    Some(if seconds > 0.0 { seconds } else { f64::INFINITY })
}

/// That of a string which is one, or of multidict's that means the same.
fn plain_text<'a>(text: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let is_plain = text.is_exact_instance_of::<PyString>()
        || CLASS.import(text.py(), "multidict", "istr").is_ok_and(|class| text.get_type().is(class));
    if is_plain { text.extract().ok() } else { None }
}

/// Those of a text that is known to be one.
pub(crate) fn bytes_of<'a>(text: &'a Bound<'_, PyAny>) -> &'a [u8] {
    text.extract::<&str>().unwrap_or_default().as_bytes()
}
