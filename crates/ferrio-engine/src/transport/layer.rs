//! `Layer`: the state machine of TLS between a transport and a protocol. asyncio's `SSLProtocol`, without its I/O.
//!
//! ```text
//!        start            complete            close, end of stream            all written           both closed, or lost
//! (new) ──────▶ handshake ────────▶ up ─────────────────────────────▶ flushing ─────────────▶ closing ──────────────────▶ closed
//!                   │ failed, lost, too long                                                      │ lost, too long
//!                   └──────────────────────────────────────────────────────────────────────────────┴──▶ closed
//! ```
//!
//! It knows the two sides by what they do (`Sides`) and the cipher by `Session`. Data that the transport below has no
//! room for stays plaintext, so that it is neither copied nor encrypted before it can go; closing encrypts the rest.
//! Callbacks may call any method here, so no borrow is held across one, and the state is looked at again after each.
//!
//! Over 500 lines because one state machine in two files would be read in neither.

use std::cell::Cell;

use crate::io::{ChunkQueue, Limits, Watermarks};
use crate::transport::session::{Plain, Progress, Session};
use crate::transport::sides::{Activity, DeferredWork, Severity, Sides, TimeLimit};

/// Plaintext that is encrypted before it is sent, of one buffer or of many small ones: sixteen whole records, in one system
/// call. With four, `tls_bulk_send` had 0.85 times the efficiency; more gains nothing.
const PIECE: usize = 256 * 1024;

/// Bytes that wait for the peer above which the protocol is told to pause, and those that wait for the protocol above which
/// nothing more is received; asyncio's defaults.
const WRITE_HIGH: usize = 512 * 1024;
const READ_HIGH: usize = 256 * 1024;

/// What a record holds. Chunks that are smaller are encrypted together: a record costs more than a copy of what it holds.
/// Where each is encrypted alone, the benchmark `tls_bulk_writelines` takes twice the CPU time.
const RECORD: usize = 16 * 1024;

/// The most that is copied together.
const TOGETHER: usize = 4 * RECORD;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    New,
    Handshake,
    Up,
    Flushing,
    Closing,
    Closed,
}

/// What the protocol was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Announced {
    #[default]
    Nothing,
    Made,
    Eof,
    Lost,
}

/// See the module.
#[derive(Debug)]
pub struct Layer<S: Session, D: Sides<S>> {
    session: S,
    sides: D,
    /// Plaintext that waits for room, or for the end of a handshake.
    backlog: ChunkQueue<D::Chunk>,
    /// Of what waits to be written, where `paused` means the protocol; and of what waits to be read, where it means the
    /// transport below.
    write_marks: Watermarks,
    read_marks: Watermarks,
    stage: Cell<Stage>,
    told: Cell<Announced>,
    /// `close`, `abort` or a failure began to close it.
    closing: Cell<bool>,
    /// The stream below has ended.
    ended: Cell<bool>,
    /// The protocol wants no data.
    paused: Cell<bool>,
    /// The transport below has no room.
    blocked: Cell<bool>,
    /// We speak first.
    speaks_first: bool,
    /// Data is being encrypted: more of it is queued behind.
    writing: Cell<bool>,
    /// Writes after the connection was lost.
    lost_writes: Cell<u32>,
}

impl<S: Session, D: Sides<S>> Layer<S, D> {
    /// A layer that does nothing until it is started. `speaks_first` is whether our side begins the
    /// handshake; `known` says that the protocol has had `connection_made` already.
    pub fn new(session: S, sides: D, speaks_first: bool, known: bool) -> Self {
        Layer {
            session,
            sides,
            backlog: ChunkQueue::new(),
            write_marks: Watermarks::new(Limits::below(WRITE_HIGH)),
            read_marks: Watermarks::new(Limits::below(READ_HIGH)),
            stage: Cell::default(),
            told: Cell::new(if known { Announced::Made } else { Announced::Nothing }),
            closing: Cell::default(),
            ended: Cell::default(),
            paused: Cell::default(),
            blocked: Cell::default(),
            speaks_first,
            writing: Cell::default(),
            lost_writes: Cell::default(),
        }
    }

    /// What encrypts.
    pub fn session(&self) -> &S {
        &self.session
    }

    /// What is on both sides.
    pub fn sides(&self) -> &D {
        &self.sides
    }

    /// Whether it is closing or closed.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Whether nothing will happen any more.
    pub fn is_closed(&self) -> bool {
        self.stage.get() == Stage::Closed
    }

    /// Whether the protocol wants data.
    pub fn is_reading(&self) -> bool {
        !self.paused.get()
    }

    /// Whether the protocol was told to write no more.
    pub fn is_full(&self) -> bool {
        self.write_marks.is_paused()
    }

    /// Bytes that wait to be handed to the transport below.
    pub fn unsent(&self, cx: S::Cx<'_>) -> usize {
        self.session.unsent(cx) + self.backlog.size()
    }

    /// Bytes that came and wait to be decrypted.
    pub fn unread(&self, cx: S::Cx<'_>) -> usize {
        self.session.unread(cx)
    }

    /// The marks for what waits to be read, and to be written.
    pub fn limits(&self) -> (Limits, Limits) {
        (self.read_marks.limits(), self.write_marks.limits())
    }

    /// Begins the handshake, or ends what was closed before it could begin.
    ///
    /// # Errors
    /// What must not be kept back.
    pub fn start(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        match self.stage.get() {
            Stage::New => {}
            Stage::Closed => {
                self.sides.lose(cx, None);
                return Ok(());
            }
            _ => return Ok(()),
        }
        self.stage.set(Stage::Handshake);
        self.sides.wait(cx, TimeLimit::Handshake);
        // A server that was told nothing yet has nothing to say.
        if self.speaks_first || self.session.unread(cx) > 0 { self.shake_hands(cx) } else { Ok(()) }
    }

    /// Ciphertext came.
    ///
    /// # Errors
    /// What the transport below is to make of it.
    pub fn received(&self, cx: S::Cx<'_>, ciphertext: &[u8]) -> Result<(), S::Error> {
        self.session.lend(cx, ciphertext, || self.go_on(cx))?
    }

    /// The stream below has ended; says whether the transport stays open.
    ///
    /// # Errors
    /// As `received`.
    pub fn eof_received(&self, cx: S::Cx<'_>) -> Result<bool, S::Error> {
        self.ended.set(true);
        match self.stage.get() {
            Stage::Handshake => {
                let error = self.sides.hung_up(cx);
                self.handshake_failed(cx, error)?;
            }
            Stage::Up => {
                self.stage.set(Stage::Flushing);
                if self.paused.get() {
                    return Ok(true);
                }
                self.flush_and_close(cx)?;
            }
            Stage::Flushing => {
                self.write_backlog(cx)?;
                self.stage.set(Stage::Closing);
                self.shut(cx)?;
            }
            Stage::Closing => self.shut(cx)?,
            Stage::New | Stage::Closed => {}
        }
        Ok(false)
    }

    /// The transport below is closed.
    pub fn connection_lost(&self, cx: S::Cx<'_>, reason: Option<D::Reason>) {
        self.backlog.clear();
        self.closing.set(true);
        let told = self.told.get();
        let tell = self.stage.get() != Stage::Handshake && matches!(told, Announced::Made | Announced::Eof);
        if tell {
            self.told.set(Announced::Lost);
        }
        self.stage.set(Stage::Closed);
        self.lost_writes.set(self.lost_writes.get() + 1);
        self.sides.forget_time(cx);
        self.sides.connection_lost(cx, reason, tell);
    }

    /// The transport below has no more room.
    pub fn pause_writing(&self) {
        self.blocked.set(true);
    }

    /// It has room again.
    ///
    /// # Errors
    /// What must not be kept back.
    pub fn resume_writing(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        self.blocked.set(false);
        if self.backlog.is_empty() || !matches!(self.stage.get(), Stage::Up | Stage::Flushing) {
            return self.send(cx);
        }
        self.traffic(cx, |layer| layer.write_backlog(cx))
    }

    /// Writes `data`, as much as there is room for at once. `rest` makes a chunk of the same data that can be kept.
    ///
    /// # Errors
    /// What must not be kept back, or what `rest` failed with.
    pub fn write(
        &self,
        cx: S::Cx<'_>,
        data: &[u8],
        rest: impl FnOnce() -> Result<D::Chunk, S::Error>,
    ) -> Result<(), S::Error> {
        let at_once = self.stage.get() == Stage::Up && !self.writing.get() && self.backlog.is_empty();
        if !at_once {
            self.backlog.push(rest()?, 0);
            return self.write_queued(cx);
        }
        let mut written = 0;
        let result = self.traffic(cx, |layer| {
            let mut gathered = 0;
            let encrypted = layer.encrypt(cx, data, &mut written, &mut gathered, false);
            layer.send_gathered(cx, gathered, encrypted)
        });
        if written < data.len() && self.stage.get() == Stage::Up {
            self.backlog.push(rest()?, written);
        }
        result.and_then(|()| self.tell_room(cx))
    }

    /// Writes all of `chunks`.
    ///
    /// # Errors
    /// As `write`.
    pub fn write_all(
        &self,
        cx: S::Cx<'_>,
        chunks: impl IntoIterator<Item = D::Chunk>,
    ) -> Result<(), S::Error> {
        for chunk in chunks {
            self.backlog.push(chunk, 0);
        }
        self.write_queued(cx)
    }

    /// Has `chunk` wait behind what waits, and nothing else.
    pub fn queue(&self, chunk: D::Chunk) {
        self.backlog.push(chunk, 0);
    }

    /// Whether data may be written; the number of writes since the connection was lost if not.
    ///
    /// # Errors
    /// That number.
    pub fn may_write(&self) -> Result<(), u32> {
        if matches!(self.stage.get(), Stage::New | Stage::Handshake | Stage::Up) {
            return Ok(());
        }
        let lost = self.lost_writes.get();
        self.lost_writes.set(lost.saturating_add(1));
        Err(lost)
    }

    /// Closes in order: everything is written, then both sides say that no more comes.
    ///
    /// # Errors
    /// What must not be kept back.
    pub fn close(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if self.closing.replace(true) { Ok(()) } else { self.begin_to_close(cx) }
    }

    /// Has it count as closing, though nothing is done for that.
    pub fn mark_closing(&self) {
        self.closing.set(true);
    }

    /// Closes at once.
    pub fn abort(&self, cx: S::Cx<'_>, reason: Option<S::Error>) {
        self.closing.set(true);
        self.stage.set(Stage::Closed);
        self.sides.lose(cx, reason);
    }

    /// The protocol wants no data for now.
    pub fn pause_reading(&self) {
        self.paused.set(true);
    }

    /// The protocol wants data again.
    pub fn resume_reading(&self, cx: S::Cx<'_>) {
        if self.paused.replace(false) {
            self.sides.later(cx, DeferredWork::Resume);
        }
    }

    /// Moves the marks for what waits to be written, which may pause or resume at once.
    ///
    /// # Errors
    /// What must not be kept back.
    pub fn set_write_limits(&self, cx: S::Cx<'_>, limits: Limits) -> Result<(), S::Error> {
        self.write_marks.set_limits(limits);
        self.tell_room(cx)
    }

    /// Moves the marks for what waits to be read.
    pub fn set_read_limits(&self, cx: S::Cx<'_>, limits: Limits) {
        self.read_marks.set_limits(limits);
        self.hold_if_much(cx, self.session.unread(cx));
    }

    /// It took too long.
    ///
    /// # Errors
    /// When reporting failed.
    pub fn on_time(&self, cx: S::Cx<'_>, what: TimeLimit) -> Result<(), S::Error> {
        match (what, self.stage.get()) {
            (TimeLimit::Handshake, Stage::Handshake) => {
                let error = self.sides.too_long(cx, what);
                self.sides.fatal(cx, error, Activity::Closing)
            }
            (TimeLimit::Shutdown, Stage::Flushing | Stage::Closing) => {
                let error = self.sides.too_long(cx, what);
                self.sides.lose(cx, Some(error));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The deferred call.
    ///
    /// # Errors
    /// What must not be kept back.
    pub fn on_deferred(&self, cx: S::Cx<'_>, what: DeferredWork) -> Result<(), S::Error> {
        match (what, self.stage.get()) {
            (DeferredWork::Close, _) => {
                self.sides.close(cx);
                Ok(())
            }
            (DeferredWork::Read, Stage::Up | Stage::Flushing) | (DeferredWork::Resume, Stage::Up) => {
                self.read(cx)
            }
            (DeferredWork::Resume, Stage::Flushing) => self.flush_and_close(cx),
            (DeferredWork::Resume, Stage::Closing) => self.shut(cx),
            _ => Ok(()),
        }
    }

    fn go_on(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        match self.stage.get() {
            Stage::Handshake => self.shake_hands(cx),
            Stage::Up => self.read(cx),
            Stage::Flushing => self.flush_and_close(cx),
            Stage::Closing => self.shut(cx),
            Stage::New | Stage::Closed => Ok(()),
        }
    }

    fn shake_hands(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        match self.session.handshake(cx) {
            Ok(Progress::Waiting) => self.send(cx),
            Ok(Progress::Done) if self.stage.get() == Stage::Handshake => self.shook_hands(cx),
            // A callback of the handshake closed us.
            Ok(Progress::Done) => Ok(()),
            Err(error) if self.sides.severity(cx, &error) == Severity::Tls => {
                self.handshake_failed(cx, error)
            }
            Err(error) => Err(error),
        }
    }

    fn shook_hands(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        self.sides.forget_time(cx);
        self.stage.set(Stage::Up);
        if let Err(error) = self.sides.established(cx) {
            return match self.sides.severity(cx, &error) {
                Severity::Escape => Err(error),
                _ => self.handshake_failed(cx, error),
            };
        }
        let new = self.told.get() == Announced::Nothing;
        if new {
            self.told.set(Announced::Made);
        }
        self.sides.connection_made(cx, new)?;
        self.read(cx)
    }

    fn handshake_failed(&self, cx: S::Cx<'_>, error: S::Error) -> Result<(), S::Error> {
        self.sides.forget_time(cx);
        self.stage.set(Stage::Closed);
        self.closing.set(true);
        self.sides.fatal(cx, error, Activity::Handshake)
    }

    fn begin_to_close(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        self.closing.set(true);
        match self.stage.get() {
            Stage::Up => {
                self.stage.set(Stage::Flushing);
                self.sides.wait(cx, TimeLimit::Shutdown);
                self.flush_and_close(cx)
            }
            Stage::New | Stage::Handshake => {
                self.abort(cx, None);
                Ok(())
            }
            Stage::Flushing | Stage::Closing | Stage::Closed => Ok(()),
        }
    }

    fn flush_and_close(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        self.read(cx)?;
        if self.stage.get() != Stage::Flushing {
            return Ok(());
        }
        // A protocol that is paused reads no more, but what it wrote has to go.
        self.traffic(cx, |layer| layer.write_backlog(cx))?;
        if self.stage.get() != Stage::Flushing {
            return Ok(());
        }
        self.stage.set(Stage::Closing);
        self.shut(cx)
    }

    fn shut(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if !self.ended.get() {
            match self.session.close(cx) {
                Ok(Progress::Done) => {}
                Ok(Progress::Waiting) => return self.send(cx),
                Err(error) if self.sides.severity(cx, &error) == Severity::Tls => {
                    self.sides.forget_time(cx);
                    return self.sides.fatal(cx, error, Activity::Closing);
                }
                Err(error) => return Err(error),
            }
        }
        self.send(cx)?;
        self.tell_eof(cx)?;
        self.sides.closes_below(cx);
        self.sides.later(cx, DeferredWork::Close);
        Ok(())
    }

    /// Hands on what can be decrypted.
    fn read(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if !matches!(self.stage.get(), Stage::Up | Stage::Flushing) {
            return Ok(());
        }
        self.traffic(cx, |layer| {
            if layer.paused.get() {
                // Asking costs a call into Python with some sessions; with nothing read it is needed.
                layer.hold_if_much(cx, layer.session.unread(cx));
                return layer.send(cx);
            }
            let more = layer.sides.deliver(cx, &layer.session)?;
            match more {
                Plain::Bytes(_) => layer.sides.later(cx, DeferredWork::Read),
                Plain::Nothing => {}
                Plain::End => {
                    layer.tell_eof(cx)?;
                    layer.begin_to_close(cx)?;
                }
            }
            layer.write_backlog(cx)?;
            let unread = if more == Plain::Nothing { 0 } else { layer.session.unread(cx) };
            layer.hold_if_much(cx, unread);
            Ok(())
        })
    }

    fn tell_eof(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if self.told.get() != Announced::Made {
            return Ok(());
        }
        self.told.set(Announced::Eof);
        match self.sides.eof_received(cx) {
            Err(error) if self.sides.severity(cx, &error) == Severity::Escape => Err(error),
            Err(error) => self.sides.fatal(cx, error, Activity::Eof),
            Ok(()) => Ok(()),
        }
    }

    fn write_queued(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if self.stage.get() == Stage::Up && !self.writing.get() {
            self.traffic(cx, |layer| layer.write_backlog(cx))
        } else {
            self.tell_room(cx)
        }
    }

    /// Encrypts and sends what waits, as far as there is room; all of it once we are closing.
    fn write_backlog(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        let mut gathered = 0;
        let encrypted = self.encrypt_backlog(cx, &mut gathered);
        self.send_gathered(cx, gathered, encrypted)?;
        self.send(cx)
    }

    /// Sends what `encrypt` left; what was encrypted before a failure goes, too.
    fn send_gathered(
        &self,
        cx: S::Cx<'_>,
        gathered: usize,
        encrypted: Result<(), S::Error>,
    ) -> Result<(), S::Error> {
        let sent = if gathered > 0 { self.hand_down(cx) } else { Ok(()) };
        encrypted.and(sent)
    }

    fn encrypt_backlog(&self, cx: S::Cx<'_>, gathered: &mut usize) -> Result<(), S::Error> {
        while !self.writing.get() {
            let closing = self.stage.get() == Stage::Flushing;
            if self.blocked.get() && !closing {
                break;
            }
            let Some((chunk, mut written)) = self.backlog.pop(RECORD, TOGETHER) else { break };
            let result = self.encrypt(cx, chunk.as_ref(), &mut written, gathered, closing);
            let whole = written == chunk.as_ref().len();
            if !whole {
                self.backlog.put_back(chunk, written);
            }
            result?;
            if !whole {
                break;
            }
        }
        Ok(())
    }

    /// Encrypts `data` from `written` on. Whole pieces are sent; the last is left to the caller to send. `gathered` is how
    /// much waits to be sent so.
    fn encrypt(
        &self,
        cx: S::Cx<'_>,
        data: &[u8],
        written: &mut usize,
        gathered: &mut usize,
        closing: bool,
    ) -> Result<(), S::Error> {
        self.writing.set(true);
        let result = self.encrypt_pieces(cx, data, written, gathered, closing);
        self.writing.set(false);
        result
    }

    fn encrypt_pieces(
        &self,
        cx: S::Cx<'_>,
        data: &[u8],
        written: &mut usize,
        gathered: &mut usize,
        closing: bool,
    ) -> Result<(), S::Error> {
        while *written < data.len() && (closing || !self.blocked.get()) {
            let piece = &data[*written..data.len().min(*written + PIECE)];
            if *gathered + piece.len() > PIECE {
                *gathered = 0;
                self.hand_down(cx)?;
                continue;
            }
            match self.session.write(cx, piece)? {
                Some(count) => {
                    *written += count;
                    *gathered += count;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Sends what waits to be sent, if there is room, and tells the protocol how it stands.
    fn send(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        self.hand_down(cx)?;
        self.tell_room(cx)
    }

    /// Hands what waits to be sent to the transport below, if that has room.
    fn hand_down(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        if self.blocked.get() || self.stage.get() == Stage::Closed {
            return Ok(());
        }
        let ciphertext = self.session.take(cx)?;
        if ciphertext.as_ref().is_empty() { Ok(()) } else { self.sides.send(cx, ciphertext) }
    }

    fn tell_room(&self, cx: S::Cx<'_>) -> Result<(), S::Error> {
        let waiting = self.backlog.size() + if self.blocked.get() { self.session.unsent(cx) } else { 0 };
        if self.write_marks.reached(waiting) {
            self.sides.pause_writing(cx)
        } else if self.write_marks.receded(waiting) {
            self.sides.resume_writing(cx)
        } else {
            Ok(())
        }
    }

    fn hold_if_much(&self, cx: S::Cx<'_>, unread: usize) {
        if self.read_marks.reached(unread) {
            self.sides.hold(cx, true);
        } else if self.read_marks.receded(unread) {
            self.sides.hold(cx, false);
        }
    }

    /// Runs `body`; an ordinary error in it is the end of the connection.
    fn traffic(
        &self,
        cx: S::Cx<'_>,
        body: impl FnOnce(&Self) -> Result<(), S::Error>,
    ) -> Result<(), S::Error> {
        match body(self) {
            Err(error) if self.sides.severity(cx, &error) != Severity::Escape => {
                self.sides.fatal(cx, error, Activity::Traffic)
            }
            result => result,
        }
    }
}
