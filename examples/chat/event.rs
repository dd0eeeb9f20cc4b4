//! What the server tells everybody in a room, as JSON.

use serde::{Deserialize, Serialize};

/// One message, and who said it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Event {
    /// For whoever has just come: what was said last.
    Welcome {
        history: Vec<Line>,
    },
    Said(Line),
    Joined {
        name: String,
        names: Vec<String>,
    },
    Left {
        name: String,
        names: Vec<String>,
    },
}

impl Event {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings are valid JSON")
    }
}
