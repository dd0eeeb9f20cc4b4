//! How connections fare: the conditions of a network, and who can't reach whom.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::conditions::Conditions;
use crate::random::Random;

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Messages,
    Stream,
}

/// What all connections of a network share.
#[derive(Default)]
pub(crate) struct Links {
    seed: u64,
    /// Connections made so far.
    connections: AtomicU64,
    /// Whether `state` is any different from the default, to be asked without the lock.
    is_rough: AtomicBool,
    state: Mutex<State>,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    conditions: Conditions,
    partitions: Vec<HashSet<String>>,
    /// What is to be done when there is no partition any more.
    held: Vec<Box<dyn FnOnce() + Send>>,
}

impl Links {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn set_conditions(&self, conditions: Conditions) {
        self.change(|state| state.conditions = conditions);
    }

    /// Cuts the sides of these names off from all others.
    pub(crate) fn partition(&self, side: HashSet<String>) {
        self.change(|state| state.partitions.push(side));
    }

    /// Ends all partitions, and goes on with what waited for that.
    pub(crate) fn heal(&self) {
        let held = self.change(|state| {
            state.partitions.clear();
            mem::take(&mut state.held)
        });
        held.into_iter().for_each(|go_on| go_on()); // Without the lock.
    }

    /// The conditions, unless all is well and nobody is cut off.
    #[inline]
    pub(crate) fn conditions(&self) -> Option<Conditions> {
        self.is_rough.load(Ordering::Relaxed).then(|| self.lock().conditions)
    }

    /// Whether nothing passes between these two sides.
    #[inline]
    pub(crate) fn is_cut(&self, (one, other): (&str, &str)) -> bool {
        self.is_rough.load(Ordering::Relaxed) && self.lock().is_cut(one, other)
    }

    /// Runs `go_on` once something may pass between these two sides: returns it if that is so now.
    pub(crate) fn hold<F: FnOnce() + Send + 'static>(
        &self,
        (one, other): (&str, &str),
        go_on: F,
    ) -> Option<F> {
        let mut state = self.lock();
        if !state.is_cut(one, other) {
            return Some(go_on);
        }
        state.held.push(Box::new(go_on));
        None
    }

    pub(crate) fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Numbers for one connection, for each of its directions.
    pub(crate) fn random_of_connection(&self) -> [Random; 2] {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(self.seed ^ number.rotate_left(32));
        [random.next(), random.next()].map(Random::new)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let is_rough = state.conditions != Conditions::default() || !state.partitions.is_empty();
        self.is_rough.store(is_rough, Ordering::Relaxed);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn is_cut(&self, one: &str, other: &str) -> bool {
        self.partitions.iter().any(|side| side.contains(one) != side.contains(other))
    }
}

/// What these locks protect is whole between any two statements, so a poisoned one is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
