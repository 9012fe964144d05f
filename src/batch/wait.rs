//! The pauses of calls that wait for a batch or a file: growing, with jitter, and never shorter than `retry-after`.

use std::time::Duration;

/// The next pause, and how it grows.
#[derive(Debug, Clone)]
pub(super) struct Waits {
    next: Duration,
    most: Duration,
    /// In tenths.
    growth: u32,
}

impl Waits {
    /// Between polls of a batch: a tenth longer each time, up to five times the first.
    pub(super) fn polling(interval: Duration) -> Self {
        Self { next: interval, most: interval.saturating_mul(5), growth: 11 }
    }

    /// Between polls of a file, which is processed within seconds when it is small.
    pub(super) fn for_file(interval: Duration) -> Self {
        Self::polling(interval.min(Duration::from_secs(5)))
    }

    /// Until the quota may have room: twice as long each time, up to sixteen times the first.
    pub(super) fn for_quota(interval: Duration) -> Self {
        Self { next: interval, most: interval.saturating_mul(16), growth: 20 }
    }

    /// The pause before the next try; `hint` is `retry-after` of the last answer.
    pub(super) fn next(&mut self, hint: Option<Duration>) -> Duration {
        let wait = self.next.max(hint.unwrap_or_default());
        self.next = (self.next.saturating_mul(self.growth) / 10).min(self.most);
        wait.saturating_add((wait / 10).mul_f64(fastrand::f64()))
    }

    pub(super) async fn sleep(&mut self, hint: Option<Duration>) {
        tokio::time::sleep(self.next(hint)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn polls_are_a_minute_apart_and_become_rarer() {
        let mut waits = Waits::polling(MINUTE);
        let all: Vec<u64> = (0..40).map(|_| waits.next(None).as_secs()).collect();
        assert!((60..=66).contains(&all[0]) && all.iter().all(|wait| (60..=330).contains(wait)), "{all:?}");
        assert!(all[39] >= 300);
    }

    #[test]
    fn a_file_is_polled_after_seconds() {
        let wait = Waits::for_file(MINUTE).next(None);
        assert!((5..=6).contains(&wait.as_secs()), "{wait:?}");
        assert!(Waits::for_file(Duration::from_millis(1)).next(None) < Duration::from_millis(2));
    }

    #[test]
    fn a_pause_is_never_shorter_than_retry_after() {
        let wait = Waits::for_quota(MINUTE).next(Some(Duration::from_secs(600)));
        assert!((600..=660).contains(&wait.as_secs()), "{wait:?}");
        assert!(Waits::polling(MINUTE).next(Some(Duration::from_secs(1))) >= MINUTE);
    }
}
