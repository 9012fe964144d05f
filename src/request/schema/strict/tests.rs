use super::*;
use crate::request::schema::SchemaRule;
use proptest::prelude::*;

fn in_object(property: &Value) -> Value {
    json!({"type": "object", "properties": {"a": property}, "required": ["a"], "additionalProperties": false})
}

/// What becomes of a required property `a`, in a schema where the service is left with nothing to refuse.
fn property(before: Value) -> Value {
    let (mut schema, findings) = make_strict(in_object(&before));
    assert!(findings.iter().all(SchemaFinding::is_advice), "{before}: {findings:?}");
    schema["properties"]["a"].take()
}

fn places(findings: &[SchemaFinding]) -> Vec<(&str, SchemaRule)> {
    findings.iter().map(|one| (one.pointer(), one.rule())).collect()
}

#[test]
fn optional_properties_become_required_and_nullable() {
    let optional = |schema: Value| {
        let root = json!({"properties": {"a": schema}, "type": "object", "$defs": {"d": {"type": "string"}}});
        let (mut strict, findings) = make_strict(root);
        assert_eq!(findings, []);
        assert_eq!(strict["required"], json!(["a"]));
        assert_eq!(strict["additionalProperties"], json!(false));
        strict["properties"]["a"].take()
    };
    assert_eq!(optional(json!({"type": "string"})), json!({"type": ["string", "null"]}));
    assert_eq!(optional(json!({"type": ["string", "integer"]})), json!({"type": ["string", "integer", "null"]}));
    assert_eq!(
        optional(json!({"type": "string", "enum": ["x"]})),
        json!({"type": ["string", "null"], "enum": ["x", null]})
    );
    assert_eq!(optional(json!({"type": ["string", "null"], "default": null})), json!({"type": ["string", "null"]}));
    assert_eq!(
        optional(json!({"$ref": "#/$defs/d", "description": "word"})),
        json!({"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}], "description": "word"})
    );
    assert_eq!(optional(json!({"$ref": "#/$defs/d"})), json!({"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]}));
    assert_eq!(
        optional(json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/d"}]})),
        json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/d"}, {"type": "null"}]})
    );
}

#[test]
fn a_property_with_a_default_stays_and_is_reported() {
    for kind in [json!("integer"), json!(["integer", "null"])] {
        let before = json!({
            "type": "object",
            "properties": {"a": {"type": kind, "default": 3}},
            "additionalProperties": false
        });
        let (after, findings) = make_strict(before.clone());
        assert_eq!(after, before);
        assert_eq!(
            places(&findings),
            [("/properties/a", SchemaRule::Required), ("/properties/a/default", SchemaRule::UnsupportedKeyword)]
        );
    }
}

#[test]
fn numbers_lose_their_format_and_keep_their_range() {
    assert_eq!(
        property(json!({"type": "integer", "format": "uint32", "minimum": 0})),
        json!({"type": "integer", "minimum": 0})
    );
    assert_eq!(
        property(json!({"type": ["integer", "null"], "format": "int8", "minimum": 1, "maximum": 127})),
        json!({"type": ["integer", "null"], "minimum": 1, "maximum": 127})
    );
    assert_eq!(property(json!({"type": "number", "format": "double"})), json!({"type": "number"}));
}

#[test]
fn what_newer_models_honour_stays_and_is_advice() {
    for kept in [
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "uint8"}),
        json!({"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a"}),
        json!({"type": "array", "items": {"type": "number", "multipleOf": 5}, "minItems": 1, "maxItems": 3}),
    ] {
        assert_eq!(property(kept.clone()), kept);
        let keywords = make_strict(in_object(&kept)).1;
        assert!(!keywords.is_empty() && keywords.iter().all(|one| one.keyword().is_some()));
    }
}

#[test]
fn one_of_becomes_any_of() {
    let described = json!({"oneOf": [{"const": "a", "description": "first"}, {"const": 2}, {"type": "null"}]});
    assert_eq!(
        property(described),
        json!({"anyOf": [
            {"type": "string", "enum": ["a"], "description": "first"},
            {"type": "integer", "enum": [2]},
            {"type": "null"}
        ]})
    );
    let closed = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let after = property(json!({"oneOf": [closed("x"), closed("y")]}));
    assert_eq!(after["anyOf"][1]["additionalProperties"], json!(false));

    let both = json!({"oneOf": [{"type": "string"}], "anyOf": [{"type": "string"}]});
    let (schema, findings) = make_strict(in_object(&both));
    assert_eq!(schema["properties"]["a"], both);
    assert_eq!(places(&findings), [("/properties/a/oneOf", SchemaRule::UnsupportedKeyword)]);
}

#[test]
fn an_all_of_of_one_part_becomes_the_part_however_often_it_is_wrapped() {
    let wrapped = json!({"description": "d", "allOf": [{"allOf": [{"type": "string", "description": "inner"}]}]});
    assert_eq!(property(wrapped), json!({"type": "string", "description": "d"}));
    let two = json!({"allOf": [{"type": "string"}, {"minLength": 1}]});
    assert_eq!(make_strict(in_object(&two)).0["properties"]["a"], two);
}

#[test]
fn references_stand_alone() {
    let mut schema = in_object(&json!({"description": "whose", "allOf": [{"$ref": "#/definitions/p"}]}));
    schema["definitions"] = json!({"p": {"type": "string"}, "unused": {"$ref": "#/definitions/other"}, "other": {}});
    let (strict, findings) = make_strict(schema);
    assert_eq!(findings, []);
    assert_eq!(strict["properties"]["a"], json!({"description": "whose", "anyOf": [{"$ref": "#/definitions/p"}]}));
    assert_eq!(strict["definitions"], json!({"p": {"type": "string"}}));
}

#[test]
fn properties_beside_a_reference_are_written_out_with_it() {
    let beside = json!({
        "$ref": "#/$defs/p", "type": "object", "properties": {"kind": {"const": "p"}}, "required": ["kind"]
    });
    let mut schema = in_object(&beside);
    schema["$defs"] = json!({"p": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}});
    let (strict, findings) = make_strict(schema.clone());
    assert_eq!(findings, []);
    assert_eq!(
        strict["properties"]["a"],
        json!({
            "type": "object",
            "properties": {"kind": {"type": "string", "enum": ["p"]}, "x": {"type": "string"}},
            "required": ["x", "kind"],
            "additionalProperties": false
        })
    );
    assert_eq!(strict.get("$defs"), None);

    schema["$defs"]["p"]["properties"]["kind"] = json!({"type": "string"});
    let (strict, findings) = make_strict(schema);
    assert_eq!(strict["properties"]["a"], beside);
    assert!(findings.iter().any(|one| one.rule() == SchemaRule::RefSibling && one.keyword() == Some("properties")));
}

#[test]
fn a_root_that_is_a_reference_is_written_out() {
    let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}});
    let (strict, findings) = make_strict(json!({"$ref": "#/$defs/node", "$defs": {"node": node}}));
    assert_eq!(findings, []);
    assert_eq!(strict["type"], json!("object"));
    assert_eq!(strict["required"], json!(["next"]));
    assert_eq!(strict["$defs"]["node"]["additionalProperties"], json!(false));
}

#[test]
fn what_cannot_be_strict_is_named_and_stays() {
    for (stays, place, rule) in [
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            "/additionalProperties",
            SchemaRule::AdditionalProperties,
        ),
        (
            json!({"type": "object", "additionalProperties": true}),
            "/additionalProperties",
            SchemaRule::AdditionalProperties,
        ),
        (json!({"type": "array", "prefixItems": [{"type": "string"}]}), "/prefixItems", SchemaRule::UnsupportedKeyword),
        (json!(true), "", SchemaRule::Untyped),
        (json!({}), "", SchemaRule::Untyped),
        (json!({"type": "array"}), "", SchemaRule::Untyped),
        (json!({"type": "array", "items": true}), "/items", SchemaRule::Untyped),
        (json!({"type": "string", "not": {"const": "x"}}), "/not", SchemaRule::UnsupportedKeyword),
    ] {
        let (schema, findings) = make_strict(in_object(&stays));
        assert_eq!(schema["properties"]["a"], stays);
        assert_eq!(places(&findings), [(format!("/properties/a{place}").as_str(), rule)]);
    }
    let flattened = json!({
        "type": "object", "properties": {"x": {"type": "string"}},
        "anyOf": [{"type": "object", "properties": {"y": {"type": "string"}}}]
    });
    let (schema, findings) = make_strict(in_object(&flattened));
    assert_eq!(schema["properties"]["a"], flattened);
    assert!(places(&findings).contains(&("/properties/a", SchemaRule::AdditionalProperties)));
}

#[test]
fn a_schema_without_an_end_is_returned_as_it_is() {
    let endless = json!({"$ref": "#/$defs/s", "type": "object", "properties": {"t": {"const": "s"}}});
    let mut schema = in_object(&endless);
    schema["$defs"] = json!({"s": {"type": "object", "properties": {"c": endless}}});
    let (strict, findings) = make_strict(schema.clone());
    assert_eq!(strict, schema);
    assert!(!findings.is_empty());
}

#[test]
fn references_that_cross_are_followed_once() {
    let again = json!({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]});
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": again, "b": again}
    });
    let (strict, findings) = make_strict(schema);
    assert_eq!(findings, []);
    assert_eq!(strict["properties"]["a"], json!({"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}));

    let definitions: Map<String, Value> = (0..60)
        .map(|n| {
            let next =
                json!({"$ref": format!("#/$defs/d{}", n + 1), "properties": {format!("p{n}"): {"type": "null"}}});
            (format!("d{n}"), json!({"type": "object", "properties": {"x": next, "y": next}}))
        })
        .collect();
    let doubling = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions});
    assert_eq!(make_strict(doubling.clone()).0, doubling);
}

fn any_schema() -> impl Strategy<Value = Value> {
    let name = "[a-c]";
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({})),
        Just(json!({"$ref": "#"})),
        name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}")})),
        name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}"), "description": "d"})),
        name.prop_map(|name| json!({"$ref": format!("#/$defs/{name}"), "properties": {"t": {"const": name}}})),
        name.prop_map(|name| json!({"const": name})),
        Just(json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255})),
        Just(json!({"type": ["string", "null"], "default": null})),
        Just(json!({"type": "boolean", "default": true})),
        Just(json!({"type": "string", "enum": ["x", "y"], "pattern": "."})),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let properties = prop::collection::btree_map(name, inner.clone(), 0..3);
        let branches = prop::collection::vec(inner.clone(), 0..3);
        let union = prop::sample::select(vec!["anyOf", "oneOf", "allOf", "prefixItems"]);
        prop_oneof![
            (properties.clone(), prop::collection::vec(name, 0..3)).prop_map(
                |(properties, required)| json!({"type": "object", "properties": properties, "required": required})
            ),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
            (union.clone(), branches.clone()).prop_map(|(union, branches)| json!({union: branches})),
            (properties, union, branches).prop_map(
                |(properties, union, branches)| json!({"properties": properties, union: branches, "title": "t"})
            ),
        ]
    })
}

#[test]
fn a_root_whose_only_part_is_a_reference_is_written_out_at_once() {
    let open = json!({"type": "object", "additionalProperties": true});
    for definition in [open.clone(), json!({"allOf": [open]}), json!({"const": {}})] {
        let (once, findings) = make_strict(json!({"$defs": {"c": definition}, "allOf": [{"$ref": "#/$defs/c"}]}));
        assert_eq!(once["type"], json!("object"));
        assert_eq!((once.get("$ref"), once.get("$defs")), (None, None));
        assert_eq!(make_strict(once.clone()), (once, findings));
    }
}

#[test]
fn a_reference_to_what_the_pass_rewrites_is_written_out_at_once() {
    let object = json!({"type": "object", "properties": {}, "required": []});
    let beside = |name: &str, property: &str| json!({"$ref": format!("#/$defs/{name}"), "properties": {property: {"type": "string"}}});
    for definition in [json!({"allOf": [object]}), json!({"allOf": [{"allOf": [object]}]}), beside("b", "s")] {
        for root in [in_object(&beside("a", "t")), json!({"$ref": "#/$defs/a"})] {
            let mut schema = root;
            schema["$defs"] =
                json!({"a": definition, "b": {"type": "object", "properties": {"u": {"type": "string"}}}});
            let once = make_strict(schema);
            assert_eq!(once.0.get("$defs"), None, "{}", once.0);
            assert_eq!(make_strict(once.0.clone()), once);
        }
    }
    // one that refers to itself comes to no end, and is returned as it is
    let endless = json!({"type": "object", "properties": {"a": beside("a", "t")}, "$defs": {"a": beside("a", "s")}});
    assert_eq!(make_strict(endless.clone()).0, endless);
}

proptest! {
    #[test]
    fn strict_twice_is_strict_once(
        mut schema in any_schema(),
        definitions in prop::collection::btree_map("[a-c]", any_schema(), 0..3),
    ) {
        if let Value::Object(root) = &mut schema {
            root.insert("$defs".to_owned(), json!(definitions));
        }
        for source in [Source::Json, #[cfg(feature = "schemars")] Source::RustType] {
            let once = rewrite(schema.clone(), source);
            let twice = rewrite(once.0.clone(), source);
            prop_assert_eq!(&once, &twice);
        }
    }

    #[test]
    fn what_the_lint_refuses_is_never_hidden(schema in any_schema()) {
        let (strict, findings) = make_strict(schema);
        for finding in lint_schema(&strict) {
            prop_assert!(findings.contains(&finding), "{}", finding);
        }
    }
}
