//! Finds out whether OpenSSL can be called directly: makes a connection between two objects of `_ssl` and uses it both ways.
//!
//! This runs once in a process, when the first TLS connection is made or `ferrio doctor` asks. Every answer of the library
//! through our pointers is compared with what Python says of the same connection.

use std::sync::OnceLock;

use ferrio_engine::transport::Severity;
use pyo3::exceptions::PyOSError;
use pyo3::types::PyBytes;

use crate::ffi::buffers::bytes_filled_by;
use crate::ffi::openssl::{Answer, Connection, OpenSsl};
use crate::ffi::prelude::*;
use crate::net::sslproto::errors::{is_again, severity};

/// The host name of the trial connection.
const NAME: &str = "proof.ferrio.invalid";

/// How many times each side may send in the handshake: twice, and some more for later releases.
const ROUNDS: usize = 6;

/// A wrong record: application data that was not encrypted.
const GARBAGE: [u8; 37] = {
    let mut record = [0x55; 37];
    (record[0], record[1], record[2], record[3], record[4]) = (23, 3, 3, 0, 32);
    record
};

/// The library, or the reason why it is not called directly.
pub(crate) fn library(py: Python<'_>) -> Result<&'static OpenSsl, &'static str> {
    static PROVED: OnceLock<Result<&'static OpenSsl, String>> = OnceLock::new();
    if PROVED.get().is_none() {
        let proved = prove(py).unwrap_or_else(|error| Err(format!("the proof failed: {error}")));
        // Another thread may have made the proof while Python code ran here. It is as good.
        let _kept = PROVED.set(proved);
    }
    let proved = PROVED.get().ok_or("the proof was not kept")?;
    proved.as_ref().map(|library| *library).map_err(String::as_str)
}

/// Why OpenSSL is not called directly; None if it is.
#[pyfunction]
pub(crate) fn direct_tls(py: Python<'_>) -> Option<&'static str> {
    library(py).err()
}

fn prove(py: Python<'_>) -> PyResult<Result<&'static OpenSsl, String>> {
    let native = py.import("_ssl")?;
    let file: Option<String> = native.getattr("__file__").ok().and_then(|file| file.extract().ok());
    // Connections refer to the library for as long as the process lives.
    let library: &'static OpenSsl = match OpenSsl::find(file.as_deref()) {
        Ok(library) => Box::leak(Box::new(library)),
        Err(reason) => return Ok(Err(reason)),
    };
    let (number, text) = library.version();
    let (said, name): (u64, String) =
        (native.getattr("OPENSSL_VERSION_NUMBER")?.extract()?, native.getattr("OPENSSL_VERSION")?.extract()?);
    if !name.starts_with("OpenSSL ") {
        return Ok(Err(format!("{name} is not known here")));
    }
    if number != said || text != name {
        return Ok(Err(format!("the library found is {text}, and that of _ssl {name}")));
    }
    Ok(Trial::new(py, library)?.run(py)?.map(|()| library))
}

/// One side of the trial connection.
struct Side<'py> {
    object: Bound<'py, PyAny>,
    socket: Bound<'py, PyAny>,
    context: Bound<'py, PyAny>,
}

impl<'py> Side<'py> {
    fn new(py: Python<'py>, server: bool) -> PyResult<Self> {
        let ssl = py.import("ssl")?;
        let kind = if server { "PROTOCOL_TLS_SERVER" } else { "PROTOCOL_TLS_CLIENT" };
        let context = ssl.getattr("SSLContext")?.call1((ssl.getattr(kind)?,))?;
        context.setattr("check_hostname", false)?;
        context.setattr("verify_mode", ssl.getattr("CERT_NONE")?)?;
        // Needs no certificates, which TLS 1.3 does.
        let version = ssl.getattr("TLSVersion")?.getattr("TLSv1_2")?;
        context.setattr("minimum_version", &version)?;
        context.setattr("maximum_version", &version)?;
        context.call_method1("set_ciphers", ("AECDH-AES128-SHA:@SECLEVEL=0",))?;
        let bio = || ssl.getattr("MemoryBIO")?.call0();
        let name = (!server).then_some(NAME);
        let object = context.call_method1("wrap_bio", (bio()?, bio()?, server, name))?;
        let socket = object.getattr(intern!(py, "_sslobj"))?;
        Ok(Side { object, socket, context })
    }

    /// What Python says, in the order of `OpenSsl::describe`.
    fn describe(&self, server: bool) -> PyResult<(bool, String, String, String)> {
        let name: Option<String> = self.object.getattr("server_hostname")?.extract()?;
        let version: Option<String> = self.object.call_method0("version")?.extract()?;
        let cipher = self.object.call_method0("cipher")?;
        let cipher = if cipher.is_none() { String::new() } else { cipher.get_item(0)?.extract()? };
        let name = if server { NAME.to_owned() } else { name.unwrap_or_default() };
        Ok((server, name, version.unwrap_or_default(), cipher))
    }

    /// Calls a method. False if it has to be called again when the peer has answered.
    fn step(&self, py: Python<'py>, name: &str) -> PyResult<bool> {
        match self.object.call_method0(name) {
            Ok(_) => Ok(true),
            Err(error) if is_again(py, &error)? => Ok(false),
            Err(error) => Err(error),
        }
    }
}

struct Trial<'py> {
    library: &'static OpenSsl,
    client: Side<'py>,
    server: Side<'py>,
}

impl<'py> Trial<'py> {
    fn new(py: Python<'py>, library: &'static OpenSsl) -> PyResult<Self> {
        Ok(Trial { library, client: Side::new(py, false)?, server: Side::new(py, true)? })
    }

    fn run(&self, py: Python<'py>) -> PyResult<Result<(), String>> {
        let reason = |text: &str| Ok(Err(text.to_owned()));
        let (client, server) = (&self.client, &self.server);
        let class = py.import("_ssl")?.getattr("_SSLSocket")?;
        for side in [client, server] {
            let known = side.socket.get_type().is(&class);
            if !known || !self.library.is_laid_out(&side.socket, &side.context) {
                return reason("objects of _ssl are laid out in a way that is not known");
            }
        }
        let (is_server, asks, ..) = self.library.describe(&client.socket);
        if is_server || asks != NAME || !self.library.describe(&server.socket).0 {
            return reason("the library does not know the objects of _ssl");
        }
        let taken =
            (Connection::take(self.library, &client.socket), Connection::take(self.library, &server.socket));
        let (Some(near), Some(far)) = taken else { return reason("no BIO can be made") };
        if !self.shake_hands(py, &near, &far)? {
            return reason("the trial handshake did not end");
        }
        for (side, is_server) in [(client, false), (server, true)] {
            if self.library.describe(&side.socket) != side.describe(is_server)? {
                return reason("the library and _ssl differ about the trial connection");
            }
        }
        if !self.talk(py, &near, &far)? {
            return reason("what was written to the trial connection is not what was read");
        }
        if !self.fails_in_python(py, &far)? {
            return reason("an error of the library is not raised by _ssl");
        }
        Ok(Ok(()))
    }

    fn shake_hands(&self, py: Python<'py>, near: &Connection, far: &Connection) -> PyResult<bool> {
        for _ in 0..ROUNDS {
            let one = self.client.step(py, "do_handshake")?;
            far.feed(&near.take_output());
            let other = self.server.step(py, "do_handshake")?;
            near.feed(&far.take_output());
            if one && other {
                return Ok(near.unread() == 0 && far.unread() == 0 || self.client.step(py, "do_handshake")?);
            }
        }
        Ok(false)
    }

    /// We write and Python reads, the reverse, and the end of the connection.
    fn talk(&self, py: Python<'py>, near: &Connection, far: &Connection) -> PyResult<bool> {
        let ours = near.write(py, b"written by us") == Answer::Bytes(13);
        far.feed(&near.take_output());
        let heard = self.server.object.call_method1("read", (64,))?;
        let heard = heard.cast::<PyBytes>().is_ok_and(|heard| heard.as_bytes() == b"written by us");
        self.server.object.call_method1("write", (PyBytes::new(py, b"written by Python"),))?;
        near.feed(&far.take_output());
        let read = read(py, near)? == b"written by Python";
        let nothing = near.read(py, &mut []) != Answer::Failed && near.unread() == 0;
        let open = !self.server.step(py, "unwrap")?;
        near.feed(&far.take_output());
        let end = bytes_filled_by(py, 64, |space| Err::<usize, _>(near.read(py, space)))?;
        Ok(ours && heard && read && nothing && open && end.is_err_and(|answer| answer == Answer::End))
    }

    fn fails_in_python(&self, py: Python<'py>, far: &Connection) -> PyResult<bool> {
        far.feed(&GARBAGE);
        let failed = bytes_filled_by(py, 64, |space| Err::<usize, _>(far.read(py, space)))?;
        if !failed.is_err_and(|answer| answer == Answer::Failed) {
            return Ok(false);
        }
        let raised = self.server.object.call_method1("read", (1,));
        let error = raised.err().unwrap_or_else(|| PyOSError::new_err(()));
        Ok(severity(py, &error) == Severity::Tls && !is_again(py, &error)?)
    }
}

fn read(py: Python<'_>, connection: &Connection) -> PyResult<Vec<u8>> {
    let read = bytes_filled_by(py, 64, |space| match connection.read(py, space) {
        Answer::Bytes(count) => Ok(count),
        other => Err(other),
    })?;
    Ok(read.map_or_else(|_| Vec::new(), |bytes| bytes.as_bytes().to_vec()))
}
