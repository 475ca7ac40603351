//! `Varied`: in what one request differs from its route: another target, other header fields.

use pyo3::types::PyBytes;

use crate::ffi::prelude::*;
use crate::http::client::addresses::add_parameters;
use crate::http::client::options::{Options, bytes_of};
use crate::http::client::routes::Route;
use crate::http::packed::Packed;

/// See the module.
pub(crate) struct Varied {
    pub(crate) target: Option<Vec<u8>>,
    pub(crate) headers: Option<Packed>,
}

impl Varied {
    pub(crate) fn target_object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.target.as_ref().map(|target| PyBytes::new(py, target))
    }
}

/// How a request goes.
pub(crate) enum Way {
    /// As its route says.
    Usual,
    Varied(Box<Varied>),
    /// By Python code.
    Pythons,
}

impl Way {
    /// That of a request by `route`, with what its options say; to `target` where that is not the route's.
    pub(crate) fn of(route: &Route, target: Option<Vec<u8>>, options: &Options<'_>) -> PyResult<Way> {
        let mut varied = Varied { target, headers: None };
        if let Some(parameters) = &options.parameters {
            let given = varied.target.as_ref().map(Vec::len);
            let target = varied.target.get_or_insert_with(|| route.target.clone());
            if !add_parameters(target, parameters)? {
                return Ok(Way::Pythons);
            }
            if given.is_none() && target.len() == route.target.len() {
                varied.target = None; // none were given
            }
        }
        if !options.fields.is_empty() {
            varied.headers = merged(route, &options.fields);
            if varied.headers.is_none() {
                return Ok(Way::Pythons);
            }
        }
        let is_usual = varied.target.is_none() && varied.headers.is_none();
        Ok(if is_usual { Way::Usual } else { Way::Varied(Box::new(varied)) })
    }
}

type Field<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The route's fields with these among them: in the place of those that the session has under that name, or behind the session's, or
/// instead of what would be added. `None` where Python code has to put two of them together, or finds fault.
fn merged(route: &Route, fields: &[Field<'_>]) -> Option<Packed> {
    let own = route.own?;
    let place = |name: &[u8]| fields.iter().position(|(other, _)| bytes_of(other).eq_ignore_ascii_case(name));
    let mut placed = vec![false; fields.len()];
    let mut all: Vec<(&[u8], &[u8])> = Vec::with_capacity(fields.len() + 8);
    let mut added = Vec::with_capacity(8);
    for (index, field) in route.headers.iter().enumerate() {
        match place(field.0) {
            Some(_) if index >= own && is_private(field.0) => return None,
            Some(at) if index < own => {
                if let (Some(false), Some((name, value))) = (placed.get(at), fields.get(at)) {
                    placed[at] = true;
                    all.push((bytes_of(name), bytes_of(value)));
                }
            }
            Some(_) => {}
            None if index < own => all.push(field),
            None => added.push(field),
        }
    }
    let new = fields.iter().zip(&placed).filter(|(_, placed)| !**placed);
    all.extend(new.map(|((name, value), _)| (bytes_of(name), bytes_of(value))));
    all.extend(added);
    let size = all.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    Some(Packed::copied(all.into_iter(), size))
}

fn is_private(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"cookie") || name.eq_ignore_ascii_case(b"authorization")
}
