//! Calls in simulated time: seeded latencies and outages, many calls at once, one backend against two.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::*;
use crate::transport::retry::RetryCause;

const D: &str = "gpt";
const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn outcome(status: u16, hint: Option<Duration>) -> Outcome {
    let cause = if status == 0 { RetryCause::Connect } else { RetryCause::Status(status) };
    Outcome { cause, hint, should_retry: None }
}

/// How a backend answers, and when.
#[derive(Clone, Copy)]
struct Outage {
    from: Duration,
    until: Duration,
    /// 0 for no connection.
    status: u16,
    hint: Option<Duration>,
}

#[derive(Clone, Default)]
struct Backend {
    outages: Vec<Outage>,
    /// How many of the first attempts are answered with 503, at any time.
    first: usize,
}

#[derive(Debug, PartialEq)]
struct Report {
    succeeded: usize,
    not_sent: usize,
    attempts: Vec<usize>,
    last_success: Duration,
}

/// Calls that begin at these times, over these backends.
fn simulate(seed: u64, starts: &[Duration], backends: &[Backend], policy: &RetryPolicy) -> Report {
    #[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
    enum Event {
        Next,
        Answer { backend: usize, started: Duration, failure: Option<(u16, Option<Duration>)> },
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut balancer = Balancer::default();
    for index in 0..backends.len() {
        balancer.add(&format!("https://b{index}.openai.azure.com"), 0, 1);
    }
    let mut calls: Vec<CallState<'_>> =
        starts.iter().map(|start| CallState::new(policy, D, None, backends.len(), &[], *start, None)).collect();
    let mut report =
        Report { succeeded: 0, not_sent: 0, attempts: vec![0; backends.len()], last_success: Duration::ZERO };
    let mut events: BinaryHeap<_> =
        starts.iter().enumerate().map(|(call, start)| Reverse((*start, call, Event::Next))).collect();
    while let Some(Reverse((now, call, event))) = events.pop() {
        if let Event::Answer { backend, started, failure: failed } = event {
            match failed {
                None => {
                    balancer.succeeded(backend, D, started);
                    report.succeeded += 1;
                    report.last_success = now;
                    continue;
                }
                Some((status, hint)) => {
                    balancer.failed(backend, D, status, hint, started, now);
                    calls[call].failed(backend, &outcome(status, hint), now, &mut rng);
                }
            }
        }
        match calls[call].next(&mut balancer, now, &mut rng) {
            Next::Wait(wait) => events.push(Reverse((now + wait, call, Event::Next))),
            Next::GiveUp(_) => report.not_sent += usize::from(!calls[call].has_sent),
            Next::Send(backend) => {
                report.attempts[backend] += 1;
                let is_first = report.attempts[backend] <= backends[backend].first;
                let outage = backends[backend].outages.iter().find(|outage| (outage.from..outage.until).contains(&now));
                let failure = outage.map(|outage| (outage.status, outage.hint));
                let failure = if is_first { Some((503, None)) } else { failure };
                let latency = match failure {
                    Some(_) => millis(rng.u64(1..30)),
                    None => millis(rng.u64(100..2000)),
                };
                events.push(Reverse((now + latency, call, Event::Answer { backend, started: now, failure })));
            }
        }
    }
    report
}

#[test]
fn twenty_calls_over_two_backends_survive_one_blip_of_each() {
    let blip = |calls| Backend { first: calls, ..Backend::default() };
    let starts = vec![Duration::ZERO; 20];
    for seed in 0..200 {
        let policy = RetryPolicy::default();
        for first in [1, 10] {
            let report = simulate(seed, &starts, &[blip(first), blip(first)], &policy);
            assert_eq!((report.succeeded, report.not_sent), (20, 0), "seed {seed}, {first}: {report:?}");
        }
    }
}

#[test]
fn a_healthy_call_is_not_refused_because_all_backends_failed_before_it() {
    let outage = Outage { from: Duration::ZERO, until: SECOND, status: 503, hint: None };
    let backend = Backend { outages: vec![outage], ..Backend::default() };
    // a second of failing calls, then healthy ones
    let starts: Vec<Duration> = (0..200).map(|n| millis(n * 10)).collect();
    let report = simulate(1, &starts, &[backend.clone(), backend], &RetryPolicy::none());
    assert_eq!(report.not_sent, 0);
    assert!(report.succeeded >= 98, "{report:?}");
}

/// Outages of every kind, at seeded times.
fn world(rng: &mut fastrand::Rng) -> Backend {
    let mut outages = Vec::new();
    let mut at = millis(rng.u64(0..2000));
    for _ in 0..rng.usize(0..4) {
        let until = at + millis(rng.u64(50..4000));
        let hint = rng.bool().then(|| millis(rng.u64(200..3000)));
        let status = *rng.choice(&[0, 429, 500, 502, 503]).unwrap();
        outages.push(Outage { from: at, until, status, hint: hint.filter(|_| status != 0) });
        at = until + millis(rng.u64(0..3000));
    }
    Backend { outages, first: rng.usize(0..3) }
}

#[test]
fn two_backends_are_never_worse_than_one() {
    let (mut alone, mut together) = ([0, 0], 0);
    let (mut worse, mut worlds) = (0, 0);
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let backends = [world(&mut rng), world(&mut rng)];
        let starts: Vec<Duration> = (0..rng.usize(1..60)).map(|_| millis(rng.u64(0..8000))).collect();
        let policy = RetryPolicy::default();
        let succeeded = |backends: &[Backend]| simulate(seed, &starts, backends, &policy).succeeded;
        let one = [succeeded(&backends[..1]), succeeded(&backends[1..])];
        let two = succeeded(&backends);
        alone = [alone[0] + one[0], alone[1] + one[1]];
        together += two;
        worlds += 1;
        // single calls may have other luck with their waits
        worse += usize::from(two + 1 < one[0].max(one[1]));
    }
    assert!(together > alone[0].max(alone[1]), "{together} beside {alone:?}");
    assert_eq!(worse, 0, "of {worlds} worlds");
}

#[test]
fn a_dead_backend_uses_up_no_retry_of_the_living() {
    let dead = Backend {
        outages: vec![Outage { from: Duration::ZERO, until: Duration::MAX, status: 0, hint: None }],
        ..Backend::default()
    };
    let throttled = Outage { from: Duration::ZERO, until: millis(900), status: 429, hint: Some(SECOND) };
    let living = Backend { outages: vec![throttled], ..Backend::default() };
    for seed in 0..100 {
        let report = simulate(seed, &[Duration::ZERO], &[dead.clone(), living.clone()], &RetryPolicy::default());
        assert_eq!(report.succeeded, 1, "seed {seed}: {report:?}");
        assert!(report.attempts[0] <= 3 && report.attempts[1] <= 2, "{report:?}");
    }
}

#[test]
fn an_outage_empties_the_budget_of_its_backend_alone() {
    let outage = |until| Outage { from: Duration::ZERO, until, status: 503, hint: None };
    let broken = Backend { outages: vec![outage(Duration::MAX)], ..Backend::default() };
    let starts: Vec<Duration> = (0..1000).map(|n| millis(n * 5)).collect();
    let report = simulate(1, &starts, std::slice::from_ref(&broken), &RetryPolicy::default());
    assert_eq!((report.succeeded, report.attempts[0]), (0, 1100));

    let report = simulate(1, &starts, &[broken, Backend::default()], &RetryPolicy::default());
    assert_eq!(report.succeeded, 1000);
    assert!(report.attempts[0] < 20, "{report:?}");
}

#[test]
fn ten_successes_pay_for_one_more_retry() {
    let policy = RetryPolicy::default();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut balancer = Balancer::default();
    balancer.add("https://b.openai.azure.com", 0, 1);
    let mut is_sent_again = |balancer: &mut Balancer, outcome: Outcome| {
        let mut call = CallState::new(&policy, D, None, 1, &[], Duration::ZERO, None);
        assert_eq!(call.next(balancer, Duration::ZERO, &mut rng), Next::Send(0));
        call.failed(0, &outcome, Duration::ZERO, &mut rng);
        call.next(balancer, 100 * SECOND, &mut rng) == Next::Send(0)
    };
    let retried = (0..1000).filter(|_| is_sent_again(&mut balancer, outcome(503, None))).count();
    assert_eq!(retried, 100);
    assert!(is_sent_again(&mut balancer, outcome(429, Some(SECOND))), "a 429 with its wait is paced by the service");
    (0..10).for_each(|_| balancer.succeeded(0, D, Duration::ZERO));
    assert!(is_sent_again(&mut balancer, outcome(0, None)));
    assert!(!is_sent_again(&mut balancer, outcome(0, None)));
}

#[test]
fn a_call_waits_for_what_the_service_told_others_up_to_its_patience() {
    let policy = RetryPolicy::default();
    for (waits, expected) in [([90, 7], 7), ([61, 60], 60)] {
        let mut balancer = Balancer::default();
        balancer.add("https://b0.openai.azure.com", 0, 1);
        balancer.add("https://b1.openai.azure.com", 0, 1);
        for (index, wait) in waits.into_iter().enumerate() {
            balancer.failed(index, D, 429, Some(wait * SECOND), Duration::ZERO, Duration::ZERO);
        }
        let mut rng = fastrand::Rng::with_seed(1);
        let mut call = CallState::new(&policy, D, None, 2, &[], Duration::ZERO, None);
        let Next::Wait(wait) = call.next(&mut balancer, Duration::ZERO, &mut rng) else { panic!("it does not wait") };
        assert!((expected * SECOND..expected * SECOND + SECOND).contains(&wait), "{wait:?}");

        let mut hurried = CallState::new(&policy, D, None, 2, &[], Duration::ZERO, Some(5 * SECOND));
        let next = hurried.next(&mut balancer, Duration::ZERO, &mut rng);
        assert_eq!(next, Next::GiveUp(Some((expected * SECOND, 429))));
    }
}

#[test]
fn a_retry_that_would_begin_after_the_window_is_not_started() {
    for (window, next) in [(5, Next::GiveUp(None)), (7, Next::Send(0))] {
        let policy = RetryPolicy::default().retry_window(window * SECOND);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut balancer = Balancer::default();
        balancer.add("https://b.openai.azure.com", 0, 1);
        let mut call = CallState::new(&policy, D, None, 1, &[], Duration::ZERO, None);
        assert_eq!(call.next(&mut balancer, Duration::ZERO, &mut rng), Next::Send(0));
        call.failed(0, &outcome(429, Some(5 * SECOND)), SECOND, &mut rng);
        assert_eq!(call.next(&mut balancer, 100 * SECOND, &mut rng), next);
    }
}
