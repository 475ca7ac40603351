//! `Rustls`: rustls as the engine's TLS layer knows it, without input or output of its own.
//!
//! What came from the peer waits here until rustls takes it, which it does while it has room for plaintext; what it has to send
//! is taken out after every step.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read, Write};
use std::mem::MaybeUninit;

use ferrio_engine::transport::{Plain, Progress, Session};
use rustls::Connection;

/// See the module.
pub(crate) struct Rustls {
    connection: RefCell<Connection>,
    /// Ciphertext that rustls has not taken.
    incoming: RefCell<Vec<u8>>,
    /// Ciphertext for the peer.
    outgoing: RefCell<Vec<u8>>,
    said_bye: Cell<bool>,
    heard_bye: Cell<bool>,
}

impl Rustls {
    pub(super) fn new(mut connection: Connection) -> Self {
        // How much waits is the layer's to bound.
        connection.set_buffer_limit(None);
        Rustls {
            connection: RefCell::new(connection),
            incoming: RefCell::default(),
            outgoing: RefCell::default(),
            said_bye: Cell::new(false),
            heard_bye: Cell::new(false),
        }
    }

    /// What both sides have agreed on by ALPN.
    pub(crate) fn alpn(&self) -> Option<Vec<u8>> {
        self.connection.borrow().alpn_protocol().map(<[u8]>::to_vec)
    }

    /// Whether the peer has said that no more comes.
    pub(super) fn has_heard_bye(&self) -> bool {
        self.heard_bye.get()
    }

    /// Shows plaintext that is there, all of which is taken; `Nothing` and `End` as `Session::read`.
    pub(super) fn read_with(&self, take: impl FnOnce(&[u8])) -> io::Result<Plain> {
        self.advance()?;
        let mut connection = self.connection.borrow_mut();
        let mut reader = connection.reader();
        match reader.fill_buf() {
            Ok([]) => Ok(Plain::End),
            Ok(data) => {
                let count = data.len();
                take(data);
                reader.consume(count);
                Ok(Plain::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Plain::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Has rustls take what came, as far as it has room.
    fn advance(&self) -> io::Result<()> {
        let mut connection = self.connection.borrow_mut();
        let mut incoming = self.incoming.borrow_mut();
        let mut taken = 0;
        let result = loop {
            if taken == incoming.len() || !connection.wants_read() {
                break Ok(());
            }
            match connection.read_tls(&mut &incoming[taken..]) {
                Ok(0) => break Ok(()),
                Ok(count) => taken += count,
                Err(error) => break Err(error),
            }
            match connection.process_new_packets() {
                Ok(state) => self.heard_bye.set(self.heard_bye.get() || state.peer_has_closed()),
                Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        };
        incoming.drain(..taken);
        drop(incoming);
        self.collect(&mut connection)?;
        result
    }

    /// Takes out what rustls has to send.
    fn collect(&self, connection: &mut Connection) -> io::Result<()> {
        let mut outgoing = self.outgoing.borrow_mut();
        while connection.wants_write() {
            connection.write_tls(&mut *outgoing)?;
        }
        Ok(())
    }
}

impl Session for Rustls {
    type Cx<'a> = ();
    type Error = io::Error;
    type Ciphertext = Vec<u8>;

    fn feed(&self, (): (), ciphertext: &[u8]) -> io::Result<()> {
        self.incoming.borrow_mut().extend_from_slice(ciphertext);
        Ok(())
    }

    fn unread(&self, (): ()) -> usize {
        self.incoming.borrow().len()
    }

    fn readable(&self, (): ()) -> usize {
        self.incoming.borrow().len()
    }

    fn unsent(&self, (): ()) -> usize {
        self.outgoing.borrow().len()
    }

    fn take(&self, (): ()) -> io::Result<Vec<u8>> {
        Ok(self.outgoing.take())
    }

    fn handshake(&self, (): ()) -> io::Result<Progress> {
        self.advance()?;
        let is_done = !self.connection.borrow().is_handshaking();
        Ok(if is_done { Progress::Done } else { Progress::Waiting })
    }

    fn read(&self, (): (), buffer: &mut [MaybeUninit<u8>]) -> io::Result<Plain> {
        self.advance()?;
        let mut plain = vec![0; buffer.len()];
        let read = self.connection.borrow_mut().reader().read(&mut plain);
        match read {
            Ok(0) => Ok(Plain::End),
            Ok(count) => {
                for (place, byte) in buffer.iter_mut().zip(&plain[..count]) {
                    place.write(*byte);
                }
                Ok(Plain::Bytes(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Plain::Nothing),
            Err(error) => Err(error),
        }
    }

    fn write(&self, (): (), data: &[u8]) -> io::Result<Option<usize>> {
        let mut connection = self.connection.borrow_mut();
        let count = connection.writer().write(data)?;
        self.collect(&mut connection)?;
        Ok((count > 0).then_some(count))
    }

    fn close(&self, (): ()) -> io::Result<Progress> {
        if !self.said_bye.replace(true) {
            let mut connection = self.connection.borrow_mut();
            connection.send_close_notify();
            self.collect(&mut connection)?;
        }
        // What the peer still says is for nobody.
        while !self.heard_bye.get() {
            if !matches!(self.read_with(|_| ())?, Plain::Bytes(_)) {
                break;
            }
        }
        Ok(if self.heard_bye.get() { Progress::Done } else { Progress::Waiting })
    }
}
