//! The server: rooms, who is in them, what was said last, and what everybody there is told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use polywire::adapters::framed_tcp::FramedTcpListenConfig;
use polywire::adapters::tls::TlsListenConfig;
use polywire::adapters::ws::{Accept, Answer, Response, Routes, WsListenConfig, WsRequest};
use polywire::network::{Endpoint, NetEvent};
use polywire::node::{self, NodeHandler};
use polywire::{Limits, MessageKind};

use crate::event::{Event, Line};

/// Messages that whoever comes is shown.
const HISTORY: usize = 50;
/// Rooms that are kept with nobody inside.
const MAX_ROOMS: usize = 1_000;
/// Of what somebody says.
const MAX_LINE_BYTES: usize = 8 << 10;
/// Of what is sent as well: all of the history, where each byte of it may take six in JSON.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
const PAGE: &str = include_str!("page.html");

/// Serves browsers at `web` and terminals at `terminals`, both over TLS if it is given.
pub(crate) fn run(web: &str, terminals: &str, tls: Option<TlsListenConfig>) -> io::Result<()> {
    let (handler, listener) = node::split::<()>();
    let mut ws = WsListenConfig::default()
        .with_routes(routes())
        .with_same_origin(true) // Pages of other sites can't speak in the name of who visits them.
        .with_max_message_size(MAX_MESSAGE_BYTES);
    let mut framed = FramedTcpListenConfig::default().with_max_message_size(MAX_MESSAGE_BYTES);
    // All of the history may still be on its way to a newcomer when the next message is for him.
    let limits = Limits::default().with_outbox_soft_mark(2 * MAX_MESSAGE_BYTES);
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some(tls) = tls {
        ws = ws.with_tls(tls.clone());
        framed = framed.with_tls(tls);
    }
    let (_, web) = handler.network().listen(ws.with_limits(limits.clone()), web)?;
    let (_, terminals) = handler.network().listen(framed.with_limits(limits), terminals)?;
    println!("browsers: {scheme}://{web}, terminals: {terminals}");
    let mut chat = Chat { handler, rooms: HashMap::new(), members: HashMap::new(), left: vec![] };
    listener.for_each(move |event| chat.handle(event.network()));
    Ok(())
}

fn routes() -> Routes {
    Routes::new()
        .with("/", |_: &WsRequest| Response::new(303).with_header("Location", "/rooms/lobby"))
        .with("/health", |_: &WsRequest| Response::text(200, "ok\n"))
        .with("/rooms/{room}", enter)
}

/// The page for whoever opens the address, and the room for the page's WebSocket.
fn enter(request: &WsRequest) -> Answer {
    if !request.is_upgrade() {
        return Response::html(200, PAGE).into();
    }
    let name = request.query_param("name").unwrap_or_default();
    match request.param("room").and_then(|room| Join::new(room, &name)) {
        Some(join) => Accept::new().with_value(join).into(),
        None => Response::text(400, "say who you are: ?name=\n").into(),
    }
}

/// Where somebody is, and who it is. A WebSocket asks for it by its URL, and a terminal in its first message.
struct Join {
    room: String,
    name: String,
}

impl Join {
    fn new(room: &str, name: &str) -> Option<Self> {
        let fits = |word: &str| (1..=128).contains(&word.len()) && !word.contains(char::is_control);
        (fits(room) && fits(name)).then(|| Self { room: room.into(), name: name.into() })
    }
}

#[derive(Default)]
struct Room {
    members: HashMap<Endpoint, String>,
    history: VecDeque<Line>,
}

impl Room {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.members.values().cloned().collect();
        names.sort();
        names
    }
}

/// Everything there is; the callback alone touches it, so nothing is locked.
struct Chat {
    handler: NodeHandler<()>,
    rooms: HashMap<String, Room>,
    members: HashMap<Endpoint, Arc<Join>>,
    /// Who has left, and the others were not told yet.
    left: Vec<Arc<Join>>,
}

impl Chat {
    fn handle(&mut self, event: NetEvent<'_>) {
        self.do_as_asked(event);
        // Whoever is told may turn out to have left, too.
        while let Some(join) = self.left.pop() {
            self.update(&join, |room| Event::Left { name: join.name.clone(), names: room.names() });
        }
    }

    fn do_as_asked(&mut self, event: NetEvent<'_>) {
        match event {
            NetEvent::Accepted(endpoint, _) => {
                let Some(join) = self.handler.network().info(endpoint) else { return };
                self.join(endpoint, join);
            }
            NetEvent::Message(who, data) if data.len() > MAX_LINE_BYTES => self.turn_out(who),
            NetEvent::Message(endpoint, data) => {
                let text = String::from_utf8_lossy(data);
                let asked = || text.split_once(' ').and_then(|(room, name)| Join::new(room, name));
                match self.members.get(&endpoint).cloned().ok_or_else(asked) {
                    Ok(join) => self.say(&join, &text),
                    Err(Some(join)) => self.join(endpoint, Arc::new(join)),
                    Err(None) => self.turn_out(endpoint),
                }
            }
            NetEvent::Disconnected(endpoint) => self.leave(endpoint),
            NetEvent::Connected(..) => {}
        }
    }

    fn join(&mut self, endpoint: Endpoint, join: Arc<Join>) {
        if self.rooms.len() >= MAX_ROOMS {
            self.rooms.retain(|_, room| !room.members.is_empty());
        }
        let room = self.rooms.entry(join.room.clone()).or_default();
        let history = room.history.iter().cloned().collect();
        self.tell(vec![endpoint], &Event::Welcome { history });
        self.members.insert(endpoint, Arc::clone(&join));
        self.update(&join, |room| {
            room.members.insert(endpoint, join.name.clone());
            Event::Joined { name: join.name.clone(), names: room.names() }
        });
    }

    fn say(&mut self, join: &Join, text: &str) {
        self.update(join, |room| {
            let line = Line { name: join.name.clone(), text: text.into() };
            room.history.push_back(line.clone());
            room.history.drain(..room.history.len().saturating_sub(HISTORY));
            Event::Said(line)
        });
    }

    fn turn_out(&mut self, endpoint: Endpoint) {
        self.handler.network().disconnect(endpoint);
        self.leave(endpoint);
    }

    fn leave(&mut self, endpoint: Endpoint) {
        let Some(join) = self.members.remove(&endpoint) else { return };
        if let Some(room) = self.rooms.get_mut(&join.room) {
            room.members.remove(&endpoint);
        }
        self.left.push(join);
    }

    /// Changes a room and tells everybody in it.
    fn update(&mut self, join: &Join, change: impl FnOnce(&mut Room) -> Event) {
        let Some(room) = self.rooms.get_mut(&join.room) else { return };
        let event = change(room);
        let members = room.members.keys().copied().collect();
        self.tell(members, &event);
    }

    /// Whoever reads too slowly has to come again.
    fn tell(&mut self, to: Vec<Endpoint>, event: &Event) {
        let network = self.handler.network();
        let sent = network.send_to_each(to, MessageKind::TEXT, event.to_json().as_bytes());
        sent.refused.into_iter().for_each(|(slow, _)| self.turn_out(slow));
    }
}
