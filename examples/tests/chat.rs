//! The example `chat`, by browsers and a terminal.

#[path = "common/browser.rs"]
mod browser;
mod common;

use std::env;
use std::path::Path;

use browser::{Browser, Page};
use common::{Example, word_after};

/// A port that is free.
const ANY: &str = "127.0.0.1:0";

/// A server, the address of its page and that for terminals.
struct Server {
    _program: Example,
    web: String,
    terminals: String,
}

impl Server {
    fn start(web: &str, terminals: &str) -> Self {
        Self::new(Example::start("chat", &[web, terminals]))
    }

    fn new(mut program: Example) -> Self {
        let line = program.line_with("browsers: ");
        let web = word_after(&line, "browsers: ").trim_end_matches(',').to_owned();
        let terminals = word_after(&line, "terminals: ").to_owned();
        Self { _program: program, web, terminals }
    }

    fn room(&self, room: &str) -> String {
        format!("{}/rooms/{room}", self.web)
    }
}

/// Somebody at a browser.
struct Visitor(Page);

impl Visitor {
    fn come(browser: &mut Browser, room: &str, name: &str) -> Self {
        let page = browser.open(room);
        browser.wait_until(&page, "document.getElementById('line')");
        let visitor = Self(page);
        visitor.type_in(browser, name);
        visitor.wait_for(browser, &format!("{name} is here"));
        visitor
    }

    fn type_in(&self, browser: &mut Browser, text: &str) {
        let line = format!(
            "document.getElementById('line').value = {text:?}; document.forms[0].requestSubmit()"
        );
        browser.value_of(&self.0, &line);
    }

    fn wait_for(&self, browser: &mut Browser, text: &str) {
        browser.wait_until(&self.0, &format!("document.body.innerText.includes({text:?})"));
    }

    fn wait_until_connected(&self, browser: &mut Browser, is_connected: bool) {
        let state = "document.getElementById('state').className === 'connected'";
        browser.wait_until(&self.0, &format!("{state} === {is_connected}"));
    }
}

/// Runs the test where there is a browser.
macro_rules! browser_or_return {
    () => {
        match Browser::start() {
            Some(browser) => browser,
            None => {
                assert!(env::var_os("BROWSER_REQUIRED").is_none(), "there is no Chromium");
                eprintln!("skipped: there is no Chromium");
                return;
            }
        }
    };
}

#[test]
fn a_room_of_long_lines_can_be_entered_and_too_long_a_line_costs_its_own_speaker() {
    let server = Server::start(ANY, ANY);
    let come = |name: &str| Example::start("chat", &["join", "rust", name, &server.terminals]);
    let mut ann = come("ann");
    ann.line_with("-- ann is here");
    for number in 0..6 {
        ann.type_line(&format!("{number} {}", "x".repeat(2000)));
        ann.line_with(&format!("ann: {number} "));
    }
    ann.type_line(&"\\".repeat(8 << 10));
    let mut bob = come("bob");
    bob.line_with("ann: 5 ");
    bob.line_with("-- bob is here, with ann, bob");
    bob.type_line(&"y".repeat((8 << 10) + 1));
    ann.line_with("-- bob has left");
}

/// Loopback takes almost all of it at once. To have it wait in the server, as on other networks, run the test
/// under `unshare -rn`, behind `ip link set lo mtu 1500 up`.
#[test]
fn a_room_can_be_entered_whose_history_is_as_long_as_can_be() {
    let server = Server::start(ANY, ANY);
    let come = |name: &str| Example::start("chat", &["join", "rust", name, &server.terminals]);
    let mut ann = come("ann");
    ann.line_with("-- ann is here");
    for number in 10..60 {
        // What takes six bytes in JSON.
        ann.type_line(&format!("{number}{}", "\u{1}".repeat((8 << 10) - 2)));
        ann.line_with(&format!("ann: {number}"));
    }
    let mut bob = come("bob");
    bob.line_with("-- bob is here, with ann, bob");
}

#[test]
fn browsers_and_a_terminal_talk_in_one_room_and_outlive_the_server() {
    let mut browser = browser_or_return!();
    let server = Server::start(ANY, ANY);
    let room = server.room("rust");
    let ann = Visitor::come(&mut browser, &room, "ann");
    let bob = Visitor::come(&mut browser, &room, "bob");
    let mut terminal = Example::start("chat", &["join", "rust", "cleo", &server.terminals]);
    terminal.line_with("-- cleo is here, with ann, bob, cleo");
    ann.type_in(&mut browser, "Has anybody tried it yet?");
    bob.wait_for(&mut browser, "Has anybody tried it yet?");
    terminal.line_with("ann: Has anybody tried it yet?");
    terminal.type_line("I do right now, from a terminal: framed TCP.");
    ann.wait_for(&mut browser, "from a terminal");
    bob.type_in(&mut browser, "And I from another browser. One callback for all of us.");
    ann.wait_for(&mut browser, "from another browser");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chat.png");
    browser.screenshot(&ann.0, &picture);

    browser.reload(&bob.0);
    bob.wait_for(&mut browser, "from a terminal");
    bob.wait_for(&mut browser, "Has anybody tried it yet?");
    browser.wait_until(&bob.0, "document.querySelectorAll('#present li').length === 3");

    let (web, terminals) = (server.web.clone(), server.terminals.clone());
    drop(server);
    ann.wait_until_connected(&mut browser, false);
    terminal.line_with("-- not connected");
    terminal.type_line("to nobody");
    terminal.line_with("-- not sent: to nobody");
    let _server = Server::start(web.trim_start_matches("http://"), &terminals);
    ann.wait_until_connected(&mut browser, true);
    bob.wait_until_connected(&mut browser, true);
    bob.type_in(&mut browser, "here we are again");
    ann.wait_for(&mut browser, "here we are again");
    terminal.line_with("bob: here we are again");
}

#[test]
fn a_page_of_another_site_and_whoever_has_no_name_are_refused() {
    let mut browser = browser_or_return!();
    let server = Server::start(ANY, ANY);
    let socket = server.room("rust").replace("http", "ws");
    let try_it = |url: &str| {
        format!(
            "new Promise(done => {{ const socket = new WebSocket('{url}'); \
             socket.onopen = () => done('open'); socket.onerror = () => done('refused'); }})"
        )
    };
    let own = browser.open(&server.room("rust"));
    browser.wait_until(&own, "document.forms[0]");
    assert_eq!(browser.value_of(&own, &try_it(&format!("{socket}?name=ann"))), "open");
    assert_eq!(browser.value_of(&own, &try_it(&socket)), "refused");
    let evil = Server::start(ANY, ANY);
    let evil = browser.open(&evil.room("rust"));
    browser.wait_until(&evil, "document.forms[0]");
    assert_eq!(browser.value_of(&evil, &try_it(&format!("{socket}?name=ann"))), "refused");
}

#[test]
fn all_of_it_works_over_tls() {
    let mut browser = browser_or_return!();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(Example::start_in(folder.path(), "chat", &[ANY, ANY, "--tls"]));
    assert!(server.web.starts_with("https://"), "{}", server.web);
    let ann = Visitor::come(&mut browser, &server.room("rust"), "ann");
    let join = ["join", "rust", "cleo", &server.terminals, "--tls"];
    let mut terminal = Example::start_in(folder.path(), "chat", &join);
    terminal.line_with("-- cleo is here");
    ann.type_in(&mut browser, "sealed");
    terminal.line_with("ann: sealed");
}
