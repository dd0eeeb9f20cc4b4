//! Which paths a source file names.

use std::collections::{BTreeMap, BTreeSet};

/// What a file names.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Paths that it uses.
    pub(super) named: BTreeSet<Vec<String>>,
    /// Names that it passes on by `pub use`, and what they stand for.
    pub(super) passed_on: BTreeMap<String, Vec<String>>,
    /// Its modules that are there in tests alone.
    pub(super) tests: BTreeSet<String>,
}

/// Reads a file, without its comments, its texts and its tests.
pub(super) fn read(text: &str) -> Uses {
    let mut uses = Uses::default();
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .fold(String::new(), |code, line| code + line + "\n");
    let code = match code.find("\nmod tests {") {
        Some(end) => &code[..end],
        None => &code,
    };
    let mut is_test = false;
    let mut rest = code;
    while let Some((statement, behind)) = next_statement(rest) {
        rest = behind;
        let statement = statement.trim();
        if statement.starts_with("#[") {
            is_test |= statement.starts_with("#[cfg(") && statement.contains("test");
            continue;
        }
        take_statement(&mut uses, statement, is_test);
        is_test = false;
    }
    uses
}

/// An attribute, or what there is up to a `;` or a brace that is not of a `use`.
fn next_statement(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    if text.starts_with("#[") {
        let end = text.find("]\n").map_or(text.len(), |end| end + 2);
        return Some(text.split_at(end));
    }
    let is_use = without_visibility(text).starts_with("use ");
    let ends = |c: char| c == ';' || (!is_use && (c == '{' || c == '}'));
    let end = text.find(ends).map_or(text.len(), |end| end + 1);
    Some(text.split_at(end))
}

fn take_statement(uses: &mut Uses, statement: &str, is_test: bool) {
    let plain = without_visibility(statement);
    if let Some(module) = plain.strip_prefix("mod ") {
        if is_test {
            uses.tests.insert(module.trim_end_matches([';', '{', ' ']).to_owned());
        }
        return;
    }
    if is_test {
        return;
    }
    if let Some(tree) = plain.strip_prefix("use ") {
        for (path, name) in paths_of(tree.trim_end_matches(';')) {
            if plain.len() < statement.len() {
                uses.passed_on.insert(name, path);
            } else {
                uses.named.insert(path);
            }
        }
        return;
    }
    uses.named.extend(inline_paths(statement));
}

fn without_visibility(statement: &str) -> &str {
    let Some(rest) = statement.strip_prefix("pub") else { return statement };
    match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest.trim_start(),
        None => rest.strip_prefix(' ').map_or(statement, str::trim_start),
    }
}

/// The paths of a tree of a `use`, each with the name that it gets.
fn paths_of(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if let Some((prefix, inner)) = tree.split_once('{') {
        let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
        let prefix: Vec<_> = parts_of(prefix.trim_end_matches("::"));
        let of_item = |item: &str| {
            let paths = paths_of(item).into_iter();
            paths.map(|(path, name)| ([prefix.clone(), path].concat(), name)).collect::<Vec<_>>()
        };
        return split_items(inner).into_iter().flat_map(of_item).collect();
    }
    let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut path = parts_of(path);
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let last = path.last().cloned().unwrap_or_default();
    let name = if name.is_empty() { last } else { name.trim().to_owned() };
    vec![(path, name)]
}

fn parts_of(path: &str) -> Vec<String> {
    path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The items between commas that are in no braces.
fn split_items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&list[start..]);
    items.into_iter().filter(|item| !item.trim().is_empty()).collect()
}

/// Paths of more than one part that stand in code, but for those of a `pub(in path)`.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let (first, others) = code.split_once("pub(in ").unwrap_or((code, ""));
    let behind = others.split("pub(in ").filter_map(|part| Some(part.split_once(')')?.1));
    let words = [first].into_iter().chain(behind).flat_map(|part| part.split(|c| !is_of_path(c)));
    words.filter(|word| word.contains("::")).map(parts_of).filter(|path| path.len() > 1).collect()
}
