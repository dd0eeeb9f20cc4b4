//! Length-prefixed messages over TCP for polywire
