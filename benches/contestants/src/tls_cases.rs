//! What tokio-rustls does in the cases of `docs/tls_lifecycle.md`, with its server and its client as its docs show
//! them and all settings as they are. Prints a line for each case.

mod certificates;
mod docs;
mod endings;
mod hostile;
mod issuing;
mod peer;
mod resumption;
mod waiting;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinHandle;

/// Longer than any case takes that does not hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// What happens in a case.
type Outcome = Pin<Box<dyn Future<Output = String>>>;

/// A case, under the name that it has in the table.
struct Case {
    name: &'static str,
    outcome: Outcome,
}

impl Case {
    fn new(name: &'static str, outcome: impl Future<Output = String> + 'static) -> Self {
        Self { name, outcome: Box::pin(outcome) }
    }
}

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        // Those that wait for what may never come do so beside the others.
        let waiting: Vec<(_, JoinHandle<_>)> = waiting::cases();
        let others =
            [certificates::cases(), resumption::cases(), endings::cases(), hostile::cases()];
        for Case { name, outcome } in others.into_iter().flatten() {
            let outcome = tokio::time::timeout(DEADLINE, outcome).await;
            print(name, &outcome.unwrap_or_else(|_| "hangs".into()));
        }
        for (name, outcome) in waiting {
            print(name, &outcome.await.expect("no panic"));
        }
    });
}

fn print(name: &str, outcome: &str) {
    println!("{name} -> {outcome}");
}
