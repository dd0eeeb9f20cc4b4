//! The names of the suite's cases.

use std::fmt;

use crate::Result;

/// Of each kind of message and of parameters with compression, the cases that the gate has the time for: those of the
/// shortest messages.
const QUICK_COMPRESSED: u32 = 3;

/// The name of a case, such as `6.4.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CaseId(Vec<u32>);

impl CaseId {
    pub(super) fn parse(name: &str) -> Result<Self> {
        let parts: std::result::Result<_, _> = name.trim().split('.').map(str::parse).collect();
        Ok(Self(parts.map_err(|_| format!("'{name}' is no name of a case"))?))
    }

    /// Whether `pattern` is this name, or, with a star at its end, how it begins.
    pub(super) fn matches(&self, pattern: &str) -> bool {
        let name = self.to_string();
        match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        }
    }

    /// Whether the gate has the time for it: all but the longer messages with compression.
    pub(super) fn is_quick(&self) -> bool {
        match self.0[..] {
            [12 | 13, _, size] => size <= QUICK_COMPRESSED,
            _ => true,
        }
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}
