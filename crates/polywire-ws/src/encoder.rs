//! Messages of the program, on their way out.

use std::any::TypeId;
use std::sync::Arc;

use polywire_core::adapter::Info;
use polywire_core::network::SendStatus;
use polywire_core::stream::{Encoder, Frame};
use polywire_core::{Message, MessageKind};

use crate::deflate::contexts::Contexts;
use crate::frame::{self, FIN, OpCode};
use crate::kinds;
use crate::role::Role;
use crate::settings::Settings;
use crate::shared::{Facts, Shared};
use crate::utf8::is_text;

const TEXT: u8 = FIN | OpCode::Text as u8;
const BINARY: u8 = FIN | OpCode::Binary as u8;

/// Frames each message as one frame, and each piece of one: the sending half of a
/// [`WsProtocol`](crate::WsProtocol).
#[derive(Clone, Debug)]
pub struct WsEncoder(Arc<Shared>);

impl WsEncoder {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The first byte of the frame.
    #[inline(always)]
    fn first_byte(&self, message: Message<'_>) -> u8 {
        match message.kind {
            MessageKind::BINARY => BINARY,
            MessageKind::TEXT => TEXT,
            MessageKind::UNSPECIFIED => self.first_byte_of_unspecified(message.bytes),
            kind => self.first_byte_of_others(kind),
        }
    }

    /// Nobody has said what it is, and the peer has sent nothing, or sends in pieces, most of which have no kind to
    /// answer in.
    #[inline(never)] // An answer has the kind of what it answers.
    fn first_byte_of_unspecified(&self, bytes: &[u8]) -> u8 {
        let settings = &self.0.settings;
        let received = settings.fragments.then(|| self.0.facts().map(Facts::received)).flatten();
        let is_answered_by_text = match received {
            Some(MessageKind::TEXT) => true,
            Some(MessageKind::BINARY) => false,
            _ => settings.text,
        };
        if is_answered_by_text && is_text(bytes) { TEXT } else { BINARY }
    }

    #[cold]
    fn first_byte_of_others(&self, kind: MessageKind) -> u8 {
        if let Some(facts) = self.0.facts().filter(|_| kinds::is_piece(kind)) {
            facts.sequence.go_on();
        }
        kinds::first_byte(kind)
    }

    /// Puts the frame of a message together if it is to be compressed, and returns whether it was.
    #[inline(never)] // Not in the way of those that are not.
    fn encode_deflated<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) -> bool {
        let contexts = self.0.deflate().filter(|_| kinds::is_compressible(message.kind));
        contexts.is_some_and(|contexts| {
            let (role, first) = (self.0.settings.role, self.first_byte(message));
            contexts.write(role, first, message.bytes, &mut |bytes| frame.put(bytes))
        })
    }

    /// As [`refuse`](Encoder::refuse), of a message that is too long, or on a connection with more rules.
    #[cold]
    fn refuse_by_all_rules(&self, message: Message<'_>) -> Option<SendStatus> {
        let Settings { max_message_size, fragments, .. } = self.0.settings;
        match self.0.facts() {
            _ if message.bytes.len() > max_message_size => Some(SendStatus::MaxPacketSizeExceeded),
            Some(facts) if fragments => facts.sequence.refuse(message),
            _ => refuse_kind(message),
        }
    }
}

impl Encoder for WsEncoder {
    fn max_message_size(&self) -> usize {
        self.0.settings.max_message_size
    }

    #[inline(always)]
    fn refuse(&self, message: Message<'_>) -> Option<SendStatus> {
        if message.bytes.len() >= self.0.settings.plain_below {
            return self.refuse_by_all_rules(message);
        }
        match message.kind {
            MessageKind::BINARY | MessageKind::UNSPECIFIED => None,
            _ => refuse_kind(message),
        }
    }

    /// Of a connection that refers to earlier messages when it compresses.
    fn is_ordered(&self) -> bool {
        self.0.deflate().is_some_and(Contexts::is_ordered)
    }

    #[inline(always)]
    fn changes_messages(&self) -> bool {
        self.0.settings.role == Role::Client || self.0.deflates()
    }

    #[inline(always)] // Into the send of each message.
    fn encode<'m>(&self, message: Message<'m>, frame: &mut impl Frame<'m>) {
        if self.0.deflates() && self.encode_deflated(message, frame) {
            return;
        }
        frame::write_with(self.0.settings.role, self.first_byte(message), message.bytes, frame);
    }

    /// What a client sends is masked, each frame by a key of its own (RFC 6455 section 5.3).
    fn framing(&self) -> Option<u64> {
        match self.0.settings.role {
            Role::Client => None,
            Role::Server if self.0.settings.fragments => None, // Each notes its own.
            Role::Server => {
                let deflate = self.0.deflate().map_or(Some(0), Contexts::framing)?;
                Some(deflate << 1 | u64::from(self.0.settings.text))
            }
        }
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.0.info(type_id)
    }
}

/// What is against a message of that kind, on a connection without pieces.
#[inline(never)] // Not in the way of binary messages.
fn refuse_kind(Message { bytes, kind }: Message<'_>) -> Option<SendStatus> {
    let is_wrong = kinds::is_piece(kind) || kinds::is_text(kind) && !is_text(bytes);
    is_wrong.then_some(SendStatus::InvalidMessage)
}
