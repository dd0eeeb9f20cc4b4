//! Both ends in one thread: send on one, wait at the other.

use std::time::Duration;

use super::library::network::{self, NetEvent};
use super::{ANY_PORT, transport};
use crate::args::Args;
use crate::times::RoundTrips;

pub(super) fn run(args: &Args) {
    let transport = transport(args);
    let (controller, mut processor) = network::split();
    let (_, addr) = controller.listen(transport, ANY_PORT).expect("a free port");
    let (endpoint, _) = controller.connect(transport, addr).expect("the listener listens");
    let mut is_connected = false;
    let mut is_accepted = args.transport() == "udp";
    while !(is_connected && is_accepted) {
        processor.process_poll_event(None, |event| match event {
            NetEvent::Connected(_, is_ready) => is_connected = is_ready,
            NetEvent::Accepted(..) => is_accepted = true,
            other => panic!("{other:?}"),
        });
    }
    let mut trips = RoundTrips::new(args);
    let timeout = match args.number_or("timeout", 0) {
        0 => None,
        millis => Some(Duration::from_millis(millis)),
    };
    loop {
        controller.send(endpoint, trips.next());
        let mut goes_on = None;
        while goes_on.is_none() {
            processor.process_poll_event(timeout, |event| match event {
                NetEvent::Message(_, message) => goes_on = Some(trips.answered(message)),
                other => panic!("{other:?}"),
            });
        }
        if goes_on == Some(false) {
            return trips.print();
        }
    }
}
