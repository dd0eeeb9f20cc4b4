//! What a program that collects the log at `debug` reads: each step in the life of a connection, not
//! each message, and no secret of a URL.

mod support;

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use polywire::Limits;
use polywire::adapters::tcp::TcpListenConfig;
use polywire::network::{SendStatus, Transport};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use support::{Node, StoredNetEvent, eventually, peers};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects what polywire logs at `debug` and above, as lines of level, text and fields.
struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && metadata.target().starts_with("polywire")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &Field, value: &dyn Debug| match field.name() {
            "message" => write!(line, " {value:?}").unwrap(),
            name => write!(line, " {name}={value:?}").unwrap(),
        });
        LINES.lock().unwrap().push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is logged while `work` runs: that of one test at a time.
fn logged(work: impl FnOnce()) -> Vec<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    static COLLECT: Once = Once::new();
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    COLLECT.call_once(|| tracing::subscriber::set_global_default(Collector).unwrap());
    LINES.lock().unwrap().clear();
    work();
    std::mem::take(&mut LINES.lock().unwrap())
}

/// A connection by `transport` that carries `messages` and ends; what the log must have of it.
fn live(transport: Transport, messages: usize) -> Vec<String> {
    let (mut server, mut client) = (Node::new(), Node::new());
    let (listener, addr) = server.listen(transport);
    let (endpoint, local) = client.network().connect(transport, addr).unwrap();
    assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
    let id = endpoint.resource_id();
    let mut steps = vec![
        format!("DEBUG listening listener={listener} addr={addr}"),
        format!("DEBUG connecting endpoint={id} peer={addr} local={local}"),
        format!("DEBUG connected endpoint={id} peer={addr}"),
        format!("DEBUG closing resource={id} addr={addr} reason=the program removed the endpoint"),
        format!("DEBUG closing resource={listener} addr={addr} reason=the node was stopped"),
        "DEBUG the node stops".into(),
    ];
    let is_stream = transport.is_connection_oriented();
    let accepted = is_stream.then(|| server.accepted());
    for _ in 0..messages {
        assert_eq!(client.network().send(endpoint, b"hello"), SendStatus::Sent);
        server.message();
    }
    client.network().remove(id);
    if let Some(accepted) = accepted {
        let reason = server.disconnected(accepted);
        let id = accepted.resource_id();
        steps.push(format!("DEBUG accepted endpoint={id} peer={local} listener={listener}"));
        steps.push(format!("DEBUG connection ended endpoint={id} peer={local} reason={reason}"));
    }
    client.stop();
    server.stop();
    steps
}

#[test]
fn each_step_of_a_connection_is_logged_at_debug_and_its_messages_are_not() {
    const MESSAGES: usize = 100;
    for &transport in Transport::ALL {
        let mut steps = Vec::new();
        let lines = logged(|| steps = live(transport, MESSAGES));
        for step in steps {
            assert!(lines.contains(&step), "{transport}: no '{step}' in {lines:#?}");
        }
        assert!(lines.len() < MESSAGES / 2, "{transport}: {lines:#?}");
        assert!(lines.iter().all(|line| line.starts_with("DEBUG")), "{transport}: {lines:#?}");
    }
}

#[test]
fn what_a_stop_throws_away_is_warned_of() {
    for linger in [Duration::ZERO, Duration::from_millis(20)] {
        let lines = logged(|| {
            let mut node = Node::new();
            let limits = Limits::default().with_linger(linger);
            let (_, addr) = node.listen(TcpListenConfig::default().with_limits(limits));
            let never_reads = peers::open(Transport::Tcp, addr);
            let endpoint = node.accepted();
            assert_eq!(node.network().send(endpoint, &vec![0; 32 << 20]), SendStatus::Sent);
            node.stop();
            drop(never_reads);
        });
        let is_told = |line: &String| line.starts_with("WARN") && line.contains("Limits::linger");
        assert!(lines.iter().any(is_told), "{linger:?}: {lines:#?}");
    }
}

/// Answers a request of a handshake with a refusal.
fn refuse_handshake(mut stream: TcpStream) {
    peers::read_head(&mut stream);
    stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
    peers::read_to_the_end(&mut stream);
}

#[test]
fn no_error_and_no_log_tells_the_query_or_the_user_of_a_url() {
    let (_socket, refusing) = peers::refusing();
    let mut told = String::new();
    let lines = logged(|| {
        let (mut server, mut client) = (Node::new(), Node::new());
        let (_, addr) = server.listen(Transport::Ws);
        let url = format!("ws://{addr}/?token=secret");
        client.network().connect(Transport::Ws, &*url).unwrap();
        assert!(matches!(client.next(), StoredNetEvent::Connected(_, true)));
        for url in [
            format!("ws://{refusing}/?token=secret"),
            format!("ws://{}/?token=secret", peers::server(refuse_handshake)),
            "ws://no-such-host.invalid/?token=secret".into(),
            format!("wss://{refusing}/?token=secret"),
            format!("http://{refusing}/?token=secret"),
            format!("ws://user:secret@{refusing}/"),
            format!("wss://user:secret@{refusing}/"),
        ] {
            let error = client.network().connect_sync(Transport::Ws, &*url).unwrap_err();
            writeln!(told, "{error}\n{error:?}").unwrap();
        }
        client.stop();
        server.stop();
    });
    assert!(told.contains("401") && told.contains("no-such-host"), "{told}");
    assert!(told.contains("TLS") || cfg!(feature = "__tls"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    for line in ["DEBUG connecting", "DEBUG connect failed"] {
        assert!(lines.concat().contains(line), "{lines:#?}");
    }
    assert!(!lines.concat().contains("secret"), "{lines:#?}");
}

#[test]
fn a_task_that_waits_for_a_node_that_nobody_stops_says_so() {
    let warns = |lines: &[String]| lines.iter().any(|line| line.starts_with("WARN waiting for"));
    let lines = logged(|| {
        let (handler, listener) = polywire::node::split::<()>();
        let task = listener.for_each_async(|_| {});
        let dropping = thread::spawn(move || drop(task));
        eventually("it says so", || warns(&LINES.lock().unwrap()));
        handler.stop();
        dropping.join().unwrap();
    });
    assert!(warns(&lines));
}
