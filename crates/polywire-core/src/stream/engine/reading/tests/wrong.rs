//! Protocols that break the rules of [`Protocol::decode`].

use std::panic::catch_unwind;
use std::sync::Arc;

use super::{Count, Sized};
use crate::adapter::{Io, Opening, Received, Remote};
use crate::close_reason::CloseReason;
use crate::limits::Limits;
use crate::message::Message;
use crate::stream::engine::Engine;
use crate::stream::engine::fixture::{Flood, with_io};
use crate::stream::{Context, Decoded, Item, Protocol};

/// A protocol that makes the same of whatever comes.
#[derive(Clone, Copy)]
struct Wrong {
    is_ready: bool,
    consumed: usize,
    item: fn() -> Item<'static>,
}

impl Protocol for Wrong {
    type Encoder = Sized;

    fn encoder(&self) -> Sized {
        Sized(1)
    }

    fn open(&mut self, _: &mut Context<'_>) -> bool {
        self.is_ready
    }

    fn decode<'a>(
        &'a mut self,
        _: &'a mut [u8],
        _: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        Ok(Decoded { consumed: self.consumed, item: (self.item)() })
    }
}

/// What it is told to have done wrong.
fn fault_of(wrong: Wrong, io: &mut Io<'_>) -> String {
    let mut engine = Engine::accepted(Arc::new(Flood::default()), wrong, Limits::default());
    engine.register(io).unwrap();
    let reason = match engine.open(io) {
        Opening::Failed(reason) => reason,
        Opening::Ready => match engine.receive(io, &mut Count(0)) {
            Received::Ended(reason) => reason,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    match reason {
        CloseReason::AdapterFault(text) => text.into(),
        other => panic!("{other:?}"),
    }
}

/// The same, which a debug build tells by a panic.
fn told_of(wrong: Wrong) -> String {
    let told = catch_unwind(|| {
        let mut told = String::new();
        with_io(1000, 1000, |io| told = fault_of(wrong, io));
        told
    });
    assert_eq!(told.is_err(), cfg!(debug_assertions));
    told.unwrap_or_else(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(_) => "a panic without a text".into(),
    })
}

#[test]
fn a_protocol_that_breaks_a_rule_is_named_with_it_and_ends_its_endpoint() {
    fn skip() -> Item<'static> {
        Item::Skip
    }
    fn message() -> Item<'static> {
        Item::Message(Message::binary(b"again"))
    }
    fn incomplete() -> Item<'static> {
        Item::Incomplete { needed: 2000 }
    }
    fn ready() -> Item<'static> {
        Item::Ready
    }
    type Row = (bool, usize, fn() -> Item<'static>, &'static str);
    let rows: [Row; 6] = [
        (true, 0, skip, "consumes what it takes"),
        (true, 1001, skip, "no more than there is"),
        (true, usize::MAX, message, "no more than there is"),
        (true, 1, incomplete, "nothing of what is incomplete"),
        (true, 1, ready, "ready once"),
        (false, 1, message, "before it is ready"),
    ];
    for (is_ready, consumed, item, rule) in rows {
        let told = told_of(Wrong { is_ready, consumed, item });
        assert!(told.contains("Wrong") && told.contains(rule), "{told}");
    }
}
