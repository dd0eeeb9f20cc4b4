//! One message to many endpoints.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;

use crate::message::Message;

/// A message on its way to many endpoints, framed once for all that frame alike: what
/// [`send_to_each`](crate::network::NetworkController::send_to_each) gives to each
/// [`Sender`](crate::adapter::Sender).
pub struct Broadcast<'a> {
    message: Message<'a>,
    /// The frames made so far: of which encoder, by which framing.
    frames: RefCell<Vec<(TypeId, u64, Bytes)>>,
}

impl<'a> Broadcast<'a> {
    /// `message`, of which no frame was made yet.
    pub fn new(message: Message<'a>) -> Self {
        Self { message, frames: RefCell::new(Vec::new()) }
    }

    /// The message.
    pub fn message(&self) -> Message<'a> {
        self.message
    }

    /// The frame of the message as encoders of the type `E` make it that have the number `framing`: made by
    /// `encode` if it is the first. Cloning it copies nothing.
    pub fn frame<E: 'static>(&self, framing: u64, encode: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let key = (TypeId::of::<E>(), framing);
        let is_it = |frame: &&(TypeId, u64, Bytes)| (frame.0, frame.1) == key;
        if let Some(frame) = self.frames.borrow().iter().find(is_it) {
            return frame.2.clone();
        }
        let mut frame = Vec::with_capacity(self.message.bytes.len() + 16);
        encode(&mut frame);
        let frame = Bytes::from(frame);
        self.frames.borrow_mut().push((key.0, key.1, frame.clone()));
        frame
    }
}

impl fmt::Debug for Broadcast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("message", &self.message).finish_non_exhaustive()
    }
}
