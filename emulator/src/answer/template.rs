//! Templates of answers: texts whose placeholders are replaced by values of the request.

use serde_json::Value;

use crate::request::ChatRequest;

/// The values of the placeholders.
pub(crate) struct Context<'a> {
    pub(crate) request: ChatRequest<'a>,
    pub(crate) deployment: &'a str,
    pub(crate) model: &'a str,
    pub(crate) session: &'a str,
    /// What the regular expression of a rule matched, and its groups.
    pub(crate) groups: Vec<String>,
}

/// The text with its placeholders `{{name}}` replaced; an unknown one is left as it is.
pub(crate) fn render(template: &str, context: &Context<'_>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, place, after)) = rest
        .split_once("{{")
        .and_then(|(before, tail)| tail.split_once("}}").map(|(place, after)| (before, place, after)))
    {
        text.push_str(before);
        match value(place.trim(), context) {
            Some(value) => text.push_str(&value),
            None => text.extend(["{{", place, "}}"]),
        }
        rest = after;
    }
    text + rest
}

fn value(place: &str, context: &Context<'_>) -> Option<String> {
    match place {
        "question" => Some(context.request.question()),
        "deployment" => Some(context.deployment.to_owned()),
        "model" => Some(context.model.to_owned()),
        "session" => Some(context.session.to_owned()),
        "turn" => Some(context.request.turn().to_string()),
        _ if place.starts_with('/') => Some(match context.request.body().pointer(place)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        _ => context.groups.get(place.parse::<usize>().ok()?).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_replaced_and_unknown_ones_stay() {
        let body = json!({"user": "ada", "messages": [{"role": "user", "content": "a refund of 30"}]});
        let groups = vec!["refund of 30".to_owned(), "30".to_owned()];
        let request = ChatRequest::new(&body);
        let context = Context { request, deployment: "triage", model: "m", session: "s", groups };
        let text = render("{{ question }}/{{deployment}}/{{turn}}/{{1}}/{{/user}}/{{nothing}}/{{9}} {{", &context);
        assert_eq!(text, "a refund of 30/triage/1/30/ada/{{nothing}}/{{9}} {{");
    }
}
