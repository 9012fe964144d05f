//! The balancer: the cooldowns of a client's backends, and the choice among them.
//!
//! A backend that fails gets a [`Cooldown`]: other backends are preferred until it ends. A cooldown that the
//! service named (`retry-after`) is binding, nothing is sent before its end. One that this module chose is only a
//! preference: where no other backend is left it is called all the same, because a client with two backends must
//! never do worse than a client with one of them.
//!
//! One incident is one strike. A cooldown doubles only when an attempt fails that began after it did; attempts that
//! were under way at that moment failed for the same reason.
//!
//! Plain state: time and randomness are arguments, and times are counted from any fixed point.

use std::collections::HashMap;
use std::time::Duration;

use super::retry::RetryBudget;

/// First cooldown where the service names no wait; it doubles with each strike, up to 32 times.
const FIRST_COOLDOWN: Duration = Duration::from_secs(1);
/// Upper bound of a wait that the service names, so that a backend whose `retry-after` is a day is tried again sooner.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(300);
/// After this time, a probe without an answer no longer keeps other calls away.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The backends of one client.
#[derive(Debug, Default)]
pub(crate) struct Balancer {
    backends: Vec<BackendHealth>,
}

#[derive(Debug)]
struct BackendHealth {
    priority: u32,
    weight: u32,
    identity: u64,
    /// For every deployment: 5xx, no connection, no token.
    down: Option<Cooldown>,
    /// By deployment: 429.
    busy: HashMap<String, Cooldown>,
    budget: RetryBudget,
}

#[derive(Debug, Clone, Copy)]
struct Cooldown {
    since: Duration,
    until: Duration,
    /// The service named the wait.
    is_binding: bool,
    /// The status that caused it; 0 where there was no answer.
    status: u16,
    /// Incidents in a row before this one.
    strikes: u32,
    probe_until: Duration,
}

/// Whether a backend can be called now. Ordered from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Availability {
    /// No cooldown, or one that is over and has not been probed.
    Ready,
    /// The cooldown is over and one call is probing.
    Probing,
    /// In a cooldown of this module's choice, for this much longer.
    Discouraged(Duration),
    /// In a cooldown that the service named, for this much longer; with the status that caused it.
    Closed(Duration, u16),
}

impl Balancer {
    /// Adds a backend. `name` distinguishes it from the others, in every process alike.
    pub(crate) fn add(&mut self, name: &str, priority: u32, weight: u32) {
        self.backends.push(BackendHealth {
            priority,
            weight,
            identity: hash(name.as_bytes(), 0),
            down: None,
            busy: HashMap::new(),
            budget: RetryBudget::FULL,
        });
    }

    fn is_single(&self) -> bool {
        self.backends.len() == 1
    }

    pub(crate) fn availability(&self, index: usize, deployment: &str, now: Duration) -> Availability {
        self.backends.get(index).map_or(Availability::Ready, |backend| backend.availability(deployment, now))
    }

    /// The best of the backends that `may_use` admits, and marks it as probed where its cooldown is over. None when
    /// all that are admitted are closed.
    ///
    /// Among equally available backends of the best priority the choice is by `affinity` where there is one, else by
    /// weight; among discouraged ones, the cooldown that ends first.
    pub(crate) fn pick(
        &mut self,
        deployment: &str,
        affinity: Option<&str>,
        may_use: impl Fn(usize) -> bool,
        now: Duration,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let states: Vec<(usize, Availability)> = (0..self.backends.len())
            .filter(|index| may_use(*index))
            .map(|index| (index, self.availability(index, deployment, now)))
            .collect();
        let discouraged = || {
            let open = states.iter().filter(|(_, state)| matches!(state, Availability::Discouraged(_)));
            open.min_by_key(|(_, state)| *state).map(|(index, _)| *index)
        };
        let index = self
            .choose(&states, Availability::Ready, affinity, rng)
            .or_else(|| self.choose(&states, Availability::Probing, affinity, rng))
            .or_else(discouraged)?;
        if let Some(backend) = self.backends.get_mut(index) {
            backend.mark_probe(deployment, now);
        }
        Some(index)
    }

    /// By affinity or by weight, among the best priority that has this availability.
    fn choose(
        &self,
        states: &[(usize, Availability)],
        wanted: Availability,
        affinity: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Option<usize> {
        let fitting = || {
            let fitting = states.iter().filter(|(_, state)| *state == wanted);
            fitting.filter_map(|(index, _)| Some((*index, self.backends.get(*index)?)))
        };
        let best = fitting().map(|(_, backend)| backend.priority).min()?;
        let candidates = || fitting().filter(|(_, backend)| backend.priority == best);
        if let Some(key) = affinity {
            return candidates().max_by(|(_, a), (_, b)| a.score(key).total_cmp(&b.score(key))).map(|(index, _)| index);
        }
        let total: u64 = candidates().map(|(_, backend)| u64::from(backend.weight)).sum();
        let mut at = rng.u64(0..total.max(1));
        candidates()
            .find(|(_, backend)| {
                let weight = u64::from(backend.weight);
                let is_here = at < weight;
                at = at.saturating_sub(weight);
                is_here
            })
            .map(|(index, _)| index)
    }

    /// Takes a retry from the budget of a backend, if there is one.
    pub(crate) fn draw_retry(&mut self, index: usize) -> bool {
        self.backends.get_mut(index).is_some_and(|backend| backend.budget.draw())
    }

    /// Notes an attempt that began at `started` and was answered well. It ends the cooldowns that began before it, and adds
    /// to the budget.
    pub(crate) fn succeeded(&mut self, index: usize, deployment: &str, started: Duration) {
        let Some(backend) = self.backends.get_mut(index) else { return };
        backend.budget.give_back();
        if backend.down.is_some_and(|cooldown| cooldown.since < started) {
            backend.down = None;
        }
        if backend.busy.get(deployment).is_some_and(|cooldown| cooldown.since < started) {
            backend.busy.remove(deployment);
        }
    }

    /// Holds the next calls to a deployment back although nothing failed.
    pub(crate) fn pace(&mut self, index: usize, deployment: &str, wait: Duration, now: Duration) {
        let Some(backend) = self.backends.get_mut(index) else { return };
        let cooldown = Cooldown {
            since: now,
            until: now.saturating_add(wait),
            is_binding: true,
            status: 429,
            strikes: 0,
            probe_until: Duration::ZERO,
        };
        backend.busy.entry(deployment.to_owned()).or_insert(cooldown);
    }

    /// Notes a failed attempt that began at `started`, with the wait that the service named. A 429 is about the deployment,
    /// any other status about the backend; 0 where there was no connection or token.
    ///
    /// A single backend only keeps the wait of a 429, for there is no other to prefer.
    pub(crate) fn failed(
        &mut self,
        index: usize,
        deployment: &str,
        status: u16,
        hint: Option<Duration>,
        started: Duration,
        now: Duration,
    ) {
        let (is_single, is_busy) = (self.is_single(), status == 429);
        let Some(backend) = self.backends.get_mut(index) else { return };
        if is_single && !(is_busy && hint.is_some()) {
            return;
        }
        let earlier = if is_busy { backend.busy.get(deployment).copied() } else { backend.down };
        let cooldown = Cooldown::after(earlier, status, hint, started, now);
        if is_busy {
            backend.busy.insert(deployment.to_owned(), cooldown);
        } else {
            backend.down = Some(cooldown);
        }
    }
}

impl Cooldown {
    fn after(earlier: Option<Self>, status: u16, hint: Option<Duration>, started: Duration, now: Duration) -> Self {
        let ends = |wait: Duration| now.saturating_add(wait.min(LONGEST_COOLDOWN));
        if let Some(same) = earlier.filter(|cooldown| started <= cooldown.since) {
            // the same incident: only a wait that the service names can prolong it
            let Some(hint) = hint else { return same };
            let until = if same.is_binding { same.until.max(ends(hint)) } else { ends(hint) };
            return Self { until, is_binding: true, ..same };
        }
        let strikes = earlier.map_or(0, |cooldown| cooldown.strikes.saturating_add(1));
        let growing = FIRST_COOLDOWN.saturating_mul(1 << strikes.min(5));
        let until = ends(hint.unwrap_or(growing));
        // a binding wait that still runs goes on
        let running = earlier.filter(|cooldown| cooldown.is_binding && cooldown.until > until);
        Self {
            since: now,
            until: running.map_or(until, |cooldown| cooldown.until),
            is_binding: hint.is_some() || running.is_some(),
            status,
            strikes,
            probe_until: Duration::ZERO,
        }
    }

    fn availability(&self, now: Duration) -> Availability {
        let left = self.until.saturating_sub(now);
        match (left.is_zero(), self.is_binding) {
            (true, _) if self.probe_until > now => Availability::Probing,
            (true, _) => Availability::Ready,
            (false, true) => Availability::Closed(left, self.status),
            (false, false) => Availability::Discouraged(left),
        }
    }
}

impl BackendHealth {
    fn availability(&self, deployment: &str, now: Duration) -> Availability {
        let cooldowns = self.down.iter().chain(self.busy.get(deployment));
        cooldowns.map(|cooldown| cooldown.availability(now)).max().unwrap_or(Availability::Ready)
    }

    fn mark_probe(&mut self, deployment: &str, now: Duration) {
        for cooldown in self.down.iter_mut().chain(self.busy.get_mut(deployment)) {
            if cooldown.until <= now && cooldown.probe_until <= now {
                cooldown.probe_until = now.saturating_add(PROBE_TIMEOUT);
            }
        }
    }

    /// Weighted rendezvous hashing: each key ranks the backends in an order of its own, so that only the keys of a
    /// failing backend move, and they come back.
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
    const ZERO: Duration = Duration::ZERO;

    fn balancer(backends: &[(u32, u32)]) -> Balancer {
        let mut balancer = Balancer::default();
        for (index, (priority, weight)) in backends.iter().enumerate() {
            balancer.add(&format!("https://b{index}.openai.azure.com"), *priority, *weight);
        }
        balancer
    }

    fn pick(balancer: &mut Balancer, now: Duration) -> Option<usize> {
        balancer.pick(D, None, |_| true, now, &mut fastrand::Rng::with_seed(1))
    }

    /// An attempt that begins and fails at one moment.
    fn fail(balancer: &mut Balancer, index: usize, status: u16, hint: Option<Duration>, now: Duration) {
        balancer.failed(index, D, status, hint, now, now);
    }

    fn left(balancer: &Balancer, index: usize, now: Duration) -> Option<Duration> {
        match balancer.availability(index, D, now) {
            Availability::Discouraged(left) | Availability::Closed(left, _) => Some(left),
            _ => None,
        }
    }

    struct Simulation {
        balancer: Balancer,
        rng: fastrand::Rng,
        now: Duration,
        /// What each backend answers: nothing wrong, or a failure and its wait.
        answers: Vec<Option<(u16, Option<Duration>)>>,
        attempts: Vec<u32>,
        served: Vec<u32>,
    }

    impl Simulation {
        fn new(backends: &[(u32, u32)]) -> Self {
            Self {
                balancer: balancer(backends),
                rng: fastrand::Rng::with_seed(42),
                now: ZERO,
                answers: vec![None; backends.len()],
                attempts: vec![0; backends.len()],
                served: vec![0; backends.len()],
            }
        }

        /// Calls that follow each other by a millisecond, each moving on until a backend answers.
        fn run(&mut self, calls: u32) {
            self.attempts.fill(0);
            self.served.fill(0);
            for _ in 0..calls {
                self.now += Duration::from_millis(1);
                let mut tried = Vec::new();
                while let Some(index) =
                    self.balancer.pick(D, None, |index| !tried.contains(&index), self.now, &mut self.rng)
                {
                    self.attempts[index] += 1;
                    match self.answers[index] {
                        None => {
                            self.balancer.succeeded(index, D, self.now);
                            self.served[index] += 1;
                            break;
                        }
                        Some((failure, hint)) => {
                            fail(&mut self.balancer, index, failure, hint, self.now);
                            tried.push(index);
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

        // the first is throttled and names 2 s each time: 20 s of calls, one probe per wait
        world.answers[0] = Some((429, Some(2 * SECOND)));
        world.run(20_000);
        assert_eq!((world.served[0], world.served[1]), (0, 20_000));
        assert!((8..=11).contains(&world.attempts[0]), "{:?}", world.attempts);

        // the second goes down without a hint, so the second priority takes over
        world.answers[1] = Some((503, None));
        world.run(20_000);
        assert_eq!(world.served, [0, 0, 20_000]);
        assert!(world.attempts[1] < 10, "cooldowns grow: {:?}", world.attempts);

        // all recover; after the longest cooldown the split is as in the beginning
        world.answers.fill(None);
        world.now += LONGEST_COOLDOWN;
        world.run(20_000);
        assert!(near(world.served[0], 15_000) && near(world.served[1], 5_000), "{:?}", world.served);
        assert!(world.served[2] < 5, "{:?}", world.served);
    }

    #[test]
    fn six_failures_at_one_moment_are_one_strike() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        for _ in 0..6 {
            balancer.failed(0, D, 503, None, ZERO, SECOND);
        }
        assert_eq!(left(&balancer, 0, SECOND), Some(FIRST_COOLDOWN));
        // those that were under way end later, and it is still the same incident
        balancer.failed(0, D, 500, None, SECOND / 2, 2 * SECOND);
        assert_eq!(left(&balancer, 0, 2 * SECOND), None);
    }

    #[test]
    fn cooldowns_double_while_attempts_fail_that_began_after_the_last() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        let mut now = ZERO;
        for expected in [1, 2, 4, 8, 16, 32, 32] {
            fail(&mut balancer, 0, 503, None, now);
            assert_eq!(left(&balancer, 0, now), Some(expected * SECOND));
            now += expected * SECOND;
        }
        balancer.succeeded(0, D, now);
        fail(&mut balancer, 0, 503, None, now + SECOND);
        assert_eq!(left(&balancer, 0, now + SECOND), Some(SECOND), "a success ends the row");
    }

    #[test]
    fn the_longest_wait_named_in_one_incident_counts() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        balancer.failed(0, D, 429, None, ZERO, SECOND);
        for (hint, expected) in [(2, 2), (5, 5), (3, 5)] {
            balancer.failed(0, D, 429, Some(hint * SECOND), ZERO, SECOND);
            assert_eq!(balancer.availability(0, D, SECOND), Availability::Closed(expected * SECOND, 429));
        }
        // a later failure without a hint does not open what the service closed
        balancer.failed(0, D, 429, None, 2 * SECOND, 2 * SECOND);
        assert_eq!(balancer.availability(0, D, 2 * SECOND), Availability::Closed(4 * SECOND, 429));
    }

    #[test]
    fn one_probe_goes_out_after_the_cooldown_and_the_others_wait_for_it() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        fail(&mut balancer, 0, 503, Some(SECOND), ZERO);
        assert_eq!(pick(&mut balancer, SECOND / 2), Some(1));
        assert_eq!(pick(&mut balancer, SECOND), Some(0), "the probe");
        assert_eq!(pick(&mut balancer, SECOND), Some(1));
        let only_first = balancer.pick(D, None, |index| index == 0, SECOND, &mut fastrand::Rng::with_seed(1));
        assert_eq!(only_first, Some(0), "better than none");
        assert_eq!(pick(&mut balancer, SECOND + PROBE_TIMEOUT), Some(0), "the probe was lost");
        balancer.succeeded(0, D, SECOND);
        assert_eq!(pick(&mut balancer, SECOND), Some(0));
        assert_eq!(pick(&mut balancer, SECOND), Some(0));
    }

    #[test]
    fn where_all_failed_the_cooldown_that_ends_first_is_called_all_the_same() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        fail(&mut balancer, 0, 503, None, ZERO);
        fail(&mut balancer, 0, 503, None, SECOND);
        fail(&mut balancer, 1, 503, None, SECOND);
        assert_eq!(pick(&mut balancer, SECOND), Some(1));
        balancer.succeeded(1, D, SECOND + SECOND / 10);
        assert_eq!(balancer.availability(1, D, SECOND), Availability::Ready, "a good answer ends the cooldown");
    }

    #[test]
    fn nothing_is_sent_before_the_end_of_a_wait_that_the_service_named() {
        let mut balancer = balancer(&[(0, 1), (0, 1), (1, 1)]);
        fail(&mut balancer, 0, 429, Some(30 * SECOND), ZERO);
        fail(&mut balancer, 1, 429, Some(5 * SECOND), ZERO);
        fail(&mut balancer, 2, 500, Some(Duration::from_secs(86400)), ZERO);
        assert_eq!(pick(&mut balancer, SECOND), None);
        assert_eq!(balancer.availability(1, D, SECOND), Availability::Closed(4 * SECOND, 429));
        assert_eq!(balancer.availability(2, D, SECOND), Availability::Closed(299 * SECOND, 500));
    }

    #[test]
    fn a_busy_deployment_does_not_hold_back_another() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        balancer.failed(0, "busy", 429, Some(SECOND), ZERO, ZERO);
        assert_eq!(pick(&mut balancer, ZERO), Some(0));
        assert_eq!(balancer.pick("busy", None, |_| true, ZERO, &mut fastrand::Rng::with_seed(1)), Some(1));
    }

    #[test]
    fn a_success_that_began_before_the_failure_does_not_end_the_cooldown() {
        let mut balancer = balancer(&[(0, 1), (1, 1)]);
        fail(&mut balancer, 0, 429, Some(SECOND), ZERO);
        balancer.succeeded(0, D, ZERO);
        assert_eq!(pick(&mut balancer, SECOND / 2), Some(1));
    }

    #[test]
    fn alone_a_backend_keeps_only_the_wait_of_a_429() {
        let mut balancer = balancer(&[(0, 1)]);
        fail(&mut balancer, 0, 503, Some(SECOND), ZERO);
        fail(&mut balancer, 0, 429, None, ZERO);
        assert_eq!(balancer.availability(0, D, ZERO), Availability::Ready);
        fail(&mut balancer, 0, 429, Some(SECOND), ZERO);
        assert_eq!(balancer.availability(0, D, ZERO), Availability::Closed(SECOND, 429));
        for _ in 0..5 {
            assert_eq!(pick(&mut balancer, SECOND), Some(0), "after the wait all go on");
        }
    }

    #[test]
    fn a_key_stays_on_its_backend_and_only_the_keys_of_a_failed_one_move() {
        let mut balancer = balancer(&[(0, 2), (0, 1), (0, 1)]);
        let mut rng = fastrand::Rng::with_seed(1);
        let keys: Vec<String> = (0..4000).map(|n| format!("conversation {n}")).collect();
        let mut homes = |balancer: &mut Balancer, now| -> Vec<usize> {
            keys.iter().map(|key| balancer.pick(D, Some(key), |_| true, now, &mut rng).unwrap()).collect()
        };
        let at_home = homes(&mut balancer, ZERO);
        assert_eq!(at_home, homes(&mut balancer, ZERO));
        let first = u32::try_from(at_home.iter().filter(|home| **home == 0).count()).unwrap();
        assert!(near(first, 2000), "{first}");

        fail(&mut balancer, 1, 503, Some(SECOND), ZERO);
        let moved = homes(&mut balancer, ZERO);
        for (before, after) in at_home.iter().zip(&moved) {
            assert!(*before == 1 || before == after);
            assert_ne!(*after, 1);
        }
        homes(&mut balancer, SECOND);
        balancer.succeeded(1, D, SECOND);
        assert_eq!(at_home, homes(&mut balancer, SECOND));
    }
}
