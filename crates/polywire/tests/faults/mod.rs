//! Libraries that stand in for the system's calls in a process that a test starts.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::alone;

/// A compiled library, deleted when it is dropped.
pub struct Library(PathBuf);

impl Library {
    /// Compiles `faults/<name>.c`. Says so and gives nothing where there is no C compiler.
    pub fn compile(name: &str) -> Option<Self> {
        let source = format!("{}/tests/faults/{name}.c", env!("CARGO_MANIFEST_DIR"));
        // Tests of one process must not write and delete each other's.
        static COMPILED: AtomicUsize = AtomicUsize::new(0);
        let number = COMPILED.fetch_add(1, Ordering::Relaxed);
        let id = process::id();
        let library = format!("{}/{name}-{id}-{number}.so", env!("CARGO_TARGET_TMPDIR"));
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"])
            .args(["-o", &library, &source, "-ldl"])
            .output();
        match compiler {
            Ok(output) if output.status.success() => Some(Self(library.into())),
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                println!("skipped: there is no C compiler to make {name}.c with: {error}");
                None
            }
        }
    }

    /// Runs the test in a process of its own that has the library loaded, and gives what it said.
    pub fn run(&self, test: &str) -> String {
        // Set by the shell, so that the shell itself runs without it.
        let before = format!("export LD_PRELOAD='{}'", self.0.display());
        let output = alone::command(test, &before).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        said.into_owned()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
