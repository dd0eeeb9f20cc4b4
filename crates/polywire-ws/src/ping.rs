//! Pings, and what their answers tell (RFC 6455 sections 5.5.2 and 5.5.3).

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// Bytes that a control frame carries at most (RFC 6455 section 5.5).
const MAX_PAYLOAD_BYTES: usize = 125;

/// Pings of a connection whose answers are waited for. Of a peer that answers none, the oldest is forgotten.
const MAX_UNANSWERED: usize = 16;

/// Asks the peer for a sign of life: given to
/// [`control`](polywire_core::network::NetworkController::control) with the id of a connection.
///
/// The peer has to answer. [`RoundTrip`] tells how long that took. What is sent before goes out before; a
/// connection that is not ready yet drops it.
///
/// ```
/// use polywire_core::Endpoint;
/// use polywire_core::network::NetworkController;
/// use polywire_ws::{Ping, RoundTrip};
///
/// fn ask(network: &NetworkController, endpoint: Endpoint, number: u32) -> std::io::Result<()> {
///     network.control(endpoint.resource_id(), Ping::new(number.to_be_bytes())?);
///     Ok(())
/// }
///
/// fn latency(network: &NetworkController, endpoint: Endpoint) {
///     if let Some(trip) = network.info::<RoundTrip>(endpoint) {
///         println!("{endpoint}: {:?}, {:?} ago", trip.time, trip.at.elapsed());
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    payload: Vec<u8>,
}

impl Ping {
    /// A ping with this payload, which its answer repeats. Empty will do, unless its time counts: see [`RoundTrip::time`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more than 125 bytes.
    pub fn new(payload: impl Into<Vec<u8>>) -> io::Result<Self> {
        let payload = payload.into();
        if payload.len() <= MAX_PAYLOAD_BYTES {
            return Ok(Self { payload });
        }
        let len = payload.len();
        let text =
            format!("a ping carries at most {MAX_PAYLOAD_BYTES} bytes, not {len}: send a message");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    /// What its answer repeats.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// How long the answer to the last answered ping of a connection took: told by
/// [`info`](polywire_core::network::NetworkController::info).
///
/// Known of all connections that the program opened; of accepted ones, if their listener's configuration has
/// [`with_round_trips`](crate::WsListenConfig::with_round_trips) or
/// [`with_ping_interval`](crate::WsListenConfig::with_ping_interval), which itself pings only peers that are silent. `None`
/// until a ping was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// From when the ping was given to the connection until its answer was read. What waited to be sent before
    /// it, and a busy loop, are part of that.
    ///
    /// Give each ping whose time counts a payload of its own, such as a number. Of pings with the same payload nobody
    /// can tell which one an answer is for: it counts for the first, and the time is too long where the peer leaves
    /// answers to earlier pings out, which it may (RFC 6455 section 5.5.3).
    pub time: Duration,
    /// When the answer was read.
    pub at: Instant,
}

/// The pings of one connection that have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct Pings(VecDeque<(Vec<u8>, Instant)>);

impl Pings {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A ping was sent.
    pub(crate) fn note_sent(&mut self, payload: &[u8], now: Instant) {
        if self.0.len() == MAX_UNANSWERED {
            self.0.pop_front();
        }
        self.0.push_back((payload.to_vec(), now));
    }

    /// A pong came. It answers the first ping with its payload, and those before that, which a peer may leave out
    /// (RFC 6455 section 5.5.3); one that fits none was not asked for.
    pub(crate) fn note_answered(&mut self, payload: &[u8], now: Instant) -> Option<RoundTrip> {
        let at = self.0.iter().position(|(sent, _)| sent == payload)?;
        let (_, sent) = self.0.drain(..=at).next_back()?;
        Some(RoundTrip { time: now.saturating_duration_since(sent), at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_as_long_as_a_control_frame_may_be() {
        assert_eq!(Ping::new(vec![7; 125]).unwrap().payload(), [7; 125]);
        let error = Ping::new(vec![7; 126]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_pong_answers_its_ping_and_those_before_it_and_nothing_else() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pings = Pings::default();
        for (payload, millis) in [(b"a", 0), (b"b", 10), (b"c", 20)] {
            pings.note_sent(payload, at(millis));
        }
        assert_eq!(pings.note_answered(b"x", at(30)), None);
        let trip = RoundTrip { time: Duration::from_millis(25), at: at(35) };
        assert_eq!(pings.note_answered(b"b", at(35)), Some(trip));
        assert_eq!(pings.note_answered(b"b", at(36)), None);
        assert_eq!(pings.note_answered(b"a", at(36)), None);
        assert!(pings.note_answered(b"c", at(40)).is_some() && pings.is_empty());
    }

    #[test]
    fn pings_that_are_alike_are_answered_in_their_order() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pings = Pings::default();
        for sent in [0, 100, 200] {
            pings.note_sent(b"", at(sent));
        }
        for answered in [290, 390, 490] {
            let trip = RoundTrip { time: Duration::from_millis(290), at: at(answered) };
            assert_eq!(pings.note_answered(b"", at(answered)), Some(trip));
        }
        assert!(pings.is_empty());
    }

    #[test]
    fn a_pong_that_is_left_out_makes_no_time_longer_where_payloads_differ() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pings = Pings::default();
        for number in 0..100_u64 {
            pings.note_sent(&number.to_be_bytes(), at(10 * number));
            if number % 3 > 0 {
                let now = at(10 * number + 7);
                let trip = RoundTrip { time: Duration::from_millis(7), at: now };
                assert_eq!(pings.note_answered(&number.to_be_bytes(), now), Some(trip));
                assert!(pings.is_empty());
            }
        }
    }

    #[test]
    fn a_peer_that_answers_nothing_makes_nothing_grow() {
        let now = Instant::now();
        let mut pings = Pings::default();
        for number in 0..1000_u32 {
            pings.note_sent(&number.to_be_bytes(), now);
        }
        assert_eq!(pings.0.len(), MAX_UNANSWERED);
        assert!(pings.note_answered(&999_u32.to_be_bytes(), now).is_some());
    }
}
