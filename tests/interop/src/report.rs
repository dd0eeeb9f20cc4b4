//! One line for each scenario.

use std::process::ExitCode;
use std::time::Instant;

use crate::Result;

/// What was tried, and how much of it failed.
#[derive(Default)]
pub struct Report {
    tried: usize,
    failed: usize,
}

impl Report {
    /// Runs one scenario. `role` is what polywire is in it.
    pub fn check(&mut self, peer: &str, role: &str, what: &str, run: impl FnOnce() -> Result) {
        let started = Instant::now();
        let result = run();
        let millis = started.elapsed().as_millis();
        self.tried += 1;
        let outcome = match result {
            Ok(()) => format!("ok ({millis} ms)"),
            Err(error) => {
                self.failed += 1;
                format!("FAILED: {error}")
            }
        };
        println!("{peer:<18} | {role:<6} | {what:<34} | {outcome}");
    }

    /// Says the sum; a failure if any scenario failed or none was run.
    pub fn finish(self) -> ExitCode {
        println!("interop: {} of {} scenarios ok", self.tried - self.failed, self.tried);
        if self.failed == 0 && self.tried > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
