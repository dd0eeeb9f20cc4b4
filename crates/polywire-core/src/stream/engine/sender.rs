//! The half of an engine that any thread sends through.

use std::any::TypeId;

use bytes::Bytes;

use crate::adapter::{Broadcast, Info, SendFlags, SendHint, Sender};
use crate::close_reason::CloseReason;
use crate::endpoint::Endpoint;
use crate::message::{Message, MessageKind};
use crate::notifier::Notifier;
use crate::send_status::SendStatus;
use crate::stream::outbox::Outbox;
use crate::stream::{Encoder, Stream};

impl<S: Stream, E: Encoder> Sender for Outbox<S, E> {
    fn attach(&self, notifier: Notifier) {
        self.set_notifier(notifier);
    }

    fn send(&self, _: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        Self::send(self, message, flags, true)
    }

    fn try_send(&self, _: &Endpoint, message: &[u8], flags: SendFlags) -> SendStatus {
        Self::send(self, message, flags, false)
    }

    fn send_shared(&self, endpoint: &Endpoint, message: &Broadcast<'_>) -> SendStatus {
        let Some(framing) = self.encoder().framing().filter(|_| !self.encoder().is_ordered())
        else {
            let Message { bytes, kind } = message.message();
            return Sender::try_send(self, endpoint, bytes, SendFlags::new(kind, SendHint::Alone));
        };
        // How long a message may be is each connection's own; the rest holds for all of that framing.
        if message.message().bytes.len() > self.encoder().max_message_size() {
            return SendStatus::MaxPacketSizeExceeded;
        }
        let frame =
            message.frame::<E>(framing, |frame| match self.encoder().refuse(message.message()) {
                Some(refusal) => Err(refusal),
                None => {
                    self.encoder().encode(message.message(), frame);
                    Ok(())
                }
            });
        frame.map_or_else(|refusal| refusal, |frame| self.send_frame(&frame))
    }

    fn send_owned(&self, _: &Endpoint, message: &Bytes, kind: MessageKind) -> SendStatus {
        Self::send_owned(self, Message::new(message, kind), message)
    }

    fn info(&self, type_id: TypeId) -> Option<Info> {
        self.encoder().info(type_id).or_else(|| self.socket()?.info(type_id))
    }

    fn queued(&self) -> usize {
        Self::queued(self)
    }

    fn taken(&self) -> Option<u64> {
        Self::taken(self)
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn when_writable(&self, tell: Box<dyn FnOnce() + Send>) {
        Self::when_writable(self, tell);
    }

    fn flush(&self) {
        // A failure reaches the loop by itself.
        let _ = Self::flush(self);
    }

    fn abort(&self, reason: CloseReason) {
        Self::abort(self, reason);
    }

    fn end(&self) {
        Self::end(self);
    }
}
