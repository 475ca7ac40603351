//! Arguments of a `METH_FASTCALL` | `METH_KEYWORDS` method, as they lie on the caller's stack: no tuple, no dict.
//!
//! Error texts are CPython's own for the same mistake.

use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// What a method was called with.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a, 'py> {
    py: Python<'py>,
    /// On the stack of who calls, which owns them until the call returns, whatever code runs in between.
    values: &'a [*mut ffi::PyObject],
    positional: usize,
    names: Option<Borrowed<'a, 'py, PyTuple>>,
}

/// Arguments that are required, and what there is of others.
type Parameters<'a, 'py, const R: usize, const O: usize> =
    ([Borrowed<'a, 'py, PyAny>; R], [Option<Borrowed<'a, 'py, PyAny>>; O]);

/// Arguments, and the one that goes by keyword only.
type Split<'a, 'py, const N: usize> = ([Borrowed<'a, 'py, PyAny>; N], Option<Borrowed<'a, 'py, PyAny>>);

/// Arguments that are required, and a dictionary of others.
type WithOptions<'a, 'py, const N: usize> = ([Borrowed<'a, 'py, PyAny>; N], Option<Bound<'py, PyDict>>);

impl<'a, 'py> Args<'a, 'py> {
    /// # Safety
    /// As CPython calls such a method: `values` holds `positional` arguments, then one for each of `names`, all alive
    /// for `'a`.
    pub(super) unsafe fn new(
        py: Python<'py>,
        values: *const *mut ffi::PyObject,
        positional: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Self {
        // SAFETY: the caller's promise; `names` is a tuple or null.
        let names =
            unsafe { Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyTuple>()) };
        let positional = positional.unsigned_abs();
        let count = positional + names.map_or(0, |names| names.len());
        // SAFETY: the caller's promise; a null pointer comes only with no arguments.
        let values = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(values, count) } };
        Args { py, values, positional, names }
    }

    /// The positional arguments.
    pub(crate) fn positional(
        &self,
    ) -> impl ExactSizeIterator<Item = Borrowed<'a, 'py, PyAny>> + use<'a, 'py> {
        let py = self.py;
        // SAFETY: the invariant of `new`.
        self.values[..self.positional].iter().map(move |&value| unsafe { Borrowed::from_ptr(py, value) })
    }

    /// The arguments of `method(*parameters, *rest, keyword=None)`: the parameters, all required, and the keyword's.
    pub(crate) fn split<const N: usize>(
        &self,
        method: &str,
        parameters: [&str; N],
        keyword: &Bound<'py, PyString>,
    ) -> PyResult<Split<'a, 'py, N>> {
        if self.names.is_none()
            && let Some((values, _)) = self.values.split_first_chunk()
        {
            return Ok((self.borrowed(values), None));
        }
        let mut bound = [None; N];
        for (place, value) in bound.iter_mut().zip(self.positional()) {
            *place = Some(value);
        }
        let mut found = None;
        for (index, name) in self.names.iter().flat_map(|names| names.iter()).enumerate() {
            if name.is(keyword) || name.eq(keyword)? {
                found = Some(self.named(index));
            } else {
                self.place(method, &parameters, &mut bound, index, &name)?;
            }
        }
        Ok((complete(method, &parameters, &bound)?, found))
    }

    /// The arguments of a method that takes none.
    #[inline]
    pub(crate) fn none(&self, method: &str) -> PyResult<()> {
        self.bind(method, [], []).map(|([], [])| ())
    }

    /// The arguments of a method with these parameters, all required.
    #[inline]
    pub(crate) fn all<const N: usize>(
        &self,
        method: &str,
        parameters: [&str; N],
    ) -> PyResult<[Borrowed<'a, 'py, PyAny>; N]> {
        self.bind(method, parameters, []).map(|(bound, [])| bound)
    }

    /// The arguments of a method with these parameters, by position or by name.
    #[inline]
    pub(crate) fn bind<const R: usize, const O: usize>(
        &self,
        method: &str,
        required: [&str; R],
        optional: [&str; O],
    ) -> PyResult<Parameters<'a, 'py, R, O>> {
        if self.names.is_none()
            && let Some((values, rest)) = self.values.split_first_chunk()
            && rest.len() <= O
        {
            let mut others = [None; O];
            for (place, &value) in others.iter_mut().zip(rest) {
                // SAFETY: the invariant of `new`.
                *place = Some(unsafe { Borrowed::from_ptr(self.py, value) });
            }
            return Ok((self.borrowed(values), others));
        }
        self.bind_names(method, required, optional)
    }

    /// `bind`, where some go by name, or there are too few or too many.
    #[cold]
    #[inline(never)]
    fn bind_names<const R: usize, const O: usize>(
        &self,
        method: &str,
        required: [&str; R],
        optional: [&str; O],
    ) -> PyResult<Parameters<'a, 'py, R, O>> {
        let most = R + O;
        if self.positional > most {
            return Err(PyTypeError::new_err(format!(
                "{method}() takes {most} positional arguments but {} were given",
                self.positional
            )));
        }
        let parameters: Vec<&str> = required.into_iter().chain(optional).collect();
        let mut bound: Vec<_> = self.positional().map(Some).collect();
        bound.resize(most, None);
        for (index, name) in self.names.iter().flat_map(|names| names.iter()).enumerate() {
            self.place(method, &parameters, &mut bound, index, &name)?;
        }
        Ok((complete(method, &required, &bound)?, std::array::from_fn(|place| bound[R + place])))
    }

    /// As `bind`, of a method whose first parameter is required and whose others go by keyword only.
    pub(crate) fn bind_first<const O: usize>(
        &self,
        method: &str,
        first: &str,
        others: [&str; O],
    ) -> PyResult<Parameters<'a, 'py, 1, O>> {
        if self.positional > 1 {
            // The object itself counts, as for a method written in Python.
            let given = self.positional + 1;
            let text = format!("{method}() takes 2 positional arguments but {given} were given");
            return Err(PyTypeError::new_err(text));
        }
        self.bind(method, [first], others)
    }

    /// The arguments of `method(*parameters, **options)`: the parameters, all required, and the options, if there are any.
    #[inline]
    pub(crate) fn with_options<const N: usize>(
        &self,
        method: &str,
        parameters: [&str; N],
    ) -> PyResult<WithOptions<'a, 'py, N>> {
        if self.names.is_none()
            && let Ok(values) = self.values.try_into()
        {
            return Ok((self.borrowed(values), None));
        }
        self.with_named_options(method, parameters)
    }

    /// `with_options`, where there are options, too few or too many.
    fn with_named_options<const N: usize>(
        &self,
        method: &str,
        parameters: [&str; N],
    ) -> PyResult<WithOptions<'a, 'py, N>> {
        if self.positional > N {
            // The object itself counts, as for a method written in Python.
            let (most, given) = (N + 1, self.positional + 1);
            let text = format!("{method}() takes {most} positional arguments but {given} were given");
            return Err(PyTypeError::new_err(text));
        }
        let mut bound: Vec<_> = self.positional().map(Some).collect();
        bound.resize(N, None);
        let options = PyDict::new(self.py);
        for (index, name) in self.names.iter().flat_map(|names| names.iter()).enumerate() {
            if parameters.iter().any(|parameter| is_called(&name, parameter)) {
                self.place(method, &parameters, &mut bound, index, &name)?;
            } else {
                options.set_item(name, self.named(index))?;
            }
        }
        Ok((complete(method, &parameters, &bound)?, (!options.is_empty()).then_some(options)))
    }

    /// Calls `callable` with `first`, if there is one, and all of these.
    pub(crate) fn pass_on(
        &self,
        callable: &Bound<'py, PyAny>,
        first: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let names = PyDict::new(self.py);
        for (index, name) in self.names.iter().flat_map(|names| names.iter()).enumerate() {
            names.set_item(name, self.named(index))?;
        }
        let values = first.cloned().into_iter().chain(self.positional().map(Borrowed::to_owned));
        callable.call(PyTuple::new(self.py, values.collect::<Vec<_>>())?, Some(&names))
    }

    /// The arguments of a method that C would give no keywords, so many at least and at most.
    pub(crate) fn only_positional(
        &self,
        method: &str,
        least: usize,
        most: usize,
    ) -> PyResult<Vec<Borrowed<'a, 'py, PyAny>>> {
        if self.names.is_some_and(|names| !names.is_empty()) {
            return Err(PyTypeError::new_err(format!("{method}() takes no keyword arguments")));
        }
        let given = self.positional;
        let (bound, limit) = if given < least { ("least", least) } else { ("most", most) };
        if (least..=most).contains(&given) {
            return Ok(self.positional().collect());
        }
        let plural = if limit == 1 { "" } else { "s" };
        Err(PyTypeError::new_err(format!(
            "{method} expected at {bound} {limit} argument{plural}, got {given}"
        )))
    }

    /// Puts the keyword argument at `index` where its name belongs among the parameters.
    fn place(
        &self,
        method: &str,
        parameters: &[&str],
        bound: &mut [Option<Borrowed<'a, 'py, PyAny>>],
        index: usize,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let Some(place) = parameters.iter().position(|parameter| is_called(name, parameter)) else {
            return Err(unexpected(method, name));
        };
        if bound[place].is_some() {
            return Err(twice(method, parameters[place]));
        }
        bound[place] = Some(self.named(index));
        Ok(())
    }

    fn named(&self, index: usize) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: the invariant of `new`.
        unsafe { Borrowed::from_ptr(self.py, self.values[self.positional + index]) }
    }

    #[inline]
    fn borrowed<const N: usize>(&self, values: &[*mut ffi::PyObject; N]) -> [Borrowed<'a, 'py, PyAny>; N] {
        // SAFETY: the invariant of `new`, of which these are some.
        values.map(|value| unsafe { Borrowed::from_ptr(self.py, value) })
    }
}

/// The arguments for `parameters`, if all are there.
fn complete<'a, 'py, const N: usize>(
    method: &str,
    parameters: &[&str; N],
    bound: &[Option<Borrowed<'a, 'py, PyAny>>],
) -> PyResult<[Borrowed<'a, 'py, PyAny>; N]> {
    let there: Vec<_> = bound.iter().take(N).map_while(|value| *value).collect();
    there.try_into().map_err(|there: Vec<_>| missing(method, parameters[there.len()]))
}

/// Whether that is an argument's name. With a string made for each comparison, `HttpPool()` took 9,100 instructions, not 4,700.
fn is_called(name: &Bound<'_, PyAny>, parameter: &str) -> bool {
    let text = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
    text == Some(parameter)
}

/// The error of a call without a required argument.
pub(crate) fn missing(method: &str, parameter: &str) -> PyErr {
    PyTypeError::new_err(format!("{method}() missing 1 required positional argument: '{parameter}'"))
}

fn unexpected(method: &str, name: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{method}() got an unexpected keyword argument '{name}'"))
}

fn twice(method: &str, parameter: &str) -> PyErr {
    PyTypeError::new_err(format!("{method}() got multiple values for argument '{parameter}'"))
}

/// The arguments of a constructor.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, 'py> {
    pub(crate) args: &'a Bound<'py, PyTuple>,
    pub(super) names: Option<&'a Bound<'py, PyDict>>,
}

impl<'py> Given<'_, 'py> {
    /// Those that go by name.
    pub(crate) fn keywords<const N: usize>(
        &self,
        method: &str,
        names: [&str; N],
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        let mut bound = [const { None }; N];
        for (name, value) in self.names.into_iter().flat_map(PyDictMethods::iter) {
            let Some(place) = names.iter().position(|candidate| is_called(&name, candidate)) else {
                return Err(unexpected(method, &name));
            };
            bound[place] = Some(value);
        }
        Ok(bound)
    }

    /// All of them, by position or by name; the first `required` must be there.
    pub(crate) fn bind<const N: usize>(
        &self,
        method: &str,
        parameters: [&str; N],
        required: usize,
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        if self.args.len() > N {
            let (most, given) = (N + 1, self.args.len() + 1);
            let text = format!("{method}() takes at most {most} positional arguments but {given} were given");
            return Err(PyTypeError::new_err(text));
        }
        let mut bound = self.keywords(method, parameters)?;
        for (index, value) in self.args.iter().enumerate() {
            if bound[index].replace(value).is_some() {
                return Err(twice(method, parameters[index]));
            }
        }
        match bound[..required].iter().position(Option::is_none) {
            Some(place) => Err(missing(method, parameters[place])),
            None => Ok(bound),
        }
    }
}

/// An argument that was given and is not None.
pub(crate) fn given<'a, 'py: 'a>(
    argument: impl Into<Option<Borrowed<'a, 'py, PyAny>>>,
) -> Option<Bound<'py, PyAny>> {
    argument.into().filter(|argument| !argument.is_none()).map(Borrowed::to_owned)
}
