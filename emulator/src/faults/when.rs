//! The choice of the requests that a fault applies to, by their number or by chance.

/// Which of the matching requests a fault applies to.
#[derive(Debug, Clone)]
pub(super) enum When {
    Next(usize),
    Every { interval: usize, seen: usize },
    Chance { share: f64, seed: u64, random: fastrand::Rng },
    Always,
}

impl When {
    pub(super) fn chance(share: f64, seed: u64) -> Self {
        Self::Chance { share, seed, random: fastrand::Rng::with_seed(seed) }
    }

    /// Whether it applies to this request. Each call counts as a request.
    pub(super) fn applies(&mut self) -> bool {
        match self {
            Self::Always => true,
            Self::Next(left) => std::mem::replace(left, left.saturating_sub(1)) > 0,
            Self::Every { interval, seen } => {
                *seen = seen.saturating_add(1);
                seen.checked_rem(*interval) == Some(0)
            }
            Self::Chance { share, random, .. } => random.f64() < *share,
        }
    }

    /// Whether no request is left.
    pub(super) fn is_spent(&self) -> bool {
        matches!(self, Self::Next(0))
    }
}

impl Default for When {
    fn default() -> Self {
        Self::Next(1)
    }
}
