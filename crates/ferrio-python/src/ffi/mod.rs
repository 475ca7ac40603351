//! The only raw CPython of the crate; everything outside this folder is safe code.
//!
//! * `heap_type`: native types that are true subclasses of Python classes, and their collection
//! * `members`: their methods and attributes
//! * `answer`: what goes back to Python
//! * `args`: arguments of a vectorcall method, without a tuple
//! * `awaitable`: what native futures have as types
//! * `buffers`: memory that Rust and Python share for a moment
//! * `call`: calling a callable in a context, methods, signals
//! * `common`: what several native types have in common
//! * `coroutine`: native coroutines
//! * `coroutine_method`: native methods that say that what they return is to be awaited
//! * `current`: which task is the current one
//! * `entry`: how CPython's calls come in
//! * `function`: native functions that pass for coroutine functions
//! * `held`: what a state may hold that the collector has to know
//! * `inherited`: what a program sets of the `__slots__` of asyncio's classes
//! * `instances`: how instances of native types come to be and end, and those that are kept
//! * `interpreter`: which interpreter of the process this is
//! * `known`: single classes and functions of Python's
//! * `lent`: memory of ours that a method of C reads or fills
//! * `names`: what a module of Python's has
//! * `nesting`: how many loops run on this thread, one within the other
//! * `number`: the number in the name of a task
//! * `bound_function`: a native function with its object
//! * `object`: native types that Python code makes and derives from
//! * `prelude`: what the file of a native type is written with
//! * `raised`: what the interpreter keeps in an exception
//! * `received`: bytes that arrived and were not read yet
//! * `openssl`: OpenSSL itself, as the interpreter has it
//! * `recursion`: how deep native calls may nest
//! * `reference`: owned references that cost nothing to drop
//! * `registry`: which tasks there are
//! * `socket`: the number that a Python socket has now
//! * `sparse`: references that few objects have
//! * `stop`: how a native coroutine returns a value
//! * `task_struct`: the part of a task that is asyncio's own struct, which tools read from outside
//! * `visitor`: how a state shows the collector what it holds
//! * `weak`: which transport has which descriptor
//! * `word`: the tagged pointer that the loop queues
//!
//! One invariant carries most of it. ATTACHED: whoever holds a `Python<'py>` has the interpreter's lock, so no other
//! thread is inside this crate, except in `Loop::wait`, which touches the kernel only, and in an `Inbox`, which has a
//! lock of its own. The module declares that it needs the lock, so free-threaded builds enable it on import.

#![allow(unsafe_code)]

pub(crate) mod answer;
pub(crate) mod args;
pub(crate) mod awaitable;
pub(crate) mod bound_function;
pub(crate) mod bound_method;
pub(crate) mod buffers;
pub(crate) mod call;
pub(crate) mod common;
pub(crate) mod coroutine;
pub(crate) mod coroutine_method;
pub(crate) mod current;
mod entry;
pub(crate) mod function;
pub(crate) mod heap_type;
pub(crate) mod held;
mod inherited;
pub(crate) mod instances;
pub(crate) mod interpreter;
pub(crate) mod known;
pub(crate) mod lent;
pub(crate) mod members;
pub(crate) mod names;
pub(crate) mod nesting;
pub(crate) mod number;
pub(crate) mod object;
pub(crate) mod openssl;
pub(crate) mod prelude;
pub(crate) mod raised;
pub(crate) mod received;
pub(crate) mod recursion;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod socket;
pub(crate) mod sparse;
pub(crate) mod stop;
pub(crate) mod task_struct;
mod visitor;
pub(crate) mod weak;
pub(crate) mod word;
