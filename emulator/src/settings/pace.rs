//! The pace of answers, [`Pace`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{from_zero, share};

/// How long an answer takes, streamed or not.
///
/// # Example: half a second to the first token, then fifty a second
///
/// ```
/// use std::time::Duration;
/// use azure_openai_emulator::Pace;
///
/// let pace = Pace::tokens_per_second(50.0).time_to_first_token(Duration::from_millis(500)).jitter(0.2).seed(7);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_to_first_token_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "from_zero")]
    pub(crate) tokens_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chunk_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "share")]
    pub(crate) jitter: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
}

impl Pace {
    /// A pace of this many tokens a second. An answer that is not streamed takes the time of all its tokens.
    #[must_use]
    pub fn tokens_per_second(rate: f64) -> Self {
        Self { tokens_per_second: Some(rate), ..Self::default() }
    }

    /// A pause of this length before each chunk of a stream; an answer that is not streamed is sent at once.
    #[must_use]
    pub fn each_chunk(pause: Duration) -> Self {
        Self { chunk_ms: Some(milliseconds(pause)), ..Self::default() }
    }

    /// Adds a pause of this length before the first token, streamed or not.
    #[must_use]
    pub fn time_to_first_token(self, time: Duration) -> Self {
        Self { time_to_first_token_ms: Some(milliseconds(time)), ..self }
    }

    /// Varies each pause by up to this share, from 0 to 1.
    #[must_use]
    pub fn jitter(self, share: f64) -> Self {
        Self { jitter: Some(share), ..self }
    }

    /// Sets the seed of the jitter, so that it is the same in each answer and in every run.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// The pauses of one answer.
    pub(crate) fn clock(&self) -> PaceClock {
        let random = self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        PaceClock { pace: *self, random }
    }
}

/// The time before each chunk.
impl From<Duration> for Pace {
    fn from(pause: Duration) -> Self {
        Self::each_chunk(pause)
    }
}

/// The whole milliseconds of a time.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The pauses of one answer.
#[derive(Debug)]
pub(crate) struct PaceClock {
    pace: Pace,
    random: fastrand::Rng,
}

impl PaceClock {
    /// Before the first token.
    pub(crate) fn first(&mut self) -> Duration {
        self.vary(Duration::from_millis(self.pace.time_to_first_token_ms.unwrap_or(0)))
    }

    /// Before a chunk of a stream.
    pub(crate) fn chunk(&mut self) -> Duration {
        let pause = Duration::from_millis(self.pace.chunk_ms.unwrap_or(0));
        self.vary(pause.saturating_add(self.tokens(1)))
    }

    /// The whole time of an answer that is not streamed.
    pub(crate) fn whole(&mut self, tokens: u64) -> Duration {
        let time = self.tokens(tokens);
        self.first().saturating_add(self.vary(time))
    }

    fn tokens(&self, count: u64) -> Duration {
        let rate = self.pace.tokens_per_second.filter(|rate| *rate > 0.0);
        rate.map_or(Duration::ZERO, |rate| super::seconds(count as f64 / rate))
    }

    fn vary(&mut self, pause: Duration) -> Duration {
        let Some(share) = self.pace.jitter.filter(|_| !pause.is_zero()) else {
            return pause;
        };
        let factor = 1.0 + share.clamp(0.0, 1.0) * (2.0 * self.random.f64() - 1.0);
        Duration::try_from_secs_f64(pause.as_secs_f64() * factor).unwrap_or(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_jitter_repeatable() {
        let pace = Pace::tokens_per_second(10.0).jitter(0.5).seed(3);
        let pauses = || {
            let mut clock = pace.clock();
            [clock.chunk(), clock.chunk(), clock.chunk()]
        };
        assert_eq!(pauses(), pauses());
        let [one, other, _] = pauses();
        assert!(one != other && [one, other].iter().all(|pause| (50..=150).contains(&pause.as_millis())));
    }

    #[test]
    fn a_pace_of_any_length_does_not_panic() {
        for pace in [Pace::tokens_per_second(1e-18).jitter(1.0), Pace::each_chunk(Duration::MAX).jitter(f64::NAN)] {
            let mut clock = Pace { tokens_per_second: pace.tokens_per_second.or(Some(1e-18)), ..pace }
                .time_to_first_token(Duration::MAX)
                .clock();
            assert!(clock.chunk().saturating_add(clock.whole(u64::MAX)) > Duration::from_secs(1_000_000));
        }
    }

    #[test]
    fn an_answer_takes_the_time_of_its_tokens() {
        let mut clock = Pace::tokens_per_second(10.0).time_to_first_token(Duration::from_millis(300)).clock();
        assert_eq!(clock.whole(20), Duration::from_millis(2300));
        assert_eq!(Pace::each_chunk(Duration::from_millis(5)).clock().whole(20), Duration::ZERO);
    }
}
