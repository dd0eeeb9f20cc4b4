//! Framed connections on a fake system each of whose calls fails with each error.

use polywire_framed_tcp::Framed;
use polywire_testkit::{Wire, every_errno};

#[test]
fn no_error_of_any_call_panics_hangs_or_leaks() {
    let (runs, failures) = every_errno(&Wire::new(Framed::default, Framed::default, true));
    println!("{runs} runs: {failures:?}");
    assert!(runs > 1000);
}
