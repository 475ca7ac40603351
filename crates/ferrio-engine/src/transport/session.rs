//! `Session`: what encrypts and decrypts, without input or output of its own.
//!
//! A session takes in ciphertext and gives plaintext, and the reverse; where the bytes come from and go to is the
//! `Layer`'s. It knows neither a loop nor a door. None of its methods waits: what cannot be done yet is said to be so, and
//! done when more ciphertext was taken in.

use std::mem::MaybeUninit;

/// How far a handshake, or a closing, has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is complete.
    Done,
    /// It goes on when more came from the peer. What it has to say first may wait to be sent.
    Waiting,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing, until more came from the peer.
    Nothing,
    /// The peer said that no more comes.
    End,
}

/// See the module. All methods take `&self`: what a session calls may come back to it.
pub trait Session {
    /// The door's token.
    type Cx<'a>: Copy;
    /// What can go wrong.
    type Error;
    /// Encrypted bytes for the peer.
    type Ciphertext: AsRef<[u8]>;

    /// Takes in what came from the peer.
    ///
    /// # Errors
    /// When there is no room for it.
    fn feed(&self, cx: Self::Cx<'_>, ciphertext: &[u8]) -> Result<(), Self::Error>;

    /// As `feed`, for ciphertext that is there while `body` runs: what `body` uses of it need not be copied.
    ///
    /// # Errors
    /// As `feed`.
    fn lend<R>(
        &self,
        cx: Self::Cx<'_>,
        ciphertext: &[u8],
        body: impl FnOnce() -> R,
    ) -> Result<R, Self::Error> {
        self.feed(cx, ciphertext)?;
        Ok(body())
    }

    /// How many bytes were taken in and not used yet.
    fn unread(&self, cx: Self::Cx<'_>) -> usize;

    /// The most plaintext that what was taken in can give.
    fn readable(&self, cx: Self::Cx<'_>) -> usize;

    /// How many bytes wait to be sent.
    fn unsent(&self, cx: Self::Cx<'_>) -> usize;

    /// All that waits to be sent.
    ///
    /// # Errors
    /// Rare ones, of memory.
    fn take(&self, cx: Self::Cx<'_>) -> Result<Self::Ciphertext, Self::Error>;

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// Why there will be no connection.
    fn handshake(&self, cx: Self::Cx<'_>) -> Result<Progress, Self::Error>;

    /// Reads plaintext, one record at most.
    ///
    /// # Errors
    /// When what the peer sent is wrong.
    fn read(&self, cx: Self::Cx<'_>, buffer: &mut [MaybeUninit<u8>]) -> Result<Plain, Self::Error>;

    /// Encrypts the beginning of `data`, or all of it, and says how much that was; `None` if it must wait for the peer.
    /// Then the next write begins with the same data.
    ///
    /// # Errors
    /// When the connection is broken.
    fn write(&self, cx: Self::Cx<'_>, data: &[u8]) -> Result<Option<usize>, Self::Error>;

    /// Says that no more comes from us, and waits for the peer to say the same.
    ///
    /// # Errors
    /// When something else comes from the peer.
    fn close(&self, cx: Self::Cx<'_>) -> Result<Progress, Self::Error>;
}

/// Reads until `buffer` is full or there is no more: how much it was, and the last answer.
///
/// # Errors
/// Those of `Session::read`: what was read before is lost then, as it is in asyncio.
pub fn read_all<S: Session>(
    session: &S,
    cx: S::Cx<'_>,
    buffer: &mut [MaybeUninit<u8>],
) -> Result<(usize, Plain), S::Error> {
    let mut filled = 0;
    loop {
        match session.read(cx, &mut buffer[filled..])? {
            Plain::Bytes(count) => filled += count,
            other => return Ok((filled, other)),
        }
        if filled >= buffer.len() {
            return Ok((filled, Plain::Bytes(filled)));
        }
    }
}
