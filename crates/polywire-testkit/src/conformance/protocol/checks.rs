//! The checks of protocols. Each says which rule of [`Protocol`] or [`Encoder`] it is about.

mod ends;
mod frames;
mod rules;

use polywire_core::stream::{Encoder, Protocol};

use super::{Link, ProtocolSubject, Side};

pub use ends::*;
pub use frames::*;
pub use rules::*;

/// Messages of lengths that protocols treat in different ways, none longer than they may be.
fn messages(encoder: &impl Encoder, packets: bool) -> Vec<Vec<u8>> {
    let longest = encoder.max_message_size().min(70_000);
    let lens = [1, 2, 125, 126, 127, 128, 300, longest.min(1000)];
    let message = |len: usize| (0..len).map(|at| (at * 7 % 251) as u8 | 1).collect::<Vec<u8>>();
    let mut messages: Vec<_> = lens.map(|len| message(len.min(longest))).into();
    if packets {
        messages.insert(3, Vec::new());
        messages.push(Vec::new()); // Nothing comes behind it that would bring it along.
    }
    messages.retain(|message| encoder.refuse(message[..].into()).is_none());
    messages
}

/// As they arrive: one by one, or the bytes alone.
fn comparable(messages: &[Vec<u8>], packets: bool) -> Vec<Vec<u8>> {
    if packets { messages.to_vec() } else { vec![messages.concat()] }
}

/// What the server of a new connection gets of `wire`, which its client makes, fed by `feed`.
fn received<P: Protocol>(
    subject: &ProtocolSubject<P>,
    feed: impl Fn(&mut Side<P>, &[u8]),
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, Link<P>) {
    let mut link = Link::ready(subject);
    let sent = messages(&link.client.encoder, subject.packets);
    let wire: Vec<u8> = sent.iter().flat_map(|message| link.client.frame(message)).collect();
    feed(&mut link.server, &wire);
    let got = comparable(&link.server.messages, subject.packets);
    (comparable(&sent, subject.packets), got, link)
}

/// The length of what `received` feeds.
fn wire_len<P: Protocol>(subject: &ProtocolSubject<P>) -> usize {
    let link = Link::ready(subject);
    let sent = messages(&link.client.encoder, subject.packets);
    sent.iter().map(|message| link.client.frame(message).len()).sum()
}
