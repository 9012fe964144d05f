//! The values that the capabilities of a model's versions have in common, by a function for each kind of field.
//!
//! A name without a version may mean any of them, so it must refuse only what all of them refuse: each function returns the
//! most permissive value, or `None` where nothing is known of all.

use std::borrow::Cow;

use super::{ApiVersion, Lifecycle, ReasoningEffort};

type Text = Cow<'static, str>;

/// The value that all share.
pub(super) fn shared<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

pub(super) fn all(mut values: impl Iterator<Item = bool>) -> Option<bool> {
    Some(values.all(|value| value))
}

pub(super) fn any(mut values: impl Iterator<Item = bool>) -> Option<bool> {
    Some(values.any(|value| value))
}

/// The largest, if each is known.
pub(super) fn largest(values: impl Iterator<Item = Option<u64>>) -> Option<Option<u64>> {
    Some(values.collect::<Option<Vec<u64>>>()?.into_iter().max())
}

/// The oldest, if each is known.
pub(super) fn oldest(versions: impl Iterator<Item = Option<ApiVersion>>) -> Option<Option<ApiVersion>> {
    Some(versions.collect::<Option<Vec<ApiVersion>>>()?.into_iter().min())
}

/// The day on which the sources of all had been read.
pub(super) fn earliest(days: impl Iterator<Item = Text>) -> Option<Text> {
    days.min()
}

/// The efforts that any version takes, in the order of [`ReasoningEffort::KNOWN`], if each version has a list of them.
pub(super) fn union_of_efforts<'a>(
    lists: impl Iterator<Item = Option<&'a [ReasoningEffort]>>,
) -> Option<Vec<ReasoningEffort>> {
    let mut union: Vec<ReasoningEffort> = Vec::new();
    for efforts in lists {
        for effort in efforts.filter(|efforts| !efforts.is_empty())? {
            if !union.contains(effort) {
                union.push(effort.clone());
            }
        }
    }
    let place = |effort: &ReasoningEffort| ReasoningEffort::KNOWN.iter().position(|known| known == effort);
    union.sort_by_key(|effort| place(effort).unwrap_or(usize::MAX));
    Some(union)
}

/// Retired when all are; retiring when the last of them is.
pub(super) fn status(statuses: impl Iterator<Item = Text>) -> Option<Text> {
    let statuses: Vec<Text> = statuses.collect();
    if let Some(status) = shared(statuses.iter()) {
        return Some(status.clone());
    }
    let lifecycles = statuses.iter().map(|status| Lifecycle::of_status(status));
    let dates: Option<Vec<&str>> = lifecycles
        .filter(|cycle| !matches!(cycle, Lifecycle::Retired(_)))
        .map(|cycle| if let Lifecycle::Retiring(date) = cycle { Some(date) } else { None })
        .collect();
    Some(match dates.map(|dates| dates.into_iter().max()) {
        None => "differs between versions".into(),
        Some(None) => "every version retired".into(),
        Some(Some(last)) => format!("last version's retirement {last}").into(),
    })
}

/// The keys of all sources, each once.
pub(super) fn sources(sources: impl Iterator<Item = Text>) -> Option<Text> {
    let mut keys: Vec<String> = Vec::new();
    for source in sources {
        for key in source.split(';').filter(|key| !key.is_empty()) {
            if !keys.iter().any(|known| known == key) {
                keys.push(key.to_owned());
            }
        }
    }
    Some(keys.join(";").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Capabilities, Parameter, Support};
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
                let common = Capabilities::in_common(&[&pair[0], &pair[1]]);
                assert_eq!(common.supports(Parameter::Tools), expected, "{left} and {right}");
            }
        }
    }

    #[test]
    fn efforts_are_joined_and_one_unknown_list_opens_them_all() {
        let (low, high, none) = (taking(&[High, Low]), taking(&[Minimal, High]), taking(&[]));
        let common = Capabilities::in_common(&[&low, &high]);
        assert_eq!(common.reasoning_efforts(), Some(&[Minimal, Low, High][..]));
        assert_eq!(Capabilities::in_common(&[&low, &Capabilities::unknown()]).reasoning_efforts(), None);
        assert_eq!(Capabilities::in_common(&[&low, &none]).reasoning_efforts(), None);
        assert_eq!(Capabilities::in_common(&[&none, &none]).reasoning_efforts(), Some(&[][..]));
    }

    #[test]
    fn limits_are_those_of_the_roomiest_version() {
        let small = Capabilities::unknown().with_context_tokens(8).with_max_output_tokens(4);
        let large = Capabilities::unknown().with_context_tokens(128);
        let common = Capabilities::in_common(&[&small, &large]);
        assert_eq!(common.context_tokens(), Some(128));
        assert_eq!(common.max_output_tokens(), None);
    }

    #[test]
    fn a_duty_holds_only_if_every_version_has_it() {
        let dutiful = Capabilities::unknown().with_max_completion_tokens_required(true).with_responses_only(true);
        assert!(Capabilities::in_common(&[&dutiful, &dutiful]).max_completion_tokens_required());
        let common = Capabilities::in_common(&[&dutiful, &Capabilities::unknown()]);
        assert!(!common.max_completion_tokens_required() && !common.is_responses_only());
    }

    #[test]
    fn a_name_lives_as_long_as_its_last_version() {
        let with = |status: &str| Capabilities::unknown().with_status(status);
        let (gone, also_gone) = (with("retired 2025-02-13"), with("off the schedule by 2025-12"));
        let (soon, later, open) = (with("retirement 2026-10-01"), with("retirement 2027-04-14"), with("available"));
        let cycle =
            |versions: &[&Capabilities], expected| assert_eq!(Capabilities::in_common(versions).lifecycle(), expected);
        cycle(&[&gone, &also_gone], Lifecycle::Retired(None));
        cycle(&[&gone, &later, &soon], Lifecycle::Retiring("2027-04-14"));
        cycle(&[&soon, &open], Lifecycle::Unknown);
        cycle(&[&gone, &gone], Lifecycle::Retired(Some("2025-02-13")));
    }
}
