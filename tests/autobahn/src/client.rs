//! What the suite's fuzzing server talks to.

use std::path::Path;

use polywire::adapters::tls::TlsConnectConfig;
use polywire::adapters::ws::{Deflate, WsConnectConfig};
use polywire::network::{NetEvent, NetworkController};
use polywire::node;

use crate::{Result, certificates};

/// Runs the cases, and then has the suite write its reports.
pub fn run(url: &str, dir: &Path, cases: &[&str]) -> Result {
    let mut config = WsConnectConfig::default();
    if url.starts_with("wss:") {
        let authority = dir.join(certificates::AUTHORITY);
        config = config.with_tls(TlsConnectConfig::new().with_roots_file(authority)?);
    }
    let of_case = |(index, case): (usize, &&str)| {
        let url = format!("{url}/runCase?case={}&agent=polywire", index + 1);
        (config.clone().with_deflate(deflate(case)), url)
    };
    let reports = (config.clone(), format!("{url}/updateReports?agent=polywire"));
    let mut connections = cases.iter().enumerate().map(of_case).chain([reports]);
    let (handler, listener) = node::split::<()>();
    let network = handler.network();
    // Whether there was another one.
    let mut connect_next = move |network: &NetworkController| -> Result<bool> {
        let Some((config, url)) = connections.next() else { return Ok(false) };
        network.connect(config, &url)?;
        Ok(true)
    };
    connect_next(network)?;
    let mut result = Ok(());
    listener.for_each(|event| match event.network() {
        NetEvent::Message(server, message) => {
            network.send_as(server, network.message_kind(), message);
        }
        NetEvent::Disconnected(_) => match connect_next(network) {
            Ok(true) => {}
            Ok(false) => handler.stop(),
            Err(error) => {
                result = Err(error);
                handler.stop();
            }
        },
        NetEvent::Connected(server, false) => {
            let reason = network.close_reason(server);
            result = Err(format!("the suite can't be connected to: {reason:?}").into());
            handler.stop();
        }
        NetEvent::Connected(_, true) | NetEvent::Accepted(..) => {}
    });
    result
}

/// With all that there is, however short the message. The suite declines those of its cases 13 in which it asks for messages
/// without context, if the client does not offer that itself.
fn deflate(case: &str) -> Deflate {
    let all = Deflate::dedicated(15).with_threshold(0);
    all.with_send_context_takeover(!case.starts_with("13."))
}
