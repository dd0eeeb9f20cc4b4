//! Cargo's subcommands that chores need, from crates.io.

use std::path::PathBuf;

use crate::Result;
use crate::process::{cargo, execute, is_installed, root};

/// The folder that has `name`, installed into `target/tools` first if it is nowhere.
pub(crate) fn folder_of(name: &str) -> Result<PathBuf> {
    let tools = root().join("target/tools");
    let bin = tools.join("bin");
    if !is_installed(name, "--version") && !bin.join(name).exists() {
        println!("installing {name} into {} ...", tools.display());
        execute(cargo(["install", name, "--locked", "--root"]).arg(&tools)).map_err(|error| {
            format!("{error}\ninstall it yourself: cargo install {name} --locked")
        })?;
    }
    Ok(bin)
}

/// `PATH` with the folder in front.
pub(crate) fn path_with(folder: PathBuf) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(paths)?)
}
