//! Which callback sent last, and whether it sent several messages.

/// The number of a callback, and whether it has sent several messages: then the next one is likely to
/// as well.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastCallback(u32);

impl LastCallback {
    const SEVERAL: u32 = 1 << 31;

    /// That callback sends a message. Returns whether more are likely to follow, or one has gone before.
    #[inline]
    pub(super) fn send(&mut self, callback: u32) -> bool {
        let callback = callback & !Self::SEVERAL;
        let sent_several = self.0 & Self::SEVERAL != 0;
        if self.0 & !Self::SEVERAL == callback {
            self.0 |= Self::SEVERAL;
            return true;
        }
        self.0 = callback;
        sent_several
    }

    /// Another message was put behind one that gathers.
    #[inline]
    pub(super) fn send_behind(&mut self) {
        self.0 |= Self::SEVERAL;
    }
}
