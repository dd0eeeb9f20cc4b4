//! Messages of the program, on their way out.

use std::sync::Arc;

use polywire_core::stream::{Encoder, Prefix};

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

    fn opcode(&self, message: &[u8]) -> OpCode {
        let is_text = self.0.text && std::str::from_utf8(message).is_ok();
        if is_text { OpCode::Text } else { OpCode::Binary }
    }
}

impl Encoder for WsEncoder {
    fn max_message_size(&self) -> usize {
        self.0.max_message_size
    }

    /// A server's frame is a header and the message as it is; a client's message changes, because
    /// it is masked.
    #[inline(always)] // Into the send of each message.
    fn prefix(&self, message: &[u8]) -> Option<Prefix> {
        match (self.0.role, message.len()) {
            (Role::Client, _) => None,
            // As most are.
            (_, len @ 0..=125) => Prefix::new(&[0x80 | self.opcode(message) as u8, len as u8]),
            (_, len) => Some(frame::header(self.opcode(message), len, None)),
        }
    }

    #[inline(always)]
    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        frame::write(self.0.role, self.opcode(message), message, out);
    }
}
