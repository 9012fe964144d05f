//! Merging of members without a field, which several chunks of a stream can have.
//!
//! A later chunk never removes a value: `null` and `""` change nothing, objects are merged member by member, lists grow,
//! and values of different types become a list of both. Fields are merged by the types that have them.

use serde_json::{Map, Value};

use super::Extra;

/// How the strings and lists of a later chunk are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Members of a `delta`: strings are pieces of a text, and lists bring new elements.
    Delta,
    /// Members of something inside a `delta`: a string replaces the one before, and lists bring new elements.
    Piece,
    /// Members that chunks repeat: a string replaces the one before, and lists are merged by [`extend_repeated`]. Merging
    /// the same members twice in a row is merging them once.
    Repeated,
    /// Members of filter results: the values of the worse result stay, and lists are merged by [`extend_distinct`].
    Results {
        /// Whether the later result is at least as bad as the one before.
        is_newer_worse: bool,
    },
}

/// Members whose strings are names, and never pieces of a longer text.
const LABELS: &[&str] = &["type", "id", "name", "role", "format", "object", "model", "status"];

impl Extra {
    /// Merges the members of a later chunk.
    pub(crate) fn merge(&mut self, newer: &Self, how: Merge) {
        self.merge_by(newer, |_, _| how);
    }

    /// The same, where `how` depends on the values of a member before and after.
    pub(crate) fn merge_by(&mut self, newer: &Self, how: impl Fn(&Value, &Value) -> Merge) {
        for (name, value) in newer.members().into_iter().flatten() {
            let how = how(self.get(name).unwrap_or(&Value::Null), value);
            merge_member(self.members_mut(), name, value, how);
        }
    }

    /// Whether merging these members into others changes no value: all are `null` or `""`.
    pub(crate) fn brings_nothing(&self) -> bool {
        self.members().is_none_or(|members| members.values().all(is_nothing))
    }
}

fn merge_member(members: &mut Map<String, Value>, name: &str, value: &Value, how: Merge) {
    match members.get_mut(name) {
        Some(old) => merge(old, value, name, how),
        None => {
            members.insert(name.to_owned(), value.clone());
        }
    }
}

fn merge(old: &mut Value, newer: &Value, name: &str, how: Merge) {
    match (old, newer) {
        (_, Value::Null) => {}
        (_, Value::String(text)) if text.is_empty() => {}
        (Value::String(text), Value::String(more)) if how == Merge::Delta && !LABELS.contains(&name) => {
            text.push_str(more);
        }
        (Value::Object(members), Value::Object(more)) => {
            for (name, value) in more {
                merge_member(members, name, value, how);
            }
        }
        (Value::Array(list), Value::Array(more)) => merge_lists(list, more, how),
        (old, newer) if matches!(how, Merge::Results { .. }) => {
            if how == (Merge::Results { is_newer_worse: true }) || is_nothing(old) {
                *old = newer.clone();
            }
        }
        (Value::Array(list), other) => {
            if how != Merge::Repeated || list.last() != Some(other) {
                list.push(other.clone());
            }
        }
        (old, newer) if is_nothing(old) => *old = newer.clone(),
        (old, Value::Array(more)) => {
            let mut list = vec![old.take()];
            merge_lists(&mut list, more, how);
            *old = Value::Array(list);
        }
        (old, newer) if old.is_object() || newer.is_object() => *old = Value::Array(vec![old.take(), newer.clone()]),
        (old, newer) => *old = newer.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

fn merge_lists(list: &mut Vec<Value>, more: &[Value], how: Merge) {
    match how {
        Merge::Repeated => return extend_repeated(list, more),
        Merge::Results { .. } => return extend_distinct(list, more),
        Merge::Delta | Merge::Piece => {}
    }
    for element in more {
        match element_at(list, element) {
            Some(old) => merge(old, element, "", how),
            None => list.push(element.clone()),
        }
    }
}

/// Appends the elements of a list that chunks repeat: of one that begins with all elements so far, only those after them,
/// and of one that the elements so far end with, none.
pub(crate) fn extend_repeated<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    if more.starts_with(list) {
        list.extend_from_slice(more.get(list.len()..).unwrap_or_default());
    } else if !list.ends_with(more) {
        list.extend_from_slice(more);
    }
}

/// Appends the elements that a list does not have.
pub(crate) fn extend_distinct<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for element in more {
        if !list.contains(element) {
            list.push(element.clone());
        }
    }
}

/// The element with the same `index`, looked for first at that place in the list.
fn element_at<'a>(list: &'a mut [Value], element: &Value) -> Option<&'a mut Value> {
    let index = element.get("index")?.as_u64()?;
    let is_it = |other: &Value| other.get("index").and_then(Value::as_u64) == Some(index);
    let place = usize::try_from(index).ok().filter(|at| list.get(*at).is_some_and(is_it));
    let place = place.or_else(|| list.iter().rposition(is_it))?;
    list.get_mut(place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(how: Merge, values: &[Value]) -> Value {
        let mut whole = Extra::default();
        for value in values {
            let mut newer = Extra::default();
            newer.keep("member", value.clone());
            whole.merge(&newer, how);
        }
        whole.members().unwrap()["member"].clone()
    }

    #[test]
    fn nothing_and_null_take_nothing_back() {
        let results = |is_newer_worse| Merge::Results { is_newer_worse };
        for how in [Merge::Delta, Merge::Piece, Merge::Repeated, results(false), results(true)] {
            for value in [json!("a"), json!(7), json!(false), json!([1]), json!({"a": [1], "b": "c"})] {
                let later = [value.clone(), json!(null), json!("")];
                let expected = if value.is_array() { json!([1]) } else { value.clone() };
                assert_eq!(merged(how, &later), expected, "{how:?}");
                assert_eq!(merged(how, &[json!(null), json!(""), value.clone()]), value, "{how:?}");
            }
            let inner = [json!({"a": "b", "c": {"d": 1}}), json!({"a": null, "c": {"d": null}}), json!({"a": ""})];
            assert_eq!(merged(how, &inner), inner[0], "{how:?}");
        }
    }

    #[test]
    fn pieces_of_a_delta_add_up_by_index_or_in_their_order() {
        let detail = |index: u64, text: &str| json!([{"type": "reasoning.text", "index": index, "text": text}]);
        assert_eq!(
            merged(Merge::Delta, &[detail(0, "a"), detail(1, "b"), detail(0, "a"), detail(7, "c"), detail(7, "d")]),
            json!([
                {"type": "reasoning.text", "index": 0, "text": "aa"},
                {"type": "reasoning.text", "index": 1, "text": "b"},
                {"type": "reasoning.text", "index": 7, "text": "cd"},
            ])
        );
        assert_eq!(merged(Merge::Delta, &[json!(["a"]), json!(["a", 1]), json!([])]), json!(["a", "a", 1]));
        assert_eq!(
            merged(Merge::Delta, &[json!({"text": "a", "n": 1}), json!({"text": "b", "n": 2})]),
            json!({"text": "ab", "n": 2})
        );
    }

    #[test]
    fn what_changes_its_type_is_kept_in_a_list() {
        assert_eq!(merged(Merge::Delta, &[json!("a"), json!([{"b": 1}]), json!("c")]), json!(["a", {"b": 1}, "c"]));
        assert_eq!(merged(Merge::Piece, &[json!({"a": 1}), json!("b")]), json!([{"a": 1}, "b"]));
        assert_eq!(merged(Merge::Piece, &[json!("b"), json!({"a": 1})]), json!(["b", {"a": 1}]));
    }

    #[test]
    fn of_filter_results_the_values_of_the_worse_stay() {
        let values = [json!({"a": "x", "b": [1, 2]}), json!({"a": "y", "b": [2, 3], "c": 4}), json!({"a": {"d": 1}})];
        for (is_newer_worse, expected) in
            [(true, json!({"a": {"d": 1}, "b": [1, 2, 3], "c": 4})), (false, json!({"a": "x", "b": [1, 2, 3], "c": 4}))]
        {
            assert_eq!(merged(Merge::Results { is_newer_worse }, &values), expected);
        }
    }

    #[test]
    fn lists_that_chunks_repeat_are_not_doubled() {
        let repeated = |values: &[Value]| merged(Merge::Repeated, values);
        assert_eq!(repeated(&[json!([1]), json!([1]), json!([1, 2]), json!([3])]), json!([1, 2, 3]));
        assert_eq!(repeated(&[json!([1]), json!([2]), json!([2])]), json!([1, 2]));
        assert_eq!(repeated(&[json!("a"), json!("b")]), json!("b"));
        let values = [json!(1), json!("a"), json!([1]), json!([2]), json!({"a": [1]}), json!({"a": "b"}), json!(null)];
        for first in &values {
            for second in &values {
                let both = [first.clone(), second.clone()];
                let thrice = [first.clone(), second.clone(), second.clone()];
                assert_eq!(repeated(&both), repeated(&thrice), "{first} {second}");
            }
        }
    }
}
