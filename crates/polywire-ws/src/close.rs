//! The end of a connection and its codes (RFC 6455 sections 5.5.1 and 7.4).

use std::io;

use polywire_core::CloseReason;

use crate::frame::{self, OpCode};
use crate::role::Role;
use crate::settings::{GOING_AWAY, Settings};

const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const INTERNAL_ERROR: u16 = 1011;

/// Bytes of text that fit behind the code in a control frame.
const MAX_REASON_BYTES: usize = 123;

/// Closes a connection with a code and a reason: given to
/// [`control`](polywire_core::network::NetworkController::control) with its id.
///
/// What was sent before goes out, and the Close frame behind it. The endpoint ends with one `Disconnected`, whose
/// [`close_reason`](polywire_core::network::NetworkController::close_reason) is
/// [`ClosedWith`](CloseReason::ClosedWith); if what was sent could not go out within
/// [`linger`](polywire_core::Limits::linger), it says so afterwards, as behind `remove`. A connection that is not ready yet is
/// closed once it is, and ends with the same reason if its handshake fails before: to give up a handshake, `remove` it.
/// One that is opened again ([`Reconnecting`](polywire_core::Reconnecting)) ends for good. While there is none to close
/// `remove` does it: between two attempts, and in one that fails before the handshake of WebSocket begins, with the
/// last server where redirects are followed. Such an attempt takes the `Close` with it.
///
/// ```
/// use polywire_core::Endpoint;
/// use polywire_core::network::NetworkController;
/// use polywire_ws::Close;
///
/// fn refuse(network: &NetworkController, endpoint: Endpoint) -> std::io::Result<()> {
///     network.send(endpoint, b"still goes out");
///     network.control(endpoint.resource_id(), Close::new(4001, "log in first")?);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// Closes with that code (RFC 6455 section 7.4), 1000 for a normal end, and a reason that may be empty.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a code that must not be sent, which are all but 1000 to 1003, 1007 to 1014, and 3000 to
    /// 4999, and for a reason of more than 123 bytes.
    pub fn new(code: u16, reason: impl Into<String>) -> io::Result<Self> {
        let reason = reason.into();
        let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if !may_be_sent(code) {
            return invalid(format!(
                "the code {code} must not be sent: use 1000, or one of your own from 4000 to 4999"
            ));
        }
        if reason.len() > MAX_REASON_BYTES {
            let len = reason.len();
            return invalid(format!(
                "a reason to close is at most {MAX_REASON_BYTES} bytes, not {len}: send a message first"
            ));
        }
        Ok(Self { code, reason })
    }

    /// The code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason, often empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<Close> for CloseReason {
    fn from(Close { code, reason }: Close) -> Self {
        Self::ClosedWith { code, text: reason }
    }
}

/// Why a session is over, and the Close frame that tells the peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The code of our Close frame; `None` for one without any.
    code: Option<u16>,
    /// The reason the program is told.
    pub(crate) reason: CloseReason,
}

impl End {
    /// Appends the Close frame.
    #[cold]
    pub(crate) fn write(&self, role: Role, out: &mut Vec<u8>) {
        match &self.reason {
            CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. } => {
                write(role, self.code, "", out);
            }
            reason => write(role, self.code, &reason.to_string(), out),
        }
    }
}

/// The peer broke the protocol.
#[cold]
pub(crate) fn violation(text: &'static str) -> End {
    End { code: Some(PROTOCOL_ERROR), reason: CloseReason::ProtocolViolation(text.into()) }
}

/// The peer sent text that is not UTF-8.
#[cold]
pub(crate) fn invalid_text() -> End {
    let reason = CloseReason::ProtocolViolation("a text is not valid UTF-8".into());
    End { code: Some(INVALID_DATA), reason }
}

/// The peer sent a compressed message that is not DEFLATE.
#[cfg(feature = "deflate")]
#[cold]
pub(crate) fn invalid_deflate() -> End {
    let text = "a compressed message is not valid DEFLATE, or ends inside a block";
    End { code: Some(INVALID_DATA), reason: CloseReason::ProtocolViolation(text.into()) }
}

/// The peer cut a message into more fragments than are allowed.
#[cold]
pub(crate) fn too_many_fragments(max: usize) -> End {
    let text = format!("a message has more than {max} fragments");
    End { code: Some(POLICY), reason: CloseReason::ProtocolViolation(text.into()) }
}

/// The peer announced a message or a fragment that is too long.
#[cold]
pub(crate) fn too_large(size: u64, max: usize) -> End {
    let reason = CloseReason::MessageTooLarge { size, max: max as u64 };
    End { code: Some(TOO_BIG), reason }
}

/// What a Close frame with this payload means; the code goes back to the peer.
#[cold]
pub(crate) fn received(payload: &[u8]) -> End {
    let (code, text) = match payload {
        [] => return End { code: None, reason: CloseReason::PeerClosed },
        [_] => return violation("a Close frame has half a code"),
        [high, low, text @ ..] => (u16::from_be_bytes([*high, *low]), text),
    };
    if !may_be_sent(code) {
        return violation("a Close frame has a code that must not be sent");
    }
    match std::str::from_utf8(text) {
        Ok(text) => End {
            code: Some(code),
            reason: CloseReason::PeerClosedWith { code, text: text.into() },
        },
        Err(_) => invalid_text(),
    }
}

/// Appends the Close frame for an end that this side decided on, if there is one to be sent.
pub(crate) fn write_close_frame(settings: &Settings, reason: &CloseReason, out: &mut Vec<u8>) {
    let code = match reason {
        CloseReason::ClosedWith { code, text } => {
            return write(settings.role, Some(*code), text, out);
        }
        CloseReason::PeerClosed | CloseReason::PeerClosedWith { .. } | CloseReason::Reset => return,
        CloseReason::Removed => NORMAL,
        CloseReason::NodeStopped => settings.stop_code,
        CloseReason::MaxLifetime => GOING_AWAY,
        CloseReason::ProtocolViolation(_) => PROTOCOL_ERROR,
        CloseReason::MessageTooLarge { .. } => TOO_BIG,
        CloseReason::OutboxLimit { .. } => POLICY,
        _ => INTERNAL_ERROR,
    };
    write(settings.role, Some(code), "", out);
}

fn write(role: Role, code: Option<u16>, text: &str, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        let fits =
            (0..=text.len().min(MAX_REASON_BYTES)).rev().find(|at| text.is_char_boundary(*at));
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(&text.as_bytes()[..fits.unwrap_or(0)]);
    }
    frame::write(role, OpCode::Close, &payload, out);
}

/// Whether the code may stand in a Close frame: those defined for it, IANA's and private ones.
pub(crate) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_to_fit_a_control_frame() {
        let mut out = Vec::new();
        write(Role::Server, Some(NORMAL), &"é".repeat(100), &mut out);
        assert_eq!(out[..4], [0x88, 124, 0x03, 0xe8]);
        assert_eq!(out.len(), 126);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn the_program_closes_with_what_may_be_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            let error = Close::new(code, "").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{code}");
        }
        let close = Close::new(4999, "é".repeat(61)).unwrap();
        assert_eq!((close.code(), close.reason().len()), (4999, 122));
        assert!(Close::new(1000, "é".repeat(62)).is_err());
    }

    #[test]
    fn codes_that_never_travel_are_refused() {
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            assert_eq!(received(&code.to_be_bytes()).code, Some(PROTOCOL_ERROR), "{code}");
        }
        for code in [1000_u16, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert_eq!(received(&code.to_be_bytes()).code, Some(code));
        }
    }
}
