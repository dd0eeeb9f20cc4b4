//! Participants of a multicast group that find each other without a server: each greets the group
//! when it comes, and whoever hears that answers the newcomer privately.

use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use polywire::adapters::udp::{MulticastInterface, UdpListenConfig};
use polywire::network::{Endpoint, NetEvent, SendStatus};
use polywire::node;

const USAGE: &str = "\
usage: multicast NAME [--interface IPV4_ADDRESS] [--group ADDRESS] [--once]

NAME          what the others shall know this participant by; no two the same
--interface   the own address on the network to be used, as 192.168.0.7, or 127.0.0.1 for
              participants on this machine only; the system chooses unless told
--group       another group and port than 239.255.0.1:3010
--once        ends once another participant was met";

/// What the user asked for.
struct Options {
    name: String,
    interface: MulticastInterface,
    group: SocketAddr,
    once: bool,
}

fn main() -> ExitCode {
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match participate(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn participate(options: &Options) -> Result<(), Box<dyn Error>> {
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    let config = UdpListenConfig::default().with_multicast_interface(options.interface);

    // Listening on the address of a group joins it. This socket hears what is sent to the group,
    // and nothing else: what is sent to this participant alone comes to its mailbox.
    let (group, _) = network.listen(config.clone(), options.group)?;
    let (mailbox, _) = network.listen(config, "0.0.0.0:0")?;

    // The group hears the greeting come from the mailbox, and so knows where to answer.
    let everybody = Endpoint::from_listener(mailbox, options.group);
    let greeting = Message::Hello(&options.name).to_bytes();
    if network.send(everybody, &greeting) != SendStatus::Sent {
        return Err("the group is out of reach: name a network by --interface".into());
    }
    println!("{} is in the group {}", options.name, options.group);

    listener.for_each(|event| {
        // UDP knows no other events that matter: there are no connections.
        let NetEvent::Message(sender, data) = event.network() else { return };
        match Message::from_bytes(data) {
            // What is sent to a group comes back to those of the sender's machine, this one too.
            Some(Message::Hello(name)) if name == options.name => return,
            Some(Message::Hello(name)) if sender.resource_id() == group => {
                println!("{name:?} joined");
                let newcomer = Endpoint::from_listener(mailbox, sender.addr());
                network.send(newcomer, &Message::Welcome(&options.name).to_bytes());
            }
            Some(Message::Welcome(name)) => println!("{name:?} is here too"),
            _ => return, // Anybody may send anything: what makes no sense is passed over.
        }
        if options.once {
            handler.stop();
        }
    });
    Ok(())
}

/// What participants tell each other, with the sender's name. A datagram is a message: nothing
/// more than a word is needed to tell the two apart.
enum Message<'a> {
    /// To the group: I am new.
    Hello(&'a str),
    /// To a newcomer: I was here before.
    Welcome(&'a str),
}

impl<'a> Message<'a> {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello(name) => format!("hello {name}").into_bytes(),
            Self::Welcome(name) => format!("welcome {name}").into_bytes(),
        }
    }

    fn from_bytes(data: &'a [u8]) -> Option<Self> {
        match std::str::from_utf8(data).ok()?.split_once(' ')? {
            ("hello", name) => Some(Self::Hello(name)),
            ("welcome", name) => Some(Self::Welcome(name)),
            _ => None,
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        name: args.next().filter(|name| !name.starts_with('-')).ok_or("who are you?")?,
        interface: MulticastInterface::Any,
        group: SocketAddr::from(([239, 255, 0, 1], 3010)),
        once: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} lacks its value"));
        match arg.as_str() {
            "--interface" => {
                options.interface = MulticastInterface::Addr(value()?.parse::<Ipv4Addr>()?);
            }
            "--group" => options.group = value()?.parse()?,
            "--once" => options.once = true,
            _ => return Err(format!("'{arg}' is not known").into()),
        }
    }
    if !options.group.ip().is_multicast() {
        return Err(format!("{} is not the address of a group", options.group).into());
    }
    Ok(options)
}
