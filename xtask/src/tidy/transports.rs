//! What one more transport costs: a few files of the facade, and no line of the core.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::manifest::Manifest;
use crate::process::root;
use crate::tidy::arrows::{CORE, FACADE, LAYERS};
use crate::tidy::sources::rust_files;

/// Files of the facade's `src` that may name one built-in transport: its module, its line in each of the two lists of
/// transports, and one for a path that programs written for message-io use. Its manifest comes on top.
const MAX_FILES: usize = 4;

/// Every built-in transport that is named in too many files of the facade, and every line of the core that names a crate
/// which is built on it.
pub(crate) fn faults(manifests: &[Manifest]) -> Result<Vec<String>> {
    let sources = |name: &str| -> Result<Vec<(PathBuf, String)>> {
        let files = rust_files(&root().join("crates").join(name).join("src"))?;
        files.into_iter().map(|path| Ok((path.clone(), fs::read_to_string(path)?))).collect()
    };
    let (core, facade) = (sources(CORE)?, sources(FACADE)?);
    let mut faults = Vec::new();
    for name in built_in(manifests) {
        let files: Vec<_> = facade
            .iter()
            .filter(|(_, text)| names(text, name))
            .map(|(path, _)| shown(path))
            .collect();
        if files.len() > MAX_FILES {
            let (files, count) = (files.join(", "), files.len());
            faults.push(format!(
                "{name}: {count} files of the facade name it, at most {MAX_FILES} may: {files}"
            ));
        }
    }
    for (path, text) in &core {
        let others = manifests.iter().map(|manifest| &*manifest.name);
        for name in others.filter(|name| ![CORE, FACADE].contains(name) && is_word_of(text, name)) {
            faults.push(format!("{}: the core names {name}, which is built on it", shown(path)));
        }
    }
    Ok(faults)
}

fn shown(path: &std::path::Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The crates whose transports the facade brings.
fn built_in(manifests: &[Manifest]) -> impl Iterator<Item = &str> {
    let facade = manifests.iter().find(|manifest| manifest.name == FACADE);
    let needed = facade.into_iter().flat_map(|facade| &facade.dependencies);
    let ours = needed.filter(|name| manifests.iter().any(|manifest| manifest.name == **name));
    ours.map(|name| &**name).filter(|name| *name != CORE && !LAYERS.contains(name))
}

/// Whether a file of the facade names the crate, be it in a comment, or asks in its code for the feature that brings it.
/// The twin over TLS has the same crate and feature, so what names that counts as well. Tests in `src` count; those beside
/// it, the guides and the README do not.
fn names(text: &str, name: &str) -> bool {
    let feature = format!("feature=\"{}\"", name.trim_start_matches("polywire-"));
    let asks = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.split_whitespace().collect::<String>().contains(&feature)
    };
    is_word_of(text, name) || text.lines().any(asks)
}

/// Whether the crate is named, as its package or as its module.
fn is_word_of(text: &str, name: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_'));
    words.map(|word| word.replace('_', "-")).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_a_transport_by_its_crate_or_in_code_by_its_feature() {
        for text in [
            "use polywire_udp::Udp;",
            "/// As `polywire-udp` has it.",
            "#[cfg(all(feature = \"udp\", feature = \"__tls\"))]",
        ] {
            assert!(names(text, "polywire-udp"), "{text}");
        }
        for text in ["use polywire_udp_lite::Udp;", "/// # #[cfg(feature = \"udp\")]", "udp"] {
            assert!(!names(text, "polywire-udp"), "{text}");
        }
    }
}
