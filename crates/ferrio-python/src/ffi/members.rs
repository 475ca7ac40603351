//! Methods and attributes of native types: tables, trampolines, and what crosses them.
//!
//! A trampoline is what CPython calls: it enters (`entry`), finds the state, and turns a `PyResult` into what CPython expects.
//! `members!` writes the trampolines, so that the methods themselves are safe code elsewhere.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use pyo3::Borrowed;
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::answer::Answer;
use super::args::Args;
use super::entry::enter;
use super::heap_type::{Native, state};

/// Methods and attributes of a type.
#[derive(Default)]
pub(crate) struct Members {
    pub(super) methods: Vec<ffi::PyMethodDef>,
    pub(super) attributes: Vec<ffi::PyGetSetDef>,
    /// Copied by CPython when it makes the type.
    pub(super) fields: Vec<ffi::PyMemberDef>,
    pub(super) slots: Vec<ffi::PyType_Slot>,
}

pub(crate) type Fast = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

impl Members {
    pub(crate) fn method(mut self, name: &'static CStr, doc: &'static CStr, call: Fast) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method that takes nothing: CPython itself refuses arguments. It stands in the place of a slot of that name for
    /// whoever looks the name up; the interpreter itself goes by the slot.
    pub(crate) fn bare_method(
        mut self,
        name: &'static CStr,
        doc: &'static CStr,
        call: ffi::PyCFunction,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: call },
            ml_flags: ffi::METH_NOARGS | ffi::METH_COEXIST,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method that takes one argument, by position.
    pub(crate) fn one_method(
        mut self,
        name: &'static CStr,
        doc: &'static CStr,
        call: ffi::PyCFunction,
    ) -> Self {
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: call },
            ml_flags: ffi::METH_O,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    pub(crate) fn attribute(
        mut self,
        name: &'static CStr,
        get: ffi::getter,
        set: Option<ffi::setter>,
    ) -> Self {
        let (doc, closure) = (ptr::null(), ptr::null_mut());
        self.attributes.push(ffi::PyGetSetDef { name: name.as_ptr(), get: Some(get), set, doc, closure });
        self
    }

    pub(crate) fn and(mut self, other: Members) -> Self {
        self.methods.extend(other.methods);
        self.attributes.extend(other.attributes);
        self.fields.extend(other.fields);
        self.slots.extend(other.slots);
        self
    }

    /// An object of the type is called by the vectorcall function with which its state begins.
    pub(crate) fn vectorcall<T: Native>(mut self) -> Self {
        self.fields.push(ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: T::place().offset(),
            flags: ffi::Py_READONLY,
            doc: ptr::null(),
        });
        self.slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as ffi::ternaryfunc as *mut c_void)
    }

    /// Objects of the type may be referred to weakly: `offset` is where the state has its `WeakReferences`.
    pub(crate) fn weak_references<T: Native>(mut self, offset: usize) -> Self {
        self.fields.push(ffi::PyMemberDef {
            name: c"__weaklistoffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: T::place().offset() + offset.cast_signed(),
            flags: ffi::Py_READONLY,
            doc: ptr::null(),
        });
        self
    }

    pub(crate) fn slot(mut self, slot: c_int, function: *mut c_void) -> Self {
        self.slots.push(ffi::PyType_Slot { slot, pfunc: function });
        self
    }
}

/// # Safety
/// `this` is of the type of `T`.
unsafe fn call<'py, T: Native, A: Answer>(
    py: Python<'py>,
    this: *mut ffi::PyObject,
    args: Args<'_, 'py>,
    body: impl FnOnce(&T, &Bound<'py, PyAny>, Args<'_, 'py>) -> PyResult<A>,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller's promise.
    let (this, state) = unsafe { (Borrowed::from_ptr(py, this), state(this)) };
    body(state, &this, args).map(|answer| answer.answer(py))
}

/// The body of a method's trampoline.
///
/// # Safety
/// Called by CPython for a method of the type of `T`.
pub(crate) unsafe fn method<const LIGHT: bool, T: Native, A: Answer>(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&T, &Bound<'py, PyAny>, Args<'_, 'py>) -> PyResult<A>,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    let body = |py: Python<'_>| unsafe { call(py, this, Args::new(py, values, positional, names), body) };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<LIGHT, _>(body, ptr::null_mut()) }
}

/// The body of the trampoline of a method that takes one argument.
///
/// # Safety
/// Called by CPython for a method of the type of `T`.
pub(crate) unsafe fn one_method<const LIGHT: bool, T: Native, A: Answer>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&T, &Bound<'py, PyAny>, &Bound<'py, PyAny>) -> PyResult<A>,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: the descriptor checked the type of `this`; `value` is an object.
        let (this, value, state) =
            unsafe { (Borrowed::from_ptr(py, this), Borrowed::from_ptr(py, value), state(this)) };
        body(state, &this, &value).map(|answer| answer.answer(py))
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<LIGHT, _>(body, ptr::null_mut()) }
}

/// The body of a getter's trampoline, and of that of a method which takes nothing.
///
/// # Safety
/// Called by CPython for an attribute of the type of `T`.
pub(crate) unsafe fn getter<const LIGHT: bool, T: Native, A: Answer>(
    this: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&T, &Bound<'py, PyAny>) -> PyResult<A>,
) -> *mut ffi::PyObject {
    let body = |py: Python<'_>| {
        // SAFETY: the descriptor checked the type of `this`.
        let (this, state) = unsafe { (Borrowed::from_ptr(py, this), state(this)) };
        body(state, &this).map(|answer| answer.answer(py))
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<LIGHT, _>(body, ptr::null_mut()) }
}

/// The body of a setter's trampoline; deleting sets `None`.
///
/// # Safety
/// Called by CPython for an attribute of the type of `T`.
pub(crate) unsafe fn setter<T: Native>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&T, &Bound<'py, PyAny>) -> PyResult<()>,
) -> c_int {
    let body = |py: Python<'_>| {
        // SAFETY: the descriptor checked the type of `this`; `value` is an object or, to delete, null.
        let (value, state) = unsafe { (Borrowed::from_ptr_or_opt(py, value), state(this)) };
        if value.is_none() && !T::DELETABLE {
            return Err(PyAttributeError::new_err("cannot delete attribute"));
        }
        let none = py.None();
        body(state, value.as_deref().unwrap_or(none.bind(py))).map(|()| 0)
    };
    // SAFETY: CPython calls this attached.
    unsafe { enter::<false, _>(body, -1) }
}

/// The methods and attributes of a type, a row each: `members! { T; kind c"name" c"doc" => method; ... }`.
///
/// * `method` takes arguments, `one` takes one, `bare` takes none, and `asks` answers by a place. What is `light` drops no
///   `Py` (`entry::enter`).
/// * `attribute c"name" => getter[, setter]`
/// * `field c"name" => place` is a `Field` of the state; `shown c"name" => place[, setter]` is only read there.
///
/// A place is `field`, `field.part`, `field.question()` or `method().part`.
macro_rules! members {
    ($state:ty; $(
        $($kind:ident)+ $name:literal $($doc:literal)?
            => $($part:ident $(($($argument:tt)*))?).+ $(, $set:ident)?;
    )*) => {{
        let members = $crate::ffi::members::Members::default();
        $(let members = $crate::ffi::members::row!(
            members, $state, $($kind)+, $name $($doc)? => $($part $(($($argument)*))?).+ $(, $set)?
        );)*
        members
    }};
}

/// One row of `members!`.
macro_rules! row {
    ($members:ident, $state:ty, method, $name:literal $doc:literal => $method:ident) => {
        $members.method($name, $doc, $crate::ffi::members::fast_of!($state, false, $method))
    };
    ($members:ident, $state:ty, light method, $name:literal $doc:literal => $method:ident) => {
        $members.method($name, $doc, $crate::ffi::members::fast_of!($state, true, $method))
    };
    ($members:ident, $state:ty, one, $name:literal $doc:literal => $method:ident) => {
        $members.one_method($name, $doc, $crate::ffi::members::one_of!($state, false, $method))
    };
    ($members:ident, $state:ty, light one, $name:literal $doc:literal => $method:ident) => {
        $members.one_method($name, $doc, $crate::ffi::members::one_of!($state, true, $method))
    };
    ($members:ident, $state:ty, bare, $name:literal $doc:literal => $method:ident) => {
        $members.bare_method($name, $doc, $crate::ffi::members::bare_of!($state, false, <$state>::$method))
    };
    ($members:ident, $state:ty, light bare, $name:literal $doc:literal => $method:ident) => {
        $members.bare_method($name, $doc, $crate::ffi::members::bare_of!($state, true, <$state>::$method))
    };
    ($members:ident, $state:ty, asks, $name:literal $doc:literal => $($place:tt)+) => {
        $members.bare_method($name, $doc, $crate::ffi::members::bare_of!($state, false, $crate::ffi::members::shown_of!($($place)+)))
    };
    ($members:ident, $state:ty, light asks, $name:literal $doc:literal => $($place:tt)+) => {
        $members.bare_method($name, $doc, $crate::ffi::members::bare_of!($state, true, $crate::ffi::members::shown_of!($($place)+)))
    };
    ($members:ident, $state:ty, attribute, $name:literal => $get:ident $(, $set:ident)?) => {
        $members.attribute(
            $name,
            $crate::ffi::members::getter_of!($state, <$state>::$get),
            $crate::ffi::members::setter_of!($state $(, <$state>::$set)?),
        )
    };
    ($members:ident, $state:ty, field, $name:literal => $($place:tt)+) => {
        $members.attribute(
            $name,
            $crate::ffi::members::getter_of!($state, $crate::ffi::members::shown_of!($($place)+)),
            $crate::ffi::members::setter_of!($state, |state, value| {
                use $crate::ffi::answer::Field as _;
                state.$($place)+.put(value)
            }),
        )
    };
    ($members:ident, $state:ty, shown,
        $name:literal => $($part:ident $(($($argument:tt)*))?).+ $(, $set:ident)?) => {
        $members.attribute(
            $name,
            $crate::ffi::members::getter_of!(
                $state,
                $crate::ffi::members::shown_of!($($part $(($($argument)*))?).+)
            ),
            $crate::ffi::members::setter_of!($state $(, <$state>::$set)?),
        )
    };
}

/// What shows a place.
macro_rules! shown_of {
    ($($place:tt)+) => {
        |state, this| {
            use $crate::ffi::answer::Attribute as _;
            state.$($place)+.read_attribute(this.py())
        }
    };
}

/// The trampoline of a method that takes arguments.
macro_rules! fast_of {
    ($state:ty, $light:literal, $method:ident) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn call(
            this: *mut pyo3::ffi::PyObject,
            values: *const *mut pyo3::ffi::PyObject,
            positional: pyo3::ffi::Py_ssize_t,
            names: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this for a method of the type of `$state`.
            unsafe {
                $crate::ffi::members::method::<$light, $state, _>(
                    this,
                    values,
                    positional,
                    names,
                    <$state>::$method,
                )
            }
        }
        call
    }};
}

/// The trampoline of a method that takes one argument.
macro_rules! one_of {
    ($state:ty, $light:literal, $method:ident) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn call(
            this: *mut pyo3::ffi::PyObject,
            value: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this for a method of the type of `$state`.
            unsafe { $crate::ffi::members::one_method::<$light, $state, _>(this, value, <$state>::$method) }
        }
        call
    }};
}

/// The trampoline of a method that takes nothing.
macro_rules! bare_of {
    ($state:ty, $light:literal, $method:expr) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn call(
            this: *mut pyo3::ffi::PyObject,
            _: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this for a method of the type of `$state`.
            unsafe { $crate::ffi::members::getter::<$light, $state, _>(this, $method) }
        }
        call
    }};
}

/// The trampoline of an attribute that is read.
macro_rules! getter_of {
    ($state:ty, $get:expr) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn get(
            this: *mut pyo3::ffi::PyObject,
            _: *mut std::ffi::c_void,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this for an attribute of the type of `$state`.
            unsafe { $crate::ffi::members::getter::<false, $state, _>(this, $get) }
        }
        get
    }};
}

/// The trampoline of an attribute that is set, or none.
macro_rules! setter_of {
    ($state:ty) => {
        None
    };
    ($state:ty, $set:expr) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn set(
            this: *mut pyo3::ffi::PyObject,
            value: *mut pyo3::ffi::PyObject,
            _: *mut std::ffi::c_void,
        ) -> std::ffi::c_int {
            // SAFETY: CPython calls this for an attribute of the type of `$state`.
            unsafe { $crate::ffi::members::setter::<$state>(this, value, $set) }
        }
        Some(set)
    }};
}

pub(crate) use {bare_of, fast_of, getter_of, members, one_of, row, setter_of, shown_of};
