//! A measurement: its cases, who takes part, and what a run comes to.

use super::tools::Tools;

/// How large a measurement is.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(super) ms: u64,
    pub(super) round_trips: u64,
    pub(super) crowd: u64,
    pub(super) idle: u64,
    pub(super) rooms: u64,
    /// Bytes.
    pub(super) burst: u64,
    pub(super) visits: u64,
    pub(super) signals: u64,
    pub(super) timers: u64,
    pub(super) stops: u64,
}

impl Scale {
    /// Runs are short and rounds many: a machine's slow moments then meet all contestants alike.
    pub(crate) const FULL: Self = Self {
        ms: 500,
        round_trips: 16_000,
        crowd: 1000,
        idle: 10_000,
        rooms: 50,
        burst: 900 << 20,
        visits: 7_000,
        signals: 1_000_000,
        timers: 1_000_000,
        stops: 34,
    };
    pub(crate) const QUICK: Self = Self {
        ms: 30,
        round_trips: 100,
        crowd: 50,
        idle: 100,
        rooms: 3,
        burst: 32 << 20,
        visits: 10,
        signals: 1000,
        timers: 1000,
        stops: 3,
    };
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cases: Vec<Case>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) shape: Shape,
    /// Whether the server runs beneath strace.
    pub(crate) counts_calls: bool,
    /// Runs of each contestant in a round: more than one where what a run says scatters.
    pub(crate) runs: usize,
}

/// Which processes a run has.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// One that measures itself.
    Solo,
    /// A server, and a client that measures.
    Echo,
    /// A receiver and a sender, which both measure.
    Stream,
}

/// Where the processes of a run may run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Placement {
    /// Wherever the system puts them.
    Free,
    /// All on one CPU.
    Together,
    /// The server on one CPU and the client on another.
    Apart,
}

/// One row of a table.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The first one is what the others are set against.
    pub(crate) contestants: Vec<&'static str>,
    pub(crate) server: Role,
    pub(crate) client: Role,
    pub(crate) placement: Placement,
    /// Known beforehand, and used with what is measured.
    pub(crate) size: u64,
    pub(crate) conns: u64,
    /// Where all contestants get the same load: the part of what polywire can do at most.
    pub(crate) share: Option<f64>,
}

/// What a process of a case is to do.
#[derive(Clone, Default)]
pub(crate) struct Role {
    pub(super) program: &'static str,
    pub(super) role: &'static str,
    /// The load generator, if the process is the same for all contestants.
    pub(super) by: Option<&'static str>,
    pub(super) transport: &'static str,
    pub(super) args: String,
}

pub(crate) struct Metric {
    pub(crate) key: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

/// How a value is set against the reference.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// Lower, and the difference tells more than the ratio.
    LowerBy,
}

impl Scenario {
    /// Why it can't be measured here.
    pub(crate) fn obstacle(&self, tools: &Tools) -> Option<&'static str> {
        (self.counts_calls && !tools.has_strace).then_some("`strace` is missing")
    }
}

impl Better {
    /// For who reads a chart.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Higher => "more is better",
            Self::Lower | Self::LowerBy => "less is better",
        }
    }
}

impl Role {
    /// The words of the command line.
    pub(crate) fn words(&self, contestant: &str) -> Vec<String> {
        let who = self.by.unwrap_or(contestant);
        let transport = match (self.transport, contestant) {
            // The codec of tokio-util has another length than the rest.
            ("framed", "tokio" | "tokio-rustls" | "tokio-rustls-send") if self.is_load() => {
                "framed-u32"
            }
            (transport, _) => transport,
        };
        let has_tls = contestant.ends_with("-tls") || contestant.contains("-rustls");
        let over = match has_tls {
            _ if contestant.ends_with("-unix") => "+unix",
            true => "+tls",
            false => "",
        };
        let mut words = vec![self.program.to_owned(), who.to_owned(), self.role.to_owned()];
        words.push(format!("transport={transport}{over}"));
        words.extend(self.args.split_whitespace().map(String::from));
        words
    }

    pub(crate) fn transport(&self) -> &'static str {
        self.transport
    }

    /// Whether it waits to be told when to begin.
    pub(crate) fn is_load(&self) -> bool {
        self.by.is_some()
    }
}

/// A row whose two processes are told the same `args`.
pub(super) fn case(
    program: &'static str,
    transport: &'static str,
    contestants: &[&'static str],
    roles: [&'static str; 2],
    args: String,
) -> Case {
    let [server, client] =
        roles.map(|role| Role { program, role, by: None, transport, args: args.clone() });
    Case {
        name: transport.to_owned(),
        contestants: contestants.to_vec(),
        server,
        client,
        placement: Placement::Free,
        size: 64,
        conns: 1,
        share: None,
    }
}

/// A row whose client is the load generator.
pub(super) fn loaded(
    program: &'static str,
    client_program: &'static str,
    transport: &'static str,
    contestants: &[&'static str],
    (conns, size): (u64, u64),
    args: &str,
) -> Case {
    let args = format!("size={size} conns={conns} {args}");
    let mut case = case(program, transport, contestants, ["server", "client"], args);
    case.client.program = client_program;
    case.client.by = Some("load");
    Case { size, conns, placement: Placement::Apart, ..case }
}

pub(super) fn lower(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, better: Better::Lower }
}

pub(super) fn higher(key: &'static str, unit: &'static str) -> Metric {
    Metric { key, unit, better: Better::Higher }
}
