//! `send` on a thread other than the loop's, to a peer that never reads: it sleeps, costs nothing,
//! and comes back as soon as there is a reason to.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use polywire::WhenFull;

use crate::common::*;
use crate::peers::{HEADER, MESSAGE, SOFT_MARK, limits};
use crate::process::cpu_time;
use crate::support::system::this_thread;
use crate::support::{LEEWAY, Node};

const WATCHED_FOR: Duration = Duration::from_secs(1);
/// How long after its reason a thread is back at the latest, on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(500 * LEEWAY as u64);

/// A node, its endpoint whose peer does not read, and a thread that can't go on sending to it.
struct Scene {
    /// Dropped before the node, which would linger for a peer that does not read.
    peer: RawPeer,
    node: Node,
    endpoint: Endpoint,
    thread: String,
    /// What became of each message.
    statuses: Receiver<SendStatus>,
}

impl Scene {
    fn new(transport: Transport, when_full: WhenFull) -> Self {
        let node = Node::new();
        let (_, addr) = node.listen(&*listening(transport, limits(when_full)));
        let peer = RawPeer::connect(transport, addr);
        let endpoint = node.accepted();
        let (tell, statuses) = mpsc::channel();
        let (tell_thread, thread) = mpsc::channel();
        let handler = node.handler.clone();
        thread::spawn(move || {
            tell_thread.send(this_thread()).unwrap();
            loop {
                let status = handler.network().send(endpoint, &[7; MESSAGE]);
                if tell.send(status).is_err() || status != SendStatus::Sent {
                    return;
                }
            }
        });
        let scene = Self { peer, node, endpoint, thread: thread.recv().unwrap(), statuses };
        scene.wait_until_it_waits();
        scene
    }

    fn wait_until_it_waits(&self) {
        while let Ok(status) = self.statuses.recv_timeout(Duration::from_millis(200)) {
            assert_eq!(status, SendStatus::Sent);
        }
        let queued = self.node.network().stats().queued_bytes;
        assert!(queued > SOFT_MARK && queued <= SOFT_MARK + MESSAGE + HEADER, "{queued}");
    }

    /// The thread is back with that status, just after `since`.
    fn assert_returns(&self, status: SendStatus, since: Instant) {
        // The system may take a little more just before: it packs anew what the peer does not read.
        let is_it = |told: &SendStatus| *told == status || *told != SendStatus::Sent;
        let told = self.statuses.iter().find(is_it);
        assert_eq!(told, Some(status));
        assert!(since.elapsed() < AT_ONCE, "after {:?}", since.elapsed());
    }
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn it_costs_nothing_and_comes_back_as_soon_as_there_is_room(transport) {
        let mut scene = Scene::new(transport, WhenFull::Disconnect);
        let before = cpu_time(&scene.thread);
        thread::sleep(WATCHED_FOR);
        let used = cpu_time(&scene.thread) - before;
        assert!(used < WATCHED_FOR / 100, "{used:?} of the CPU");
        // The system takes a little more by and by: it packs anew what the peer does not read.
        let came_back = scene.statuses.try_iter().count();
        assert!(came_back <= 4, "it came back {came_back} times");

        let since = Instant::now();
        let mut buffer = vec![0; 1 << 20];
        while scene.node.network().stats().queued_bytes > SOFT_MARK {
            assert!(std::io::Read::read(&mut scene.peer.stream, &mut buffer).unwrap() > 0);
            thread::yield_now();
            if scene.statuses.try_recv() == Ok(SendStatus::Sent) {
                return;
            }
        }
        scene.assert_returns(SendStatus::Sent, since);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn it_comes_back_when_the_endpoint_is_removed(transport) {
        let scene = Scene::new(transport, WhenFull::Wait);
        let since = Instant::now();
        assert!(scene.node.network().remove(scene.endpoint.resource_id()));
        scene.assert_returns(SendStatus::ResourceNotFound, since);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn it_comes_back_when_the_peer_is_gone(transport) {
        let scene = Scene::new(transport, WhenFull::Disconnect);
        let Scene { node, endpoint, peer, statuses, .. } = scene;
        let since = Instant::now();
        peer.reset();
        let told = statuses.iter().find(|told| *told != SendStatus::Sent);
        assert_eq!(told, Some(SendStatus::ResourceNotFound));
        assert!(since.elapsed() < AT_ONCE, "after {:?}", since.elapsed());
        assert_eq!(node.disconnected(endpoint), CloseReason::Reset);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn it_comes_back_when_the_node_is_stopped(transport) {
        let scene = Scene::new(transport, WhenFull::Disconnect);
        let since = Instant::now();
        scene.node.handler.stop();
        scene.assert_returns(SendStatus::ResourceNotFound, since);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn try_send_answers_full_within_a_millisecond_and_takes_nothing(transport) {
        let scene = Scene::new(transport, WhenFull::Disconnect);
        let network = scene.node.network();
        let queued = network.stats().queued_bytes;
        let mut times: Vec<_> = (0..1000)
            .map(|_| {
                let start = Instant::now();
                let status = network.try_send(scene.endpoint, &[8; MESSAGE]);
                assert_eq!(status, SendStatus::Full);
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        // The last few are the scheduler's, on a busy machine.
        assert!(times[980] < LEEWAY * Duration::from_millis(1), "{:?}", times[980]);
        // The system may take some more meanwhile.
        assert!(network.stats().queued_bytes <= queued);
    }

    // The thread that is to make room may not even have begun.
    [tcp framed_tcp ws | framed_tcp_tls]
    fn it_waits_for_a_loop_that_was_only_just_started(transport) {
        const TIMES: usize = 200;
        let limits = limits(WhenFull::Disconnect).with_outbox_soft_mark(1 << 10);
        let limits = limits.with_outbox_hard_limit(4 << 10);
        let echo = Echo::start(transport);
        for _ in 0..TIMES {
            let (handler, listener) = split();
            let connect = connecting(transport, limits.clone());
            let (endpoint, _) = handler.network().connect(&*connect, echo.addr).unwrap();
            let task = listener.for_each_async(|_| {});
            for number in 0..16 {
                let status = handler.network().send(endpoint, &[number; 1 << 10]);
                let reason = || handler.network().close_reason(endpoint);
                assert_eq!(status, SendStatus::Sent, "message {number}: {:?}", reason());
            }
            handler.stop();
            drop(task);
        }
    }
}
