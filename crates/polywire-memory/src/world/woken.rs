//! Which nodes have something to do.

use std::mem;
use std::sync::Mutex;

use crate::links::lock;

/// The nodes that were woken and have had no turn since. Any thread may wake one.
#[derive(Default)]
pub(super) struct Woken(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    /// In the order in which they were woken.
    numbers: Vec<usize>,
    /// Whether each waits for a turn.
    is_listed: Vec<bool>,
}

impl Woken {
    /// A new node. Returns its number.
    pub(super) fn add(&self) -> usize {
        let mut lists = lock(&self.0);
        lists.is_listed.push(false);
        lists.is_listed.len() - 1
    }

    pub(super) fn wake(&self, number: usize) {
        let mut lists = lock(&self.0);
        if !mem::replace(&mut lists.is_listed[number], true) {
            lists.numbers.push(number);
        }
    }

    /// What wakes it from now on is for its next turn.
    pub(super) fn begin_turn(&self, number: usize) {
        lock(&self.0).is_listed[number] = false;
    }

    /// Moves those that were woken to `round`. Returns whether there is any.
    pub(super) fn take_into(&self, round: &mut Vec<usize>) -> bool {
        round.append(&mut lock(&self.0).numbers);
        !round.is_empty()
    }
}
