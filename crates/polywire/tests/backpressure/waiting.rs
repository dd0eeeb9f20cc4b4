//! Threads that wait in `send`, and loops that wait for these threads: each goes on in the end.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polywire::WhenFull;
use polywire::network::{self, NetworkController};

use crate::common::*;
use crate::peers::limits;

/// Together more than all buffers between two ends of a connection hold.
const ANSWERS: usize = 48;
const ANSWER: usize = 1 << 20;
/// As long as a peer does not read: until everybody who may wait does.
const LATE: Duration = Duration::from_millis(300);

/// Asks for all answers and then does not read for a while.
fn late_reader(transport: Transport, addr: SocketAddr) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut peer = RawPeer::connect(transport, addr);
        for _ in 0..ANSWERS {
            peer.send(b"?");
            thread::sleep(Duration::from_millis(1)); // One message each, also of a stream of bytes.
        }
        thread::sleep(LATE);
        let mut buffer = vec![0; 1 << 20];
        let mut left = ANSWERS * ANSWER;
        while left > 0 {
            let len = peer.stream.read(&mut buffer).unwrap();
            assert!(len > 0, "ended with {left} bytes to come");
            left = left.saturating_sub(len);
        }
    })
}

/// Listens with limits by which threads wait early.
fn listen(handler: &Handler, transport: Transport) -> SocketAddr {
    let listen = listening(transport, limits(WhenFull::Disconnect));
    handler.network().listen(&*listen, LOCALHOST).unwrap().1
}

over_transports! {
    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_callback_may_wait_for_a_channel_that_a_sending_thread_drains(transport) {
        let (handler, listener) = split();
        let peer = late_reader(transport, listen(&handler, transport));
        let (jobs, todo) = mpsc::sync_channel::<Endpoint>(1);
        let network = handler.network().clone();
        let worker = thread::spawn(move || {
            for endpoint in todo {
                assert_eq!(network.send(endpoint, &vec![7; ANSWER]), SendStatus::Sent);
            }
        });
        let (mut left, mut jobs) = (ANSWERS, Some(jobs));
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, asked)) = event {
                for _ in asked {
                    jobs.as_ref().unwrap().send(endpoint).unwrap();
                    left -= 1;
                }
                if left == 0 {
                    jobs = None;
                }
            }
        });
        worker.join().unwrap();
        peer.join().unwrap();
        handler.stop();
        task.wait();
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_callback_may_wait_for_a_lock_that_a_sending_thread_holds(transport) {
        let (handler, listener) = split();
        let peer = late_reader(transport, listen(&handler, transport));
        let lock = Arc::new(Mutex::new(()));
        let (jobs, todo) = mpsc::channel::<Endpoint>();
        let (network, held) = (handler.network().clone(), Arc::clone(&lock));
        let worker = thread::spawn(move || {
            for endpoint in todo.iter().take(ANSWERS) {
                let _held = held.lock().unwrap();
                assert_eq!(network.send(endpoint, &vec![7; ANSWER]), SendStatus::Sent);
            }
        });
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Message(endpoint, asked)) = event {
                let _held = lock.lock().unwrap();
                asked.iter().for_each(|_| jobs.send(endpoint).unwrap_or(()));
            }
        });
        worker.join().unwrap();
        peer.join().unwrap();
        handler.stop();
        task.wait();
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_sending_thread_goes_on_when_nobody_runs_the_loop_any_more(transport) {
        let (network, mut processor) = network::split();
        let listen = listening(transport, limits(WhenFull::Disconnect));
        let (_, addr) = network.listen(&*listen, LOCALHOST).unwrap();
        let peer = late_reader(transport, addr);
        let mut accepted = None;
        while accepted.is_none() {
            processor.process_poll_event(Some(DEADLINE), |event| {
                if let NetEvent::Accepted(endpoint, _) = event {
                    accepted = Some(endpoint);
                }
            });
        }
        let sender = thread::spawn(move || {
            for _ in 0..ANSWERS {
                let status = network.send(accepted.unwrap(), &vec![7; ANSWER]);
                assert_eq!(status, SendStatus::Sent);
            }
            // Not until nothing is queued: TLS may still hold some.
            while !peer.is_finished() {
                network.flush(accepted.unwrap());
                thread::yield_now();
            }
            peer.join().unwrap();
        });
        sender.join().unwrap();
        drop(processor);
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_node_that_is_to_stop_when_drained_does_when_another_thread_has_written_all(transport) {
        let (handler, listener) = split();
        let peer = late_reader(transport, listen(&handler, transport));
        let (accepted, ready) = mpsc::channel();
        let mut task = listener.for_each_async(move |event| {
            if let NodeEvent::Network(NetEvent::Accepted(endpoint, _)) = event {
                accepted.send(endpoint).unwrap();
            }
        });
        let endpoint = ready.recv_timeout(DEADLINE).unwrap();
        for _ in 0..ANSWERS {
            handler.network().send(endpoint, &vec![7; ANSWER]);
        }
        handler.stop_when_drained(Duration::MAX);
        while handler.network().stats().queued_bytes > 0 {
            handler.network().flush(endpoint);
        }
        let since = Instant::now();
        task.wait();
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        peer.join().unwrap();
    }

    [tcp framed_tcp ws | framed_tcp_tls]
    fn a_node_that_is_to_stop_when_drained_does_when_a_batch_has_left(transport) {
        let (handler, listener) = split();
        let addr = listen(&handler, transport);
        let (end, ended) = mpsc::channel::<()>();
        let peer = thread::spawn(move || {
            let _silent = RawPeer::connect(transport, addr);
            let _ = ended.recv();
        });
        let (accepted, ready) = mpsc::channel();
        let (settled, is_settled) = mpsc::channel();
        let mut task = listener.for_each_async({
            let handler = handler.clone();
            // Between two timers the loop polls: it was told of the socket's first room by then, which
            // would have it write a batch that is half put together.
            let later = move |step| {
                handler.signals().send_with_timer(Signal::Step(step), Duration::from_millis(1));
            };
            move |event| match event {
                NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
                    accepted.send(endpoint).unwrap();
                    later(1);
                }
                NodeEvent::Signal(Signal::Step(1)) => later(2),
                NodeEvent::Signal(Signal::Step(_)) => settled.send(()).unwrap(),
                _ => {}
            }
        });
        let endpoint = ready.recv_timeout(DEADLINE).unwrap();
        is_settled.recv_timeout(DEADLINE).unwrap();
        let (waits, is_waiting) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let network = handler.network().clone();
        let sender =
            thread::spawn(move || send_a_batch_that_stops(&network, endpoint, &waits, &goes_on));
        is_waiting.recv_timeout(DEADLINE).unwrap();
        handler.stop_when_drained(Duration::MAX);
        // Between two timers the loop looks, and sleeps.
        handler.signals().send_with_timer(Signal::Step(1), Duration::from_millis(1));
        is_settled.recv_timeout(DEADLINE).unwrap();
        let since = Instant::now();
        go_on.send(()).unwrap();
        task.wait();
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        sender.join().unwrap();
        drop(end);
        peer.join().unwrap();
    }
}

/// Sends three messages by one call, which stops before the last one until it may go on.
fn send_a_batch_that_stops(
    network: &NetworkController,
    endpoint: Endpoint,
    waits: &Sender<()>,
    goes_on: &Receiver<()>,
) {
    let messages = (0..3).map(|number| {
        if number == 2 {
            waits.send(()).unwrap();
            goes_on.recv().unwrap();
        }
        [7; 10]
    });
    assert_eq!(network.send_many(endpoint, messages).taken, 3);
}
