//! A protocol with a deadline of its own: it asks its peer each second how it is, and gives it up when two
//! questions have not been answered.

use std::time::Instant;

use polywire_core::stream::Progress;

use super::*;

const PERIOD: Duration = Duration::from_secs(1);
const QUESTION: u8 = b'?';
const ANSWER: u8 = b'!';

struct Curious {
    asks: bool,
    asked: u8,
    next: Option<Instant>,
    /// How often it was asked.
    answered: Arc<AtomicUsize>,
}

impl Protocol for Curious {
    type Encoder = Mute;

    fn encoder(&self) -> Mute {
        Mute::default()
    }

    fn open(&mut self, cx: &mut Context<'_>) -> bool {
        self.next = self.asks.then(|| cx.now() + PERIOD);
        true
    }

    fn decode<'a>(
        &'a mut self,
        input: &'a mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<Decoded<'a>, CloseReason> {
        match input[0] {
            QUESTION => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                cx.out.push(ANSWER);
            }
            _ => self.asked = 0,
        }
        Ok(Decoded { consumed: 1, item: Item::Skip })
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn expire(&mut self, cx: &mut Context<'_>) -> Result<Progress, CloseReason> {
        if self.asked == 2 {
            return Err(CloseReason::TimedOut);
        }
        self.asked += 1;
        self.next = Some(cx.now() + PERIOD);
        cx.out.push(QUESTION);
        Ok(Progress::Unchanged)
    }
}

#[test]
fn a_protocol_is_called_when_its_deadline_is_over_and_not_before() {
    let world = World::new(1, Faults::default());
    let (mut server, mut client) = (Node::new(&world), Node::new(&world));
    let answered = Arc::new(AtomicUsize::new(0));
    let curious = |asks| {
        let answered = Arc::clone(&answered);
        move || Curious { asks, asked: 0, next: None, answered: Arc::clone(&answered) }
    };
    let adapter = server.adapters.listen_by(curious(false), Limits::default());
    server.network.listen(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap();
    server.assert_silent();
    let adapter = client.adapters.connect_by(curious(true), Limits::default());
    let endpoint = client.network.connect(adapter, (Ipv4Addr::LOCALHOST, PORT)).unwrap().0;
    client.assert_silent();
    assert!(matches!(server.turn_for_one(), StoredNetEvent::Accepted(..)));
    assert!(matches!(client.turn_for_one(), StoredNetEvent::Connected(_, true)));

    for asked in 1..=5 {
        world.advance(PERIOD - TICK);
        client.assert_silent();
        server.assert_silent();
        assert_eq!(answered.load(Ordering::Relaxed), asked - 1);
        world.advance(TICK);
        client.assert_silent();
        server.assert_silent();
        client.assert_silent();
        assert_eq!(answered.load(Ordering::Relaxed), asked);
    }

    // Nobody runs the server any more.
    for _ in 0..2 {
        world.advance(PERIOD);
        client.assert_silent();
    }
    ends_exactly_after(&world, &mut client, PERIOD, (endpoint, CloseReason::TimedOut));
}
