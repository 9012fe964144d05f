//! Which tool the emulated model calls, and with what.

use serde_json::{Value, json};

use super::ask::{Ask, role};
use super::schema::{Material, fill};
use super::tokens::topics;

/// One call of a tool.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// The arguments as JSON, or the free text of a custom tool.
    pub(super) arguments: String,
    pub(super) custom: bool,
}

impl Call {
    pub(super) fn function(name: &str, arguments: &Value) -> Self {
        Self {
            id: id(),
            name: name.to_owned(),
            arguments: arguments.to_string(),
            custom: false,
        }
    }

    /// The call as it stands in a message.
    pub(super) fn to_json(&self) -> Value {
        let Self {
            id, name, arguments, ..
        } = self;
        if self.custom {
            json!({"custom": {"input": arguments, "name": name}, "id": id, "type": "custom"})
        } else {
            json!({"function": {"arguments": arguments, "name": name}, "id": id, "type": "function"})
        }
    }
}

fn id() -> String {
    format!("call_{}", letters(24))
}

/// Random letters and digits, as the service's ids have them.
pub(super) fn letters(amount: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(amount).collect()
}

/// The calls that answer a request, and whether the caller named the tool; none when it is time for text.
///
/// Tools are called as long as the conversation ends with the user. Of several, the one is called whose
/// name, description and parameters share most words with the question. When the question names several
/// things and the tool takes one, there is a call for each, unless parallel calls are off.
pub(super) fn calls(ask: Ask<'_>, parallel: bool) -> Option<(Vec<Call>, bool)> {
    let choice = ask.given("tool_choice");
    let mode = choice.and_then(Value::as_str).unwrap_or("auto");
    if mode == "none" || ask.messages().last().map(role) != Some("user") {
        return None;
    }
    let named = choice.and_then(|c| {
        c.pointer("/function/name")
            .or_else(|| c.pointer("/custom/name"))?
            .as_str()
    });
    let allowed: Option<Vec<&str>> = choice
        .and_then(|c| c.pointer("/allowed_tools/tools")?.as_array())
        .map(|tools| {
            tools
                .iter()
                .filter_map(|t| definition(t)?.get("name")?.as_str())
                .collect()
        });
    let question = ask.question();
    let words = stems(&question);
    let offered = ask.list("tools").iter().filter(|tool| {
        let name = name(tool);
        named.is_none_or(|n| n == name) && allowed.as_ref().is_none_or(|a| a.contains(&name))
    });
    let shared = |tool: &Value| {
        stems(&describe(tool))
            .iter()
            .filter(|word| words.contains(word))
            .count()
    };
    // `max_by_key` takes the last of equals; the caller's first tool should win.
    let tool = offered.rev().max_by_key(|tool| shared(tool))?;
    let calls = if tool.get("type").and_then(Value::as_str) == Some("custom") {
        vec![Call {
            id: id(),
            name: name(tool).to_owned(),
            arguments: question,
            custom: true,
        }]
    } else {
        functions(
            tool,
            &question,
            parallel && ask.given("parallel_tool_calls").is_none_or(|p| p == true),
        )
    };
    Some((calls, named.is_some()))
}

fn functions(tool: &Value, question: &str, parallel: bool) -> Vec<Call> {
    let parameters = tool
        .pointer("/function/parameters")
        .cloned()
        .unwrap_or_else(|| json!({"type": "object"}));
    let open_texts = parameters
        .get("properties")
        .and_then(Value::as_object)
        .map_or(0, |all| {
            all.values()
                .filter(|p| p.get("type").is_some_and(|t| t == "string") && p.get("enum").is_none())
                .count()
        });
    let subjects = Material::new(question).names().to_vec();
    let several = parallel && open_texts == 1 && subjects.len() > 1;
    let subjects = subjects.iter().take(if several { 4 } else { 1 });
    let call = |subject: Option<&String>| {
        let mut material = Material::new(question);
        if let Some(subject) = subject {
            material.prefer(subject);
        }
        Call::function(name(tool), &fill(&parameters, &mut material))
    };
    if several {
        subjects.map(|subject| call(Some(subject))).collect()
    } else {
        vec![call(None)]
    }
}

/// An answer made of what the tools said.
pub(super) fn report(ask: Ask<'_>) -> Option<String> {
    let results = ask.tool_results();
    let asked = ask
        .messages()
        .iter()
        .flat_map(|m| m.get("tool_calls").and_then(Value::as_array))
        .flatten();
    let asked: Vec<&Value> = asked.collect();
    let lines: Vec<String> = results
        .iter()
        .map(|result| {
            let call = asked.iter().find(|call| call.get("id") == result.get("tool_call_id"));
            let source = call
                .and_then(|call| definition(call)?.get("name")?.as_str())
                .unwrap_or("The tool");
            let content = super::ask::text(result);
            let said = serde_json::from_str(&content).map_or(content, |value| plain(&value));
            format!("{source} says: {said}.")
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, v)| format!("{} is {}", name.replace('_', " "), plain(v)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn definition(tool: &Value) -> Option<&Value> {
    tool.get("function").or_else(|| tool.get("custom"))
}

fn name(tool: &Value) -> &str {
    definition(tool)
        .and_then(|d| d.get("name")?.as_str())
        .unwrap_or_default()
}

fn describe(tool: &Value) -> String {
    let mut text = String::new();
    for c in name(tool).chars() {
        if c.is_uppercase() {
            text.push(' ');
        }
        text.push(if c.is_alphanumeric() { c } else { ' ' });
    }
    let description = definition(tool)
        .and_then(|d| d.get("description")?.as_str())
        .unwrap_or_default();
    let parameters = tool
        .pointer("/function/parameters/properties")
        .and_then(Value::as_object);
    let parameters = parameters
        .map(|p| p.keys().cloned().collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    format!("{text} {description} {}", parameters.replace('_', " "))
}

fn stems(text: &str) -> Vec<String> {
    topics(text)
        .iter()
        .map(|word| word.to_lowercase().trim_end_matches('s').to_owned())
        .collect()
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
        let calls = calls(Ask::new(request), true)
            .map(|(calls, _)| calls)
            .unwrap_or_default();
        calls.into_iter().map(|call| (call.name, call.arguments)).collect()
    }

    #[test]
    fn the_tool_that_fits_is_called_with_what_was_said() {
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
        assert_eq!(
            report(Ask::new(&request)).unwrap(),
            "get_weather says: degrees is 18, wind speed is low."
        );
    }
}
