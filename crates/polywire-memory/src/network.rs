//! A network inside the process.

use std::fmt;
use std::sync::Arc;

use crate::conditions::Conditions;
use crate::links::Links;
use crate::names::Names;
use crate::transport::{Memory, MemoryStream, Shared};

/// A network inside the process, shared by those who connect and listen. Clones are the same network.
///
/// What it does to messages comes from its seed and is set by [`set_conditions`](Self::set_conditions) and
/// [`partition`](Self::partition), at any time and from any thread. Each connection draws its own numbers, in the order
/// in which the connections were made.
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Shared>);

impl MemoryNetwork {
    /// A network whose conditions draw from `seed`. The default has seed 0.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Shared { links: Arc::new(Links::new(seed)), names: Names::default() }))
    }

    /// The transport of whole messages on this network: what `connect` and `listen` take.
    pub fn messages(&self) -> Memory {
        Memory::new(&self.0)
    }

    /// The transport of byte streams on this network.
    pub fn stream(&self) -> MemoryStream {
        MemoryStream::new(&self.0)
    }

    /// How well the network carries what is sent from now on. What is under way arrives as it would have.
    ///
    /// ```
    /// use polywire_memory::{Conditions, MemoryNetwork};
    ///
    /// let memory = MemoryNetwork::new(7);
    /// memory.set_conditions(Conditions::default().with_loss(0.05));
    /// memory.set_conditions(Conditions::default()); // And well again.
    /// ```
    pub fn set_conditions(&self, conditions: Conditions) {
        self.0.links.set_conditions(conditions);
    }

    /// From now on nothing passes between the sides of these names and all others, until [`heal`](Self::heal). There may
    /// be several partitions at a time.
    ///
    /// A message that is sent across is lost; bytes of a stream wait, and so does a connection that begins. Neither
    /// side learns that the other one has closed, or is gone. What is under way arrives: messages in their time, bytes when the
    /// partition is healed.
    ///
    /// A side is named by [`Memory::named`] or [`MemoryStream::named`]; a listener without such a name by the address
    /// that it listens on.
    ///
    /// ```
    /// use polywire_memory::MemoryNetwork;
    ///
    /// let memory = MemoryNetwork::new(7);
    /// memory.partition(["alice", "bob"]); // They reach each other and nobody else.
    /// memory.heal();
    /// ```
    pub fn partition(&self, names: impl IntoIterator<Item = impl Into<String>>) {
        self.0.links.partition(names.into_iter().map(Into::into).collect());
    }

    /// Ends all partitions: what waited for that goes on.
    pub fn heal(&self) {
        self.0.links.heal();
    }

    /// Messages that were lost so far, by [`Conditions::loss`] or in a partition.
    pub fn lost(&self) -> u64 {
        self.0.links.lost()
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNetwork").field("seed", &self.0.links.seed()).finish_non_exhaustive()
    }
}
