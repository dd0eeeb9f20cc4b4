//! Rules for the text of source files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::root;

/// Lines a file may have. Half again as long as a file should be.
const MAX_LINES: usize = 600;
/// Lines above which a file is named, without failing.
const LONG_FILE_LINES: usize = 400;

/// Only the facade knows which transports there are.
const TRANSPORT_FEATURES: &[&str] = &["tcp", "framed-tcp", "udp", "ws", "websocket"];

/// Every source file that breaks a rule.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in ["crates", "examples", "benches", "tests", "xtask"] {
        for path in rust_files(&root().join(folder))? {
            let text = fs::read_to_string(&path)?;
            let shown = path.strip_prefix(root()).unwrap_or(&path);
            faults.extend(faults_of(shown, &text));
        }
    }
    Ok(faults)
}

fn faults_of(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{shown}: {lines} lines, at most {MAX_LINES} are allowed: split it"));
    } else if lines > LONG_FILE_LINES {
        println!("tidy: {shown} has {lines} lines: does it hold one thing?");
    }
    let of_adapter = path.starts_with("crates") && !path.starts_with("crates/polywire");
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        if has_unsafe_code(code) {
            faults.push(format!("{shown}:{number}: no unsafe code anywhere"));
        }
        if of_adapter && asks_for_a_transport(code) {
            faults.push(format!("{shown}:{number}: transports are features of the facade alone"));
        }
    }
    faults
}

/// Whether the keyword occurs outside a text.
fn has_unsafe_code(code: &str) -> bool {
    let outside_texts = code.split('"').step_by(2);
    let mut words = outside_texts.flat_map(|part| part.split(|c: char| !is_word(c)));
    words.any(|word| word == concat!("un", "safe"))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn asks_for_a_transport(code: &str) -> bool {
    let without_blanks: String = code.split_whitespace().collect();
    TRANSPORT_FEATURES
        .iter()
        .any(|feature| without_blanks.contains(&format!("feature=\"{feature}\"")))
}

/// All `.rs` files under `dir`, without what was built there.
pub(super) fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_is_found_in_code_only() {
        assert!(has_unsafe_code(concat!("let x = un", "safe { 1 };")));
        assert!(!has_unsafe_code(concat!("#![forbid(un", "safe_code)]")));
        assert!(!has_unsafe_code(concat!("let x = \"un", "safe\";")));
    }

    #[test]
    fn a_transport_feature_is_allowed_in_the_facade_alone() {
        let text = concat!("#[cfg(feature = \"", "udp\")]");
        assert_eq!(faults_of(Path::new("crates/polywire-core/src/lib.rs"), text).len(), 1);
        assert_eq!(faults_of(Path::new("crates/polywire/src/lib.rs"), text).len(), 0);
    }
}
