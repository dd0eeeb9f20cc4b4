//! Plain threads send to many endpoints in turn.

use std::sync::mpsc;

use super::library::network::NetEvent;
use super::library::node;
use super::transport;
use crate::args::Args;
use crate::spread::Spread;

pub(super) fn run(args: &Args) {
    let (handler, listener) = node::split::<()>();
    let (tell, told) = mpsc::channel();
    let _task = listener.for_each_async(move |event| {
        let _ = match event.network() {
            NetEvent::Connected(_, is_ready) => tell.send(is_ready),
            NetEvent::Disconnected(_) => tell.send(false),
            _ => Ok(()),
        };
    });
    let connect = |_| {
        let connecting = handler.network().connect(transport(args), args.peer());
        assert!(told.recv().expect("the node runs"), "the receiver accepts");
        connecting.expect("a peer").0
    };
    let endpoints: Vec<_> = (0..args.number("conns")).map(connect).collect();
    let spread = Spread::begin();
    let sent = Spread::send_all(args, || {
        |conn: usize, message: &[u8]| {
            handler.network().send(endpoints[conn], message);
        }
    });
    super::drain(handler.network());
    spread.print(sent);
    handler.stop();
}
