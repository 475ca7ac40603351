//! The writing half of `Transport`: at once where it can be, together where a callback writes often, later where there is
//! no room.

use std::io;

use crate::io::{Channel, Kind};
use crate::transport::held_writes::MOST;
use crate::transport::protocol::Protocol;
use crate::transport::stream::Transport;

impl<C: Channel, P: Protocol> Transport<C, P> {
    /// Writes `data`, as much as possible at once. `rest` makes a chunk of the same data that can be kept.
    ///
    /// # Errors
    /// What a callback wants to leave the loop, or what `rest` failed with.
    #[inline]
    pub fn write(
        &self,
        cx: P::Cx<'_>,
        data: &[u8],
        rest: impl FnOnce() -> Result<P::Chunk, P::Escape>,
    ) -> Result<(), P::Escape> {
        let Some(written) = self.begin(cx, data) else { return Ok(()) };
        self.outgoing.push(rest()?, written);
        self.pushed(cx)
    }

    /// Writes a chunk; given back if it need not be kept, to be used again.
    ///
    /// # Errors
    /// What a callback wants to leave the loop.
    pub fn write_owned(&self, cx: P::Cx<'_>, chunk: P::Chunk) -> Result<Option<P::Chunk>, P::Escape> {
        let Some(written) = self.begin(cx, chunk.as_ref()) else { return Ok(Some(chunk)) };
        self.outgoing.push(chunk, written);
        self.pushed(cx)?;
        Ok(None)
    }

    /// Writes all of `chunks`, in one system call where they fit. What waits for room is tried again with them, as asyncio
    /// does: a peer that is gone is noticed here.
    ///
    /// # Errors
    /// As `write`.
    pub fn write_all(
        &self,
        cx: P::Cx<'_>,
        chunks: impl IntoIterator<Item = P::Chunk>,
    ) -> Result<(), P::Escape> {
        let waits = self.waits();
        for chunk in chunks {
            self.outgoing.push(chunk, 0);
        }
        if self.outgoing.is_empty() {
            return Ok(());
        }
        if waits && !self.held_writes.is_held() {
            self.on_writable(cx)?;
        } else if !waits && !self.holds(cx, self.outgoing.size()) {
            self.flush(cx);
        }
        self.pushed(cx)
    }

    /// Whether something is held, to be sent with more.
    pub fn holds_data(&self) -> bool {
        self.held_writes.is_held()
    }

    /// From now on what is written leaves with what others write in this turn, if any run.
    pub fn gather(&self) {
        self.held_writes.gather();
    }

    /// Somebody else may use the channel from now on: what is held is sent first, and nothing is held again.
    pub fn share(&self, cx: P::Cx<'_>) {
        self.held_writes.share();
        self.settle(cx);
    }

    /// Sends what is held.
    pub fn settle(&self, cx: P::Cx<'_>) {
        if self.held_writes.release() && !self.outgoing.is_empty() {
            self.flush(cx);
        }
    }

    /// The channel has room; or what is held is to be sent.
    ///
    /// # Errors
    /// What a callback wants to leave the loop.
    pub fn on_writable(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.held_writes.is_held() {
            self.settle(cx);
            return Ok(());
        }
        if self.is_lost() || self.outgoing.is_empty() {
            return Ok(());
        }
        match self.outgoing.flush(|pieces| self.channel.write_vectored(pieces)) {
            Err(error) if is_try_again(&error) => Ok(()),
            Err(error) => {
                self.write_failed(cx, error);
                Ok(())
            }
            Ok(_) => {
                let result = self.resume_writing(cx);
                self.settle(cx);
                if self.outgoing.is_empty() && !self.is_lost() {
                    self.all_written(cx)?;
                }
                result
            }
        }
    }

    /// Whether something waits to be written, and more goes behind it.
    fn waits(&self) -> bool {
        let waits = !self.outgoing.is_empty();
        if waits {
            self.held_writes.note_another();
        }
        waits
    }

    /// Whether so many bytes, behind nothing, are to be held. Never more than the protocol may have waiting: it is not
    /// told to pause for what there may well be room for.
    fn holds(&self, cx: P::Cx<'_>, length: usize) -> bool {
        let Some(callback) = self.protocol.callback(cx) else { return false };
        if !self.held_writes.holds(callback, || self.protocol.others_wait(cx)) || length > self.most_held() {
            return false;
        }
        self.held_writes.hold();
        self.protocol.settle_later(cx);
        true
    }

    fn most_held(&self) -> usize {
        MOST.min(self.marks.limits().high)
    }

    /// More waits than did.
    fn pushed(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.held_writes.is_held() {
            let overdue = self.held_writes.is_overdue();
            if !overdue && self.outgoing.size() <= self.most_held() {
                return Ok(());
            }
            if overdue {
                self.held_writes.give_up();
            }
            self.settle(cx);
        }
        self.pause_writing(cx)
    }

    /// Writes what there is room for, unless `data` goes behind what waits or is held: how much is written, if the rest has
    /// to be kept.
    #[inline]
    fn begin(&self, cx: P::Cx<'_>, data: &[u8]) -> Option<usize> {
        if self.waits() || self.holds(cx, data.len()) {
            return Some(0);
        }
        let written = match self.channel.write(data) {
            Ok(count) if count == data.len() => return None,
            Ok(count) => count,
            Err(error) if is_try_again(&error) => 0,
            Err(error) => {
                self.write_failed(cx, error);
                return None;
            }
        };
        self.room(cx, true);
        Some(written)
    }

    /// Writes what waits for no room yet, and waits for room for the rest.
    fn flush(&self, cx: P::Cx<'_>) {
        match self.outgoing.flush(|pieces| self.channel.write_vectored(pieces)) {
            Err(error) if !is_try_again(&error) => self.write_failed(cx, error),
            _ if self.outgoing.is_empty() => {}
            _ => self.room(cx, true),
        }
    }

    pub(super) fn pause_writing(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        if self.marks.exceeded(self.outgoing.size()) { self.protocol.pause_writing(cx) } else { Ok(()) }
    }

    fn resume_writing(&self, cx: P::Cx<'_>) -> Result<(), P::Escape> {
        // The end of a pipe is told when all is written, with asyncio, whatever its marks say.
        let waits = C::KIND == Kind::WriteOnly && !self.outgoing.is_empty();
        if !waits && self.marks.receded(self.outgoing.size()) {
            self.protocol.resume_writing(cx)
        } else {
            Ok(())
        }
    }
}

fn is_try_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
