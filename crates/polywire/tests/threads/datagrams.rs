//! Datagrams over a link that loses, doubles and reorders them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::common::*;
use crate::letters::{Length, Pen};

const SENDERS: u32 = 16;
const SEED: u64 = 20;

/// How many copies there are of each letter, by sender and number.
type Copies = BTreeMap<(u32, u32), u32>;

/// How many datagrams may be on their way, so that no buffer of the system overflows.
struct Window {
    free: Mutex<i32>,
    freed: Condvar,
}

impl Window {
    fn take(&self) {
        let free = self.free.lock().unwrap();
        let (mut free, timeout) =
            self.freed.wait_timeout_while(free, DEADLINE, |free| *free <= 0).unwrap();
        assert!(!timeout.timed_out(), "nothing arrives any more");
        *free -= 1;
    }

    fn change(&self, by: i32) {
        *self.free.lock().unwrap() += by;
        self.freed.notify_all();
    }
}

/// A link to `to` with faults: 1 % each lost, doubled, and overtaken by the next three.
struct Link {
    socket: UdpSocket,
    to: SocketAddr,
    pen: Pen,
    window: Arc<Window>,
    /// What is overtaken, and by how many it has yet to be.
    late: Vec<(u32, Vec<u8>)>,
    forwarded: Copies,
    lost: u32,
    overtaken: u32,
}

impl Link {
    fn pass_on(&mut self, letter: &[u8]) {
        *self.forwarded.entry(self.pen.read(letter)).or_default() += 1;
        assert_eq!(self.socket.send_to(letter, self.to).unwrap(), letter.len());
    }

    fn carry(&mut self, letter: &[u8], dice: u8) {
        match dice {
            0..3 => {
                self.lost += 1;
                self.window.change(1);
            }
            3..6 => {
                self.window.change(-1);
                self.pass_on(letter);
                self.pass_on(letter);
            }
            6..9 => {
                self.overtaken += 1;
                self.late.push((3, letter.to_vec()));
                return;
            }
            _ => self.pass_on(letter),
        }
        self.late.iter_mut().for_each(|(left, _)| *left = left.saturating_sub(1));
        self.release(|left| left == 0);
    }

    fn release(&mut self, is_due: impl Fn(u32) -> bool) {
        let (due, late) =
            std::mem::take(&mut self.late).into_iter().partition(|(left, _)| is_due(*left));
        self.late = late;
        let due: Vec<_> = due;
        due.iter().for_each(|(_, letter)| self.pass_on(letter));
    }

    /// Carries so many letters.
    fn run(mut self, count: u32) -> Self {
        let mut letter = vec![0; 1 << 16];
        for dice in noise(SEED, count as usize) {
            let len = loop {
                match self.socket.recv(&mut letter) {
                    Ok(len) => break len,
                    // Nothing comes that could overtake, perhaps because all that may is on its way.
                    Err(_) => self.release(|_| true),
                }
            };
            self.carry(&letter[..len], dice);
        }
        self.release(|_| true);
        self
    }
}

/// A node that counts the letters that arrive, each of which must be whole.
fn counting(length: Length, window: Arc<Window>) -> (Handler, SocketAddr, Arc<Mutex<Copies>>) {
    let (handler, listener) = split();
    let (_, addr) = handler.network().listen(Transport::Udp, LOCALHOST).unwrap();
    let copies = Arc::new(Mutex::new(Copies::new()));
    let (pen, counted) = (Pen::new(length), Arc::clone(&copies));
    thread::spawn(move || {
        listener.for_each(|event| {
            if let NodeEvent::Network(NetEvent::Message(_, letter)) = event {
                *counted.lock().unwrap().entry(pen.read(letter)).or_default() += 1;
                window.change(1);
            }
        });
    });
    (handler, addr, copies)
}

/// Sends the letters of each thread through the link, as fast as it takes them.
fn send(handler: &Handler, to: Endpoint, length: Length, count: u32, window: &Window) {
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || {
                let (pen, mut letter) = (Pen::new(length), Vec::new());
                for number in 0..count {
                    pen.write(sender, number, &mut letter);
                    window.take();
                    while handler.network().send(to, &letter) == SendStatus::ResourceNotAvailable {
                        thread::yield_now();
                    }
                }
            });
        }
    });
}

fn datagrams_over_a_bad_link(length: Length, count: u32, on_their_way: i32) {
    let window = Arc::new(Window { free: Mutex::new(on_their_way), freed: Condvar::new() });
    let (server, addr, arrived) = counting(length, Arc::clone(&window));
    let socket = UdpSocket::bind(LOCALHOST).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let link_addr = socket.local_addr().unwrap();
    let link = Link {
        socket,
        to: addr,
        pen: Pen::new(length),
        window: Arc::clone(&window),
        late: Vec::new(),
        forwarded: Copies::new(),
        lost: 0,
        overtaken: 0,
    };
    let link: JoinHandle<Link> = thread::spawn(move || link.run(SENDERS * count));

    let mut client = Watched::start();
    let to = client.connect(Transport::Udp, link_addr);
    assert_eq!(client.connected(), (to, true));
    send(&client.handler, to, length, count, &window);
    let link = link.join().expect("all that was sent came to the link whole");
    eventually("all that the link let through arrives", || {
        *arrived.lock().unwrap() == link.forwarded
    });
    println!(
        "{length:?}: {} sent, {} lost, {} overtaken",
        SENDERS * count,
        link.lost,
        link.overtaken
    );
    assert!(link.lost > 0 && link.overtaken > 0, "the link is bad");
    server.stop();
}

#[test]
fn datagrams_over_a_bad_link_arrive_whole_as_often_as_it_lets_them() {
    const COUNT: u32 = if cfg!(debug_assertions) { 1_000 } else { 5_000 };
    in_time(|| {
        datagrams_over_a_bad_link(Length::Short, COUNT, 32);
        datagrams_over_a_bad_link(Length::Long, COUNT / 10, 3);
    });
}
