//! Running one check.

use std::any::Any;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::checks;
use super::{Capabilities, Subject};

/// How many deadlines a whole check may take. Longer ones wait for several things in a row.
const DEADLINES_PER_CHECK: u32 = 6;

/// A check of endpoints.
#[derive(Clone, Copy)]
pub struct EndpointCheck {
    /// Its name, which is that of its function and its test.
    pub name: &'static str,
    /// The promises that it is about.
    pub line: &'static str,
    needs: &'static [&'static str],
    check: fn(&Subject),
}

impl EndpointCheck {
    /// Whether it says anything about an adapter that can do this.
    pub fn applies_to(&self, can: &Capabilities) -> bool {
        self.needs.iter().all(|need| match *need {
            "connections" => can.connections,
            "datagrams" => !can.connections,
            "packets" => can.packets,
            "bytes" => !can.packets,
            "order" => can.order,
            "reliability" => can.reliability,
            _ => can.largest_message.is_some(),
        })
    }
}

impl fmt::Debug for EndpointCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.line)
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __list_endpoint_checks {
    ([$checks:ident] $($line:literal $module:ident $name:ident [$($need:ident)*];)+) => {
        const $checks: &[EndpointCheck] = &[$(EndpointCheck {
            name: stringify!($name),
            line: $line,
            needs: &[$(stringify!($need)),*],
            check: checks::$module::$name,
        }),+];
    };
}

crate::__endpoint_checks! { __list_endpoint_checks [CHECKS] }

/// All checks of endpoints.
pub fn endpoint_checks() -> &'static [EndpointCheck] {
    CHECKS
}

/// The check of that name.
///
/// # Panics
///
/// If there is none.
pub fn endpoint_check(name: &str) -> EndpointCheck {
    let found = CHECKS.iter().find(|check| check.name == name);
    *found.unwrap_or_else(|| panic!("there is no check `{name}`"))
}

/// Runs a check of endpoints.
///
/// # Panics
///
/// Where the adapter breaks the promise, and where the check hangs.
pub fn assert_holds(check: &EndpointCheck, subject: Subject) {
    if let Err(fault) = run(check, subject) {
        panic!("{check:?}: {fault}");
    }
}

/// Runs a check of endpoints, for at most six [deadlines](Subject::with_deadline).
///
/// # Errors
///
/// What the adapter does wrong, or that the check hangs; its threads are left alone then.
pub fn run(check: &EndpointCheck, subject: Subject) -> Result<(), String> {
    let (check, limit) = (check.check, subject.deadline() * DEADLINES_PER_CHECK);
    within(limit, move || check(&subject))
}

/// How long a check of a protocol or a stream may take, unless it has deadlines that are longer.
const PARTS_LIMIT: Duration = Duration::from_secs(if cfg!(polywire_sanitized) { 600 } else { 60 });

/// Runs a check of a protocol or a stream.
///
/// # Panics
///
/// Where it fails or hangs.
pub fn assert_in_time(name: &str, check: impl FnOnce() + Send + 'static) {
    if let Err(fault) = run_in_time(PARTS_LIMIT, check) {
        panic!("{name}: {fault}");
    }
}

/// How long a check may take that waits for several things in a row, each until `deadline`.
pub(super) fn limit_of(deadline: Duration) -> Duration {
    PARTS_LIMIT.max(deadline * DEADLINES_PER_CHECK)
}

/// Runs a check of a protocol or a stream, for at most `limit`.
///
/// # Errors
///
/// As [`run`].
pub fn run_in_time(limit: Duration, check: impl FnOnce() + Send + 'static) -> Result<(), String> {
    within(limit, check)
}

/// Runs `check` on a thread of its own and returns how it failed.
fn within(limit: Duration, check: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let (running, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _running = running;
        check();
    });
    match ended.recv_timeout(limit) {
        Err(RecvTimeoutError::Disconnected) => thread.join().map_err(|panic| text_of(&*panic)),
        _ => Err(format!("it hangs: it is not over after {limit:?}")),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| String::from(*text));
    text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "a panic without words".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_with_a_long_deadline_may_wait_for_several_of_them() {
        assert_eq!(limit_of(Duration::ZERO), PARTS_LIMIT);
        assert_eq!(limit_of(PARTS_LIMIT), PARTS_LIMIT * DEADLINES_PER_CHECK);
    }
}
