//! The command line: `SCENARIO CONTESTANT ROLE key=value...`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Bytes of a large receive buffer: what Linux allows without asking since 6.16.
pub(crate) const LARGE_BUFFER: usize = 4 << 20;

/// What this process is asked to be.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) scenario: String,
    pub(crate) contestant: String,
    pub(crate) role: String,
    values: HashMap<String, String>,
}

impl Args {
    pub(crate) fn from_command_line() -> Self {
        let mut words = std::env::args().skip(1);
        let mut word = || words.next().expect("usage: SCENARIO CONTESTANT ROLE key=value...");
        let (scenario, contestant, role) = (word(), word(), word());
        let pair = |word: String| {
            let (key, value) = word.split_once('=').expect("key=value");
            (key.to_owned(), value.to_owned())
        };
        Self { scenario, contestant, role, values: words.map(pair).collect() }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.values.get(key).unwrap_or_else(|| panic!("{key}=... is missing"))
    }

    pub(crate) fn number<T: FromStr>(&self, key: &str) -> T {
        self.text(key).parse().unwrap_or_else(|_| panic!("{key}=... is no number"))
    }

    /// A number that most scenarios leave at `default`.
    pub(crate) fn number_or<T: FromStr>(&self, key: &str, default: T) -> T {
        if self.has(key) { self.number(key) } else { default }
    }

    /// Answers to each message.
    pub(crate) fn replies(&self) -> u64 {
        self.number_or("replies", 1)
    }

    /// Without what it goes over.
    pub(crate) fn transport(&self) -> &str {
        let text = self.text("transport");
        text.split_once('+').map_or(text, |(transport, _)| transport)
    }

    /// Whether the transport goes over Unix sockets.
    pub(crate) fn is_unix(&self) -> bool {
        self.text("transport").ends_with("+unix")
    }

    /// Whether the transport goes over TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.text("transport").ends_with("+tls")
    }

    /// Whether `key` was given, whatever it says.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// How long to go on.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.number("ms"))
    }

    /// Bytes of a message.
    pub(crate) fn size(&self) -> usize {
        self.number("size")
    }

    /// Whether the receiver of datagrams is to ask for a large buffer.
    pub(crate) fn has_large_buffer(&self) -> bool {
        self.text("buffer") == "large"
    }

    /// Where the other process listens.
    pub(crate) fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.number("port")))
    }
}
