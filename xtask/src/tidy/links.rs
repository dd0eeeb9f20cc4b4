//! Links between documents lead somewhere.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::process::root;

/// Folders whose documents are checked.
const FOLDERS: [&str; 3] = ["", "docs", "docs/guide"];

/// Every link of a document to a file that is not there.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in documents()? {
        let text = fs::read_to_string(&path)?;
        let folder = path.parent().ok_or("a document without a folder")?;
        let shown = path.strip_prefix(root()).unwrap_or(&path).display();
        let broken = local_links(&text).filter(|link| !folder.join(link).exists());
        faults.extend(broken.map(|link| format!("{shown}: there is no {link}")));
    }
    Ok(faults)
}

fn documents() -> Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

/// Where `[text](link)` and `[text]: link` lead, if it is a file of the repository.
fn local_links(text: &str) -> impl Iterator<Item = &str> {
    let inline = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let definitions = text.lines().filter_map(|line| {
        let (name, link) = line.split_once("]: ")?;
        name.starts_with('[').then_some(link)
    });
    let files = inline.chain(definitions).filter(|link| !link.contains("://"));
    files.filter_map(|link| link.split('#').next()).filter(|link| !link.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let text = "[a](docs/a.md), [b](b.md#part), [c](#part), [d](https://x.org/d.md)\n\n\
                    [e]: e.md\n[f]: https://x.org\n";
        assert_eq!(local_links(text).collect::<Vec<_>>(), ["docs/a.md", "b.md", "e.md"]);
    }
}
