//! Close frames: which codes may be sent, and what is in their payload.

use super::Failed;

/// The codes of a close frame (RFC 6455, 7.4.1, and the registry of it). 3000 to 4999 are free for libraries and programs.
///
/// ```
/// use ferrio_http::ws::code;
///
/// assert_eq!(code::NORMAL, 1000);
/// assert!(code::may_be_sent(4321) && !code::may_be_sent(code::ABNORMAL));
/// ```
pub mod code {
    /// The connection did what it was made for.
    pub const NORMAL: u16 = 1000;
    /// A server goes down, or a browser leaves the page.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// A message of a kind that the endpoint does not take, such as binary where text is spoken.
    pub const UNSUPPORTED: u16 = 1003;
    /// Stands for a close frame without a code; never sent.
    pub const NO_STATUS: u16 = 1005;
    /// Stands for a connection that ended without a close frame; never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Text that is not UTF-8, or data that cannot be inflated.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// The message breaks a policy of the endpoint's.
    pub const POLICY: u16 = 1008;
    /// The message is larger than the endpoint takes.
    pub const TOO_BIG: u16 = 1009;
    /// The client needs an extension that the server did not agree to.
    pub const EXTENSION_NEEDED: u16 = 1010;
    /// The server met a condition that it did not expect.
    pub const INTERNAL_ERROR: u16 = 1011;
    /// The service restarts.
    pub const RESTART: u16 = 1012;
    /// The service is overloaded.
    pub const TRY_LATER: u16 = 1013;
    /// A gateway had a bad answer from behind it.
    pub const BAD_GATEWAY: u16 = 1014;

    /// Whether a close frame may carry this code.
    #[must_use]
    pub const fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Code and reason in a close frame's payload.
pub(super) fn read(payload: &[u8]) -> Result<(u16, &str), Failed> {
    let Some((&code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok((code::NO_STATUS, "")),
            _ => Err(Failed::protocol("the payload of a close frame has one byte")),
        };
    };
    let code = u16::from_be_bytes(code);
    if !code::may_be_sent(code) {
        return Err(Failed::protocol("the code of a close frame is not one that may be sent"));
    }
    match str::from_utf8(reason) {
        Ok(reason) => Ok((code, reason)),
        Err(_) => Err(Failed::payload("the reason of a close frame is not UTF-8")),
    }
}
