//! The counts of one run under callgrind: instructions, allocations and cache misses.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

use super::readers::COUNTED;
use super::{Pace, Run};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    /// Cache lines of data that were read or written and not in the last level; only with [`Pace::Rounds`].
    pub(crate) lines_missed: f64,
}

/// The cost of each of `run.count`, and with [`Pace::Rounds`] each chunk of each stream: the difference between a run of
/// that length and one of twice the length.
pub(crate) fn slope(reader: &str, run: &Run) -> Counted {
    let double = Run { count: run.count * 2, ..*run };
    let (short, long) = (typical(reader, run), typical(reader, &double));
    let streams = if run.pace == Pace::Rounds { run.write } else { 1 };
    between(short, long, run.count * streams)
}

/// The cost of each of `count` in runs of this program with `arguments`: the difference between `count` and twice as many.
pub(crate) fn each(count: usize, arguments: &dyn Fn(usize) -> Vec<String>) -> Counted {
    between(profile(&arguments(count), &[]), profile(&arguments(count * 2), &[]), count)
}

fn between(short: Counted, long: Counted, count: usize) -> Counted {
    let each = count as f64;
    Counted {
        instructions: (long.instructions - short.instructions) / each,
        allocations: (long.allocations - short.allocations) / each,
        lines_missed: (long.lines_missed - short.lines_missed) / each,
    }
}

/// With [`Pace::Free`] the size of the reads, and so the number of copies, varies by chance: the median of five runs.
fn typical(reader: &str, run: &Run) -> Counted {
    let times = if run.pace == Pace::Free { 5 } else { 1 };
    let mut counts: Vec<Counted> = (0..times).map(|_| count(reader, run)).collect();
    counts.sort_by(|one, other| one.instructions.total_cmp(&other.instructions));
    counts[times / 2]
}

fn count(reader: &str, run: &Run) -> Counted {
    let mut arguments = vec!["read".to_owned(), reader.to_owned()];
    arguments.extend(run.arguments());
    let settings = match run.pace {
        Pace::Rounds => vec!["--cache-sim=yes".to_owned(), "--LL=1048576,16,64".to_owned()],
        Pace::First => vec![format!("--toggle-collect={COUNTED}")],
        _ => Vec::new(),
    };
    profile(&arguments, &settings)
}

fn profile(arguments: &[String], settings: &[String]) -> Counted {
    let program = std::env::current_exe().expect("this program has a path");
    let out = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--trace-children=no", "-q"])
        .args(settings)
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .expect("valgrind can be started");
    assert!(status.success(), "{arguments:?} failed under valgrind");
    let profile = fs::read_to_string(&out).expect("callgrind writes its profile");
    let _ = fs::remove_file(&out);
    parse(&profile)
}

/// Names appear in full once, as `(7) malloc`, and as `(7)` from then on.
fn parse(profile: &str) -> Counted {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut called = "";
    let mut kinds: Vec<&str> = Vec::new();
    let mut totals: Vec<f64> = Vec::new();
    let mut allocations = 0.0;
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(number, name);
            }
            called = names.get(number).copied().unwrap_or_default();
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if matches!(called, "malloc" | "calloc" | "realloc") {
                let count = calls.split(' ').next().and_then(|count| count.parse().ok());
                allocations += count.unwrap_or(0.0);
            }
        } else if let Some(names) = line.strip_prefix("events: ") {
            kinds = names.split_whitespace().collect();
        } else if let Some(figures) = line.strip_prefix("totals: ") {
            totals = figures.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
        }
    }
    let total = |kind| kinds.iter().zip(&totals).find(|(name, _)| **name == kind).map_or(0.0, |(_, total)| *total);
    assert!(total("Ir") > 0.0, "the profile has no totals");
    Counted { instructions: total("Ir"), allocations, lines_missed: total("DLmr") + total("DLmw") }
}
