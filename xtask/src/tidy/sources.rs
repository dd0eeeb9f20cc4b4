//! Rules for the text of source files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::root;

/// Lines a file may have: more of them hold more than one thing.
const MAX_FILE_LINES: usize = 400;
/// Lines a function may have, its head and its end among them.
const MAX_FUNCTION_LINES: usize = 50;

/// Only the facade knows which transports there are.
const TRANSPORT_FEATURES: &[&str] = &["tcp", "framed-tcp", "udp", "ws", "websocket"];

/// Every source file that breaks a rule.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in ["crates", "examples", "benches", "templates", "tests", "xtask"] {
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
    let mut faults = faults_of_length(path, text);
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

fn faults_of_length(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut faults = Vec::new();
    let lines: Vec<_> = text.lines().collect();
    if lines.len() > MAX_FILE_LINES {
        let len = lines.len();
        faults
            .push(format!("{shown}: {len} lines, at most {MAX_FILE_LINES} are allowed: split it"));
    }
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_of(line) else { continue };
        let len = function_len(&lines[start..]);
        if len > MAX_FUNCTION_LINES {
            let number = start + 1;
            faults.push(format!(
                "{shown}:{number}: `{name}` has {len} lines, at most {MAX_FUNCTION_LINES} are \
                 allowed: split it"
            ));
        }
    }
    faults
}

/// The name of the function that begins in `line`.
fn function_of(line: &str) -> Option<&str> {
    let (before, behind) = line.split_once("fn ")?;
    // `pub(in path)` is two words.
    let is_qualifier =
        |word: &str| matches!(word, "const" | "async" | "pub" | "pub(in") || word.ends_with(')');
    let is_head = before.split_whitespace().all(is_qualifier);
    let name = behind.split(|c| !is_word(c)).next()?;
    (is_head && !name.is_empty()).then_some(name)
}

/// Lines from the first, where a function begins, to its end, which rustfmt indents as it does the first.
fn function_len(lines: &[&str]) -> usize {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let own = indentation(lines[0]);
    let is_end = |line: &str| line.trim() == "}" || line.ends_with(';');
    if lines[0].ends_with(['}', ';']) {
        return 1;
    }
    let end = lines.iter().position(|line| indentation(line) == own && is_end(line));
    end.map_or(lines.len(), |end| end + 1)
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

    #[test]
    fn a_file_of_more_than_400_lines_is_too_long() {
        let path = Path::new("examples/chat.rs");
        assert_eq!(faults_of(path, &"//\n".repeat(400)), [""; 0]);
        let fault = "examples/chat.rs: 401 lines, at most 400 are allowed: split it";
        assert_eq!(faults_of(path, &"//\n".repeat(401)), [fault]);
    }

    /// A method behind another one, which has so many lines with its head and its end.
    fn method_of(lines: usize) -> String {
        let body = "        if a {\n        }\n".repeat(lines / 2 - 1);
        let head = "    fn first() {}\n\n    #[inline]\n    pub(in crate::a) fn long() {\n";
        format!("impl A {{\n{head}{body}    }}\n}}\n")
    }

    #[test]
    fn a_function_of_more_than_50_lines_is_too_long() {
        let path = Path::new("xtask/src/main.rs");
        assert_eq!(faults_of(path, &method_of(50)), [""; 0]);
        let fault = "xtask/src/main.rs:5: `long` has 52 lines, at most 50 are allowed: split it";
        assert_eq!(faults_of(path, &method_of(52)), [fault]);
    }

    #[test]
    fn a_function_ends_at_its_own_brace() {
        let len = |text: &str| function_len(&text.lines().collect::<Vec<_>>());
        assert_eq!(len("fn a() {}\nfn b() {\n}\n"), 1);
        assert_eq!(len("fn a();\nfn b() {\n}\n"), 1);
        assert_eq!(len("fn a(\n    b: u8,\n);\nfn c() {\n}\n"), 3);
        assert_eq!(len("fn a(\n    b: u8,\n) {\n    c()\n}\nfn d() {\n}\n"), 5);
        for line in ["// fn a() {", "    let fn = 1;", "impl Fn for A {", "type A = fn (u8);"] {
            assert_eq!(function_of(line), None, "{line}");
        }
    }
}
