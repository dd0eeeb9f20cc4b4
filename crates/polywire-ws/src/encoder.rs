//! Messages of the program, on their way out.

use std::sync::Arc;

use polywire_core::network::SendStatus;
use polywire_core::stream::{Encoder, Frame};
use polywire_core::{Message, MessageKind};

use crate::frame::{self, OpCode};
use crate::role::Role;
use crate::settings::Settings;

/// Frames each message as one unfragmented frame: the sending half of a
/// [`WsProtocol`](crate::WsProtocol).
#[derive(Clone, Debug)]
pub struct WsEncoder(Arc<Settings>);

impl WsEncoder {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    #[inline(always)]
    fn opcode(&self, message: Message<'_>) -> OpCode {
        match message.kind {
            MessageKind::TEXT => OpCode::Text,
            MessageKind::UNSPECIFIED if self.0.text && is_text(message.bytes) => OpCode::Text,
            _ => OpCode::Binary,
        }
    }
}

impl Encoder for WsEncoder {
    fn max_message_size(&self) -> usize {
        self.0.max_message_size
    }

    #[inline(always)]
    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        if message.bytes.len() > self.0.max_message_size {
            return Some(SendStatus::MaxPacketSizeExceeded);
        }
        let is_no_text = message.kind == MessageKind::TEXT && !is_text(message.bytes);
        is_no_text.then_some(SendStatus::InvalidMessage)
    }

    #[inline(always)]
    fn changes_messages(&self) -> bool {
        self.0.role == Role::Client
    }

    #[inline(always)] // Into the send of each message.
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        frame::write(self.0.role, self.opcode(message), message.bytes, frame);
    }

    /// What a client sends is masked, each frame by a key of its own (RFC 6455 section 5.3).
    fn framing(&self) -> Option<u64> {
        match self.0.role {
            Role::Client => None,
            Role::Server => Some(u64::from(self.0.text)),
        }
    }
}

/// Whether it is UTF-8.
#[inline(never)] // Not in the way of binary messages.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}
