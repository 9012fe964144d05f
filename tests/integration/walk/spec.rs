//! The specifications as the walk sees them: objects with their fields, the places where an object can
//! stand in a body, and values of every type.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// One api version.
pub(super) struct Spec {
    pub(super) version: String,
    /// The names of the outermost objects: request, response, stream, error.
    pub(super) roots: BTreeMap<String, String>,
    objects: BTreeMap<String, Vec<Field>>,
    /// What can stand where the specification names a more general object: where that has a discriminator.
    subtypes: BTreeMap<String, BTreeSet<String>>,
    /// What is made from an object by adding fields.
    extensions: BTreeMap<String, BTreeSet<String>>,
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) kinds: Vec<Kind>,
    /// The words of an enum.
    words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    Null,
    Any,
    List(Vec<Self>),
    Map(Vec<Self>),
    /// An object with fields of its own, by its name.
    Object(String),
}

/// The way from the outermost object to an inner one.
pub(super) type Place = Vec<Step>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Element,
}

/// Every api version of `fields.csv`.
pub(super) fn specs(folder: &Path) -> Vec<Spec> {
    let table = fs::read_to_string(folder.join("fields.csv")).unwrap();
    let mut objects: BTreeMap<&str, BTreeMap<String, Vec<Field>>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [version, object, field, kind, _required, words, _direction] = columns[..] else {
            panic!("seven columns are expected: {line}");
        };
        let fields = objects.entry(version).or_default().entry(object.to_owned()).or_default();
        fields.push(Field {
            name: field.to_owned(),
            kinds: kinds(kind, &format!("{object}.{field}")),
            words: words.split('|').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        });
    }
    let specs: Vec<Spec> = objects
        .into_iter()
        .map(|(version, objects)| {
            let text = fs::read_to_string(folder.join(format!("{version}.chat.json"))).unwrap();
            Spec::new(version, objects, &serde_json::from_str(&text).unwrap())
        })
        .collect();
    assert_eq!(specs.len(), 9);
    specs
}

/// The alternatives of a type; `path` names the objects that are written out in it.
fn kinds(text: &str, path: &str) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut depth = 0;
    for part in text.split_inclusive(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        c == '|' && depth == 0
    }) {
        let part = part.strip_suffix('|').unwrap_or(part);
        let inside = |name: &str| part.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>');
        kinds.push(match part {
            "string" => Kind::Text,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            "null" => Kind::Null,
            "any" => Kind::Any,
            "object" => Kind::Object(path.to_owned()),
            _ => match (part.strip_prefix("ref:"), inside("array"), inside("map")) {
                (Some(name), ..) => Kind::Object(name.to_owned()),
                (_, Some(inner), _) => Kind::List(self::kinds(inner, &format!("{path}[]"))),
                (.., Some(inner)) => Kind::Map(self::kinds(inner, path)),
                _ => panic!("unknown type {part}"),
            },
        });
    }
    kinds
}

impl Spec {
    fn new(version: &str, objects: BTreeMap<String, Vec<Field>>, document: &Value) -> Self {
        let definitions = document["definitions"].as_object().unwrap();
        let name = |reference: &Value| reference.as_str().unwrap().replace("#/definitions/", "");
        let mut subtypes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut extensions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (own, definition) in definitions {
            for base in definition["allOf"].as_array().into_iter().flatten().filter_map(|base| base.get("$ref")) {
                let base = name(base);
                if definitions[&base].get("discriminator").is_some() {
                    subtypes.entry(base.clone()).or_default().insert(own.clone());
                }
                extensions.entry(base).or_default().insert(own.clone());
            }
            for sub in definition["discriminator"]["mapping"].as_object().into_iter().flatten() {
                subtypes.entry(own.clone()).or_default().insert(name(sub.1));
            }
        }
        let roots = document["roots"].as_object().unwrap().iter().map(|(root, reference)| {
            // v1-early names its outermost objects twice
            let first = name(reference);
            let alias = definitions[&first].get("$ref").map(name);
            (root.clone(), alias.unwrap_or(first))
        });
        Self { version: version.to_owned(), roots: roots.collect(), objects, subtypes, extensions }
    }

    /// Takes a field out of the walk.
    pub(super) fn take(&mut self, object: &str, field: &str) -> Field {
        let (fields, at) = self.find(object, field);
        fields.remove(at)
    }

    /// Gives a field another type than the specification does.
    pub(super) fn retype(&mut self, object: &str, field: &str, kind: &str) {
        let (fields, at) = self.find(object, field);
        fields[at].kinds = kinds(kind, "");
    }

    fn find(&mut self, object: &str, field: &str) -> (&mut Vec<Field>, usize) {
        let fields = self.objects.get_mut(object).unwrap_or_else(|| panic!("no object {object}"));
        let at = fields.iter().position(|known| known.name == field);
        (fields, at.unwrap_or_else(|| panic!("no field {field} in {object}")))
    }

    pub(super) fn fields(&self, object: &str) -> &[Field] {
        self.objects.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// An object and everything that can stand for it.
    fn family(&self, object: &str) -> Vec<String> {
        let mut family = vec![object.to_owned()];
        for sub in self.subtypes.get(object).into_iter().flatten() {
            family.extend(self.family(sub));
        }
        family
    }

    /// Whether every field of the object is looked at as a field of some `reached` object.
    pub(super) fn is_base_of_any(&self, object: &str, reached: &BTreeSet<String>) -> bool {
        let made = self.extensions.get(object).into_iter().flatten();
        made.chain(self.subtypes.get(object).into_iter().flatten())
            .any(|other| reached.contains(other) || self.is_base_of_any(other, reached))
    }

    /// Every object below a root, at each of its places. An object inside itself is not entered again.
    pub(super) fn places(&self, root: &str) -> Vec<(String, Place)> {
        let mut places = Vec::new();
        self.enter(root, &mut Vec::new(), &mut Vec::new(), &mut places);
        places
    }

    fn enter(&self, object: &str, place: &mut Place, above: &mut Vec<String>, places: &mut Vec<(String, Place)>) {
        if above.iter().any(|name| name == object) {
            return;
        }
        above.push(object.to_owned());
        places.push((object.to_owned(), place.clone()));
        for field in self.fields(object) {
            place.push(Step::Member(field.name.clone()));
            self.enter_kinds(&field.kinds, place, above, places);
            place.pop();
        }
        above.pop();
    }

    fn enter_kinds(
        &self,
        kinds: &[Kind],
        place: &mut Place,
        above: &mut Vec<String>,
        places: &mut Vec<(String, Place)>,
    ) {
        for kind in kinds {
            match kind {
                Kind::Object(name) => {
                    for member in self.family(name) {
                        self.enter(&member, place, above, places);
                    }
                }
                Kind::List(inner) => {
                    place.push(Step::Element);
                    self.enter_kinds(inner, place, above, places);
                    place.pop();
                }
                _ => {}
            }
        }
    }

    /// Values of a field, at least one for each alternative and each word.
    pub(super) fn values(&self, field: &Field) -> Vec<Value> {
        self.values_of(&field.kinds, &field.words, &mut Vec::new())
    }

    fn values_of(&self, kinds: &[Kind], words: &[String], above: &mut Vec<String>) -> Vec<Value> {
        let mut values = Vec::new();
        for kind in kinds {
            match kind {
                Kind::Text if words.is_empty() => values.push(json!("walk")),
                Kind::Text => values.extend(words.iter().map(|word| json!(word))),
                Kind::Integer => values.extend([json!(1), json!(0)]),
                Kind::Number => values.extend([json!(0.5), json!(1)]),
                Kind::Boolean => values.extend([json!(true), json!(false)]),
                Kind::Null => values.push(Value::Null),
                Kind::Any => values.extend([json!({"walk": [1, null]}), json!({})]),
                Kind::Map(inner) => {
                    let member = self.values_of(inner, &[], above).swap_remove(0);
                    values.extend([json!({"walk": member}), json!({})]);
                }
                Kind::List(inner) => {
                    let elements = self.values_of(inner, words, above);
                    values.extend([json!(elements), json!([])]);
                }
                Kind::Object(name) => {
                    for member in self.family(name) {
                        values.push(self.whole(&member, above));
                    }
                }
            }
        }
        values
    }

    /// The object with all of its fields.
    fn whole(&self, object: &str, above: &mut Vec<String>) -> Value {
        let mut members = Map::new();
        if !above.iter().any(|name| name == object) {
            above.push(object.to_owned());
            for field in self.fields(object) {
                let value = self.values_of(&field.kinds, &field.words, above).swap_remove(0);
                members.insert(field.name.clone(), value);
            }
            above.pop();
        }
        Value::Object(members)
    }
}

impl Field {
    /// A value that no alternative of the field allows, if there is one.
    pub(super) fn wrong_value(&self) -> Option<Value> {
        let allowed = |value: &Value| {
            self.kinds.iter().any(|kind| match kind {
                Kind::Any => true,
                Kind::Text => value.is_string(),
                Kind::Integer | Kind::Number => value.is_number(),
                Kind::Boolean => value.is_boolean(),
                Kind::Null => value.is_null(),
                Kind::List(_) => value.is_array(),
                Kind::Map(_) | Kind::Object(_) => value.is_object(),
            })
        };
        [json!(true), json!(7), json!("walk")].into_iter().find(|value| !allowed(value))
    }
}

/// A body that says nothing but `value` at `place`.
pub(super) fn wrap(place: &[Step], value: Value) -> Value {
    place.iter().rev().fold(value, |inner, step| match step {
        Step::Member(name) => json!({name: inner}),
        Step::Element => json!([inner]),
    })
}

/// The place in words, such as `choices[].message`.
pub(super) fn path(place: &[Step], field: &str) -> String {
    let mut path = String::new();
    for step in place {
        match step {
            Step::Member(name) if path.is_empty() => path.push_str(name),
            Step::Member(name) => path.extend([".", name]),
            Step::Element => path.push_str("[]"),
        }
    }
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}
