//! One message, and what kind of message it is.

use std::cell::Cell;
use std::thread_local;

thread_local! {
    /// The kind of the message that this thread delivered, or took out of a queue, last.
    static CURRENT: Cell<MessageKind> = const { Cell::new(MessageKind::BINARY) };
}

/// The current thread delivers a message of that kind.
#[inline]
pub(crate) fn set_current_kind(kind: MessageKind) {
    CURRENT.with(|current| current.set(kind));
}

/// The kind of the message that the current thread got last.
pub(crate) fn current_kind() -> MessageKind {
    CURRENT.with(Cell::get)
}

/// What kind of message it is, for the transports that tell kinds apart: WebSocket sends text and binary
/// messages (RFC 6455 section 5.6) and kinds of its own, and any other kind as binary. Others send what they are given and deliver [`BINARY`](Self::BINARY).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageKind(u8);

impl MessageKind {
    /// Any bytes: the default, and all there is on a transport without kinds.
    pub const BINARY: Self = Self(0);
    /// Text, which is UTF-8.
    pub const TEXT: Self = Self(1);
    /// What [`send`](crate::network::NetworkController::send) gives a message while the peer has sent none: the
    /// transport's own choice, binary as a rule.
    pub const UNSPECIFIED: Self = Self(2);
    /// The first number that an adapter may give a meaning of its own.
    pub const FIRST_CUSTOM: u8 = 16;

    /// The kind of that number. 0 is binary, 1 is text; others below
    /// [`FIRST_CUSTOM`](Self::FIRST_CUSTOM) are reserved.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// One message: its bytes, and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it says.
    pub bytes: &'a [u8],
    /// What kind of message it is.
    pub kind: MessageKind,
}

impl<'a> Message<'a> {
    /// A message of that kind.
    #[inline(always)]
    pub const fn new(bytes: &'a [u8], kind: MessageKind) -> Self {
        Self { bytes, kind }
    }

    /// A binary message.
    #[inline(always)]
    pub const fn binary(bytes: &'a [u8]) -> Self {
        Self::new(bytes, MessageKind::BINARY)
    }

    /// A text message.
    #[inline(always)]
    pub const fn text(text: &'a str) -> Self {
        Self::new(text.as_bytes(), MessageKind::TEXT)
    }
}

/// As a binary message.
impl<'a> From<&'a [u8]> for Message<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Self {
        Self::binary(bytes)
    }
}

/// As a text message.
impl<'a> From<&'a str> for Message<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}
