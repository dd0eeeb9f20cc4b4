//! What a process of a run says of itself.

use std::collections::HashMap;

/// What the processes print, and what it comes to.
pub(crate) type Values = HashMap<String, f64>;

/// Reads `key=value key=value`.
pub(crate) fn parse(line: &str) -> Values {
    let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?))).collect()
}
