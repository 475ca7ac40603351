//! `State`: how far a transport has come, and what it has its channel watched for. `Transport` and `Datagrams` share it.
//!
//! ```text
//! Stage     close, end of stream         all is written               deferred: connection_lost
//!   Open ────────────────────────▶ Closing ──────────────▶ Lost ───────────────────────────────▶ Gone
//!     └───────────────────────────────────────────────────▶ ▲
//!         abort, failure, or nothing waits to be written
//!
//! Reading   begin, resume          pause
//!   Idle ────────────────▶ Watched ───────▶ Paused      Idle again: at the end of the stream, and from Closing on
//!
//! Deferred  connection_made        end of a stream that is only read
//!   Begin ─────────────────▶ End ◀────────────────────▶ Eof        what the next deferred turn is for
//! ```
//!
//! The three are apart, since a transport may be closed before it has begun, and while it is paused. Nothing of a channel is
//! watched once that is closed: its number may be another's.

use std::cell::Cell;

use crate::io::Host;
use crate::reactor::Direction;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It receives, unless paused, and is written to.
    #[default]
    Open,
    /// It receives nothing; what waits is still written.
    Closing,
    /// `connection_lost` is on its way. The number counts the writes from here on, and begins with one.
    Lost(u32),
    /// `connection_lost` was called, or never will be.
    Gone(u32),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Idle,
    /// The channel is watched for data.
    Watched,
    /// The protocol wants none for now.
    Paused,
}

/// What a deferred turn is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Deferred {
    /// To tell the protocol of its transport.
    #[default]
    Begin,
    /// To tell it of the end of the stream.
    Eof,
    /// To tell it of the end, if that has come.
    End,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    stage: Cell<Stage>,
    reading: Cell<Reading>,
    deferred: Cell<Deferred>,
    /// The channel is watched for room.
    writing: Cell<bool>,
    /// The channel is closed, or somebody else's.
    disowned: Cell<bool>,
}

impl State {
    /// Begins to close. Whether that is new.
    pub(super) fn close(&self) -> bool {
        let is_open = self.stage.get() == Stage::Open;
        if is_open {
            self.stage.set(Stage::Closing);
        }
        is_open
    }

    /// The connection is lost: that is to be told.
    pub(super) fn lose(&self) {
        if !self.is_lost() {
            self.stage.set(Stage::Lost(1));
        }
    }

    /// The end of everything. Whether that is new.
    pub(super) fn end(&self) -> bool {
        let is_new = !self.is_gone();
        self.stage.set(Stage::Gone(self.losses()));
        is_new
    }

    /// From here on the channel is not touched any more.
    pub(super) fn disown(&self) {
        self.disowned.set(true);
    }

    /// Counts a write that comes after the loss; says how many came before, of which the loss is the first. Zero: it is not lost.
    pub(super) fn count_write(&self) -> u32 {
        let losses = self.losses();
        match self.stage.get() {
            Stage::Lost(count) => self.stage.set(Stage::Lost(count.saturating_add(1))),
            Stage::Gone(count) if count > 0 => self.stage.set(Stage::Gone(count.saturating_add(1))),
            _ => {}
        }
        losses
    }

    /// What this deferred turn is for; the next one is for the end.
    pub(super) fn take_deferred(&self) -> Deferred {
        self.deferred.replace(Deferred::End)
    }

    /// The next deferred turn tells of the end of the stream.
    pub(super) fn defer_eof(&self) {
        self.deferred.set(Deferred::Eof);
    }

    /// Has the channel watched for data, or no more. One that is paused stays so.
    pub(super) fn read<H: Host>(&self, host: &H, cx: H::Cx<'_>, on: bool) {
        let to = if on { Reading::Watched } else { Reading::Idle };
        if self.reading.get() != Reading::Paused && self.reading.replace(to) != to {
            self.watch(host, cx, Direction::Read, on);
        }
    }

    /// Has the channel watched for room, or no more.
    pub(super) fn room<H: Host>(&self, host: &H, cx: H::Cx<'_>, on: bool) {
        if self.writing.replace(on) != on {
            self.watch(host, cx, Direction::Write, on);
        }
    }

    /// Receives no more for now. Whether that changes anything.
    pub(super) fn pause<H: Host>(&self, host: &H, cx: H::Cx<'_>) -> bool {
        let changes = self.is_reading();
        if changes && self.reading.replace(Reading::Paused) == Reading::Watched {
            self.watch(host, cx, Direction::Read, false);
        }
        changes
    }

    /// Receives again, once it has begun. Whether that changes anything.
    pub(super) fn resume<H: Host>(&self, host: &H, cx: H::Cx<'_>) -> bool {
        let changes = self.stage.get() == Stage::Open && self.is_paused();
        if changes {
            self.reading.set(Reading::Idle);
            if self.deferred.get() != Deferred::Begin {
                self.read(host, cx, true);
            }
        }
        changes
    }

    pub(super) fn is_closing(&self) -> bool {
        self.stage.get() != Stage::Open
    }

    #[inline]
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.stage.get(), Stage::Lost(_) | Stage::Gone(_))
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.stage.get(), Stage::Gone(_))
    }

    pub(super) fn is_disowned(&self) -> bool {
        self.disowned.get()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.reading.get() == Reading::Paused
    }

    pub(super) fn is_reading(&self) -> bool {
        !self.is_closing() && !self.is_paused()
    }

    /// Whether the channel is watched for data.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.reading.get() == Reading::Watched
    }

    /// Above zero once `connection_lost` is on its way; counts the writes since.
    pub(super) fn losses(&self) -> u32 {
        match self.stage.get() {
            Stage::Open | Stage::Closing => 0,
            Stage::Lost(count) | Stage::Gone(count) => count,
        }
    }

    fn watch<H: Host>(&self, host: &H, cx: H::Cx<'_>, direction: Direction, on: bool) {
        if !self.disowned.get() {
            host.watch(cx, direction, on);
        }
    }
}
