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

use super::args::Args;
use super::entry::enter;
use super::heap_type::{Native, state};
use super::reference::Slot;

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

/// What a method may return.
pub(crate) trait Answer {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject;
}

impl Answer for Bound<'_, PyAny> {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        self.into_ptr()
    }
}

impl Answer for Py<PyAny> {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        self.into_ptr()
    }
}

impl Answer for () {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        py.None().into_ptr()
    }
}

impl Answer for bool {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        pyo3::types::PyBool::new(py, self).to_owned().into_any().into_ptr()
    }
}

impl Answer for f64 {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        pyo3::types::PyFloat::new(py, self).into_any().into_ptr()
    }
}

impl Answer for usize {
    fn answer(self, _: Python<'_>) -> *mut ffi::PyObject {
        // SAFETY: ATTACHED.
        unsafe { ffi::PyLong_FromSize_t(self) }
    }
}

impl<T: Answer> Answer for Option<T> {
    fn answer(self, py: Python<'_>) -> *mut ffi::PyObject {
        match self {
            Some(value) => value.answer(py),
            None => ().answer(py),
        }
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

/// `members! { T; [light { … }] [light_bare { … }] [light_one { … }] [bare { … }] [one { … }] [methods { "name" => function, … }] [attributes { "name" => getter [, setter]; … }] }`
macro_rules! members {
    ($state:ty;
     $(light { $($light_name:literal $light_doc:literal => $light_method:ident,)* })?
     $(light_bare { $($light_bare_name:literal $light_bare_doc:literal => $light_bare_method:ident,)* })?
     $(light_one { $($light_one_name:literal $light_one_doc:literal => $light_one_method:ident,)* })?
     $(bare { $($bare_name:literal $bare_doc:literal => $bare_method:ident,)* })?
     $(one { $($one_name:literal $one_doc:literal => $one_method:ident,)* })?
     $(methods { $($name:literal $doc:literal => $method:ident,)* })?
     $(attributes { $($attribute:literal => $get:ident $(, $set:ident)?;)* })?
    ) => {{
        use $crate::ffi::members::{self, Members};
        Members::default()
            $($(.method($light_name, $light_doc, members::fast_of!($state, true, $light_method)))*)?
            $($(.bare_method($light_bare_name, $light_bare_doc, members::bare_of!($state, true, $light_bare_method)))*)?
            $($(.one_method($light_one_name, $light_one_doc, members::one_of!($state, true, $light_one_method)))*)?
            $($(.bare_method($bare_name, $bare_doc, members::bare_of!($state, false, $bare_method)))*)?
            $($(.one_method($one_name, $one_doc, members::one_of!($state, false, $one_method)))*)?
            $($(.method($name, $doc, members::fast_of!($state, false, $method)))*)?
            $($(.attribute($attribute, members::getter_of!($state, <$state>::$get), members::setter_of!($state $(, <$state>::$set)?)))*)?
    }};
}

/// Attributes that need no method: of a `Slot`, an object or None; of a `Cell<bool>`, a truth value; and what somebody is
/// asked. `fields! { T; [objects { "name" => slot, … }] [shown { "name" => (slot), … }] [flags { "name" => cell, … }] [asked { "name" => (field.question()), … }] }`
macro_rules! fields {
    ($state:ty;
     $(objects { $($name:literal => $slot:ident,)* })?
     $(shown { $($shown:literal => ($($place:tt)+),)* })?
     $(flags { $($flag:literal => $cell:ident,)* })?
     $(asked { $($asked:literal => ($($question:tt)+),)* })?
    ) => {{
        use $crate::ffi::members::{self, Members};
        Members::default()
            $($(.attribute(
                $name,
                members::getter_of!($state, |state, this| Ok(state.$slot.object(this.py()))),
                members::setter_of!($state, |state, value| {
                    members::put(&state.$slot, value);
                    Ok(())
                })
            ))*)?
            $($(.attribute(
                $shown,
                members::getter_of!($state, |state, this| Ok(state.$($place)+.object(this.py()))),
                None
            ))*)?
            $($(.attribute(
                $flag,
                members::getter_of!($state, |state, _| Ok(state.$cell.get())),
                members::setter_of!($state, |state, value| {
                    state.$cell.set(value.is_truthy()?);
                    Ok(())
                })
            ))*)?
            $($(.attribute($asked, members::getter_of!($state, |state, _| Ok(state.$($question)+)), None))*)?
    }};
}

/// Sets an attribute that is an object or None.
pub(crate) fn put(slot: &Slot, value: &Bound<'_, PyAny>) {
    drop(slot.replace((!value.is_none()).then(|| value.clone().into())));
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
    ($state:ty, $light:literal, $method:ident) => {{
        // SAFETY: called by CPython only, as its slot or table promises.
        #[allow(unsafe_code)]
        unsafe extern "C" fn call(
            this: *mut pyo3::ffi::PyObject,
            _: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: CPython calls this for a method of the type of `$state`.
            unsafe { $crate::ffi::members::getter::<$light, $state, _>(this, <$state>::$method) }
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

pub(crate) use {bare_of, fast_of, fields, getter_of, members, one_of, setter_of};
