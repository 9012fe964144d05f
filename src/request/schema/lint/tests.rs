//! Tests of the checks of strict schemas.

use super::*;
use serde_json::json;

fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
}

fn found(schema: &Value) -> Vec<(String, Rule)> {
    let findings = lint_schema(schema);
    findings.iter().map(|one| (one.pointer().to_owned(), one.rule())).collect()
}

fn texts(schema: &Value) -> Vec<String> {
    lint_schema(schema).iter().map(ToString::to_string).collect()
}

/// The only finding: whether it is advice, and its text.
#[track_caller]
fn only(schema: &Value) -> (bool, String) {
    let findings = lint_schema(schema);
    assert_eq!(findings.len(), 1, "{findings:?}");
    (findings[0].is_advice(), findings[0].to_string())
}

#[test]
fn everything_that_is_supported_makes_no_finding() {
    let schema = json!({
        "type": "object",
        "title": "Order",
        "description": "an order",
        "properties": {
            "text": {"type": "string", "description": "free text"},
            "word": {"type": "string", "enum": ["a", "b"]},
            "one": {"const": "x"},
            "maybe": {"type": ["string", "null"]},
            "numbers": {"type": "array", "items": {"type": "number"}},
            "either": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/node"}, {"type": "boolean"}]},
            "wrapped": {"anyOf": [{"$ref": "#/$defs/node"}], "description": "said outside"},
            "empty": {"type": "object", "properties": {}, "additionalProperties": false},
            "root": {"$ref": "#"}
        },
        "required": ["text", "word", "one", "maybe", "numbers", "either", "wrapped", "empty", "root"],
        "additionalProperties": false,
        "$defs": {"node": object(json!({"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}))}
    });
    assert_eq!(lint_schema(&schema), []);
}

#[test]
fn every_refused_keyword_is_a_violation_with_a_way_out() {
    for key in [
        "uniqueItems",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
        "minContains",
        "maxContains",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "prefixItems",
    ] {
        let findings = lint_schema(&object(json!({"a": {"type": "string", key: []}})));
        assert_eq!(findings.len(), 1, "{key}");
        assert_eq!(findings[0].pointer(), format!("/properties/a/{key}"));
        assert_eq!(findings[0].rule(), Rule::UnsupportedKeyword);
        assert_eq!(findings[0].keyword(), Some(key));
        assert!(!findings[0].is_advice(), "{key}");
        assert!(findings[0].message().starts_with(&format!("strict mode does not support `{key}`: ")));
    }
}

#[test]
fn every_keyword_that_only_the_documentation_refuses_is_advice() {
    for key in
        ["minimum", "maximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "default"]
    {
        let findings = lint_schema(&object(json!({"a": {"type": "string", key: 1}})));
        assert_eq!(findings.len(), 1, "{key}");
        assert_eq!(findings[0].pointer(), format!("/properties/a/{key}"));
        assert_eq!(findings[0].keyword(), Some(key));
        assert!(findings[0].is_advice(), "{key}");
    }
    for format in ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"] {
        let (advice, text) = only(&object(json!({"a": {"type": "string", "format": format}})));
        assert!(advice, "{format}");
        assert_eq!(text.contains("leave it out"), format == "uri", "{text}");
    }
}

#[test]
fn nothing_may_be_beside_a_reference() {
    let with = |beside: Value| {
        let mut property = json!({"$ref": "#/$defs/p"});
        property.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        let mut schema = object(json!({"a": property}));
        schema["$defs"] = json!({"p": object(json!({}))});
        lint_schema(&schema)
    };
    assert_eq!(with(json!({})), []);
    for key in ["description", "title", "type", "default", "$defs", "x-own"] {
        let findings = with(json!({key: "object"}));
        let refused: Vec<_> = findings.iter().filter(|one| one.rule() == Rule::RefSibling).collect();
        assert_eq!(refused.len(), 1, "{key}");
        assert_eq!(refused[0].pointer(), format!("/properties/a/{key}"));
        assert_eq!(refused[0].keyword(), Some(key));
        assert!(!refused[0].is_advice());
    }
    assert_eq!(
        with(json!({"description": "words"}))[0].message(),
        "`description` beside a `$ref` is refused: make the `$ref` the only branch of an `anyOf`, or write the \
         schema out in full"
    );
    let root = json!({"$ref": "#/$defs/p", "description": "d", "$defs": {"p": object(json!({}))}});
    assert_eq!(found(&root), [("/description".to_owned(), Rule::RefSibling)]);
}

#[test]
fn every_schema_says_what_it_holds() {
    let schema = object(json!({
        "a": true, "b": {}, "c": {"description": "anything"}, "d": {"type": "array"},
        "e": {"type": "array", "items": {}}, "f": {"anyOf": [{"type": "string"}, {}]}
    }));
    let untyped = ["a", "b", "c", "d", "e/items", "f/anyOf/1"];
    assert_eq!(found(&schema), untyped.map(|place| (format!("/properties/{place}"), Rule::Untyped)));
}

#[test]
fn the_root_is_an_object_and_no_union() {
    let text = |schema: Value| texts(&schema).into_iter().next().unwrap_or_default();
    assert_eq!(
        text(json!(true)),
        "root: the schema is not a JSON object: strict mode needs one that describes an object"
    );
    assert_eq!(
        text(json!("{\"type\": \"object\"}")),
        "root: the schema is a string: pass an object, which serde_json::from_str(..) reads from the text"
    );
    assert_eq!(
        text(json!({"anyOf": [{"type": "string"}]})),
        "root: the root is `anyOf`: put it into an object with one property"
    );
    for schema in [json!({}), json!({"type": "string"}), json!({"type": ["object", "null"]})] {
        assert_eq!(text(schema), "root: the root is not of type `object`: put it into an object with one property");
    }
    let by_reference = json!({"$ref": "#/$defs/a", "$defs": {"a": object(json!({}))}});
    assert_eq!(found(&by_reference), []);
    assert_eq!(found(&json!({"$ref": "#"})), [(String::new(), Rule::RootObject)]);
}

#[test]
fn objects_are_closed() {
    let mut schema = object(json!({"in": {"type": "object"}}));
    assert_eq!(texts(&schema), ["/properties/in: the object is open: add `additionalProperties: false`"]);
    for open in [json!(true), json!({"type": "string"})] {
        schema["properties"]["in"]["additionalProperties"] = open;
        assert_eq!(
            texts(&schema),
            ["/properties/in/additionalProperties: keys that the schema does not name are not allowed: \
              name every property, or use a list of key and value objects"]
        );
    }
    let mixed = object(json!({"in": {"type": "object", "anyOf": []}}));
    assert_eq!(
        lint_schema(&mixed)[0].message(),
        "an object that is also a union cannot be closed: move its properties into every branch"
    );
}

#[test]
fn properties_and_required_name_the_same() {
    let mut schema = object(json!({"a/b": {"type": "string"}, "n": {"type": ["integer", "null"]}}));
    schema["required"] = json!(["gone", 7]);
    assert_eq!(
        texts(&schema),
        [
            "/properties/a~1b: `a/b` is not in `required`: list it there, and allow `null` if it may be missing",
            "/properties/n: `n` is not in `required`: list it there, and allow `null` if it may be missing",
            "/required/0: `required` names a property that does not exist: add it or remove the name",
            "/required/1: `required` names a property that does not exist: add it or remove the name",
        ]
    );
    schema["required"] = json!(["a/b"]);
    schema["properties"]["n"]["default"] = json!(3);
    assert_eq!(
        texts(&schema)[0],
        "/properties/n: `n` is not in `required`: strict mode has no defaults: make it required, \
         or allow `null` and fill in the default in your code"
    );
}

#[test]
fn in_a_wide_object_each_missing_name_is_found() {
    let mut schema = wide(40);
    let names = schema["properties"]["in"]["required"].as_array_mut().unwrap();
    names.retain(|name| name != "p7" && name != "p31");
    let missing = ["p31", "p7"].map(|name| (format!("/properties/in/properties/{name}"), Rule::Required));
    assert_eq!(found(&schema), missing);
}

fn wide(count: usize) -> Value {
    let inner: Map<String, Value> = (1..count).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    object(json!({"in": object(inner.into())}))
}

#[test]
fn the_properties_of_all_objects_are_counted() {
    assert_eq!(lint_schema(&wide(100)), []);
    let page = "the documentation allows 100, and newer models take 5000";
    assert_eq!(only(&wide(101)), (true, format!("root: the schema has 101 properties; {page}")));
    assert_eq!(only(&wide(5000)), (true, format!("root: the schema has 5000 properties; {page}")));
    let way_out = "leave some out, or split the request";
    let message = format!("root: the schema has 5001 properties and strict mode allows 5000: {way_out}");
    assert_eq!(only(&wide(5001)), (false, message));
    assert_eq!(lint_schema(&wide(5001))[0].count(), Some(5001));
}

#[test]
fn the_values_of_all_enums_are_counted_and_those_of_a_definition_once() {
    let values = |count: usize| json!({"type": "integer", "enum": (0..count).collect::<Vec<_>>()});
    let shared = |count: usize| {
        let mut schema = object(json!({
            "a": {"$ref": "#/$defs/e"}, "b": {"$ref": "#/$defs/e"}, "c": {"$ref": "#/$defs/e"}, "d": values(400)
        }));
        schema["$defs"] = json!({"e": values(count)});
        schema
    };
    assert_eq!(lint_schema(&shared(600)), []);
    let way_out = "leave some out, or split the request";
    let message = format!("root: the schema has 1001 values in its `enum`s and strict mode allows 1000: {way_out}");
    assert_eq!(only(&shared(601)), (false, message));
    assert_eq!(lint_schema(&shared(601))[0].rule(), Rule::EnumCount);
}

#[test]
fn long_enums_and_long_texts_are_advice() {
    let words = |count: usize, length: usize| -> Value {
        let words: Vec<String> = (0..count).map(|n| format!("{n:0>length$}")).collect();
        json!({"type": "string", "enum": words})
    };
    assert_eq!(lint_schema(&object(json!({"a": words(251, 59)}))), []);
    assert_eq!(lint_schema(&object(json!({"a": words(250, 70)}))), []);
    let message = "/properties/a/enum: the `enum` has 15060 characters, and OpenAI allows 15000 where it has more \
                   than 250 values: shorten it";
    assert_eq!(only(&object(json!({"a": words(251, 60)}))), (true, message.to_owned()));

    let text = |length: usize| {
        let mut schema = object(json!({"ab": {"const": "\u{e9}".repeat(length)}}));
        schema["$defs"] = json!({"c": {"type": "null"}});
        schema
    };
    assert_eq!(lint_schema(&text(119_997)), []);
    let message = "root: the names and values of the schema have 120001 characters, and OpenAI allows 120000: \
                   leave some out, or split the request";
    assert_eq!(only(&text(119_998)), (true, message.to_owned()));
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(object(json!({"end": {"type": "string"}})), |inner, _| object(json!({"in": inner})))
}

#[test]
fn ten_levels_of_objects_are_allowed_and_more_than_five_are_advice() {
    let place = |level: usize| "/properties/in".repeat(level - 1);
    let page = "the documentation allows 5, and newer models take 10";
    assert_eq!(lint_schema(&nested(5)), []);
    assert_eq!(only(&nested(6)), (true, format!("{}: the object is on level 6; {page}", place(6))));
    assert_eq!(only(&nested(10)), (true, format!("{}: the object is on level 10; {page}", place(10))));
    let refused = "and strict mode allows 10: flatten the schema, or split the request";
    assert_eq!(only(&nested(11)), (false, format!("{}: the object is on level 11 {refused}", place(11))));
    assert_eq!(lint_schema(&nested(13))[0].count(), Some(13));
}

#[test]
fn lists_unions_and_references_are_no_level_but_what_they_hold_is() {
    let chain = |last: Value| {
        let list = json!({"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}});
        let mut schema = object(json!({"again": list, "list": list}));
        schema["$defs"] = json!({"a": object(json!({"in": last}))});
        schema
    };
    assert!(lint_schema(&chain(nested(8)))[0].is_advice());
    let place = "/$defs/a".to_owned() + &"/properties/in".repeat(9);
    assert_eq!(found(&chain(nested(9))), [(place, Rule::Nesting)]);
    assert!(!lint_schema(&chain(nested(9)))[0].is_advice());
}

#[test]
fn a_schema_that_contains_itself_counts_once() {
    let mut schema = object(json!({
        "next": {"$ref": "#"}, "tree": {"$ref": "#/$defs/tree"},
        "inline": object(json!({"up": {"$ref": "#/properties/inline"}, "deep": nested(3)}))
    }));
    schema["$defs"] = json!({"tree": object(json!({"left": {"$ref": "#/$defs/tree"}, "root": {"$ref": "#"}}))});
    assert_eq!(lint_schema(&schema), []);
}

#[test]
fn names_and_values_are_no_keywords() {
    let names = ["pattern", "oneOf", "$ref", "properties", "type", "required", "$defs"];
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    assert_eq!(lint_schema(&object(properties.into())), []);
    let value = json!({"type": "string", "enum": ["a"], "examples": [{"$ref": "#/no", "pattern": "a"}]});
    assert_eq!(lint_schema(&object(json!({"a": value}))), []);
}

#[test]
fn unknown_types_are_named() {
    let schema = object(json!({"a": {"type": "date"}, "b": {"type": ["string", "void"]}, "c": {"type": 3}}));
    let list = "string, number, boolean, integer, object, array, null";
    assert_eq!(
        texts(&schema),
        [
            format!("/properties/a/type: strict mode does not know the type `date`: use one of {list}"),
            format!("/properties/b/type/1: strict mode does not know the type `void`: use one of {list}"),
            format!("/properties/c/type: a type is a string: use one of {list}"),
        ]
    );
}

#[test]
fn a_reference_to_nothing_is_named() {
    let schema = object(json!({"a": {"$ref": "#/$defs/no"}, "b": {"$ref": "other.json"}, "c": {"$ref": "#anchor"}}));
    assert_eq!(
        texts(&schema),
        [
            "/properties/a/$ref: nothing in the schema is at `#/$defs/no`: add it under `$defs`",
            "/properties/b/$ref: nothing in the schema is at `other.json`: add it under `$defs`",
        ]
    );
}

#[test]
fn hostile_schemas_end() {
    let deep = (0..500).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    assert!(found(&deep).iter().any(|(_, rule)| *rule == Rule::Nesting));

    let doubling = |object_of: &dyn Fn(Value) -> Value| {
        let definitions: Map<String, Value> =
            (0..200).map(|n| (format!("d{n}"), object_of(json!({"$ref": format!("#/$defs/d{}", n + 1)})))).collect();
        let mut schema = object(json!({"a": {"$ref": "#/$defs/d0"}}));
        schema["$defs"] = definitions.into();
        found(&schema)
    };
    assert_eq!(doubling(&|next| json!({"anyOf": [next, next, next]})).len(), 3);
    let rules: Vec<Rule> =
        doubling(&|next| object(json!({"x": next, "y": next}))).into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [Rule::UnresolvedRef, Rule::UnresolvedRef, Rule::PropertyCount, Rule::Nesting]);

    let circle = json!({"type": "object", "$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    assert_eq!(found(&circle)[0].1, Rule::RootObject);
}
