//! A node in a process whose main program is written in another language.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use polywire::network::{NetEvent, SendStatus, Transport};
use polywire::node::{self, NodeEvent};

/// Long enough to be written in two pieces, header and message.
const MESSAGE: [u8; 5000] = [7; 5000];

/// Has so many peers leave while much is written to each, and returns how many did.
#[no_mangle]
pub extern "C" fn serve(peers: u32) -> u32 {
    let (handler, listener) = node::split::<()>();
    let network = handler.network().clone();
    let (_, addr) = network.listen(Transport::FramedTcp, "127.0.0.1:0").expect("a free port");
    let come = thread::spawn(move || {
        for _ in 0..peers {
            let mut peer = TcpStream::connect(addr).expect("the node listens");
            peer.write_all(&[1, b'x']).expect("the node reads");
            thread::sleep(Duration::from_millis(5));
            // The node reads this end and goes on to write; what comes then is answered by a reset, and
            // what is written behind that is one write too many.
            peer.shutdown(Shutdown::Write).expect("the node reads");
            thread::sleep(Duration::from_millis(1));
            // Closed with much unread.
        }
    });
    let mut left = 0;
    listener.for_each(|event| match event {
        NodeEvent::Network(NetEvent::Message(endpoint, _)) => {
            // A reset shows in the middle of this, and the next write is one too many.
            for _ in 0..1000 {
                if network.send(endpoint, &MESSAGE) != SendStatus::Sent {
                    break;
                }
                thread::sleep(Duration::from_micros(20));
            }
        }
        NodeEvent::Network(NetEvent::Disconnected(_)) => {
            left += 1;
            if left == peers {
                handler.stop();
            }
        }
        _ => {}
    });
    come.join().expect("the peers came");
    left
}
