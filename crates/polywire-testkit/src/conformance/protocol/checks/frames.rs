//! What an encoder makes.

use polywire_core::stream::{Encoder, Protocol};

use super::{Link, ProtocolSubject, messages};

/// A frame is the same each time, unless the encoder [is ordered](Encoder::is_ordered) or
/// [changes messages](Encoder::changes_messages): it may be asked for twice.
pub fn a_frame_is_the_same_twice<P: Protocol>(subject: &ProtocolSubject<P>) {
    let link = Link::ready(subject);
    for side in [&link.client, &link.server] {
        if side.encoder.changes_messages() {
            continue;
        }
        for message in messages(&side.encoder, subject.packets) {
            assert!(side.frame(&message) == side.frame(&message), "of {} bytes", message.len());
        }
    }
}

/// A frame holds the message as it is, unless the encoder [changes messages](Encoder::changes_messages).
pub fn a_frame_holds_the_message<P: Protocol>(subject: &ProtocolSubject<P>) {
    let link = Link::ready(subject);
    for side in [&link.client, &link.server] {
        if side.encoder.changes_messages() {
            continue;
        }
        for message in messages(&side.encoder, subject.packets) {
            let frame = side.frame(&message);
            let is_in = message.is_empty() || frame.windows(message.len()).any(|w| w == message);
            assert!(is_in, "a message of {} bytes is not in its frame", message.len());
        }
    }
}

/// An encoder that [is ordered](Encoder::is_ordered) changes messages, too.
pub fn an_ordered_encoder_changes_messages<P: Protocol>(subject: &ProtocolSubject<P>) {
    let link = Link::ready(subject);
    for side in [&link.client, &link.server] {
        assert!(!side.encoder.is_ordered() || side.encoder.changes_messages());
    }
}

/// Encoders with the same [number](Encoder::framing) make the same frames, whichever end they belong to.
pub fn encoders_of_one_number_frame_alike<P: Protocol>(subject: &ProtocolSubject<P>) {
    let (one, other) = (Link::ready(subject), Link::ready(subject));
    let pairs =
        [(&one.client, &other.client), (&one.server, &other.server), (&one.client, &other.server)];
    for (one, other) in pairs {
        let number = one.encoder.framing();
        if number.is_none() || number != other.encoder.framing() {
            continue;
        }
        assert!(!one.encoder.is_ordered(), "frames of an ordered encoder are its own");
        for message in messages(&one.encoder, subject.packets) {
            assert!(one.frame(&message) == other.frame(&message), "of {} bytes", message.len());
        }
    }
}

/// A message above the largest size is refused, and one of the largest size arrives.
pub fn the_largest_message_arrives_and_no_longer_one<P: Protocol>(subject: &ProtocolSubject<P>) {
    /// Longer ones are not made here.
    const LONG: usize = 64 << 20;
    let mut link = Link::ready(subject);
    let largest = link.client.encoder.max_message_size();
    let accepts = |message: &[u8]| link.client.encoder.refuse(message.into()).is_none();
    if largest <= LONG {
        assert!(!accepts(&vec![1; largest + 1]), "{} bytes are accepted", largest + 1);
    }
    let message = vec![1; largest.min(1 << 20)];
    if accepts(&message) {
        let frame = link.client.frame(&message);
        link.server.receive_unwatched(&frame);
        assert_eq!(link.server.end, None, "a message of {} bytes", message.len());
        assert!(link.server.messages.concat() == message);
    }
}
