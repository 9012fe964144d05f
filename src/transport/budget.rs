//! The retries that all calls of a client share.

use std::sync::atomic::{AtomicU32, Ordering};

/// Tokens that all calls of a client share, counted in tenths.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

impl RetryBudget {
    const FULL: u32 = 1000;
    const COST: u32 = 10;

    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }

    /// Takes the price of one retry, if it is there.
    pub(crate) fn draw(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(Self::COST)).is_ok()
    }

    /// What a success returns: a tenth of a retry.
    pub(crate) fn give_back(&self) {
        let more = |left: u32| (left < Self::FULL).then_some(left.saturating_add(1));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_successes_pay_for_one_retry() {
        let budget = RetryBudget::new();
        assert_eq!((0..1000).filter(|_| budget.draw()).count(), 100);
        for _ in 0..9 {
            budget.give_back();
        }
        assert!(!budget.draw());
        budget.give_back();
        assert!(budget.draw());
    }

    #[test]
    fn a_full_budget_does_not_grow() {
        let budget = RetryBudget::new();
        (0..1000).for_each(|_| budget.give_back());
        assert_eq!((0..1000).filter(|_| budget.draw()).count(), 100);
    }
}
