//! A short run of every fuzz target on the stable toolchain: the seeds of `fuzz/`, cut, joined and spoilt, and plain
//! noise. `FUZZ_CASES` asks for more.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test binary")]

mod checks;

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<(std::path::PathBuf, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "no seeds for {target}");
    seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    /// The rest of another seed.
    Cross(prop::sample::Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        3 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (place(), prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (place(), prop::sample::select(&br#"{}[]",:\ 0-9.e"#[..])).prop_map(|(at, byte)| Change::Insert(at, vec![byte])),
        2 => (place(), 1_usize..20).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (place(), 1_usize..40).prop_map(|(at, count)| Change::Repeat(at, count)),
        1 => (place(), any::<usize>()).prop_map(|(at, other)| Change::Cross(at, other)),
    ]
}

fn spoil(seeds: &[Vec<u8>], start: usize, changes: &[Change]) -> Vec<u8> {
    let mut bytes = seeds[start % seeds.len()].clone();
    for change in changes {
        let length = bytes.len();
        match change {
            Change::Set(at, byte) if length > 0 => bytes[at.index(length)] = *byte,
            Change::Insert(at, more) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) if length > 0 => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Change::Repeat(at, count) if length > 0 => {
                let at = at.index(length);
                let run = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, run);
            }
            Change::Cross(at, other) => {
                let other = &seeds[other % seeds.len()];
                bytes.truncate(at.index(length + 1));
                bytes.extend_from_slice(&other[at.index(other.len() + 1)..]);
            }
            _ => {}
        }
    }
    bytes
}

fn run(target: &str) {
    let check = checks::ALL.iter().find(|(name, _)| *name == target).unwrap().1;
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| check(seed));
    // An input of the emulator is up to four connections.
    let default = if target == "emulator" { 500 } else { 2_000 };
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let inputs = prop_oneof![
        9 => (any::<usize>(), prop::collection::vec(change(), 1..6)).prop_map(move |(start, changes)| spoil(&seeds, start, &changes)),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    runner
        .run(&inputs, |bytes| {
            check(&bytes);
            Ok(())
        })
        .unwrap();
}

macro_rules! short_run_of {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            run(stringify!($target));
        }
    )*
        #[test]
        fn every_check_has_a_short_run_and_a_target() {
            let names: Vec<&str> = checks::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($target)),*]);
            for name in names {
                let target = format!("{}/fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
                assert!(Path::new(&target).exists(), "{target}");
            }
        }
    };
}

short_run_of! { framer chunks completion error_body endpoint headers request emulator }
