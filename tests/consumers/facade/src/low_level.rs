//! `network::split`: a network without a node, driven as a game's loop drives it.

use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use message_io::network::{
    self, Endpoint, NetEvent, NetworkController, NetworkProcessor, ResourceId, SendStatus,
    ToRemoteAddr, Transport,
};

pub fn run() {
    a_frame_takes_what_is_there();
    processing_lasts_as_long_as_it_is_told();
}

struct Game {
    controller: NetworkController,
    processor: NetworkProcessor,
}

impl Game {
    fn host(&self, addr: impl ToSocketAddrs) -> (ResourceId, impl ToRemoteAddr) {
        self.controller.listen(Transport::FramedTcp, addr).unwrap()
    }

    fn join(&self, addr: impl ToRemoteAddr) -> Endpoint {
        self.controller.connect(Transport::FramedTcp, addr).unwrap().0
    }

    /// What happened since the last frame, and nothing waited for.
    fn frame(&mut self, mut callback: impl FnMut(NetEvent<'_>)) {
        self.processor.process_poll_event(Some(Duration::ZERO), &mut callback);
    }
}

fn a_frame_takes_what_is_there() {
    let (controller, processor) = network::split();
    let mut game = Game { controller, processor };
    let (_, addr) = game.host("127.0.0.1:0");
    let server = game.join(addr);
    assert!(game.controller.is_ready(server.resource_id()).is_some());

    let mut greetings = 0;
    let deadline = Instant::now() + Duration::from_secs(10);
    while greetings == 0 {
        assert!(Instant::now() < deadline);
        let mut connected = false;
        game.frame(|event| match event {
            NetEvent::Connected(_, ok) => connected = ok,
            NetEvent::Accepted(..) => {}
            NetEvent::Message(_, data) => {
                assert_eq!(data, b"hello");
                greetings += 1;
            }
            NetEvent::Disconnected(endpoint) => panic!("{endpoint}"),
        });
        if connected {
            assert_eq!(game.controller.is_ready(server.resource_id()), Some(true));
            assert_eq!(game.controller.send(server, b"hello"), SendStatus::Sent);
        }
    }
    assert!(game.controller.remove(server.resource_id()));
    assert!(!game.controller.remove(server.resource_id()));
    assert_eq!(game.controller.is_ready(server.resource_id()), None);
    assert_eq!(game.controller.send(server, b"gone"), SendStatus::ResourceNotFound);
}

fn processing_lasts_as_long_as_it_is_told() {
    let (_controller, mut processor) = network::split();
    let span = Duration::from_millis(20);
    let started = Instant::now();
    processor.process_poll_events_until_timeout(span, |event| panic!("{event:?}"));
    assert!(started.elapsed() >= span);
}
