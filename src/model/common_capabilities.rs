//! The capabilities that the versions of one model have in common.
//!
//! A name without a version may mean any of them, so it must refuse only what all of them refuse: the rules
//! below lean to the permissive side in each field.

use super::{ApiVersion, Capabilities, Family, Lifecycle, Parameter, ReasoningEffort, Support, ToolsAndEffort};

/// The most permissive reading of several versions; nothing known when there are none.
pub(super) fn in_common(versions: &[&Capabilities]) -> Capabilities {
    let mut common = Capabilities::unknown();
    let Some(first) = versions.first() else {
        return common;
    };
    let all = |test: fn(&Capabilities) -> bool| versions.iter().all(|version| test(version));

    common.family = shared(versions.iter().map(|version| version.family)).unwrap_or(Family::Other);
    common.chat_completions =
        shared(versions.iter().map(|version| version.chat_completions)).unwrap_or(Support::Unknown);
    common.responses_only = all(Capabilities::is_responses_only);
    for parameter in Parameter::ALL {
        let support = shared(versions.iter().map(|version| version.supports(*parameter)));
        common.set(*parameter, support.unwrap_or(Support::Unknown));
    }
    if let Some(efforts) = union_of_efforts(versions) {
        common.set_efforts(efforts);
    }
    common.default_reasoning_effort =
        shared(versions.iter().map(|version| version.default_reasoning_effort())).flatten().cloned();
    // permissive: one version that takes the default is enough
    common.only_default_temperature = versions.iter().any(|version| version.only_default_temperature());
    common.max_completion_tokens_required = all(Capabilities::max_completion_tokens_required);
    common.system_becomes_developer = all(Capabilities::system_becomes_developer);
    common.answers_as_another = versions.iter().any(|version| version.answers_as_another);
    common.tools_and_effort =
        shared(versions.iter().map(|version| version.tools_and_effort)).unwrap_or(ToolsAndEffort::Any);
    common.context_tokens = largest(versions.iter().map(|version| version.context_tokens));
    common.max_output_tokens = largest(versions.iter().map(|version| version.max_output_tokens));
    common.output_limit_enforced = all(|version| version.output_limit_enforced);
    common.min_api_version = oldest_api_version(versions);
    common.status = status(versions).into();
    common.source = sources(versions).into();
    let checked = versions.iter().map(|version| &version.checked).min();
    common.checked = checked.unwrap_or(&first.checked).clone();
    common
}

/// The value that all share.
fn shared<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// The largest, if each is known.
fn largest(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// The efforts that any version takes, in the order of [`ReasoningEffort::KNOWN`]; `None` unless each
/// version has a list of them.
fn union_of_efforts(versions: &[&Capabilities]) -> Option<Vec<ReasoningEffort>> {
    let mut union: Vec<ReasoningEffort> = Vec::new();
    for version in versions {
        let efforts = version.reasoning_efforts().filter(|efforts| !efforts.is_empty())?;
        for effort in efforts {
            if !union.contains(effort) {
                union.push(effort.clone());
            }
        }
    }
    let place = |effort: &ReasoningEffort| ReasoningEffort::KNOWN.iter().position(|known| known == effort);
    union.sort_by_key(|effort| place(effort).unwrap_or(usize::MAX));
    Some(union)
}

fn oldest_api_version(versions: &[&Capabilities]) -> Option<ApiVersion> {
    let all: Option<Vec<ApiVersion>> = versions.iter().map(|version| version.min_api_version()).collect();
    all?.into_iter().min()
}

/// Retired when all are; retiring when the last of them is.
fn status(versions: &[&Capabilities]) -> String {
    if let Some(status) = shared(versions.iter().map(|version| version.status())) {
        return status.to_owned();
    }
    let lifecycles: Vec<Lifecycle<'_>> = versions.iter().map(|version| version.lifecycle()).collect();
    if lifecycles.iter().all(|cycle| matches!(cycle, Lifecycle::Retired(_))) {
        return "every version retired".to_owned();
    }
    let retiring = |cycle: &Lifecycle<'_>| match cycle {
        Lifecycle::Retiring(date) => Some((*date).to_owned()),
        _ => None,
    };
    let dates: Option<Vec<String>> =
        lifecycles.iter().filter(|cycle| !matches!(cycle, Lifecycle::Retired(_))).map(retiring).collect();
    match dates.and_then(|dates| dates.into_iter().max()) {
        Some(last) => format!("last version's retirement {last}"),
        None => "differs between versions".to_owned(),
    }
}

fn sources(versions: &[&Capabilities]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for key in versions.iter().flat_map(|version| version.source().split(';')) {
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReasoningEffort::{High, Low, Minimal};

    fn taking(efforts: &[ReasoningEffort]) -> Capabilities {
        Capabilities::unknown().with_reasoning_efforts(efforts.iter().cloned())
    }

    #[test]
    fn only_what_all_refuse_is_refused() {
        let cell = |support| Capabilities::unknown().with(Parameter::Tools, support);
        for (left, right, expected) in [
            (Support::No, Support::No, Support::No),
            (Support::No, Support::Yes, Support::Unknown),
            (Support::No, Support::Unknown, Support::Unknown),
            (Support::Yes, Support::Yes, Support::Yes),
            (Support::Yes, Support::Unknown, Support::Unknown),
        ] {
            for pair in [[cell(left), cell(right)], [cell(right), cell(left)]] {
                let common = in_common(&[&pair[0], &pair[1]]);
                assert_eq!(common.supports(Parameter::Tools), expected, "{left} and {right}");
            }
        }
    }

    #[test]
    fn efforts_are_joined_and_one_unknown_list_opens_them_all() {
        let (low, high, none) = (taking(&[High, Low]), taking(&[Minimal, High]), taking(&[]));
        let common = in_common(&[&low, &high]);
        assert_eq!(common.reasoning_efforts(), Some(&[Minimal, Low, High][..]));
        assert_eq!(in_common(&[&low, &Capabilities::unknown()]).reasoning_efforts(), None);
        assert_eq!(in_common(&[&low, &none]).reasoning_efforts(), None);
        assert_eq!(in_common(&[&none, &none]).reasoning_efforts(), Some(&[][..]));
    }

    #[test]
    fn limits_are_those_of_the_roomiest_version() {
        let small = Capabilities::unknown().with_context_tokens(8).with_max_output_tokens(4);
        let large = Capabilities::unknown().with_context_tokens(128);
        let common = in_common(&[&small, &large]);
        assert_eq!(common.context_tokens(), Some(128));
        assert_eq!(common.max_output_tokens(), None);
    }

    #[test]
    fn a_duty_holds_only_if_every_version_has_it() {
        let dutiful = Capabilities::unknown().with_max_completion_tokens_required(true).with_responses_only(true);
        assert!(in_common(&[&dutiful, &dutiful]).max_completion_tokens_required());
        let common = in_common(&[&dutiful, &Capabilities::unknown()]);
        assert!(!common.max_completion_tokens_required() && !common.is_responses_only());
    }

    #[test]
    fn a_name_lives_as_long_as_its_last_version() {
        let with = |status: &str| Capabilities::unknown().with_status(status);
        let (gone, also_gone) = (with("retired 2025-02-13"), with("off the schedule by 2025-12"));
        let (soon, later, open) = (with("retirement 2026-10-01"), with("retirement 2027-04-14"), with("available"));
        let cycle = |versions: &[&Capabilities], expected| assert_eq!(in_common(versions).lifecycle(), expected);
        cycle(&[&gone, &also_gone], Lifecycle::Retired(None));
        cycle(&[&gone, &later, &soon], Lifecycle::Retiring("2027-04-14"));
        cycle(&[&soon, &open], Lifecycle::Unknown);
        cycle(&[&gone, &gone], Lifecycle::Retired(Some("2025-02-13")));
    }
}
