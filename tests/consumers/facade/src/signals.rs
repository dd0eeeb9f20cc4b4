//! `events`: a queue of one's own events, without a network.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use message_io::events::{self, EventReceiver, EventSender, TimerId};

const SOON: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3600);

fn is_key<T: Copy + Debug + Eq + Hash>() {}
fn is_sent<T: Clone + Send>() {}

pub fn run() {
    is_key::<TimerId>();
    is_sent::<EventSender<String>>();

    let (sender, mut receiver) = events::split::<&str>();
    let forgotten = sender.send_with_timer("forgotten", SOON);
    let late = sender.send_with_timer("late", SOON);
    assert_ne!(forgotten, late);
    sender.cancel_timer(forgotten);
    sender.send("second");
    sender.clone().send_with_priority("first");
    assert_eq!(receiver.receive(), "first");
    assert_eq!(receiver.try_receive(), Some("second"));
    assert_eq!(receiver.receive_timeout(NEVER), Some("late"));
    assert_eq!(receiver.receive_timeout(SOON), None);
    assert_eq!(receiver.try_receive(), None);

    let mut alone = EventReceiver::default();
    let sender = alone.sender().clone();
    let thread = std::thread::spawn(move || sender.send(42));
    assert_eq!(alone.receive(), 42);
    thread.join().unwrap();
}
