//! What the nodes do, whichever it is.

use polywire_core::Endpoint;
use polywire_core::network::SendStatus;

use crate::World;
use crate::host::Host;

/// Endpoints that one node opens at most.
pub(super) const MAX_CONNECTS: usize = 16;

/// Any endpoint the node ever had.
pub(super) fn some_endpoint(host: &Host, world: &World) -> Option<Endpoint> {
    let count = host.endpoints.len();
    let track = host.endpoints.values().nth(world.choose(count))?;
    Some(track.endpoint)
}

/// Mostly short, so that several are read at once.
pub(super) fn some_len(world: &World) -> usize {
    match world.choose(8) {
        0 => world.choose(3 * 4096),
        _ => world.choose(200),
    }
}

/// Each end that lives sends one more message.
pub(super) fn send_last_words(host: &mut Host) {
    let ready: Vec<_> = host.ready().map(|track| track.endpoint).collect();
    for endpoint in ready {
        let status = host.send(endpoint, 100, false);
        assert_eq!(status, SendStatus::Sent, "{endpoint} is there and takes nothing");
    }
}
