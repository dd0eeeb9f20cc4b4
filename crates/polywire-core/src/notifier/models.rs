//! What the loop is notified of while it looks is seen, then or at its next look.

use loom::thread;

use super::*;
use crate::waker::LoopWaker;

/// One look of the loop: how many notifications it took.
fn look(notifications: &Notifications) -> usize {
    if !notifications.waker().is_rung() {
        return 0;
    }
    notifications.waker().hear();
    std::iter::from_fn(|| notifications.pop()).count()
}

#[test]
fn no_notification_stays_unnoticed() {
    loom::model(|| {
        let notifications =
            Arc::new(Notifications::new(Arc::new(LoopWaker::new(None)), Clock::default()));
        let senders = [1, 2].map(|id| {
            let notifier = Notifier::new(Arc::clone(&notifications), ResourceId::from(id));
            thread::spawn(move || notifier.notify(Readiness::READABLE))
        });
        let mut seen = look(&notifications);
        for sender in senders {
            sender.join().unwrap();
        }
        seen += look(&notifications);
        assert_eq!(seen, 2);
    });
}
