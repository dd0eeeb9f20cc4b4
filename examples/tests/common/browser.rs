//! A browser without a window, driven as its own developer tools drive it (the Chrome DevTools Protocol): over a
//! WebSocket, for which polywire itself is the client.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use polywire::MessageKind;
use polywire::events::EventReceiver;
use polywire::network::{Endpoint, Transport};
use polywire::node::{self, NodeHandler, NodeTask, StoredNetEvent, StoredNodeEvent};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser takes its time on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at what has no event.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// No sandbox, as it refuses to run for root; nothing in the background, as it would ask hosts far away.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
    "--window-size=960,640",
];

/// A running browser. Dropping it ends it.
pub(crate) struct Browser {
    process: Child,
    _profile: TempDir,
    handler: NodeHandler<()>,
    _task: NodeTask,
    events: EventReceiver<StoredNodeEvent<()>>,
    tools: Endpoint,
    commands: u64,
}

/// One page, of a user of its own: pages share nothing.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    session: String,
}

impl Browser {
    /// `None` where there is no Chromium.
    pub(crate) fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let program = ["chromium", "chromium-browser", "google-chrome"];
        let process = program.iter().find_map(|program| launch(program, profile.path()))?;
        let url = tools_url(profile.path());
        let (handler, listener) = node::split::<()>();
        let (tools, _) = handler.network().connect_sync(Transport::Ws, url.as_str()).unwrap();
        let (task, events) = listener.enqueue();
        let (_profile, _task) = (profile, task);
        Some(Self { process, _profile, handler, _task, events, tools, commands: 0 })
    }

    /// Opens `url` in a page.
    pub(crate) fn open(&mut self, url: &str) -> Page {
        let user = self.command(None, "Target.createBrowserContext", &json!({}));
        let target = json!({ "url": url, "browserContextId": user["browserContextId"] });
        let target = self.command(None, "Target.createTarget", &target);
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.command(None, "Target.attachToTarget", &attach);
        Page { session: attached["sessionId"].as_str().unwrap().into() }
    }

    /// The value of a JavaScript expression, as text; awaited if it is a promise.
    pub(crate) fn value_of(&mut self, page: &Page, expression: &str) -> String {
        let what = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.command(Some(page), "Runtime.evaluate", &what);
        match &result["result"]["value"] {
            Value::String(text) => text.clone(),
            _ if result.get("exceptionDetails").is_some() => panic!("{expression}: {result}"),
            value => value.to_string(),
        }
    }

    /// Waits until that expression is true in the page.
    pub(crate) fn wait_until(&mut self, page: &Page, condition: &str) {
        let deadline = Instant::now() + DEADLINE;
        // A page that is just being loaded has nothing yet.
        let condition = format!("!!document.body && !!({condition})");
        while self.value_of(page, &condition) != "true" {
            let text = "document.body?.innerText ?? 'no page'";
            assert!(Instant::now() < deadline, "not {condition}:\n{}", self.value_of(page, text));
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Loads the page again.
    pub(crate) fn reload(&mut self, page: &Page) {
        self.command(Some(page), "Page.reload", &json!({}));
    }

    /// Writes a picture of the page, as PNG.
    pub(crate) fn screenshot(&mut self, page: &Page, path: &Path) {
        let picture = self.command(Some(page), "Page.captureScreenshot", &json!({}));
        let picture = BASE64.decode(picture["data"].as_str().unwrap().as_bytes()).unwrap();
        fs::write(path, picture).unwrap();
    }

    /// The result of one command.
    fn command(&mut self, page: Option<&Page>, method: &str, params: &Value) -> Value {
        self.commands += 1;
        let mut command = json!({ "id": self.commands, "method": method, "params": params });
        if let Some(page) = page {
            command["sessionId"] = json!(page.session);
        }
        let network = self.handler.network();
        network.send_as(self.tools, MessageKind::TEXT, command.to_string().as_bytes());
        loop {
            let event = self.events.receive_timeout(DEADLINE).expect("the browser is silent");
            let answer: Value = match event.network() {
                StoredNetEvent::Message(_, answer) => serde_json::from_slice(&answer).unwrap(),
                StoredNetEvent::Connected(..) => continue,
                event => panic!("the browser is gone: {event:?}"),
            };
            if answer["id"] == json!(self.commands) {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its windows and helpers end with it. An error says that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.handler.stop();
    }
}

fn launch(program: &str, profile: &Path) -> Option<Child> {
    let mut command = Command::new(program);
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

/// Where the developer tools listen: the browser writes it to a file, the port and then the path.
fn tools_url(profile: &Path) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let file = fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = file.trim().split_once('\n') {
            return format!("ws://127.0.0.1:{port}{path}");
        }
        assert!(Instant::now() < deadline, "the browser did not start");
        thread::sleep(LOOK_AGAIN);
    }
}
