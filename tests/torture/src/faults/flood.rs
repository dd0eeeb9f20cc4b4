//! Sends small or empty messages as fast as they are taken, for a while, and reads what comes back.

use std::time::{Duration, Instant};

use super::client::Client;
use super::frames;

pub(super) fn run(client: &mut Client<'_>) {
    let transport = client.any_stream();
    let Some(mut peer) = client.connect(transport) else { return };
    let len = client.random.len(0, 200) * client.random.len(0, 1);
    // The more messages a read brings, the longer the server has to do with it.
    let count = client.random.pick(&[20, 1000, 20_000]);
    let batch = frames::frame(transport, &vec![7; len]).repeat(count);
    let until = Instant::now() + Duration::from_millis(client.random.range(100, 800));
    while Instant::now() < until && !client.is_over() {
        if !peer.send(&batch) || peer.read_some().is_err() {
            break;
        }
    }
    if client.random.one_in(2) {
        peer.reset();
    }
}
