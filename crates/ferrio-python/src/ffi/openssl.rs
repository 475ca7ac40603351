//! `OpenSsl`: the library that Python's `_ssl` links, found in the running process; `Connection`: an `SSL*` of its, taken from
//! an `SSLObject`, with a BIO of ours on it.
//!
//! ```text
//! ciphertext lent by the transport ─▶ Wire ─▶ SSL_read_ex ─▶ the reader's buffer
//! user's bytes ─▶ SSL_write_ex ─▶ Wire ─▶ one buffer of the thread's, handed to the transport
//! ```
//!
//! Invariant PROVED: an `OpenSsl` exists only after `Prover` saw every step of this work on objects that `_ssl` made, so its
//! functions are those that `_ssl` calls, and the pointer at `place` in an `_SSLSocket` is its `SSL*`.
//! Invariant KEPT: a `Connection` owns a reference to the `_SSLSocket`, which owns the `SSL*`, which owns the BIO, which owns
//! a count of the `Wire`; the `Connection` owns another.
//! Invariant ONE: a `Wire` is touched by BIO callbacks inside a call on its `SSL*`, and by its `Connection` outside of such
//! calls, all of them made by the loop's thread.
//!
//! Over 500 lines because it is one library's binding, and half of it lists its functions and callbacks.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong, c_void};
use std::mem::{MaybeUninit, size_of, transmute_copy};
use std::ptr;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;

use super::held::Held;
use super::reference::Ref;
use super::visitor::Visitor;

/// An `SSL`.
type Ssl = *mut c_void;
type Bio = *mut c_void;
type Method = *mut c_void;

const WANT_READ: c_int = 2;
const WANT_WRITE: c_int = 3;
const ZERO_RETURN: c_int = 6;

const BIO_READ: c_int = 0x01;
const BIO_ALL: c_int = 0x0F;
const BIO_SHOULD_RETRY: c_int = 0x08;
const CTRL_PENDING: c_int = 10;
const CTRL_FLUSH: c_int = 11;
const CTRL_DUP: c_int = 12;
const CTRL_WPENDING: c_int = 13;
/// A source and a sink, with numbers that no BIO of the library has.
const BIO_TYPE: c_int = 0x0400 | 0x7B;

/// The most memory that is kept for the next ciphertext to be sent, once a thread: sixteen records and their heads. With none
/// an echo of 1 KiB over TLS takes 4 % more CPU time.
const SPARE: usize = 272 * 1024;

macro_rules! functions {
    ($($name:ident: $symbol:literal fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions used, by pointers.
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Finds them by way of `handle`.
            fn find(handle: *mut c_void) -> Result<Self, String> {
                Ok(Functions {
                    $($name: {
                        let symbol = find(handle, $symbol)?;
                        // SAFETY: the declared types are those of OpenSSL's documentation, all versions since 1.1.1.
                        unsafe { transmute_copy::<*mut c_void, _>(&symbol) }
                    },)*
                })
            }
        }
    };
}

functions! {
    read: c"SSL_read_ex" fn(Ssl, *mut c_void, usize, *mut usize) -> c_int;
    write: c"SSL_write_ex" fn(Ssl, *const c_void, usize, *mut usize) -> c_int;
    error: c"SSL_get_error" fn(Ssl, c_int) -> c_int;
    pending: c"SSL_pending" fn(Ssl) -> c_int;
    has_pending: c"SSL_has_pending" fn(Ssl) -> c_int;
    set_bio: c"SSL_set_bio" fn(Ssl, Bio, Bio);
    is_server: c"SSL_is_server" fn(Ssl) -> c_int;
    servername: c"SSL_get_servername" fn(Ssl, c_int) -> *const c_char;
    version: c"SSL_get_version" fn(Ssl) -> *const c_char;
    current_cipher: c"SSL_get_current_cipher" fn(Ssl) -> *const c_void;
    cipher_name: c"SSL_CIPHER_get_name" fn(*const c_void) -> *const c_char;
    library_version: c"OpenSSL_version" fn(c_int) -> *const c_char;
    library_number: c"OpenSSL_version_num" fn() -> c_ulong;
    first_error: c"ERR_peek_error" fn() -> c_ulong;
    clear_error: c"ERR_clear_error" fn();
    bio_new: c"BIO_new" fn(Method) -> Bio;
    bio_set_data: c"BIO_set_data" fn(Bio, *mut c_void);
    bio_data: c"BIO_get_data" fn(Bio) -> *mut c_void;
    bio_set_init: c"BIO_set_init" fn(Bio, c_int);
    bio_set_flags: c"BIO_set_flags" fn(Bio, c_int);
    bio_clear_flags: c"BIO_clear_flags" fn(Bio, c_int);
    method_new: c"BIO_meth_new" fn(c_int, *const c_char) -> Method;
    method_read: c"BIO_meth_set_read" fn(Method, unsafe extern "C" fn(Bio, *mut c_char, c_int) -> c_int) -> c_int;
    method_write: c"BIO_meth_set_write" fn(Method, unsafe extern "C" fn(Bio, *const c_char, c_int) -> c_int) -> c_int;
    method_ctrl: c"BIO_meth_set_ctrl" fn(Method, unsafe extern "C" fn(Bio, c_int, c_long, *mut c_void) -> c_long) -> c_int;
    method_destroy: c"BIO_meth_set_destroy" fn(Method, unsafe extern "C" fn(Bio) -> c_int) -> c_int;
}

/// See the module.
pub(crate) struct OpenSsl {
    functions: Functions,
    /// The kind of our BIOs.
    method: Method,
    /// Where in an `_SSLSocket` its `SSL*` is, in bytes.
    place: usize,
}

// SAFETY: pointers to functions and to a method that is not changed any more.
unsafe impl Send for OpenSsl {}
// SAFETY: as above.
unsafe impl Sync for OpenSsl {}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Bytes(usize),
    Again,
    End,
    /// The reason is in the library's queue of errors.
    Failed,
}

impl OpenSsl {
    /// Finds the library by way of the file of `_ssl`, or in the program itself where `_ssl` is a part of it.
    pub(crate) fn find(file: Option<&str>) -> Result<Self, String> {
        let path = match file.map(CString::new) {
            None => None,
            Some(Ok(path)) => Some(path),
            Some(Err(_)) => return Err("the path of _ssl has a zero byte".to_owned()),
        };
        let path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        // SAFETY: a path or null; nothing is loaded that is not loaded already.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            return Err("the library of _ssl cannot be opened again".to_owned());
        }
        let functions = Functions::find(handle)?;
        // SAFETY: the functions were found, and are called as documented.
        let method = unsafe {
            let method = (functions.method_new)(BIO_TYPE, c"ferrio".as_ptr());
            let made = !method.is_null()
                && (functions.method_read)(method, on_read) == 1
                && (functions.method_write)(method, on_write) == 1
                && (functions.method_ctrl)(method, on_ctrl) == 1
                && (functions.method_destroy)(method, on_destroy) == 1;
            if !made {
                return Err("no kind of BIO can be made".to_owned());
            }
            method
        };
        BIO_FUNCTIONS.get_or_init(|| BioFunctions {
            data: functions.bio_data,
            set_flags: functions.bio_set_flags,
            clear_flags: functions.bio_clear_flags,
        });
        // CPython's struct: the object's head, the socket it does not have, the pointer, its context.
        let place = size_of::<ffi::PyObject>() + size_of::<*mut c_void>();
        Ok(OpenSsl { functions, method, place })
    }

    /// The library's number and text of its version.
    pub(crate) fn version(&self) -> (u64, String) {
        // SAFETY: as documented; the text is static.
        unsafe {
            let text = CStr::from_ptr((self.functions.library_version)(0));
            ((self.functions.library_number)(), text.to_string_lossy().into_owned())
        }
    }

    /// Whether `socket`, an `_SSLSocket` without a socket made by `context`, has its pointers where they are expected.
    pub(crate) fn is_laid_out(&self, socket: &Bound<'_, PyAny>, context: &Bound<'_, PyAny>) -> bool {
        let word = size_of::<*mut c_void>();
        // SAFETY: the size of the struct is asked of its type before it is looked into.
        unsafe {
            let size = (*socket.get_type_ptr()).tp_basicsize;
            if size < (self.place + 2 * word).cast_signed() {
                return false;
            }
            let at = |place: usize| socket.as_ptr().byte_add(place).cast::<*mut c_void>().read();
            let (own, ssl, theirs) = (at(self.place - word), at(self.place), at(self.place + word));
            let no_socket = own.is_null() || own.cast() == ffi::Py_None();
            no_socket && !ssl.is_null() && ssl.addr() % word == 0 && theirs == context.as_ptr().cast()
        }
    }

    /// What the library says of a connection: whether it is a server's, the name it asks for, version and cipher.
    pub(crate) fn describe(&self, socket: &Bound<'_, PyAny>) -> (bool, String, String, String) {
        let ssl = self.pointer(socket);
        let text = |pointer: *const c_char| {
            // SAFETY: null, or a text that ends in a zero byte and lives as long as the connection.
            let text = (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) });
            text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
        };
        // SAFETY: `is_laid_out` was true, or PROVED.
        unsafe {
            let functions = &self.functions;
            let cipher = (functions.current_cipher)(ssl);
            let cipher = if cipher.is_null() { String::new() } else { text((functions.cipher_name)(cipher)) };
            let server = (functions.is_server)(ssl) == 1;
            (server, text((functions.servername)(ssl, 0)), text((functions.version)(ssl)), cipher)
        }
    }

    fn pointer(&self, socket: &Bound<'_, PyAny>) -> Ssl {
        // SAFETY: `is_laid_out` was true of an object of this type, or PROVED.
        unsafe { socket.as_ptr().byte_add(self.place).cast::<Ssl>().read() }
    }
}

/// What BIO callbacks need, which are given nothing but the BIO.
struct BioFunctions {
    data: unsafe extern "C" fn(Bio) -> *mut c_void,
    set_flags: unsafe extern "C" fn(Bio, c_int),
    clear_flags: unsafe extern "C" fn(Bio, c_int),
}

static BIO_FUNCTIONS: std::sync::OnceLock<BioFunctions> = std::sync::OnceLock::new();

/// What is between a transport and an `SSL*`.
#[derive(Default)]
struct Wire(UnsafeCell<Bytes>);

// SAFETY: ONE.
unsafe impl Send for Wire {}
// SAFETY: ONE.
unsafe impl Sync for Wire {}

#[derive(Default)]
struct Bytes {
    /// Ciphertext lent for the time of a call, as far as it was not used. `Connection::lend` takes it back, also from a call
    /// that was made within that one.
    lent: &'static [u8],
    /// What was left of such.
    kept: Vec<u8>,
    /// Bytes of it that were used.
    used: usize,
    output: Vec<u8>,
}

thread_local!(static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });

/// Gives memory that ciphertext was sent from back to the thread.
pub(crate) fn recycle(mut memory: Vec<u8>) {
    if memory.capacity() <= SPARE {
        memory.clear();
        OUTPUT.set(memory);
    }
}

impl Bytes {
    fn unread(&self) -> usize {
        self.lent.len() + self.kept.len() - self.used
    }

    fn keep_lent(&mut self) {
        if !self.lent.is_empty() {
            if self.used > 0 {
                self.kept.drain(..self.used);
                self.used = 0;
            }
            self.kept.extend_from_slice(self.lent);
            self.lent = &[];
        }
    }

    /// Moves what there is into `place`.
    fn read(&mut self, place: &mut [u8]) -> usize {
        let kept = &self.kept[self.used..];
        if kept.is_empty() {
            let count = place.len().min(self.lent.len());
            let (now, rest) = self.lent.split_at(count);
            place[..count].copy_from_slice(now);
            self.lent = rest;
            return count;
        }
        let count = place.len().min(kept.len());
        place[..count].copy_from_slice(&kept[..count]);
        self.used += count;
        if self.used == self.kept.len() {
            // An idle connection has none of it.
            self.kept = Vec::new();
            self.used = 0;
        }
        count
    }

    fn write(&mut self, data: &[u8]) {
        if self.output.capacity() == 0 {
            self.output = OUTPUT.take();
        }
        self.output.extend_from_slice(data);
    }
}

/// See the module.
pub(crate) struct Connection {
    library: &'static OpenSsl,
    /// Used while `alive` is held only (KEPT): a callback of the library's may end the connection.
    ssl: Ssl,
    wire: Arc<Wire>,
    /// The `_SSLSocket` (KEPT); taken away when the connection is lost.
    socket: RefCell<Option<Ref>>,
}

impl Connection {
    /// Takes over the `SSL*` of `socket`, an `_SSLSocket` as `is_laid_out` knows it: from now on its bytes go by way of us.
    pub(crate) fn take(library: &'static OpenSsl, socket: &Bound<'_, PyAny>) -> Option<Self> {
        let (ssl, wire) = (library.pointer(socket), Arc::new(Wire::default()));
        // SAFETY: as documented. The BIO's count of the wire is given back by `on_destroy`; `set_bio` takes the BIO, and
        // lets go of the one that was there, which its `MemoryBIO` owns a reference of.
        unsafe {
            let bio = (library.functions.bio_new)(library.method);
            if bio.is_null() {
                return None;
            }
            (library.functions.bio_set_data)(bio, Arc::into_raw(wire.clone()).cast_mut().cast());
            (library.functions.bio_set_init)(bio, 1);
            (library.functions.set_bio)(ssl, bio, bio);
        }
        let socket = RefCell::new(Some(Ref::from(socket.clone())));
        Some(Connection { library, ssl, wire, socket })
    }

    /// Runs `body` with `ciphertext` there to be read; what is left of it is kept.
    pub(crate) fn lend<R>(&self, ciphertext: &[u8], body: impl FnOnce() -> R) -> R {
        struct Lent<'a>(&'a Connection);
        impl Drop for Lent<'_> {
            fn drop(&mut self) {
                self.0.with_wire(Bytes::keep_lent);
            }
        }
        self.with_wire(|wire| {
            // One lent by a call further up the stack.
            wire.keep_lent();
            // SAFETY: it is taken back by `Lent` before the borrow ends.
            wire.lent = unsafe { std::slice::from_raw_parts(ciphertext.as_ptr(), ciphertext.len()) };
        });
        let _lent = Lent(self);
        body()
    }

    pub(crate) fn feed(&self, ciphertext: &[u8]) {
        self.lend(ciphertext, || ());
    }

    /// Bytes that came and that the library has not seen.
    pub(crate) fn unread(&self) -> usize {
        self.with_wire(|wire| wire.unread())
    }

    pub(crate) fn unsent(&self) -> usize {
        self.with_wire(|wire| wire.output.len())
    }

    pub(crate) fn take_output(&self) -> Vec<u8> {
        self.with_wire(|wire| std::mem::take(&mut wire.output))
    }

    /// Whether the library holds a part of a record, or plaintext that was not read.
    pub(crate) fn holds_some(&self, py: Python<'_>) -> bool {
        // SAFETY: KEPT.
        self.alive(py).is_some_and(|_alive| unsafe { (self.library.functions.has_pending)(self.ssl) } != 0)
    }

    /// Whether there is plaintext of a record that was read in part.
    pub(crate) fn holds_plaintext(&self, py: Python<'_>) -> bool {
        // SAFETY: KEPT.
        self.alive(py).is_some_and(|_alive| unsafe { (self.library.functions.pending)(self.ssl) } > 0)
    }

    pub(crate) fn read(&self, py: Python<'_>, buffer: &mut [MaybeUninit<u8>]) -> Answer {
        let Some(_alive) = self.alive(py) else { return Answer::Again };
        let mut count = 0;
        self.forget_errors();
        // SAFETY: KEPT; the buffer is written up to `count`.
        let result = unsafe {
            (self.library.functions.read)(self.ssl, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut count)
        };
        if result == 1 { Answer::Bytes(count) } else { self.failure(result) }
    }

    pub(crate) fn write(&self, py: Python<'_>, data: &[u8]) -> Answer {
        let Some(_alive) = self.alive(py) else { return Answer::Again };
        let mut count = 0;
        self.forget_errors();
        // SAFETY: KEPT.
        let result = unsafe {
            (self.library.functions.write)(self.ssl, data.as_ptr().cast(), data.len(), &raw mut count)
        };
        if result == 1 { Answer::Bytes(count) } else { self.failure(result) }
    }

    /// The `_SSLSocket`.
    pub(crate) fn alive<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.socket.borrow().as_ref().map(|socket| socket.bind(py).to_owned())
    }

    /// What others left in the thread's queue of errors is not to be taken for ours. There is hardly ever anything, and
    /// clearing an empty queue costs as much as a read of a hundred bytes: all its sixteen places are wiped.
    fn forget_errors(&self) {
        // SAFETY: as documented.
        unsafe {
            if (self.library.functions.first_error)() != 0 {
                (self.library.functions.clear_error)();
            }
        }
    }

    fn failure(&self, result: c_int) -> Answer {
        // SAFETY: KEPT: the caller holds the socket.
        match unsafe { (self.library.functions.error)(self.ssl, result) } {
            WANT_READ | WANT_WRITE => Answer::Again,
            ZERO_RETURN => Answer::End,
            _ => Answer::Failed,
        }
    }

    fn with_wire<R>(&self, body: impl FnOnce(&mut Bytes) -> R) -> R {
        // SAFETY: ONE, and no `body` calls the library or Python.
        body(unsafe { &mut *self.wire.0.get() })
    }
}

impl Held for Connection {
    fn show(&self, visitor: &mut Visitor<'_>) {
        self.socket.show(visitor);
    }

    /// The connection is lost.
    fn empty(&self) {
        self.with_wire(|wire| {
            (wire.kept, wire.used, wire.output, wire.lent) = (Vec::new(), 0, Vec::new(), &[]);
        });
        self.socket.empty();
    }
}

fn find(handle: *mut c_void, symbol: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: an open handle, and a text.
    let address = unsafe { libc::dlsym(handle, symbol.as_ptr()) };
    if address.is_null() {
        return Err(format!("the library of _ssl has no {}", symbol.to_string_lossy()));
    }
    Ok(address)
}

/// The wire of a BIO of ours.
///
/// # Safety
/// Called by the library, with such a BIO.
unsafe fn wire<'a>(bio: Bio, functions: &BioFunctions) -> Option<&'a mut Bytes> {
    // SAFETY: the data of our BIOs is the wire they have a count of, or null before it was set.
    unsafe { (functions.data)(bio).cast::<Wire>().as_ref().map(|wire| &mut *wire.0.get()) }
}

// SAFETY: called by the library, with a BIO of ours and room for `size` bytes.
unsafe extern "C" fn on_read(bio: Bio, place: *mut c_char, size: c_int) -> c_int {
    let (Some(functions), Ok(size)) = (BIO_FUNCTIONS.get(), usize::try_from(size)) else { return -1 };
    // SAFETY: as above.
    unsafe {
        (functions.clear_flags)(bio, BIO_ALL);
        let Some(wire) = wire(bio, functions) else { return -1 };
        if wire.unread() == 0 {
            (functions.set_flags)(bio, BIO_READ | BIO_SHOULD_RETRY);
            return -1;
        }
        if place.is_null() || size == 0 {
            return 0;
        }
        c_int::try_from(wire.read(std::slice::from_raw_parts_mut(place.cast(), size))).unwrap_or(-1)
    }
}

// SAFETY: called by the library, with a BIO of ours and `size` bytes.
unsafe extern "C" fn on_write(bio: Bio, data: *const c_char, size: c_int) -> c_int {
    let (Some(functions), Ok(length)) = (BIO_FUNCTIONS.get(), usize::try_from(size)) else { return -1 };
    // SAFETY: as above.
    unsafe {
        (functions.clear_flags)(bio, BIO_ALL);
        let Some(wire) = wire(bio, functions) else { return -1 };
        if length > 0 && !data.is_null() {
            wire.write(std::slice::from_raw_parts(data.cast(), length));
        }
        size
    }
}

// SAFETY: called by the library, with a BIO of ours.
unsafe extern "C" fn on_ctrl(bio: Bio, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    let Some(functions) = BIO_FUNCTIONS.get() else { return 0 };
    // SAFETY: as above.
    let wire = unsafe { wire(bio, functions) };
    let size = |count: Option<usize>| count.and_then(|count| count.try_into().ok()).unwrap_or(0);
    match command {
        CTRL_FLUSH | CTRL_DUP => 1,
        CTRL_PENDING => size(wire.map(|wire| wire.unread())),
        CTRL_WPENDING => size(wire.map(|wire| wire.output.len())),
        _ => 0,
    }
}

// SAFETY: called by the library, once, with a BIO of ours.
unsafe extern "C" fn on_destroy(bio: Bio) -> c_int {
    let Some(functions) = BIO_FUNCTIONS.get() else { return 0 };
    // SAFETY: the count that `take` gave to the BIO.
    unsafe {
        let wire = (functions.data)(bio).cast::<Wire>();
        if !wire.is_null() {
            drop(Arc::from_raw(wire));
        }
    }
    1
}
