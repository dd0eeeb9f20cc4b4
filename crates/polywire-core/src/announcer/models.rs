//! What is announced while the loop looks is seen, then or at its next look.

use loom::thread;

use super::*;

/// One look of the loop: how many announcements it took.
fn look(announcements: &Announcements) -> usize {
    if !announcements.has_pending() {
        return 0;
    }
    announcements.clear_pending();
    std::iter::from_fn(|| announcements.pop()).count()
}

#[test]
fn no_announcement_stays_unnoticed() {
    loom::model(|| {
        let announcements =
            Arc::new(Announcements::new(Arc::new(LoopWaker::new(None)), Clock::default()));
        let senders = [1, 2].map(|id| {
            let announcer = Announcer::new(Arc::clone(&announcements), ResourceId::from(id));
            thread::spawn(move || announcer.announce(Readiness::READABLE))
        });
        let mut seen = look(&announcements);
        for sender in senders {
            sender.join().unwrap();
        }
        seen += look(&announcements);
        assert_eq!(seen, 2);
    });
}
