//! The pieces of messages that are streamed.

use polywire_core::MessageKind;

use crate::frame::{FIN, OpCode};

/// The first piece of a text message, others follow. Only [`with_fragments`](crate::WsListenConfig::with_fragments).
pub const TEXT_START: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM);
/// The first piece of a binary message, others follow. Only
/// [`with_fragments`](crate::WsListenConfig::with_fragments).
pub const BINARY_START: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM + 1);
/// A piece of the message that has begun, others follow; which kind began it does not say. Only
/// [`with_fragments`](crate::WsListenConfig::with_fragments).
pub const CONTINUATION: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM + 2);
/// The last piece of the message that has begun. Only
/// [`with_fragments`](crate::WsListenConfig::with_fragments).
pub const CONTINUATION_END: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM + 3);

/// Text that is sent as it is where other messages are compressed: because it is compressed already, or holds a
/// secret beside what a stranger chose. What is received is [`TEXT`](MessageKind::TEXT).
pub const UNCOMPRESSED_TEXT: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM + 8);
/// Any bytes that are sent as they are where other messages are compressed, such as pictures. What is received
/// is [`BINARY`](MessageKind::BINARY).
pub const UNCOMPRESSED_BINARY: MessageKind = MessageKind::new(MessageKind::FIRST_CUSTOM + 9);

/// Whether messages of that kind are text, as a whole.
pub(crate) fn is_text(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::TEXT | UNCOMPRESSED_TEXT)
}

/// Whether messages of that kind are compressed.
pub(crate) fn is_compressible(kind: MessageKind) -> bool {
    !is_piece(kind) && !matches!(kind, UNCOMPRESSED_TEXT | UNCOMPRESSED_BINARY)
}

/// Whether it is one of the four.
pub(crate) fn is_piece(kind: MessageKind) -> bool {
    matches!(kind, TEXT_START | BINARY_START | CONTINUATION | CONTINUATION_END)
}

/// Whether it is text or binary, of a message or its first piece. `None` of the other pieces.
pub(crate) fn of_message(piece: MessageKind) -> Option<MessageKind> {
    match piece {
        TEXT_START | MessageKind::TEXT => Some(MessageKind::TEXT),
        BINARY_START | MessageKind::BINARY => Some(MessageKind::BINARY),
        _ => None,
    }
}

/// The first byte of the frame that a message of a kind of ours goes out in; that of a binary one for all others.
pub(crate) fn first_byte(kind: MessageKind) -> u8 {
    match kind {
        TEXT_START => OpCode::Text as u8,
        BINARY_START => OpCode::Binary as u8,
        CONTINUATION => OpCode::Continuation as u8,
        CONTINUATION_END => FIN | OpCode::Continuation as u8,
        UNCOMPRESSED_TEXT => FIN | OpCode::Text as u8,
        _ => FIN | OpCode::Binary as u8,
    }
}

/// The kind of a piece.
pub(crate) fn of_piece(is_text: bool, is_first: bool, is_last: bool) -> MessageKind {
    match (is_text, is_first, is_last) {
        (true, true, true) => MessageKind::TEXT,
        (false, true, true) => MessageKind::BINARY,
        (true, true, false) => TEXT_START,
        (false, true, false) => BINARY_START,
        (_, false, false) => CONTINUATION,
        (_, false, true) => CONTINUATION_END,
    }
}
