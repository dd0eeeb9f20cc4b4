//! A change of the public interface concerns users: it comes with a line in the changelog.

use std::process::Command;

use crate::process::root;

const LISTS: &str = "docs/api/";
const CHANGELOG: &str = "CHANGELOG.md";

/// Looks at the last commit that changed what `docs/api` lists, and at what is not committed yet. Where git
/// can't tell, nothing is wrong.
pub(crate) fn fault() -> Option<String> {
    let last = ["log", "-1", "--no-merges", "--full-diff", "--format=", "--name-only", "--", LISTS];
    let open = ["diff", "--name-only", "HEAD"];
    let is_alone = changed(&last).is_some_and(|files| is_alone(&files))
        || changed(&open).is_some_and(|files| is_alone(&files));
    is_alone.then(|| format!("{LISTS} changed and {CHANGELOG} did not: tell users what is new"))
}

/// The files that git names, one a line.
fn changed(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_alone(files: &str) -> bool {
    files.lines().any(|file| file.starts_with(LISTS))
        && !files.lines().any(|file| file == CHANGELOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_changes_asks_for_the_changelog() {
        assert!(is_alone("docs/api/polywire.txt\ncrates/polywire/src/lib.rs\n"));
        assert!(!is_alone("CHANGELOG.md\ndocs/api/polywire.txt\n"));
        assert!(!is_alone("crates/polywire/src/lib.rs\n"));
    }
}
