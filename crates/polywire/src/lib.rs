//! Event-driven messages.
