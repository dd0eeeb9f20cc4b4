//! A connection that was opened again.

use super::{Parked, eventually};
use crate::conformance::node::*;

/// E9 and E10: a connection that was opened again counts at its node, and a thread waits for room of it, as of the first.
pub fn a_thread_waits_for_room_of_a_connection_that_was_opened_again(subject: &Subject) {
    let (reading, sending) = (Node::paused(subject), Node::new(subject));
    let (_, addr) = reading.listen(subject);
    let limited = subject.limited(small_limits());
    let endpoint = limited.connect_again(sending.network(), &addr).expect("it connects");
    sending.assert_connected(endpoint);
    let first = reading.accepted();
    assert!(reading.network().remove(first.resource_id()));
    sending.disconnected(endpoint);
    sending.assert_connected(endpoint);
    let second = reading.accepted();
    let pair = Pair { server: sending, to_client: endpoint, client: reading, to_server: second };
    let parked = Parked::behind(pair);
    let sending = &parked.pair.server;
    eventually(subject, "what waits to count", || sending.queued() > SOFT_MARK);
    parked.pair.resume_client();
    parked.assert_goes_on(subject);
}
