//! What a world promises.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use polywire_core::address::Name;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{NodeEvent, NodeHandler};
use polywire_core::{CloseReason, Endpoint, Limits, Reconnecting};
use polywire_memory::{Conditions, Memory, World};

const SECOND: Duration = Duration::from_secs(1);

/// What a node was told, and when.
type Log = Rc<RefCell<Vec<(Duration, String)>>>;

/// A node that writes down what it is told.
fn observer(world: &World) -> (NodeHandler<&'static str>, Log) {
    let (handler, listener) = world.node();
    let log = Log::default();
    let (told, clock) = (Rc::clone(&log), world.clone());
    let network = handler.network().clone();
    listener.run(move |event| {
        let text = match event {
            NodeEvent::Signal(signal) => String::from(signal),
            NodeEvent::Network(NetEvent::Message(_, message)) => {
                String::from_utf8_lossy(message).into()
            }
            NodeEvent::Network(NetEvent::Connected(_, ok)) => format!("connected {ok}"),
            NodeEvent::Network(NetEvent::Accepted(..)) => "accepted".into(),
            NodeEvent::Network(NetEvent::Disconnected(from)) => {
                format!("disconnected {:?}", network.close_reason(from).unwrap())
            }
        };
        told.borrow_mut().push((clock.elapsed(), text));
    });
    (handler, log)
}

/// The texts of a log, which is empty then.
fn texts(log: &Log) -> Vec<String> {
    log.take().into_iter().map(|(_, text)| text).collect()
}

/// A node that listens as `server`, one that is connected to it as `client`, and what both were told behind that.
struct Pair {
    world: World,
    client: NodeHandler<&'static str>,
    to_server: Endpoint,
    log: Log,
    server: NodeHandler<&'static str>,
    server_log: Log,
}

impl Pair {
    fn new(transport: impl Fn(&World) -> Memory) -> Self {
        let world = World::new(7);
        let (server, server_log) = observer(&world);
        let (client, log) = observer(&world);
        let memory = transport(&world);
        server.network().listen(memory.clone(), Name("server")).unwrap();
        let to_server = client.network().connect(memory.named("client"), "server").unwrap().0;
        world.run_for(SECOND);
        assert_eq!(texts(&log), ["connected true"]);
        assert_eq!(texts(&server_log), ["accepted"]);
        Self { world, client, to_server, log, server, server_log }
    }

    fn send(&self, message: &str) -> SendStatus {
        self.client.network().send(self.to_server, message.as_bytes())
    }
}

#[test]
fn signals_and_timers_come_at_their_virtual_time() {
    let world = World::new(7);
    let (handler, log) = observer(&world);
    handler.signals().send_with_timer("an hour", 3600 * SECOND);
    handler.signals().send_with_timer("a minute", 60 * SECOND);
    handler.signals().send("now");
    world.run_for(2 * 3600 * SECOND);
    let log = log.borrow();
    let seconds: Vec<_> = log.iter().map(|(at, text)| (at.as_secs(), &**text)).collect();
    assert_eq!(seconds, [(0, "now"), (60, "a minute"), (3600, "an hour")]);
    assert_eq!(world.elapsed(), 7200 * SECOND);
}

#[test]
fn a_message_takes_the_time_that_the_network_has() {
    let pair = Pair::new(|world| world.network().messages());
    let delay = 30 * SECOND;
    pair.world.network().set_conditions(Conditions::default().with_delay(delay, delay));
    let sent = pair.world.elapsed();
    pair.send("slow");
    pair.world.run_for(60 * SECOND);
    let (at, text) = pair.server_log.borrow_mut().pop().unwrap();
    assert_eq!((text, (at - sent).as_secs()), (String::from("slow"), 30));
}

#[test]
fn messages_across_a_partition_are_lost_and_go_on_behind_it() {
    let pair = Pair::new(|world| world.network().messages());
    let memory = pair.world.network();
    memory.partition(["client"]);
    assert_eq!(pair.send("lost"), SendStatus::Sent);
    pair.world.run_for(SECOND);
    assert_eq!((texts(&pair.server_log).len(), memory.lost()), (0, 1));
    memory.heal();
    pair.send("arrives");
    pair.world.run_for(SECOND);
    assert_eq!(texts(&pair.server_log), ["arrives"]);
}

#[test]
fn whoever_is_cut_off_does_not_learn_that_the_peer_is_gone() {
    let pair = Pair::new(|world| world.network().messages());
    pair.world.network().partition(["server"]);
    assert!(pair.client.network().remove(pair.to_server.resource_id()));
    pair.world.run_for(3600 * SECOND);
    assert!(texts(&pair.server_log).is_empty());
    pair.world.network().heal();
    pair.world.run_for(SECOND);
    assert_eq!(texts(&pair.server_log), ["disconnected PeerClosed"]);
}

#[test]
fn who_connects_across_a_partition_waits_for_its_end_or_the_time_out() {
    for (heals_after, told) in [(5, "connected true"), (15, "connected false")] {
        let world = World::new(7);
        let (server, _) = observer(&world);
        let (client, log) = observer(&world);
        let memory = world.network();
        server.network().listen(memory.messages(), Name("server")).unwrap();
        memory.partition(["client"]);
        let connecting = memory.messages().named("client");
        let (endpoint, _) = client.network().connect(connecting, "server").unwrap();
        world.after(heals_after * SECOND, move || memory.heal());
        world.run_for(60 * SECOND);
        assert_eq!(texts(&log), [told]);
        let reason = client.network().close_reason(endpoint);
        assert_eq!(reason.is_some(), told.ends_with("false"));
        assert!(reason.is_none_or(|reason| reason == CloseReason::ConnectTimeout));
    }
}

#[test]
fn time_outs_are_of_virtual_time() {
    let limits = Limits::default().with_idle_timeout(60 * SECOND);
    let pair = Pair::new(|world| world.network().messages().with_limits(limits.clone()));
    pair.world.run_for(58 * SECOND);
    pair.send("alive");
    pair.world.run_for(SECOND);
    assert_eq!((texts(&pair.server_log), texts(&pair.log).len()), (vec!["alive".into()], 0));
    pair.world.run_for(SECOND);
    assert_eq!(texts(&pair.log), ["disconnected IdleTimeout"]);
    assert_eq!(texts(&pair.server_log), ["disconnected PeerClosed"]);
}

#[test]
fn a_node_that_stops_says_what_it_has_to_and_its_peer_learns_of_it() {
    let pair = Pair::new(|world| world.network().messages());
    pair.send("last");
    pair.client.stop();
    assert_eq!(pair.world.running(), 2);
    pair.world.run_for(SECOND);
    assert_eq!(texts(&pair.server_log), ["last", "disconnected PeerClosed"]);
    assert_eq!(pair.world.running(), 1);
    assert!(pair.log.borrow().is_empty());
    assert_eq!(pair.client.network().stats().endpoints, 0);
    pair.server.stop_when_drained(SECOND);
    assert!(pair.world.run_until(60 * SECOND, || pair.world.running() == 0));
}

#[test]
fn a_peer_that_does_not_read_fills_the_outbox_and_ends_stalled() {
    let limits = Limits::default().with_outbox_soft_mark(1000).with_stall_timeout(60 * SECOND);
    let pair = Pair::new(|world| world.network().messages().with_limits(limits.clone()));
    let network = pair.client.network();
    pair.world.network().set_conditions(Conditions::default().with_delay(SECOND, SECOND));
    while network.try_send(pair.to_server, &[7; 100]) == SendStatus::Sent {}
    pair.client.send_signal_when_writable(pair.to_server, "there is room");
    pair.world.run_for(2 * SECOND);
    assert_eq!(texts(&pair.log), ["there is room"]);
    let to_hour = Conditions::default().with_delay(3600 * SECOND, 3600 * SECOND);
    pair.world.network().set_conditions(to_hour);
    while network.try_send(pair.to_server, &[7; 100]) == SendStatus::Sent {}
    pair.world.run_for(120 * SECOND);
    assert_eq!(texts(&pair.log), ["disconnected Stalled"]);
    assert_eq!(network.stats().queued_bytes, 0);
}

/// A client whose server goes away and comes back: what it is told, and when.
fn reconnections(seed: u64) -> Vec<(Duration, String)> {
    let world = World::new(seed);
    let memory = world.network();
    let (server, _) = observer(&world);
    let (client, log) = observer(&world);
    let (listener, _) = server.network().listen(memory.messages(), Name("server")).unwrap();
    client.network().connect(Reconnecting::new(memory.messages()), "server").unwrap();
    let handler = server.clone();
    world.after(SECOND, move || handler.stop());
    let (again, again_log) = observer(&world);
    world.after(60 * SECOND, move || {
        again.network().listen(memory.messages(), Name("server")).unwrap();
    });
    world.run_for(300 * SECOND);
    assert!(!server.network().remove(listener));
    assert_eq!(texts(&again_log), ["accepted"]);
    log.take()
}

#[test]
fn connections_come_back_in_virtual_time_and_as_the_seed_has_it() {
    let told = reconnections(1);
    let [(_, first), (_, end), attempts @ .., (at, last)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&**first, &**end), ("connected true", "disconnected PeerClosed"));
    assert!(attempts.len() > 2 && attempts.iter().all(|(_, text)| text == "connected false"));
    assert!(last == "connected true" && *at > 60 * SECOND);
    assert_eq!(told, reconnections(1));
    assert_ne!(told, reconnections(2));
}

#[test]
fn a_world_can_be_run_until_something_is_so() {
    let pair = Pair::new(|world| world.network().messages());
    pair.send("hello");
    let log = Rc::clone(&pair.server_log);
    assert!(pair.world.run_until(SECOND, || !log.borrow().is_empty()));
    let before = pair.world.elapsed();
    assert!(!pair.world.run_until(SECOND, || false));
    assert_eq!(pair.world.elapsed(), before + SECOND);
}

#[test]
#[should_panic(expected = "of the program")]
fn a_panic_of_a_callback_goes_on_in_whoever_runs_the_world() {
    let world = World::new(7);
    let (handler, listener) = world.node::<()>();
    handler.signals().send(());
    listener.run(|_| panic!("of the program"));
    world.run_for(SECOND);
}

#[test]
fn the_other_nodes_go_on_behind_a_panic_that_was_caught() {
    let world = World::new(7);
    let stream = world.network().stream();
    let (server, log) = observer(&world);
    let (client, _client_log) = observer(&world);
    server.network().listen(stream.clone(), Name("server")).unwrap();
    let (to_server, _) = client.network().connect(stream, "server").unwrap();
    let (panics, listener) = world.node::<()>();
    panics.signals().send_with_timer((), SECOND);
    panics.signals().send_with_timer((), 2 * SECOND);
    listener.run(|_| panic!("of the program"));
    assert_eq!(world.running(), 3);

    catch_unwind(AssertUnwindSafe(|| world.run_for(60 * SECOND))).unwrap_err();
    assert_eq!((world.elapsed().as_secs(), world.running()), (1, 2));
    assert_eq!(client.network().send(to_server, b"hello"), SendStatus::Sent);
    world.run_for(60 * SECOND);
    assert_eq!(texts(&log), ["accepted", "hello"]);
    client.stop();
    server.stop();
    assert!(world.run_until(60 * SECOND, || world.running() == 0));
}

#[test]
fn a_world_takes_its_nodes_along_though_callbacks_hold_clones_of_it() {
    let world = World::new(7);
    let (_handler, listener) = world.node::<()>();
    let kept = Rc::new(());
    let (clone, held) = (world.clone(), Rc::clone(&kept));
    listener.run(move |_| assert!(clone.elapsed() < SECOND && Rc::strong_count(&held) > 0));
    let act = Rc::clone(&kept);
    world.after(SECOND, move || drop(act));
    drop(world.clone());
    assert_eq!(Rc::strong_count(&kept), 3);
    drop(world);
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
#[should_panic(expected = "inside a callback")]
fn a_world_is_not_run_inside_a_callback() {
    let world = World::new(7);
    let (handler, listener) = world.node();
    handler.signals().send(());
    let clone = world.clone();
    listener.run(move |_| clone.run_for(SECOND));
    world.run_for(SECOND);
}
