//! Tests of the scan, piece by piece, and of the states that are returned.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The scan with its text.
#[derive(Default)]
struct Pushed {
    answer: PartialAnswer,
    text: String,
}

impl Pushed {
    fn push(&mut self, piece: &str) -> Result<bool, PartialJsonError> {
        self.text.push_str(piece);
        self.answer.has_grown = false;
        self.answer.scan(&self.text)?;
        Ok(self.answer.has_grown)
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Option<T>, PartialJsonError> {
        self.answer.value(&self.text)
    }

    fn last_value<T: DeserializeOwned>(&self) -> Result<Option<T>, PartialJsonError> {
        self.answer.last_value(&self.text)
    }

    fn closed_text(&self) -> Option<String> {
        self.answer.closed_text(&self.text)
    }
}

fn closed(text: &str) -> String {
    let mut partial = Pushed::default();
    partial.push(text).unwrap();
    partial.closed_text().unwrap_or_default()
}

#[test]
fn open_strings_and_brackets_are_closed() {
    for (text, expected) in [
        ("", ""),
        ("  ", ""),
        ("{", "{}"),
        (r#"{"a"#, "{}"),
        (r#"{"a":"#, "{}"),
        (r#"{"a": ""#, r#"{"a": ""}"#),
        (r#"{"a": "x"#, r#"{"a": "x"}"#),
        (r#"{"a": "x", "b"#, r#"{"a": "x"}"#),
        (r#"{"a": [1, {"b": [true"#, r#"{"a": [1, {"b": [true]}]}"#),
        (r#"[1, 23"#, "[1]"),
        (r#"[1, 23 "#, "[1, 23]"),
        (r#"[1, 23]"#, "[1, 23]"),
        ("[tru", "[]"),
        ("[-", "[]"),
        ("[1.5e", "[]"),
        ("\"\u{1f600}", "\"\u{1f600}\""),
    ] {
        assert_eq!(closed(text), expected, "{text}");
    }
}

#[test]
fn half_an_escape_is_left_out() {
    let whole = r#""a\n\ud83d\ude00""#;
    let expected = [
        "", r#""""#, r#""a""#, r#""a""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#,
        r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, r#""a\n""#, whole, whole,
    ];
    for (length, expected) in expected.iter().enumerate() {
        assert_eq!(closed(&whole[..length]), *expected, "{length}");
    }
}

#[test]
fn the_object_so_far_is_parsed_into_a_type() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Poem {
        #[serde(default)]
        title: String,
        #[serde(default)]
        lines: Vec<String>,
    }
    let mut partial = Pushed::default();
    assert_eq!(partial.value::<Poem>(), Ok(None));
    partial.push(r#"{"title": "Fog", "lines": ["The fog co"#).unwrap();
    let poem = Poem { title: "Fog".to_owned(), lines: vec!["The fog co".to_owned()] };
    assert_eq!(partial.value::<Poem>(), Ok(Some(poem)));
    partial.push(r#"mes"]} "#).unwrap();
    assert_eq!(partial.last_value::<Poem>().unwrap().unwrap().lines, ["The fog comes"]);
}

#[test]
fn push_returns_whether_the_value_grew() {
    let mut partial = Pushed::default();
    let grew: Vec<bool> = ["{", "\"a", "\":", " \"", "x", "\\", "n", "\"", ",", " ", "\"b\": 1", "2", "}", "\n"]
        .iter()
        .map(|piece| partial.push(piece).unwrap())
        .collect();
    assert_eq!(grew, [true, false, false, true, true, false, true, false, false, false, false, false, true, false]);
}

#[test]
fn no_state_is_returned_twice() {
    for text in [
        r#"{"a": "x", "b": [], "c": {}, "d": [true, null, 1.5e3 ,false], "e": "\ud83d\ude00", "f": ""}"#,
        r#"[ [ ] , { } , "" , "a\nb" , 1 , -2.5 , true ]"#,
        r#""text""#,
        "12",
        "null",
        " true \n",
    ] {
        let (mut answer, mut states) = (PartialAnswer::default(), Vec::<Value>::new());
        for at in 1..=text.len() {
            states.extend(answer.grow::<Value>(&text[..at]).unwrap());
        }
        states.extend(answer.end::<Value>(text).unwrap());
        let repeated = states.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(repeated, None, "{text}");
        assert_eq!(states.last(), Some(&serde_json::from_str(text).unwrap()));
    }
}

#[test]
fn what_is_no_json_is_an_error_with_its_position() {
    for text in [
        "}",
        "[1 2",
        "{]",
        "{1",
        "[1,]",
        r#"{"a" 1"#,
        r#"{"a":1,}"#,
        "tru ",
        "01",
        "-a",
        "1.e",
        "\"\n",
        r#""\x""#,
        r#""\u12g4"#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ude00""#,
        "{} x",
        "{}{",
        "{},",
    ] {
        let mut partial = Pushed::default();
        partial.push(text).unwrap();
        let last = partial.last_value::<Value>();
        assert!(matches!(last, Err(PartialJsonError::Syntax { .. })), "{text}: {last:?}");
    }
    let mut partial = Pushed::default();
    partial.push(r#"{"a": "secret", "#).unwrap();
    assert_eq!(partial.value::<Value>(), Ok(Some(json!({"a": "secret"}))));
    partial.push("\u{1}}").unwrap();
    let error = partial.value::<Value>().unwrap_err();
    assert_eq!(error.to_string(), "not JSON at line 1, column 17");
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn what_may_go_on_or_does_not_fit_the_type_is_no_error() {
    for text in ["", " ", "tru", "-", "1.", "[1, 2", r#"{"a"#, r#"{"a" "#, r#""\ud83d"#, r#""\u12"#] {
        let mut partial = Pushed::default();
        partial.push(text).unwrap();
        assert_eq!(partial.value::<bool>(), Ok(None), "{text}");
        assert_eq!(partial.last_value::<bool>(), Ok(None), "{text}");
    }
    let mut partial = Pushed::default();
    partial.push("1e999 ").unwrap();
    assert_eq!(partial.value::<f64>(), Ok(None));
    let mut partial = Pushed::default();
    partial.push("42").unwrap();
    assert_eq!((partial.value::<u8>(), partial.last_value::<u8>()), (Ok(None), Ok(Some(42))));
}

#[test]
fn the_depth_is_that_of_serde_json() {
    let deep = "[".repeat(127);
    assert!(serde_json::from_str::<Value>(&closed(&deep)).is_ok());
    let error = Pushed::default().push(&"[".repeat(128)).unwrap_err();
    assert_eq!(error, PartialJsonError::TooDeep(127));
    assert_eq!(error.to_string(), "JSON nested more than 127 levels deep at byte 127");
    assert!(serde_json::from_str::<Value>(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_err());
}

/// Whether `part` is a beginning of `whole`. Members are compared in the order of the text, which
/// the generated objects keep because their keys are sorted.
fn is_beginning(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && begins(part.iter().zip(whole).collect())
        }
        (Value::Object(part), Value::Object(whole)) => {
            part.len() <= whole.len()
                && part.keys().zip(whole.keys()).all(|(a, b)| a == b)
                && begins(part.values().zip(whole.values()).collect())
        }
        _ => part == whole,
    }
}

/// All but the last are whole.
fn begins(mut pairs: Vec<(&Value, &Value)>) -> bool {
    let last = pairs.pop();
    pairs.iter().all(|(part, whole)| part == whole) && last.is_none_or(|(part, whole)| is_beginning(part, whole))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        Just(json!(1.5e-30)),
        "\\PC{0,8}".prop_map(Value::from),
        "[a\"\\\\\n\u{1}\u{1f600}\u{e9}]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-d\"\u{e9}]{0,3}", inner, 0..5).prop_map(|members| json!(members)),
        ]
    })
}

/// Non-ASCII characters as `\u` escapes.
fn escaped(text: &str) -> String {
    let mut units = [0; 2];
    let escape = |one: char| match one {
        ' '..='~' | '\n' => one.to_string(),
        _ => one.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    text.chars().map(escape).collect()
}

proptest! {
    #[test]
    fn every_prefix_closes_to_a_beginning_of_the_whole(value in any_json(), pretty: bool, ascii: bool) {
        let mut text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        if ascii {
            text = escaped(&text);
        }
        let whole: Value = serde_json::from_str(&text).unwrap();
        let mut partial = Pushed::default();
        for one in text.chars() {
            partial.push(one.encode_utf8(&mut [0; 4])).unwrap();
            prop_assert!(partial.value::<Value>().is_ok());
            if let Some(closed) = partial.closed_text() {
                let part: Value = serde_json::from_str(&closed).unwrap();
                prop_assert!(is_beginning(&part, &whole), "{} of {}", closed, text);
            }
        }
        prop_assert_eq!(partial.last_value::<Value>(), Ok(Some(whole.clone())));
        if whole.is_string() || whole.is_array() || whole.is_object() {
            prop_assert_eq!(partial.closed_text(), Some(text));
        }
    }

    #[test]
    fn it_accepts_what_serde_json_accepts(text in "[\\[\\]{}:,\"\\\\u0d8eE1.+tn \\-]{0,12}") {
        let mut partial = Pushed::default();
        partial.push(&text).unwrap();
        let parsed = serde_json::from_str::<Value>(&text);
        let last = partial.last_value::<Value>();
        match parsed {
            Ok(value) => prop_assert_eq!(last, Ok(Some(value))),
            Err(error) if error.is_eof() || error.to_string().starts_with("number out of range") => {
                prop_assert!(!matches!(&last, Ok(Some(value)) if value.is_number()), "{:?}", last);
            }
            Err(_) => prop_assert!(last.is_err(), "{:?}", last),
        }
    }
}

/// Reads a list of short strings, piece by piece. Returns the size of its text, and the bytes parsed.
fn read<T: DeserializeOwned>(elements: usize) -> (usize, usize) {
    let (mut answer, mut text, mut items) = (PartialAnswer::default(), String::new(), 0);
    for piece in ["["].into_iter().chain(std::iter::repeat_n("\"word\",", elements)).chain(["\"end\"]"]) {
        text.push_str(piece);
        items += usize::from(answer.grow::<T>(&text).unwrap().is_some());
    }
    items += usize::from(answer.end::<T>(&text).unwrap().is_some());
    assert!(text.len() > 7 * elements && items <= elements, "{} bytes, {items} items", text.len());
    (text.len(), answer.work.get())
}

#[test]
fn the_bytes_parsed_are_linear_in_the_text() {
    for elements in [100, 2_000, 20_000] {
        let (length, parsed) = read::<Value>(elements);
        assert!(parsed <= 66 * length, "{parsed} bytes parsed for a text of {length}");
        assert!(parsed >= length, "the bytes are counted");
        // a state that does not fit the type is parsed once more, to see whether it is JSON
        let (length, parsed) = read::<bool>(elements);
        assert!(parsed <= 2 * 66 * length, "{parsed} bytes parsed in vain for a text of {length}");
    }
}
