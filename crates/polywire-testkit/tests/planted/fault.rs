//! What the adapter does wrong.

/// A fault of an adapter. Each is one that somebody has written by mistake, here or elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It keeps its contract.
    None,
    /// It keeps its contract, and its system takes some more long after it was full.
    TakesMoreLater,

    // Sending
    LosesMessages,
    LosesBytes,
    SendsTwice,
    SwapsMessages,
    MixesFrames,
    TakesTooLongMessages,
    SendsToTheDead,
    SharedMessagesTwice,
    OwnedMessagesTwice,
    /// What is sent before the connection is ready is taken and forgotten.
    ForgetsEarlyMessages,

    // Back-pressure
    HasNoHardLimit,
    IsNeverFull,
    TakesWhatItRefuses,
    NeverWaits,
    WaitsForRemoved,
    WaitsForStopped,
    MissesWaiters,
    /// Uses the notifier of `attach` alone, which a connection that was opened again does not get.
    KeepsFirstNotifier,
    NeverStalls,
    StallsSlowReaders,
    LimitsOneLongMessage,
    /// What was thrown away at the limit is not told.
    HidesFailure,
    HidesQueue,
    CountsForEver,
    IgnoresNodeLimit,
    LosesSignal,
    SignalsEarly,
    SignalsAtTheEnd,

    // Receiving
    MissingDisconnected,
    LosesTheRestAtTheEnd,
    EndsWithReset,
    /// Says that the peer has ended well, though what it sent is lost.
    TellsLossAsEnd,
    IgnoresStop,
    /// What was read and not handed out is dropped at `Flow::Stop`.
    DropsAtStop,
    IgnoresBudget,
    HidesBudget,
    /// Says that nothing is left after each message.
    IsNotDrained,
    /// Tells readiness only as the connection begins.
    LosesEdge,
    Spins,
    Blocks,
    PanicsAtEmptyMessages,
    EndsAtEmptyMessages,
    EndsAtUnknownControl,

    // Closing
    ClosesAtOnce,
    /// Loses what it has to send where the peer sends after the close: none, unless each direction ends by itself.
    ClosesBothWays,
    /// Who sends never learns that nobody reads.
    BlocksForTheDead,

    /// Each connection leaves a descriptor behind.
    LeavesDescriptors,

    // Connecting and listening
    ConnectsToNobody,
    FailsToOpen,
    RefusesWithoutReason,
    TellsWrongAddress,
    SharesAddresses,
    KeepsAddress,
    FreesAddressOfOthers,
    ForgetsWhoWaits,
    AcceptsOne,
}
