//! One message to many endpoints.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;

use crate::message::Message;
use crate::send_status::SendStatus;

/// A message on its way to many endpoints, framed once for all that frame alike: what
/// [`send_to_each`](crate::network::NetworkController::send_to_each) gives to each
/// [`Sender`](crate::adapter::Sender).
pub struct Broadcast<'a> {
    message: Message<'a>,
    /// Those made so far.
    frames: RefCell<Vec<SharedFrame>>,
}

/// The frame that encoders of that type make by that framing, or what they have against the message.
struct SharedFrame(TypeId, u64, Result<Bytes, SendStatus>);

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
    ///
    /// # Errors
    ///
    /// What `encode` has against the message, which is then against it for all others of that framing.
    pub fn frame<E: 'static>(
        &self,
        framing: u64,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), SendStatus>,
    ) -> Result<Bytes, SendStatus> {
        let key = (TypeId::of::<E>(), framing);
        let is_it = |frame: &&SharedFrame| (frame.0, frame.1) == key;
        if let Some(frame) = self.frames.borrow().iter().find(is_it) {
            return frame.2.clone();
        }
        let mut frame = Vec::with_capacity(self.message.bytes.len() + 16);
        let frame = encode(&mut frame).map(|()| Bytes::from(frame));
        self.frames.borrow_mut().push(SharedFrame(key.0, key.1, frame.clone()));
        frame
    }
}

impl fmt::Debug for Broadcast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("message", &self.message).finish_non_exhaustive()
    }
}
