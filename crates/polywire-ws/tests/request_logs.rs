//! What the log says of requests: pages are no news, and what the program forgets or does wrong is.

mod served;

use std::fmt::{Debug, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use polywire_core::Limits;
use polywire_ws::{Accept, Answer, Response, WsListenConfig, WsRequest};
use served::{Server, upgrade_head};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polywire")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            write!(line, " {}={value:?}", field.name()).unwrap();
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

/// The lines since the last time, without those of levels that are off by default.
fn warnings() -> Vec<String> {
    let lines = std::mem::take(&mut *LINES.lock().unwrap());
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
    lines.into_iter().filter(|line| line.starts_with("WARN") || line.starts_with("ERROR")).collect()
}

fn answer(request: &WsRequest) -> Answer {
    match request.path() {
        "/page" => Response::text(200, "page").into(),
        "/later" => Answer::Later,
        "/fault" => Accept::new().with_header("Connection", "close").into(),
        "/panic" => panic!("the hook of this test panics"),
        _ => Response::text(404, "no").into(),
    }
}

#[test]
fn pages_are_no_news_and_faults_of_the_program_are() {
    tracing::subscriber::set_global_default(Collector).unwrap();
    let limits = Limits::default().with_handshake_timeout(Duration::from_millis(50));
    let config = WsListenConfig::default().with_limits(limits).with_on_request(answer);
    let server = Server::new(config);
    let lines = "Authorization: Bearer secret\r\n";
    for path in ["/page?secret", "/none?secret"] {
        server.ask(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        server.ask(&upgrade_head(path, lines));
    }
    assert_eq!(warnings(), [""; 0]);

    // Of many that are owed a warning comes once a second.
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| server.ask(&upgrade_head("/later?secret", lines)));
        }
    });
    let told = warnings();
    assert!((1..10).contains(&told.len()) && told[0].starts_with("WARN"), "{told:#?}");
    assert!(told[0].contains("no answer came") && told[0].contains("/later"), "{told:#?}");

    // One listener warns once a second: another one is at fault here.
    let server = Server::new(WsListenConfig::default().with_on_request(answer));
    server.ask(&upgrade_head("/fault", lines));
    server.ask(&upgrade_head("/panic", lines));
    let told = warnings();
    assert!(matches!(&told[..], [_, _]), "{told:#?}");
    assert!(told[0].contains("'Connection'") && told[0].contains("leave it out"), "{told:#?}");
    assert!(told[1].starts_with("ERROR") && told[1].contains("panicked"), "{told:#?}");
    assert!(told[1].contains("/panic") && told[0].contains("/fault"), "{told:#?}");
}
