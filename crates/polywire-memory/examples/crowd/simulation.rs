//! Nodes in a ring that ask each other and answer, over a network that loses messages and falls apart.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use polywire_core::address::Name;
use polywire_core::network::{NetEvent, SendStatus};
use polywire_core::node::{NodeEvent, NodeHandler};
use polywire_core::{Endpoint, ResourceId};
use polywire_memory::{Conditions, World};

/// When the network falls into two halves, and when they find each other again.
const PARTITION: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(20));
/// No run takes so long, of virtual time.
const LIMIT: Duration = Duration::from_secs(3600);

/// How many, and how long.
pub(crate) struct Crowd {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    /// Messages that they send in all.
    pub(crate) messages: usize,
}

/// What became of them. Equal for equal seeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    pub(crate) received: usize,
    pub(crate) lost: u64,
    /// Of virtual time.
    pub(crate) elapsed: Duration,
    /// A hash of every event of every node, with its time, in their order.
    pub(crate) log: u64,
}

/// What all nodes count together.
#[derive(Default)]
struct Counts {
    sent: Cell<usize>,
    received: Cell<usize>,
    log: RefCell<DefaultHasher>,
}

/// Runs a crowd until all is sent and has arrived.
pub(crate) fn simulate(crowd: &Crowd) -> Outcome {
    let world = World::new(crowd.seed);
    let memory = world.network();
    let radio = Conditions::default()
        .with_loss(0.05)
        .with_delay(Duration::from_millis(1), Duration::from_millis(50));
    memory.set_conditions(radio);

    let counts = Rc::new(Counts::default());
    let nodes: Vec<_> = (0..crowd.nodes).map(|_| world.node()).collect();
    let names: Vec<_> = (0..crowd.nodes).map(|number| format!("node-{number}")).collect();
    for ((handler, _), name) in nodes.iter().zip(&names) {
        let listening = memory.messages().named(name);
        handler.network().listen(listening, Name(name)).expect("a name of its own");
    }
    for (number, (handler, listener)) in nodes.into_iter().enumerate() {
        let next = &names[(number + 1) % names.len()];
        let connecting = memory.messages().named(&names[number]);
        let (peer, _) = handler.network().connect(connecting, &**next).expect("it listens");
        handler.signals().send(());
        let (world, counts, messages) = (world.clone(), Rc::clone(&counts), crowd.messages);
        let member = Member { number, handler, peer, messages, world, counts };
        listener.run(move |event| member.event(&event));
    }

    let half = names[..names.len() / 2].to_vec();
    let falls_apart = memory.clone();
    world.after(PARTITION.0, move || falls_apart.partition(half));
    let heals = memory.clone();
    world.after(PARTITION.1, move || heals.heal());

    assert!(world.run_until(LIMIT, || counts.sent.get() >= crowd.messages), "not all is sent");
    world.run_for(Duration::from_secs(1)); // What is under way arrives.
    let (sent, received) = (counts.sent.get(), counts.received.get());
    let log = counts.log.borrow().finish();
    Outcome { sent, received, lost: memory.lost(), elapsed: world.elapsed(), log }
}

struct Member {
    number: usize,
    handler: NodeHandler<()>,
    /// The next in the ring.
    peer: Endpoint,
    messages: usize,
    world: World,
    counts: Rc<Counts>,
}

impl Member {
    fn event(&self, event: &NodeEvent<'_, ()>) {
        match *event {
            NodeEvent::Signal(()) => {
                self.note(b"tick", None);
                self.send(self.peer, b"ask");
                let pause = Duration::from_millis(500 + self.world.choose(1000) as u64);
                self.handler.signals().send_with_timer((), pause);
            }
            NodeEvent::Network(NetEvent::Message(from, message)) => {
                self.note(message, Some(from.resource_id()));
                self.counts.received.set(self.counts.received.get() + 1);
                if message == b"ask" {
                    self.send(from, b"answer");
                }
            }
            NodeEvent::Network(ref other) => self.note(format!("{other:?}").as_bytes(), None),
        }
    }

    fn send(&self, to: Endpoint, message: &[u8]) {
        if self.counts.sent.get() < self.messages {
            assert_eq!(self.handler.network().send(to, message), SendStatus::Sent);
            self.counts.sent.set(self.counts.sent.get() + 1);
        }
    }

    fn note(&self, what: &[u8], whose: Option<ResourceId>) {
        let whose = whose.map(|id| id.raw());
        let event = (self.world.elapsed(), self.number, whose, what);
        event.hash(&mut *self.counts.log.borrow_mut());
    }
}
