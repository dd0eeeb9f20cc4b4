//! What is due, and when.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Instant;

use crate::world::woken::Woken;

type Act = Box<dyn FnOnce()>;

/// When nodes are to have a turn whatever happens, and what the test is to do.
#[derive(Default)]
pub(super) struct Schedule {
    /// Those of `turns`, and others that do not count any more.
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Of each node.
    turns: Vec<Option<Instant>>,
    acts: BTreeMap<(Instant, usize), Act>,
    /// Acts scheduled so far: those of one instant are in the order in which they were.
    count: usize,
}

impl Schedule {
    /// The node is to have a turn then, and not when it was before.
    pub(super) fn set_turn(&mut self, number: usize, at: Option<Instant>) {
        if self.turns.len() <= number {
            self.turns.resize(number + 1, None);
        }
        if self.turns[number] == at {
            return; // And in the heap.
        }
        self.turns[number] = at;
        self.heap.extend(at.map(|at| Reverse((at, number))));
    }

    pub(super) fn act_at(&mut self, at: Instant, act: Act) {
        self.acts.insert((at, self.count), act);
        self.count += 1;
    }

    /// When something is due next.
    pub(super) fn next(&mut self) -> Option<Instant> {
        while let Some(&Reverse((at, number))) = self.heap.peek() {
            if self.turns[number] == Some(at) {
                break;
            }
            self.heap.pop();
        }
        let turn = self.heap.peek().map(|Reverse((at, _))| *at);
        let act = self.acts.first_key_value().map(|((at, _), _)| *at);
        turn.into_iter().chain(act).min()
    }

    /// Wakes the nodes whose time has come. Returns the first act whose time has.
    pub(super) fn pop_due(&mut self, now: Instant, woken: &Woken) -> Option<Act> {
        while let Some(Reverse((at, number))) = self.heap.peek().copied() {
            if at > now {
                break;
            }
            self.heap.pop();
            if self.turns[number] == Some(at) {
                self.turns[number] = None;
                woken.wake(number);
            }
        }
        let entry = self.acts.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
