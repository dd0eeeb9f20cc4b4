//! Messages of one sending thread to one endpoint arrive in order, whole, once; frames of
//! different threads never interleave.
//!
//! This is E5 of `docs/contracts.md`.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use crate::common::*;

/// Time for all frames, on a busy machine without optimisation.
const TIME: Duration = Duration::from_secs(4 * DEADLINE.as_secs());

/// Length, sender and number, in front of a body of which both ends know what it is.
const HEADER: usize = 8;
const LONGEST: usize = 70 << 10;

/// Writes frames, and tells whether what arrives is what was written.
struct Frames {
    len: Len,
    pattern: Vec<u8>,
}

/// The length of a frame by its sender and number.
type Len = fn(u32, u32) -> usize;

/// From 8 to 2000 bytes, most of them short, and now and then 70 KiB.
fn mixed(sender: u32, number: u32) -> usize {
    let (sender, number) = (sender as usize, number as usize);
    match number % 1000 {
        999 => LONGEST,
        rest if rest % 16 == 0 => HEADER + (number * 37 + sender * 101) % 1993,
        _ => HEADER + (number * 7 + sender) % 120,
    }
}

/// Some 70 KiB and short ones by turns.
fn long(sender: u32, number: u32) -> usize {
    if number % 2 == 0 { LONGEST - number as usize } else { mixed(sender, number) }
}

impl Frames {
    fn new(len: Len) -> Self {
        Self { len, pattern: noise(5, LONGEST + 512) }
    }

    fn body(&self, sender: u32, number: u32) -> &[u8] {
        let start = (sender * 31 + number) as usize % 509;
        &self.pattern[start..start + (self.len)(sender, number) - HEADER]
    }

    fn write(&self, sender: u32, number: u32, frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend_from_slice(&((self.len)(sender, number) as u32).to_be_bytes());
        frame.extend_from_slice(&(sender << 24 | number).to_be_bytes());
        frame.extend_from_slice(self.body(sender, number));
    }
}

/// Checks what arrives on one endpoint.
struct Referee {
    frames: Frames,
    /// The number of the next frame of each sender.
    next: Vec<u32>,
    /// Frames of each sender.
    count: u32,
    /// The front of a frame that a byte stream has cut.
    cut: Vec<u8>,
}

impl Referee {
    fn new(len: Len, senders: usize, count: u32) -> Self {
        Self { frames: Frames::new(len), next: vec![0; senders], count, cut: Vec::new() }
    }

    fn take(&mut self, transport: Transport, message: &[u8]) {
        if transport.is_packet_based() {
            return self.frame(message);
        }
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(message);
        let mut rest = &bytes[..];
        while let Some((len, _)) = rest.split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*len) as usize;
            assert!((HEADER..=LONGEST).contains(&len), "torn: a frame of {len} bytes");
            let Some((frame, behind)) = rest.split_at_checked(len) else { break };
            self.frame(frame);
            rest = behind;
        }
        self.cut = rest.to_vec();
    }

    fn frame(&mut self, frame: &[u8]) {
        let (header, body) = frame.split_at(HEADER);
        let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
        let (sender, number) = (word(4) >> 24, word(4) & 0xFF_FFFF);
        assert_eq!(word(0) as usize, frame.len());
        assert_eq!(number, self.next[sender as usize], "not in the order of sender {sender}");
        assert!(body == self.frames.body(sender, number), "torn: frame {number} of {sender}");
        self.next[sender as usize] += 1;
    }

    fn is_done(&self) -> bool {
        self.next.iter().all(|next| *next == self.count)
    }
}

/// Sends all frames of `senders`, each on a thread of its own.
fn send_all(handler: &Handler, to: Endpoint, len: Len, senders: Range<u32>, count: u32) {
    thread::scope(|scope| {
        for sender in senders {
            scope.spawn(move || {
                let (frames, mut frame) = (Frames::new(len), Vec::new());
                for number in 0..count {
                    frames.write(sender, number, &mut frame);
                    assert_eq!(handler.network().send(to, &frame), SendStatus::Sent);
                }
            });
        }
    });
}

/// Runs a node on a thread of its own that sends frames out of its callback, some at each signal.
fn send_in_callback(
    (handler, listener): (Handler, NodeListener<Signal>),
    to: Endpoint,
    sender: u32,
    count: u32,
) -> node::NodeTask {
    let (frames, mut frame, mut number) = (Frames::new(mixed), Vec::new(), 0);
    handler.signals().send(Signal::Step(0));
    listener.for_each_async(move |event| {
        let NodeEvent::Signal(step) = event else { return };
        for _ in 0..count.min(100) {
            frames.write(sender, number, &mut frame);
            assert_eq!(handler.network().send(to, &frame), SendStatus::Sent);
            number += 1;
        }
        if number < count {
            handler.signals().send(step);
        }
    })
}

over_transports! {
    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn frames_of_sixteen_threads_and_of_the_callback_arrive_whole_once_and_in_order(transport) {
        const FRAMES: u32 = if cfg!(debug_assertions) { 4_000 } else { 10_000 };
        let (listen, connect) = narrow(transport, Limits::default());
        let (receiving, listener) = split();
        let (_, addr) = receiving.network().listen(&*listen, LOCALHOST).unwrap();
        let (sending, sender) = split();
        let (to, _) = sending.network().connect(&*connect, addr).unwrap();
        let _task = send_in_callback((sending.clone(), sender), to, 16, FRAMES);

        let mut referee = Referee::new(mixed, 17, FRAMES);
        thread::scope(|scope| {
            scope.spawn(|| send_all(&sending, to, mixed, 0..16, FRAMES));
            run_within(TIME, &receiving, listener, "the frames", |event| match event.network() {
                NetEvent::Message(_, message) => {
                    referee.take(transport, message);
                    if referee.is_done() {
                        receiving.stop();
                    }
                }
                NetEvent::Disconnected(from) => panic!("{from} disconnected"),
                _ => {}
            });
        });
        sending.stop();
        assert!(referee.cut.is_empty(), "more came than was sent");
    }

    [tcp framed_tcp ws | tcp_tls framed_tcp_tls wss]
    fn long_frames_that_the_system_takes_in_parts_stay_whole(transport) {
        const FRAMES: u32 = if cfg!(debug_assertions) { 100 } else { 300 };
        // Whoever sends waits until nothing waits before it, so that it is written at once, and in
        // parts, while the others send as well.
        let limits = Limits::default().with_outbox_soft_mark(0);
        let (listen, connect) = narrow(transport, limits);
        let (receiving, listener) = split();
        let (_, addr) = receiving.network().listen(&*listen, LOCALHOST).unwrap();
        let sending = Watched::start();
        let (to, _) = sending.handler.network().connect(&*connect, addr).unwrap();

        let mut referee = Referee::new(long, 4, FRAMES);
        thread::scope(|scope| {
            scope.spawn(|| {
                send_all(&sending.handler, to, long, 0..4, FRAMES);
                sending.handler.network().remove(to.resource_id());
            });
            run_within(TIME, &receiving, listener, "the frames", |event| match event.network() {
                NetEvent::Message(_, message) => referee.take(transport, message),
                NetEvent::Disconnected(_) => receiving.stop(),
                _ => {}
            });
        });
        assert!(referee.is_done(), "{:?}", referee.next);
        assert!(referee.cut.is_empty(), "more came than was sent");
    }
}
