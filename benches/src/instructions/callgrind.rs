//! One run under callgrind: instructions, and how often memory was asked for.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

use super::{Pace, Run};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// What each of `run.count` costs: the difference between a run of that length and one of twice the length.
pub(crate) fn slope(reader: &str, run: &Run) -> Counted {
    let double = Run { count: run.count * 2, ..*run };
    let (short, long) = (typical(reader, run), typical(reader, &double));
    let each = run.count as f64;
    Counted {
        instructions: (long.instructions - short.instructions) / each,
        allocations: (long.allocations - short.allocations) / each,
    }
}

/// How much is read at once, and so copied, is chance where nobody waits for the reader: the median of five.
fn typical(reader: &str, run: &Run) -> Counted {
    let times = if run.pace == Pace::Free { 5 } else { 1 };
    let mut counts: Vec<Counted> = (0..times).map(|_| count(reader, run)).collect();
    counts.sort_by(|one, other| one.instructions.total_cmp(&other.instructions));
    counts[times / 2]
}

fn count(reader: &str, run: &Run) -> Counted {
    let program = std::env::current_exe().expect("this program has a path");
    let out = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--trace-children=no", "-q"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["read", reader])
        .args(run.arguments())
        .stdout(Stdio::null())
        .status()
        .expect("valgrind can be started");
    assert!(status.success(), "{reader} failed under valgrind in {run:?}");
    let profile = fs::read_to_string(&out).expect("callgrind writes its profile");
    let _ = fs::remove_file(&out);
    parse(&profile)
}

/// Names appear in full once, as `(7) malloc`, and as `(7)` from then on.
fn parse(profile: &str) -> Counted {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut called = "";
    let mut instructions = 0.0;
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
        } else if let Some(totals) = line.strip_prefix("totals: ") {
            instructions = totals.trim().parse().unwrap_or(0.0);
        }
    }
    assert!(instructions > 0.0, "the profile has no totals");
    Counted { instructions, allocations }
}
