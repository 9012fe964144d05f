//! Tool calls of the emulated model: which tool, and its arguments.

use serde_json::{Value, json};

use super::schema_value::{Material, fill};
use crate::request::{ChatRequest, role, text, tool_definition};
use crate::tokens::topics;

/// One call of a tool.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The arguments as JSON, or the free text of a custom tool.
    pub(crate) arguments: String,
    pub(crate) custom: bool,
}

impl Call {
    pub(crate) fn function(name: &str, arguments: &Value) -> Self {
        let arguments = match arguments {
            Value::String(text) => text.clone(),
            Value::Null => "{}".to_owned(),
            other => other.to_string(),
        };
        Self { id: id(), name: name.to_owned(), arguments, custom: false }
    }

    /// The wire's names of the kind of call and of its input.
    pub(crate) fn wire_names(&self) -> (&'static str, &'static str) {
        if self.custom { ("custom", "input") } else { ("function", "arguments") }
    }

    /// The call as an entry of `tool_calls`.
    pub(crate) fn to_json(&self) -> Value {
        let (kind, input) = self.wire_names();
        json!({kind: {input: self.arguments, "name": self.name}, "id": self.id, "type": kind})
    }
}

fn id() -> String {
    format!("call_{}", letters(24))
}

/// Random letters and digits, as the service's ids have them.
pub(crate) fn letters(amount: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(amount).collect()
}

/// The calls that answer a request, and whether `tool_choice` names the tool; `None` when the answer is text.
///
/// Only a message of the user is answered with calls:
/// - of several functions whose names have words of the question, each is called, at most 8;
/// - otherwise the one tool that shares most words with the question, by its name, its description and the names of its
///   parameters; of equals the first;
/// - a function with exactly one string parameter without `enum` is called for each proper name of the question, at most 4
///   times, such as once for each city.
///
/// With parallel calls off there is one call.
pub(crate) fn calls(request: ChatRequest<'_>, parallel: bool) -> Option<(Vec<Call>, bool)> {
    // The older members have functions without a type, and a name without its kind.
    let wrapped: Vec<Value> =
        request.list("functions").iter().map(|function| json!({"type": "function", "function": function})).collect();
    let is_legacy = request.list("tools").is_empty();
    let (tools, choice) = match is_legacy {
        true => (wrapped.as_slice(), request.given("function_call")),
        false => (request.list("tools"), request.given("tool_choice")),
    };
    let mode = choice.and_then(Value::as_str).unwrap_or("auto");
    if mode == "none" || request.messages().last().map(role) != Some("user") {
        return None;
    }
    let named = choice.and_then(|choice| tool_definition(choice).unwrap_or(choice).get("name")?.as_str());
    let allowed = choice.and_then(|choice| choice.pointer("/allowed_tools/tools")?.as_array());
    let question = request.question();
    if mode == "auto" && named.is_none() && is_small_talk(&question) {
        return None;
    }
    let words = stems(&question);
    let offered = tools.iter().filter(|tool| {
        let is_allowed = |all: &Vec<Value>| all.iter().any(|one| name(one) == name(tool));
        named.is_none_or(|named| named == name(tool)) && allowed.is_none_or(is_allowed)
    });
    let parallel = parallel && !is_legacy && request.given("parallel_tool_calls").is_none_or(|wanted| wanted == true);
    let by_name: Vec<&Value> = offered
        .clone()
        .filter(|tool| {
            tool.get("custom").is_none() && stems(&spaced(name(tool))).iter().any(|word| words.contains(word))
        })
        .take(8)
        .collect();
    if parallel && by_name.len() > 1 {
        let calls = by_name.into_iter().flat_map(|tool| functions(tool, &question, parallel));
        return Some((calls.collect(), false));
    }
    let shared = |tool: &Value| stems(&describe(tool)).iter().filter(|word| words.contains(word)).count();
    // `max_by_key` takes the last of equals, so the list is reversed: the first tool wins.
    let tool = offered.rev().max_by_key(|tool| shared(tool))?;
    let calls = if tool.get("custom").is_some() {
        let name = name(tool).to_owned();
        vec![Call { id: id(), name, arguments: question, custom: true }]
    } else {
        functions(tool, &question, parallel)
    };
    Some((calls, named.is_some()))
}

/// Whether a message is small talk, which is answered without tools: thanks, a greeting, agreement.
pub(crate) fn is_small_talk(text: &str) -> bool {
    const POLITE: &str = " thank thanks you very much so a lot many hi hello hey there good morning afternoon evening day \
        bye goodbye ok okay great perfect nice cool cheers welcome for your the help that all it this is was again and \
        everything helpful wonderful fine now please i appreciate ";
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words = words.map(|word| format!(" {} ", word.to_lowercase())).peekable();
    words.peek().is_some() && words.all(|word| POLITE.contains(&word))
}

fn functions(tool: &Value, question: &str, parallel: bool) -> Vec<Call> {
    let parameters = tool.pointer("/function/parameters").unwrap_or(&Value::Null);
    let properties = parameters.get("properties").and_then(Value::as_object);
    let is_open = |p: &&Value| p.get("type").is_some_and(|t| t == "string") && p.get("enum").is_none();
    let open_texts = properties.map_or(0, |all| all.values().filter(is_open).count());
    let call = |mut material: Material| {
        let arguments = if properties.is_some() { fill(parameters, &mut material) } else { json!({}) };
        Call::function(name(tool), &arguments)
    };
    let material = Material::new(question);
    let subjects = material.names();
    if parallel && open_texts == 1 && subjects.len() > 1 {
        let each = subjects.iter().take(4).map(|subject| Material::new(question).preferring(subject));
        each.map(call).collect()
    } else {
        vec![call(material)]
    }
}

/// The text of the answer to tool results: each with the name of its tool.
pub(crate) fn report(request: ChatRequest<'_>) -> Option<String> {
    let calls = request.messages().iter().filter_map(|message| message.get("tool_calls")?.as_array());
    let calls: Vec<&Value> = calls.flatten().collect();
    let lines = request.tool_results().iter().map(|result| {
        let call = calls.iter().find(|call| call.get("id") == result.get("tool_call_id"));
        let source = call.map_or("The tool", |call| name(call));
        let content = text(result);
        let result = serde_json::from_str(&content).map_or(content, |value| plain(&value));
        format!("{source} says: {result}.")
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// JSON as a sentence: `degrees is 18, wind speed is low`.
fn plain(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    let member = |(name, value): (&String, &Value)| format!("{} is {}", name.replace('_', " "), plain(value));
    match value {
        Value::Object(members) => list(members.iter().map(member).collect()),
        Value::Array(items) => list(items.iter().map(plain).collect()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn name(tool: &Value) -> &str {
    let name = tool_definition(tool).and_then(|tool| tool.get("name")?.as_str());
    name.unwrap_or_default()
}

/// A function's name with spaces, to be compared with a prompt: `getWeather` gives `get Weather`, `get_weather` gives
/// `get weather`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            words.push(' ');
        }
        words.push(if letter == '_' { ' ' } else { letter });
    }
    words
}

/// The text by which a tool is matched: its name split at capitals and underscores, its description, and the names of its
/// parameters.
fn describe(tool: &Value) -> String {
    let mut words = spaced(name(tool));
    let description = tool_definition(tool).and_then(|tool| tool.get("description")?.as_str());
    let parameters = tool.pointer("/function/parameters/properties").and_then(Value::as_object);
    for more in description.into_iter().chain(parameters.into_iter().flat_map(|all| all.keys().map(String::as_str))) {
        words.push(' ');
        words.push_str(more);
    }
    words
}

fn stems(text: &str) -> Vec<String> {
    topics(text).iter().map(|word| word.to_lowercase().trim_end_matches('s').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(question: &str) -> Value {
        let tool = |name: &str, description: &str, parameter: &str| {
            json!({"type": "function", "function": {"name": name, "description": description, "parameters":
                {"type": "object", "required": [parameter], "properties": {parameter: {"type": "string"}}}}})
        };
        json!({"messages": [{"role": "user", "content": question}], "tools": [
            tool("get_time", "The local time of a place", "place"),
            tool("get_weather", "Forecasts the weather", "city"),
        ]})
    }

    fn called(request: &Value) -> Vec<(String, String)> {
        let calls = calls(ChatRequest::new(request), true).map(|(calls, _)| calls).unwrap_or_default();
        calls.into_iter().map(|call| (call.name, call.arguments)).collect()
    }

    #[test]
    fn the_tool_that_fits_is_called_with_a_name_of_the_question() {
        let got = called(&request("How is the weather in Paris?"));
        assert_eq!(got, [("get_weather".into(), r#"{"city":"Paris"}"#.into())]);
    }

    #[test]
    fn several_places_are_several_calls_unless_parallel_calls_are_off() {
        let mut request = request("What time is it in Paris and in New York?");
        assert_eq!(
            called(&request).iter().map(|c| c.1.as_str()).collect::<Vec<_>>(),
            [r#"{"place":"Paris"}"#, r#"{"place":"New York"}"#]
        );
        request["parallel_tool_calls"] = json!(false);
        assert_eq!(called(&request).len(), 1);
    }

    #[test]
    fn thanks_and_greetings_call_no_tool() {
        for question in ["Thank you!", "thanks a lot, that was helpful", "Hi there"] {
            assert!(called(&request(question)).is_empty(), "{question}");
        }
        let mut required = request("Thank you!");
        required["tool_choice"] = json!("required");
        assert_eq!(called(&required).len(), 1);
    }

    #[test]
    fn each_tool_that_the_question_names_is_called() {
        let names: Vec<String> =
            called(&request("What is the weather in Paris, and the time?")).into_iter().map(|call| call.0).collect();
        assert_eq!(names, ["get_time", "get_weather"]);
    }

    #[test]
    fn functions_of_the_older_form_are_called() {
        let request = json!({"messages": [{"role": "user", "content": "How is the weather in Paris?"}], "functions": [
            {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]});
        assert_eq!(called(&request), [("get_weather".into(), r#"{"city":"Paris"}"#.into())]);
    }

    #[test]
    fn the_choice_of_the_caller_counts() {
        let mut request = request("How is the weather in Paris?");
        request["tool_choice"] = json!({"type": "function", "function": {"name": "get_time"}});
        assert_eq!(called(&request)[0].0, "get_time");
        request["tool_choice"] = json!("none");
        assert!(called(&request).is_empty());
    }

    #[test]
    fn the_results_become_the_answer() {
        let request = json!({"messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "{\"degrees\": 18, \"wind_speed\": \"low\"}"},
        ]});
        assert_eq!(report(ChatRequest::new(&request)).unwrap(), "get_weather says: degrees is 18, wind speed is low.");
    }
}
