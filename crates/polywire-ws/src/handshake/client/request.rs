//! The request of the end that connects (RFC 6455 section 4.1).

use std::fmt::Write;

use crate::connect_config::WsConnectConfig;
use crate::extensions::Extensions;
use crate::url::{Scheme, WsUrl};

/// Headers of the program that another server may see as well; any other one may be a credential.
const NO_CREDENTIALS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "dnt",
    "origin",
    "pragma",
    "user-agent",
];

/// The request for `url` by that scheme. Credentials are those of the configuration's own server.
pub(super) fn request(
    (url, scheme): (&WsUrl, Scheme),
    config: &WsConnectConfig,
    extensions: &Extensions,
    key: &str,
    with_credentials: bool,
) -> String {
    let mut request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
        url.path(),
        url.host_header(scheme),
    );
    let mut header = |name: &str, value: &str| {
        let _ = write!(request, "{name}: {value}\r\n"); // Into memory, which does not fail.
    };
    if !config.subprotocols.is_empty() {
        header("Sec-WebSocket-Protocol", &config.subprotocols.join(", "));
    }
    if let Some(offer) = extensions.offer() {
        header("Sec-WebSocket-Extensions", &offer);
    }
    if let Some(origin) = &config.origin {
        header("Origin", origin);
    }
    if let Some(authorization) = config.authorization.as_ref().filter(|_| with_credentials) {
        header("Authorization", &authorization.header());
    }
    if !config.cookies.is_empty() && with_credentials {
        let pairs = config.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        header("Cookie", &pairs.collect::<Vec<_>>().join("; "));
    }
    for (name, value) in &config.headers {
        let is_harmless = NO_CREDENTIALS.iter().any(|other| name.eq_ignore_ascii_case(other));
        if with_credentials || is_harmless {
            header(name, value);
        }
    }
    request += "\r\n";
    request
}
