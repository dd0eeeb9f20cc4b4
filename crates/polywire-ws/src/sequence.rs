//! The order of the pieces that the program sends.

use std::sync::{Mutex, PoisonError};

use polywire_core::Message;
use polywire_core::network::SendStatus;

use crate::kinds::{self, BINARY_START, CONTINUATION, CONTINUATION_END, TEXT_START};
use crate::utf8::Utf8;

/// What was sent of a message in pieces, on one connection.
#[derive(Debug, Default)]
pub(crate) struct Sequence(Mutex<Pieces>);

#[derive(Debug, Default)]
struct Pieces {
    /// Behind what was sent.
    now: Open,
    /// Behind what was looked at last, if it is sent: it may turn out that there is no room for it. So its frame
    /// may also be put together twice.
    next: Open,
}

/// What is open.
#[derive(Clone, Copy, Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Binary,
    Text(Utf8),
}

impl Open {
    /// What is open behind `message`; `None` if it can't be sent now.
    fn behind(self, message: Message<'_>) -> Option<Self> {
        let checked = |mut text: Utf8, is_last| text.push(message.bytes, is_last).then_some(text);
        Some(match (self, message.kind) {
            (Self::Nothing, TEXT_START) => Self::Text(checked(Utf8::default(), false)?),
            (Self::Nothing, BINARY_START) => Self::Binary,
            (Self::Binary, CONTINUATION) => Self::Binary,
            (Self::Text(text), CONTINUATION) => Self::Text(checked(text, false)?),
            (Self::Binary, CONTINUATION_END) => Self::Nothing,
            (Self::Text(text), CONTINUATION_END) => {
                checked(text, true)?;
                Self::Nothing
            }
            (_, TEXT_START | BINARY_START | CONTINUATION | CONTINUATION_END) => return None,
            (Self::Nothing, kind) if kinds::is_text(kind) => {
                checked(Utf8::default(), true)?;
                Self::Nothing
            }
            (Self::Nothing, _) => Self::Nothing,
            (Self::Binary | Self::Text(_), _) => return None,
        })
    }
}

impl Sequence {
    /// What is against sending `message` now.
    pub(crate) fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pieces.now.behind(message) {
            Some(next) => {
                // Another thread's whole message says nothing of the piece that this one is about to send.
                if kinds::is_piece(message.kind) {
                    pieces.next = next;
                }
                None
            }
            None => Some(SendStatus::InvalidMessage),
        }
    }

    /// The piece that was looked at last is sent.
    pub(crate) fn go_on(&self) {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.now = pieces.next;
    }
}
