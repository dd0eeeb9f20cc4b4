//! Benchmarks of polywire; run them with `cargo bench`.
