//! Runs tests of every transport as Windows programs, under Wine.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::peers::debian_package;
use crate::process::{execute, target_dir};
use crate::toolchain;

const TARGET: &str = "x86_64-pc-windows-gnu";
const LINKER: &str = "x86_64-w64-mingw32-gcc";
/// Debian keeps it out of the path.
const WINE: &str = "/usr/lib/wine/wine64";

/// Seconds that a program may take; the longest takes one or two minutes.
const TIME_LIMIT: u32 = 600;

/// What Rust's standard library takes its random numbers from. Wine has it since version 9, and
/// Debian 12 has version 8.
const BCRYPTPRIMITIVES: &str = "\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */
__declspec(dllexport) BOOL ProcessPrng(PBYTE to, SIZE_T len) { return SystemFunction036(to, len); }
";

/// A program of tests, by what cargo calls it, and those of its tests that Wine fails.
struct Program {
    package: &'static str,
    target: &'static [&'static str],
    skipped: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program { package: "polywire-core", target: &["--lib"], skipped: &[] },
    Program { package: "polywire-framed-tcp", target: &["--lib", "--tests"], skipped: &[] },
    Program { package: "polywire-proxy-protocol", target: &["--lib", "--tests"], skipped: &[] },
    Program {
        package: "polywire-tcp",
        target: &["--lib", "--tests"],
        // Wine 8 does not know TCP_KEEPCNT.
        skipped: &["an_opened_socket_has_all_options"],
    },
    Program { package: "polywire-udp", target: &["--lib"], skipped: &[] },
    Program {
        package: "polywire-ws",
        target: &["--lib", "--tests"],
        // A thousand connections take Wine minutes.
        skipped: &[
            "a_thousand_are_closed_and_both_ends_know_the_code",
            "a_message_to_a_thousand_is_compressed_once",
        ],
    },
    Program {
        package: "polywire",
        target: &[
            "--test",
            "adopted",
            "--test",
            "readme",
            "--test",
            "reconnect",
            "--test",
            "send_many",
        ],
        skipped: &[],
    },
    Program {
        package: "polywire",
        target: &["--test", "udp", "--test", "multicast"],
        skipped: &[
            // As Linux by default, Wine hands a socket what comes for a group that another one has
            // joined. Windows does not.
            "a_listener_to_a_group_does_not_hear_another_group_on_its_port",
        ],
    },
    Program {
        package: "polywire",
        target: &["--test", "contracts"],
        skipped: &[
            // A socket with SO_LINGER of zero that is closed ends its stream under Wine, where
            // Windows resets it.
            "disconnected::a_reset_is_told_once",
            // Under Wine std's UdpSocket, too, can be bound to an address of another machine.
            "arguments::a_source_address_that_cannot_reach_the_peer_is_an_error_of_connect::udp",
            "arguments::addresses_that_make_no_sense_are_errors_of_listen::udp",
        ],
    },
    Program {
        package: "polywire",
        target: &["--test", "conformance"],
        skipped: &[
            // Its threads connect faster than the loop gets on with Wine's sockets: ten thousand
            // connections pile up where Linux has five hundred, and to end them takes half a minute.
            "the_callback_is_entered_once_at_a_time_whatever_other_threads_do",
        ],
    },
];

/// Builds the programs for Windows and runs them.
pub(crate) fn run() -> Result {
    debian_package("gcc-mingw-w64-x86-64-win32", LINKER, "--version")?;
    debian_package("wine64", WINE, "--version")?;
    let dir = target_dir().join("wine");
    build_bcryptprimitives(&dir)?;
    for program in PROGRAMS {
        let started = Instant::now();
        execute(&mut program.cargo(&dir)?)?;
        let (package, target) = (program.package, program.target.join(" "));
        println!("wine: {package} {target}: ok ({} s)", started.elapsed().as_secs());
    }
    Ok(())
}

/// Puts the library into the folder of the programs, which is where they look first.
fn build_bcryptprimitives(dir: &Path) -> Result {
    let programs = dir.join(TARGET).join("debug/deps");
    fs::create_dir_all(&programs)?;
    let source = dir.join("bcryptprimitives.c");
    fs::write(&source, BCRYPTPRIMITIVES)?;
    let library = programs.join("bcryptprimitives.dll");
    let mut gcc = Command::new(LINKER);
    execute(gcc.arg("-shared").arg(source).arg("-ladvapi32").arg("-o").arg(library))
}

impl Program {
    fn cargo(&self, dir: &Path) -> Result<Command> {
        let mut cargo = toolchain::for_target(TARGET, "test")?;
        cargo.args(["--all-features", "--package", self.package]).args(self.target);
        cargo.arg("--target-dir").arg(dir).arg("--");
        for test in self.skipped {
            cargo.args(["--skip", test]);
        }
        cargo
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", LINKER)
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER",
                format!("timeout {TIME_LIMIT} {WINE}"),
            )
            // Windows' drives and registry, apart from those of the user.
            .env("WINEPREFIX", dir.join("prefix"))
            .env("WINEDEBUG", "-all");
        Ok(cargo)
    }
}
