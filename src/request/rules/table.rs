//! The list of rules as a Markdown table, for the documentation.

use super::{AppliesTo, RULES, Weight};

impl AppliesTo {
    fn as_str(self) -> &'static str {
        match self {
            Self::Every => "every model",
            Self::AsListed => "as the model table says",
            Self::Reasoning => "reasoning models",
            Self::InTable => "models of the table",
        }
    }
}

impl Weight {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "violation",
            Self::Advised => "advice",
        }
    }
}

/// Every rule that requests are checked by, as a Markdown table: what must hold, about which parameters, for which
/// models, and whether breaking it is a violation or an advice. The table of this module's documentation is made by it.
///
/// # Example: the rules about one parameter
///
/// ```
/// use azure_openai_chat::request::rule_table;
///
/// let table = rule_table();
/// let about_stop: Vec<&str> = table.lines().filter(|line| line.contains("`stop`")).collect();
/// assert!(about_stop.iter().any(|line| line.contains("at most 4 stop sequences")));
/// ```
#[must_use]
pub fn rule_table() -> String {
    let mut table = String::from("| rule | parameters | applies to | weight |\n|---|---|---|---|\n");
    for rule in RULES {
        let parameters: Vec<String> = rule.parameters.iter().map(|name| format!("`{name}`")).collect();
        let parameters = if parameters.is_empty() { "any".to_owned() } else { parameters.join(", ") };
        let (applies_to, weight) = (rule.applies_to.as_str(), rule.weight.as_str());
        table.push_str(&format!(
            "| {} ([page]({})) | {parameters} | {applies_to} | {weight} |\n",
            rule.name, rule.reference
        ));
    }
    table
}
