//! What the handshake says of compression (RFC 7692 section 7.1).

mod list;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use crate::deflate::agreed::{Agreed, Direction};
use crate::deflate::negotiation::list::Extension;
use crate::deflate::{Deflate, MAX_WINDOW_BITS, MIN_WINDOW_BITS};

const DEFLATE: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";

/// What a client asks for: the value of `Sec-WebSocket-Extensions`.
pub(crate) fn offer(config: &Deflate) -> String {
    let mut offer = DEFLATE.to_owned();
    flag(&mut offer, SERVER_NO_TAKEOVER, !config.receive_context_takeover);
    flag(&mut offer, CLIENT_NO_TAKEOVER, !config.send_context_takeover);
    let limit = |bits: u8| (bits < MAX_WINDOW_BITS).then_some(bits);
    number(&mut offer, SERVER_WINDOW, limit(config.receive_window_bits));
    // Without a number, too: it says that the server may name one.
    match limit(config.send_window_bits) {
        None => flag(&mut offer, CLIENT_WINDOW, true),
        bits => number(&mut offer, CLIENT_WINDOW, bits),
    }
    offer
}

/// Takes the first offer of a client that can be met, from the lines of its `Sec-WebSocket-Extensions`. Returns
/// the value of the answer's, and what was agreed on.
///
/// An offer with parameters that are unknown, twice there or invalid is declined, and so is all of a malformed line.
pub(crate) fn accept<'a>(
    config: &Deflate,
    lines: impl Iterator<Item = &'a str>,
) -> Option<(String, Agreed)> {
    let offers = lines.flat_map(|line| list::parse(line).unwrap_or_default());
    let offers = offers.filter(|offer| offer.name == DEFLATE);
    offers.filter_map(|offer| accept_one(config, &Parameters::read(&offer)?)).next()
}

fn accept_one(config: &Deflate, asked: &Parameters) -> Option<(String, Agreed)> {
    let sent = Direction {
        takeover: config.send_context_takeover && !asked.server_no_takeover,
        window_bits: asked.server_window.unwrap_or(MAX_WINDOW_BITS).min(config.send_window_bits),
    };
    if sent.window_bits < MIN_WINDOW_BITS {
        return None;
    }
    // One that does not let its window be limited uses all.
    let limit = asked.client_window.map(|hint| hint.unwrap_or(MAX_WINDOW_BITS));
    let window_bits = limit.map_or(MAX_WINDOW_BITS, |hint| hint.min(config.receive_window_bits));
    let received = Direction {
        takeover: config.receive_context_takeover
            && !asked.client_no_takeover
            && window_bits <= config.receive_window_bits,
        window_bits,
    };
    let mut answer = DEFLATE.to_owned();
    flag(&mut answer, SERVER_NO_TAKEOVER, !sent.takeover);
    flag(&mut answer, CLIENT_NO_TAKEOVER, !received.takeover);
    number(&mut answer, SERVER_WINDOW, asked.server_window.map(|_| sent.window_bits));
    number(&mut answer, CLIENT_WINDOW, limit.map(|_| window_bits));
    Some((answer, Agreed { sent, received }))
}

/// What the lines of a server's `Sec-WebSocket-Extensions` say to our [`offer`]; `None` if it does not compress.
///
/// # Errors
///
/// What is wrong with them, for which the handshake fails.
pub(crate) fn confirm<'a>(
    config: &Deflate,
    lines: impl Iterator<Item = &'a str>,
) -> Result<Option<Agreed>, &'static str> {
    let mut agreed = None;
    for line in lines {
        for extension in list::parse(line).ok_or("the answer's extensions are malformed")? {
            if extension.name != DEFLATE || agreed.is_some() {
                return Err("the peer uses an extension that was not asked for");
            }
            let answer = Parameters::read(&extension)
                .ok_or("the peer agrees to compress with invalid parameters")?;
            agreed = Some(confirm_one(config, &answer)?);
        }
    }
    Ok(agreed)
}

fn confirm_one(config: &Deflate, answer: &Parameters) -> Result<Agreed, &'static str> {
    let received = Direction {
        takeover: !answer.server_no_takeover,
        window_bits: answer.server_window.unwrap_or(MAX_WINDOW_BITS),
    };
    let is_more_than_asked_for = (received.takeover && !config.receive_context_takeover)
        || received.window_bits > config.receive_window_bits;
    if is_more_than_asked_for {
        return Err("the peer wants to compress with more context than it was offered");
    }
    let window_bits = match answer.client_window {
        None => config.send_window_bits,
        Some(Some(bits)) if bits <= config.send_window_bits => bits,
        Some(_) => return Err("the peer asks for a larger window than it was offered"),
    };
    let takeover = config.send_context_takeover && !answer.client_no_takeover;
    Ok(Agreed { sent: Direction { takeover, window_bits }, received })
}

/// The parameters of an offer or an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window: Option<u8>,
    /// In an offer it may have no number.
    client_window: Option<Option<u8>>,
}

impl Parameters {
    /// `None` if one is unknown, twice there, or has no value that it may have.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in &extension.parameters {
            match (*name, value.as_deref()) {
                (SERVER_NO_TAKEOVER, None) if !read.server_no_takeover => {
                    read.server_no_takeover = true;
                }
                (CLIENT_NO_TAKEOVER, None) if !read.client_no_takeover => {
                    read.client_no_takeover = true;
                }
                (SERVER_WINDOW, Some(bits)) if read.server_window.is_none() => {
                    read.server_window = Some(window_bits(bits)?);
                }
                (CLIENT_WINDOW, bits) if read.client_window.is_none() => {
                    read.client_window = Some(match bits {
                        Some(bits) => Some(window_bits(bits)?),
                        None => None,
                    });
                }
                _ => return None,
            }
        }
        Some(read)
    }
}

/// From 8 to 15, without zeros before.
fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=MAX_WINDOW_BITS).contains(bits))?;
    (!text.starts_with(['0', '+'])).then_some(bits)
}

fn flag(list: &mut String, name: &str, is_set: bool) {
    if is_set {
        list.push_str("; ");
        list.push_str(name);
    }
}

fn number(list: &mut String, name: &str, value: Option<u8>) {
    if let Some(value) = value {
        // Writing to a string does not fail.
        let _ = write!(list, "; {name}={value}");
    }
}
