//! The ways to run the server's loop, and to answer.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use polywire::events::EventReceiver;
use polywire::network::{self, Endpoint, NetEvent, NetworkController};
use polywire::node::{self, NodeEvent, NodeHandler, StoredNodeEvent};

use super::watch::{Watch, lock};

/// How the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `for_each`, and answers in the callback.
    Callback,
    /// `enqueue`, and answers on the thread that takes from the queue.
    Queue,
    /// `process_poll_event` again and again.
    Polled,
    /// `for_each`, whose callback waits for threads with little room for their work, which answer.
    Threads,
}

pub(crate) const WAYS: [Way; 4] = [Way::Callback, Way::Queue, Way::Polled, Way::Threads];

/// Threads that answer, and the messages that each has room for.
const WORKERS: usize = 4;
const QUEUE_MESSAGES: usize = 16;
/// How long the queue, and the loop that is polled, wait at a time.
const MAX_WAIT: Duration = Duration::from_millis(100);

impl Way {
    pub(crate) fn named(name: &str) -> Option<Self> {
        WAYS.into_iter().find(|way| way.to_string() == name)
    }

    /// Whether everybody waits for a peer that reads slowly, as such a program has it.
    pub(crate) fn waits_for_slow_ones(self) -> bool {
        matches!(self, Self::Queue | Self::Threads)
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Callback => "callback",
            Self::Queue => "queue",
            Self::Polled => "polled",
            Self::Threads => "threads",
        })
    }
}

/// The server while it runs.
pub(super) struct Running {
    pub(super) network: NetworkController,
    stop: Box<dyn FnOnce()>,
}

impl Running {
    /// A node or network, on which `prepare` has it listen before it runs.
    pub(super) fn start(
        way: Way,
        watch: &Arc<Mutex<Watch>>,
        prepare: impl FnOnce(&NetworkController) -> std::io::Result<()>,
    ) -> std::io::Result<Self> {
        if way == Way::Polled {
            return Self::polled(watch, prepare);
        }
        let (handler, listener) = node::split::<()>();
        let network = handler.network().clone();
        prepare(&network)?;
        // The first short wait takes a descriptor for good, which is not to be taken for a leak.
        handler.signals().send_with_timer((), Duration::from_millis(500));
        let mut answer = Answer::new(&network, watch);
        let mut threads = Vec::new();
        let mut task = match way {
            Way::Queue => {
                let (task, mut events) = listener.enqueue();
                let handler = handler.clone();
                threads.push(thread::spawn(move || {
                    answer_from_queue(&mut events, &handler, &mut answer);
                }));
                task
            }
            Way::Threads => {
                let workers = Workers::start(&answer, &mut threads);
                listener.for_each_async(move |event| match event {
                    NodeEvent::Network(NetEvent::Message(endpoint, message)) => {
                        workers.give(endpoint, message);
                    }
                    NodeEvent::Network(event) => answer.meet(&event),
                    NodeEvent::Signal(()) => {}
                })
            }
            Way::Callback | Way::Polled => listener.for_each_async(move |event| {
                if let NodeEvent::Network(event) = event {
                    answer.meet(&event);
                }
            }),
        };
        let stop = Box::new(move || {
            handler.stop();
            task.wait();
            join_all(threads);
        });
        Ok(Self { network, stop })
    }

    fn polled(
        watch: &Arc<Mutex<Watch>>,
        prepare: impl FnOnce(&NetworkController) -> std::io::Result<()>,
    ) -> std::io::Result<Self> {
        let (network, mut processor) = network::split();
        prepare(&network)?;
        let mut answer = Answer::new(&network, watch);
        let is_over = Arc::new(AtomicBool::new(false));
        let running = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !running.load(Ordering::Relaxed) {
                processor.process_poll_event(Some(MAX_WAIT), |event| answer.meet(&event));
            }
        });
        let stop = Box::new(move || {
            is_over.store(true, Ordering::Relaxed);
            join_all(vec![thread]);
        });
        Ok(Self { network, stop })
    }

    pub(super) fn stop(self) {
        (self.stop)();
    }
}

/// Answers what the queue brings until the node has stopped.
fn answer_from_queue(
    events: &mut EventReceiver<StoredNodeEvent<()>>,
    handler: &NodeHandler<()>,
    answer: &mut Answer,
) {
    while handler.is_running() {
        if let Some(StoredNodeEvent::Network(event)) = events.receive_timeout(MAX_WAIT) {
            answer.meet(&event.borrow());
        }
    }
}

fn join_all(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Notes events and answers messages.
#[derive(Clone)]
struct Answer {
    network: NetworkController,
    watch: Arc<Mutex<Watch>>,
}

impl Answer {
    fn new(network: &NetworkController, watch: &Arc<Mutex<Watch>>) -> Self {
        Self { network: network.clone(), watch: Arc::clone(watch) }
    }

    fn meet(&mut self, event: &NetEvent<'_>) {
        lock(&self.watch).meet(&self.network, event);
        if let NetEvent::Message(endpoint, message) = event {
            self.echo(*endpoint, message);
        }
    }

    fn echo(&self, endpoint: Endpoint, message: &[u8]) {
        let status = self.network.send(endpoint, message);
        lock(&self.watch).note_answer(status);
    }
}

/// Threads that answer: always the same of one endpoint, so that its answers keep their order.
struct Workers(Vec<SyncSender<(Endpoint, Vec<u8>)>>);

impl Workers {
    fn start(answer: &Answer, threads: &mut Vec<JoinHandle<()>>) -> Self {
        let mut start = || {
            let (give, jobs) = sync_channel::<(Endpoint, Vec<u8>)>(QUEUE_MESSAGES);
            let answer = answer.clone();
            threads.push(thread::spawn(move || {
                jobs.iter().for_each(|(endpoint, message)| answer.echo(endpoint, &message));
            }));
            give
        };
        Self((0..WORKERS).map(|_| start()).collect())
    }

    /// Waits while its thread has enough to do.
    fn give(&self, endpoint: Endpoint, message: &[u8]) {
        let mut hasher = DefaultHasher::new();
        endpoint.hash(&mut hasher);
        let _ = self.0[hasher.finish() as usize % WORKERS].send((endpoint, message.to_vec()));
    }
}
