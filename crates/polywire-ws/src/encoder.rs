//! Messages of the program, on their way out.

use polywire_core::stream::{Encoder, Prefix};

use crate::frame::{self, OpCode};
use crate::role::Role;

/// Frames each message as one unfragmented frame.
#[derive(Debug)]
pub(crate) struct FrameEncoder {
    pub(crate) role: Role,
    pub(crate) max_message_size: usize,
    pub(crate) text: bool,
}

impl FrameEncoder {
    fn opcode(&self, message: &[u8]) -> OpCode {
        let is_text = self.text && std::str::from_utf8(message).is_ok();
        if is_text { OpCode::Text } else { OpCode::Binary }
    }
}

impl Encoder for FrameEncoder {
    fn max_message_size(&self) -> usize {
        self.max_message_size
    }

    /// A server's frame is a header and the message as it is; a client's message changes, because
    /// it is masked.
    fn prefix(&self, message: &[u8]) -> Option<Prefix> {
        match self.role {
            Role::Server => Some(frame::header(self.opcode(message), message.len(), None)),
            Role::Client => None,
        }
    }

    fn encode(&self, message: &[u8], out: &mut Vec<u8>) {
        frame::write(self.role, self.opcode(message), message, out);
    }
}
