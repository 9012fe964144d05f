//! Who of several backends takes the next attempt, and who rests.
//!
//! Plain state: time and randomness come in as arguments. With a single backend it only remembers the pause
//! that a 429 asked for, so that all calls to that deployment keep it.

use std::collections::HashMap;
use std::time::Duration;

/// First rest when the server names none; doubles with each failure in a row.
const FIRST_REST: Duration = Duration::from_secs(1);
/// A server that asks for a day is looked at again sooner.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// After this, a probe that has not answered no longer keeps the next one back.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// Who rests, and until when. Times are counted from any fixed point.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    priority: u32,
    weight: u32,
    identity: u64,
    down: Option<Rest>,
    busy: HashMap<String, Rest>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Duration,
    /// The status that caused it; 0 for no connection.
    status: u16,
    strikes: u32,
    probe_until: Duration,
}

/// What is wrong with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// 429: this deployment has no room.
    Busy,
    /// 5xx with its status, or no connection with 0.
    Down(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    Use(usize),
    /// All rest or were tried; the first is back after `wait`.
    Wait {
        wait: Duration,
        status: u16,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ready,
    /// The rest is over and nobody has looked yet.
    Due,
    /// The rest is over and somebody is looking.
    Probed,
    Resting(Duration, u16),
}

impl Pool {
    /// Adds a backend; `name` tells it from the others, the same in every process.
    pub(crate) fn add(&mut self, name: &str, priority: u32, weight: u32) {
        self.members.push(Member {
            priority,
            weight,
            identity: hash(name.as_bytes(), 0),
            down: None,
            busy: HashMap::new(),
        });
    }

    pub(crate) fn is_single(&self) -> bool {
        self.members.len() == 1
    }

    /// The backend for the next attempt, leaving out those that are `unfit` for the call or that it has `tried`.
    pub(crate) fn pick(
        &mut self,
        deployment: &str,
        affinity: Option<&str>,
        unfit: &[usize],
        tried: &[usize],
        now: Duration,
        rng: &mut fastrand::Rng,
    ) -> Pick {
        let standings: Vec<(usize, Standing)> = self
            .members
            .iter()
            .enumerate()
            .filter(|(index, _)| !unfit.contains(index) && !tried.contains(index))
            .map(|(index, member)| (index, member.standing(deployment, now)))
            .collect();
        let chosen = self
            .choose(&standings, |it| matches!(it, Standing::Ready | Standing::Due), affinity, rng)
            .or_else(|| self.choose(&standings, |it| it == Standing::Probed, affinity, rng));
        if let Some(index) = chosen {
            if let Some(member) = self.members.get_mut(index) {
                member.mark_probe(deployment, now);
            }
            return Pick::Use(index);
        }
        let (wait, status) = self.soonest(deployment, unfit, now);
        Pick::Wait { wait, status }
    }

    /// When the first of all that fit is back, and why it rests.
    fn soonest(&self, deployment: &str, unfit: &[usize], now: Duration) -> (Duration, u16) {
        let fit = self.members.iter().enumerate().filter(|(index, _)| !unfit.contains(index));
        let waits = fit.map(|(_, member)| match member.standing(deployment, now) {
            Standing::Resting(wait, status) => (wait, status),
            _ => (Duration::ZERO, 0),
        });
        waits.min().unwrap_or_default()
    }

    /// By affinity or by weight among the best priority that has any.
    fn choose(
        &self,
        standings: &[(usize, Standing)],
        fits: impl Fn(Standing) -> bool,
        affinity: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let fitting = || {
            standings
                .iter()
                .filter(|(_, standing)| fits(*standing))
                .filter_map(|(index, _)| Some((*index, self.members.get(*index)?)))
        };
        let best = fitting().map(|(_, member)| member.priority).min()?;
        let candidates = || fitting().filter(|(_, member)| member.priority == best);
        if let Some(key) = affinity {
            return candidates().max_by(|(_, a), (_, b)| a.score(key).total_cmp(&b.score(key))).map(|(index, _)| index);
        }
        let total: u64 = candidates().map(|(_, member)| u64::from(member.weight)).sum();
        let mut at = rng.u64(0..total.max(1));
        candidates()
            .find(|(_, member)| {
                let weight = u64::from(member.weight);
                let is_here = at < weight;
                at = at.saturating_sub(weight);
                is_here
            })
            .map(|(index, _)| index)
    }

    /// Ends the rests that were over; one that began while the call ran goes on.
    pub(crate) fn succeeded(&mut self, index: usize, deployment: &str, now: Duration) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        if member.down.is_some_and(|rest| rest.until <= now) {
            member.down = None;
        }
        if member.busy.get(deployment).is_some_and(|rest| rest.until <= now) {
            member.busy.remove(deployment);
        }
    }

    /// Keeps the next calls to a deployment back although nothing failed.
    pub(crate) fn pace(&mut self, index: usize, deployment: &str, wait: Duration, now: Duration) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let rest = Rest { until: now.saturating_add(wait), status: 429, strikes: 0, probe_until: Duration::ZERO };
        member.busy.entry(deployment.to_owned()).or_insert(rest);
    }

    /// Sends a backend to rest, for the server's wait or else a growing while. Alone, a backend only keeps the
    /// wait that a 429 named: there is no other to go to.
    pub(crate) fn failed(
        &mut self,
        index: usize,
        deployment: &str,
        setback: Setback,
        hint: Option<Duration>,
        now: Duration,
    ) {
        let is_single = self.is_single();
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        if is_single && (setback != Setback::Busy || hint.is_none()) {
            return;
        }
        let (status, earlier) = match setback {
            Setback::Busy => (429, member.busy.get(deployment).copied()),
            Setback::Down(status) => (status, member.down),
        };
        let strikes = earlier.map_or(0, |rest| rest.strikes.saturating_add(1));
        let growing = FIRST_REST.saturating_mul(1 << strikes.min(5));
        let until = now.saturating_add(hint.unwrap_or(growing).min(LONGEST_REST));
        let rest = Rest {
            until: earlier.map_or(until, |rest| rest.until.max(until)),
            status,
            strikes,
            probe_until: Duration::ZERO,
        };
        match setback {
            Setback::Busy => {
                member.busy.insert(deployment.to_owned(), rest);
            }
            Setback::Down(_) => member.down = Some(rest),
        }
    }
}

impl Member {
    fn standing(&self, deployment: &str, now: Duration) -> Standing {
        let worst = self.down.iter().chain(self.busy.get(deployment)).max_by_key(|rest| rest.until);
        match worst {
            None => Standing::Ready,
            Some(rest) if rest.until > now => Standing::Resting(rest.until.saturating_sub(now), rest.status),
            Some(rest) if rest.probe_until > now => Standing::Probed,
            Some(_) => Standing::Due,
        }
    }

    fn mark_probe(&mut self, deployment: &str, now: Duration) {
        for rest in self.down.iter_mut().chain(self.busy.get_mut(deployment)) {
            if rest.probe_until <= now {
                rest.probe_until = now.saturating_add(PROBE_PATIENCE);
            }
        }
    }

    /// Weighted rendezvous hashing: each key has its own ranking of the backends, so that when one
    /// rests only its keys move, and they come back.
    fn score(&self, key: &str) -> f64 {
        let unit = (hash(key.as_bytes(), self.identity) >> 11) as f64 / (1_u64 << 53) as f64;
        f64::from(self.weight) / -unit.max(f64::MIN_POSITIVE).ln()
    }
}

/// FNV-1a with a finishing mix. Unlike the standard library's hasher it gives the same in every process and
/// release, so all instances of a service agree.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mixed = bytes
        .iter()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "gpt";
    const SECOND: Duration = Duration::from_secs(1);

    fn pool(members: &[(u32, u32)]) -> Pool {
        let mut pool = Pool::default();
        for (index, (priority, weight)) in members.iter().enumerate() {
            pool.add(&format!("https://b{index}.openai.azure.com"), *priority, *weight);
        }
        pool
    }

    struct Simulation {
        pool: Pool,
        rng: fastrand::Rng,
        now: Duration,
        /// What each backend answers: nothing wrong, or a setback and its wait.
        answers: Vec<Option<(Setback, Option<Duration>)>>,
        attempts: Vec<u32>,
        served: Vec<u32>,
        waits: Vec<Duration>,
    }

    impl Simulation {
        fn new(members: &[(u32, u32)]) -> Self {
            Self {
                pool: pool(members),
                rng: fastrand::Rng::with_seed(42),
                now: Duration::ZERO,
                answers: vec![None; members.len()],
                attempts: vec![0; members.len()],
                served: vec![0; members.len()],
                waits: Vec::new(),
            }
        }

        /// Calls that follow each other by a millisecond, each moving on until one answers or all rest.
        fn run(&mut self, calls: u32) {
            self.attempts.fill(0);
            self.served.fill(0);
            self.waits.clear();
            for _ in 0..calls {
                self.now += Duration::from_millis(1);
                let mut tried = Vec::new();
                loop {
                    match self.pool.pick(D, None, &[], &tried, self.now, &mut self.rng) {
                        Pick::Wait { wait, .. } => break self.waits.push(wait),
                        Pick::Use(index) => {
                            self.attempts[index] += 1;
                            match self.answers[index] {
                                None => {
                                    self.pool.succeeded(index, D, self.now);
                                    self.served[index] += 1;
                                    break;
                                }
                                Some((setback, hint)) => {
                                    self.pool.failed(index, D, setback, hint, self.now);
                                    tried.push(index);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn near(actual: u32, expected: u32) -> bool {
        actual.abs_diff(expected) < 300
    }

    #[test]
    fn a_hundred_thousand_calls_split_by_weight_fail_over_and_recover() {
        let mut world = Simulation::new(&[(0, 3), (0, 1), (1, 1)]);

        world.run(20_000);
        assert!(near(world.served[0], 15_000) && near(world.served[1], 5_000), "{:?}", world.served);
        assert_eq!(world.served[2], 0, "the second priority has nothing to do");

        // the first is throttled and asks for 2 s each time: 20 s of calls, one probe per rest
        world.answers[0] = Some((Setback::Busy, Some(2 * SECOND)));
        world.run(20_000);
        assert_eq!((world.served[0], world.served[1]), (0, 20_000));
        assert!((8..=11).contains(&world.attempts[0]), "{:?}", world.attempts);

        // the second goes down without a hint, so the second priority takes over
        world.answers[1] = Some((Setback::Down(503), None));
        world.run(20_000);
        assert_eq!(world.served, [0, 0, 20_000]);
        assert!(world.attempts[1] < 10, "rests grow: {:?}", world.attempts);

        // all are down: the smallest wait is told, and hardly any call goes out
        world.answers[2] = Some((Setback::Down(0), Some(SECOND)));
        world.run(20_000);
        assert_eq!(world.served, [0, 0, 0]);
        assert!(world.attempts.iter().sum::<u32>() < 60, "{:?}", world.attempts);
        assert!(world.waits.iter().all(|wait| *wait <= SECOND) && world.waits.len() == 20_000);

        // all recover; after the longest rest the split is as in the beginning
        world.answers.fill(None);
        world.now += LONGEST_REST;
        world.run(20_000);
        assert!(near(world.served[0], 15_000) && near(world.served[1], 5_000), "{:?}", world.served);
        assert!(world.served[2] < 5, "{:?}", world.served);
    }

    fn pick(pool: &mut Pool, tried: &[usize], now: Duration) -> Pick {
        pool.pick(D, None, &[], tried, now, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn one_probe_goes_out_after_the_rest_and_the_others_wait_for_it() {
        let mut pool = pool(&[(0, 1), (1, 1)]);
        pool.failed(0, D, Setback::Down(503), Some(SECOND), Duration::ZERO);
        assert_eq!(pick(&mut pool, &[], SECOND / 2), Pick::Use(1));
        assert_eq!(pick(&mut pool, &[], SECOND), Pick::Use(0), "the probe");
        assert_eq!(pick(&mut pool, &[], SECOND), Pick::Use(1));
        assert_eq!(pick(&mut pool, &[1], SECOND), Pick::Use(0), "better than nobody");
        assert_eq!(pick(&mut pool, &[], SECOND + PROBE_PATIENCE), Pick::Use(0), "the probe was lost");
        pool.succeeded(0, D, SECOND);
        assert_eq!(pick(&mut pool, &[], SECOND), Pick::Use(0));
        assert_eq!(pick(&mut pool, &[], SECOND), Pick::Use(0));
    }

    #[test]
    fn a_busy_deployment_does_not_hold_back_another() {
        let mut pool = pool(&[(0, 1), (1, 1)]);
        pool.failed(0, "busy", Setback::Busy, Some(SECOND), Duration::ZERO);
        assert_eq!(pick(&mut pool, &[], Duration::ZERO), Pick::Use(0));
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(pool.pick("busy", None, &[], &[], Duration::ZERO, &mut rng), Pick::Use(1));
    }

    #[test]
    fn a_success_that_began_before_the_failure_does_not_end_the_rest() {
        let mut pool = pool(&[(0, 1), (1, 1)]);
        pool.failed(0, D, Setback::Busy, Some(SECOND), Duration::ZERO);
        pool.succeeded(0, D, SECOND / 2);
        assert_eq!(pick(&mut pool, &[], SECOND / 2), Pick::Use(1));
    }

    #[test]
    fn alone_a_backend_keeps_only_the_pause_of_a_429() {
        let mut pool = pool(&[(0, 1)]);
        pool.failed(0, D, Setback::Down(503), Some(SECOND), Duration::ZERO);
        pool.failed(0, D, Setback::Busy, None, Duration::ZERO);
        assert_eq!(pick(&mut pool, &[], Duration::ZERO), Pick::Use(0));
        pool.failed(0, D, Setback::Busy, Some(SECOND), Duration::ZERO);
        let wait = Pick::Wait { wait: SECOND, status: 429 };
        assert_eq!(pick(&mut pool, &[], Duration::ZERO), wait);
        for _ in 0..5 {
            assert_eq!(pick(&mut pool, &[], SECOND), Pick::Use(0), "after the pause all go on");
        }
    }

    #[test]
    fn the_smallest_wait_is_told_when_all_rest() {
        let mut pool = pool(&[(0, 1), (0, 1), (1, 1)]);
        pool.failed(0, D, Setback::Busy, Some(30 * SECOND), Duration::ZERO);
        pool.failed(1, D, Setback::Busy, Some(5 * SECOND), Duration::ZERO);
        pool.failed(2, D, Setback::Down(500), Some(Duration::from_secs(86400)), Duration::ZERO);
        let wait = Pick::Wait { wait: 4 * SECOND, status: 429 };
        assert_eq!(pick(&mut pool, &[], SECOND), wait);
    }

    #[test]
    fn a_key_stays_on_its_backend_and_only_the_keys_of_a_resting_one_move() {
        let mut pool = pool(&[(0, 2), (0, 1), (0, 1)]);
        let mut rng = fastrand::Rng::with_seed(1);
        let keys: Vec<String> = (0..4000).map(|n| format!("conversation {n}")).collect();
        let mut homes = |pool: &mut Pool, now| -> Vec<usize> {
            keys.iter()
                .map(|key| match pool.pick(D, Some(key), &[], &[], now, &mut rng) {
                    Pick::Use(index) => index,
                    Pick::Wait { .. } => panic!("all rest"),
                })
                .collect()
        };
        let at_home = homes(&mut pool, Duration::ZERO);
        assert_eq!(at_home, homes(&mut pool, Duration::ZERO));
        let first = u32::try_from(at_home.iter().filter(|home| **home == 0).count()).unwrap();
        assert!(near(first, 2000), "{first}");

        pool.failed(1, D, Setback::Down(503), Some(SECOND), Duration::ZERO);
        let moved = homes(&mut pool, Duration::ZERO);
        for (before, after) in at_home.iter().zip(&moved) {
            assert!(*before == 1 || before == after);
            assert_ne!(*after, 1);
        }
        homes(&mut pool, SECOND);
        pool.succeeded(1, D, SECOND);
        assert_eq!(at_home, homes(&mut pool, SECOND));
    }
}
