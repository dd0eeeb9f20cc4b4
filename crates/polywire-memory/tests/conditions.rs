//! What a network does to messages and to bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use polywire_core::Limits;
use polywire_core::adapter::{Connect, Listen};
use polywire_core::address::Name;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::NodeEvent;
use polywire_memory::{Conditions, MemoryNetwork, World};

const SECOND: Duration = Duration::from_secs(1);

/// Sends `count` numbered messages, a millisecond apart, and returns what arrives: the bytes of each event.
fn arrivals<T: Connect + Listen>(
    conditions: Conditions,
    count: u32,
    transport: impl Fn(&MemoryNetwork) -> T,
    meanwhile: impl FnOnce(&World),
) -> Vec<Vec<u8>> {
    let world = World::new(5);
    let memory = world.network();
    memory.set_conditions(conditions);
    let (receiver, listener) = world.node::<()>();
    receiver.network().listen(transport(&memory), Name("receiver")).unwrap();
    let arrived = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&arrived);
    listener.run(move |event| {
        if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
            told.borrow_mut().push(message.to_vec());
        }
    });
    let (sender, listener) = world.node::<u32>();
    let (to, _) = sender.network().connect(transport(&memory), "receiver").unwrap();
    for number in 0..count {
        let pause = Duration::from_millis(number.into());
        sender.signals().send_with_timer(number, pause);
    }
    listener.run(move |event| {
        if let NodeEvent::Signal(number) = event {
            let status = sender.network().send(to, &number.to_be_bytes());
            assert_eq!(status, SendStatus::Sent);
        }
    });
    meanwhile(&world);
    world.run_for(60 * SECOND);
    arrived.take()
}

fn numbers(conditions: Conditions, count: u32) -> Vec<u32> {
    let arrived = arrivals(conditions, count, MemoryNetwork::messages, |_| {});
    arrived.into_iter().map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap())).collect()
}

/// The bytes of `count` numbers.
fn stream_of(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_be_bytes).collect()
}

#[test]
fn a_good_network_loses_doubles_and_reorders_nothing() {
    let expected: Vec<_> = (0..200).collect();
    assert_eq!(numbers(Conditions::default(), 200), expected);
    let slow =
        Conditions::default().with_delay(Duration::from_millis(1), Duration::from_millis(90));
    assert_eq!(numbers(slow, 200), expected);
}

#[test]
fn as_many_messages_are_lost_as_the_conditions_say() {
    let arrived = numbers(Conditions::default().with_loss(0.25), 2000);
    assert!((1400..1600).contains(&arrived.len()), "{}", arrived.len());
    assert!(arrived.is_sorted());
    assert!(numbers(Conditions::default().with_loss(1.0), 10).is_empty());
}

#[test]
fn doubled_messages_come_twice_and_none_more_often() {
    let mut counts = BTreeMap::new();
    for number in numbers(Conditions::default().with_duplication(0.25), 2000) {
        *counts.entry(number).or_insert(0) += 1;
    }
    let doubled = counts.values().filter(|count| **count == 2).count();
    assert_eq!(counts.len(), 2000);
    assert!((400..600).contains(&doubled) && counts.values().all(|count| *count <= 2));
}

#[test]
fn messages_overtake_each_other_where_that_is_wanted_and_none_is_lost() {
    let delay = Duration::from_millis(20);
    let conditions = Conditions::default().with_delay(delay, delay).with_reordering(0.2);
    let mut arrived = numbers(conditions, 500);
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert!(arrived.into_iter().eq(0..500));
}

#[test]
fn a_stream_keeps_every_byte_in_order_whatever_the_conditions() {
    let conditions = Conditions::default()
        .with_loss(0.5)
        .with_duplication(0.5)
        .with_reordering(0.5)
        .with_cuts(0.5)
        .with_delay(Duration::ZERO, Duration::from_millis(50));
    let arrived = arrivals(conditions, 500, MemoryNetwork::stream, |_| {});
    assert_eq!(arrived.concat(), stream_of(500));
    assert!(arrived.iter().any(|piece| piece.len() % 4 != 0), "cut");
    assert!(arrived.iter().any(|piece| piece.len() > 4), "joined");
}

/// Sends `bytes` on a stream to a node that pauses at each message and reads on a millisecond later, and returns what
/// arrives. `conditions` and `limits` are those of the stream.
fn read_with_pauses(conditions: Conditions, limits: Limits, bytes: &[u8]) -> Vec<Vec<u8>> {
    let world = World::new(5);
    let memory = world.network();
    memory.set_conditions(conditions);
    let stream = memory.stream().with_limits(limits);
    let (receiver, listener) = world.node();
    receiver.network().listen(stream.clone(), Name("receiver")).unwrap();
    let arrived = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&arrived);
    listener.run(move |event| match event {
        NodeEvent::Network(NetEvent::Message(from, message)) => {
            told.borrow_mut().push(message.to_vec());
            assert!(receiver.network().pause(from.resource_id()));
            receiver.signals().send_with_timer(from, Duration::from_millis(1));
        }
        NodeEvent::Signal(from) => assert!(receiver.network().resume(from.resource_id())),
        NodeEvent::Network(_) => {}
    });
    let (sender, listener) = world.node::<()>();
    let (to, _) = sender.network().connect(stream, "receiver").unwrap();
    listener.run(|_| {});
    assert_eq!(sender.network().send(to, bytes), SendStatus::Sent);
    world.run_for(60 * SECOND);
    arrived.take()
}

#[test]
fn a_stream_keeps_every_byte_though_the_receiver_pauses_at_each_message() {
    let cut = Conditions::default().with_cuts(1.0);
    let arrived = read_with_pauses(cut, Limits::default(), &stream_of(500));
    assert!(arrived.len() > 2, "cut into {}", arrived.len());
    assert_eq!(arrived.concat(), stream_of(500));
}

#[test]
fn a_read_of_a_stream_takes_its_budget_and_no_more() {
    let limits = Limits::default().with_read_budget(1000);
    let arrived = read_with_pauses(Conditions::default(), limits, &stream_of(1000));
    assert_eq!(arrived.concat(), stream_of(1000));
    assert_eq!(arrived.iter().map(Vec::len).max(), Some(1000));
}

#[test]
fn a_stream_waits_for_the_end_of_a_partition() {
    let arrived = arrivals(Conditions::default(), 500, MemoryNetwork::stream, |world| {
        let memory = world.network();
        let (cuts, heals) = (memory.clone(), memory);
        world.after(Duration::from_millis(100), move || cuts.partition(["receiver"]));
        world.after(20 * SECOND, move || heals.heal());
        world.run_for(10 * SECOND);
    });
    assert_eq!(arrived.concat(), stream_of(500));
    let longest = arrived.iter().map(Vec::len).max();
    assert!(longest > Some(4 * 390), "what waited comes at once: {longest:?}");
}

#[test]
fn a_long_message_of_a_stream_comes_in_pieces_of_a_buffer() {
    let world = World::new(5);
    let memory = world.network();
    let (receiver, listener) = world.node::<()>();
    receiver.network().listen(memory.stream(), Name("receiver")).unwrap();
    let arrived = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&arrived);
    listener.run(move |event| {
        if let NodeEvent::Network(NetEvent::Message(_, message)) = event {
            told.borrow_mut().push(message.to_vec());
        }
    });
    let (sender, listener) = world.node::<()>();
    let (to, _) = sender.network().connect(memory.stream(), "receiver").unwrap();
    listener.run(|_| {});
    let long: Vec<_> = (0..300_000_u32).map(|number| number as u8).collect();
    assert_eq!(sender.network().send(to, &long), SendStatus::Sent);
    world.run_for(SECOND);
    let arrived = arrived.take();
    assert!(arrived.len() > 1 && arrived.concat() == long);
}
