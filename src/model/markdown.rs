//! The catalog as a Markdown table, one row a model.

use std::collections::BTreeSet;

use super::parameter::COLUMNS;
use super::{Capabilities, Model, ModelCatalog, Parameter, Support, ToolsAndEffort};

impl ModelCatalog {
    /// The whole catalog as a Markdown table, one row a model, and what its sources are.
    ///
    /// `yes`: taken; `no`: refused; `effort none`: taken while the effort in force is `none`; `?`: unknown,
    /// so nothing is refused.
    ///
    /// # Example: a team's own table for its wiki
    ///
    /// ```
    /// use azure_openai_chat::ModelCatalog;
    ///
    /// let markdown = ModelCatalog::built_in().to_markdown();
    /// assert!(markdown.contains("| o1-2024-12-17 | yes | no |"));
    /// ```
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let columns = COLUMNS.iter().map(|(title, _)| *title);
        let titles: Vec<&str> = ["model", "chat completions"]
            .into_iter()
            .chain(columns)
            .chain(["tokens in", "tokens out", "first api version", "status", "sources"])
            .collect();
        let mut lines = vec![line(titles.iter().copied()), line(titles.iter().map(|_| "---"))];
        lines.extend(self.models().map(row));
        let sources: BTreeSet<String> = self.models().flat_map(|model| model.capabilities().sources()).collect();
        if !sources.is_empty() {
            lines.push(String::new());
            lines.extend(sources.iter().map(|source| format!("- {source}")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

fn row(model: &Model) -> String {
    let capabilities = model.capabilities();
    let count = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
    let since = capabilities.min_api_version();
    let verdicts = COLUMNS.iter().map(|(_, parameters)| cell(capabilities, parameters));
    let first = [model.id(), reach(capabilities)];
    let last = [
        count(capabilities.context_tokens()),
        match (capabilities.max_output_tokens(), capabilities.output_limit()) {
            (Some(tokens), None) => format!("{tokens}, not enforced"),
            (tokens, _) => count(tokens),
        },
        since.map_or_else(|| "?".to_owned(), |version| version.to_string()),
        capabilities.status().to_owned(),
        capabilities.source().replace(';', ", "),
    ];
    let cells: Vec<String> = first.into_iter().chain(verdicts).chain(last).collect();
    line(cells.iter().map(String::as_str))
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    format!("| {} |", cells.join(" | "))
}

fn reach(capabilities: &Capabilities) -> String {
    match capabilities.chat_completions() {
        _ if capabilities.is_responses_only() => "no, Responses API only".to_owned(),
        support if capabilities.answers_as_another() => format!("{}, as another model", word(support)),
        support => word(support).to_owned(),
    }
}

fn word(support: Support) -> &'static str {
    match support {
        Support::Unknown => "?",
        known => known.as_str(),
    }
}

/// The verdict, or the verdicts where they differ, and the rule of that model alone.
fn cell(capabilities: &Capabilities, parameters: &[Parameter]) -> String {
    let mut words: Vec<&str> = parameters.iter().map(|parameter| word(capabilities.supports(*parameter))).collect();
    words.dedup();
    let verdict = words.join("/");
    let rule = match parameters {
        [Parameter::ReasoningEffort] => return efforts(capabilities, verdict),
        [Parameter::Temperature, ..] if capabilities.only_default_temperature() => match words.as_slice() {
            ["no"] => "but `temperature: 1`",
            _ => "or `temperature: 1`",
        },
        [Parameter::SystemMessages] if capabilities.system_becomes_developer() => "as developer",
        [Parameter::MaxCompletionTokens] if capabilities.max_completion_tokens_required() => "or `.uncapped()`",
        [Parameter::Tools] if capabilities.tools_and_effort() != ToolsAndEffort::Any => {
            capabilities.tools_and_effort().as_str()
        }
        [Parameter::ParallelToolCalls] if capabilities.minimal_excludes_parallel_tool_calls() => "not with minimal",
        _ => return verdict,
    };
    format!("{verdict}, {rule}")
}

/// The accepted efforts, the default in bold.
fn efforts(capabilities: &Capabilities, verdict: String) -> String {
    let Some(accepted) = capabilities.reasoning_efforts().filter(|list| !list.is_empty()) else {
        return verdict;
    };
    let words: Vec<String> = accepted
        .iter()
        .map(|effort| match capabilities.default_reasoning_effort() {
            Some(default) if default == effort => format!("**{effort}**"),
            _ => effort.to_string(),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ReasoningEffort;

    fn row_of(model: &Model) -> Vec<String> {
        let row = row(model);
        let cells = row.strip_prefix("| ").unwrap().strip_suffix(" |").unwrap();
        cells.split(" | ").map(str::to_owned).collect()
    }

    #[test]
    fn every_parameter_has_a_column() {
        let shown: Vec<Parameter> = COLUMNS.iter().flat_map(|(_, parameters)| parameters.to_vec()).collect();
        assert_eq!(shown, Parameter::ALL);
    }

    #[test]
    fn a_row_says_what_is_known() {
        assert_eq!(
            row_of(&Model::O1_2024_12_17)[..9],
            ["o1-2024-12-17", "yes", "no", "no", "no", "no", "no", "yes, or `.uncapped()`", "low, **medium**, high"]
        );
        assert_eq!(row_of(&Model::GPT_5_2025_08_07)[2], "no, but `temperature: 1`");
        assert_eq!(row_of(&Model::O3_PRO_2025_06_10)[1], "no, Responses API only");
        assert_eq!(row_of(&Model::GPT_5_6_SOL_2026_07_09)[13], "yes, only with none");
        assert_eq!(row_of(&Model::GPT_5_4_2026_03_05)[13], "yes, not with explicit effort above none");
        assert_eq!(
            row_of(&Model::GPT_5_4_2026_03_05)[2..5],
            ["effort none, or `temperature: 1`", "effort none", "effort none"]
        );
        assert_eq!(row_of(&Model::GPT_5_2025_08_07)[14], "yes, not with minimal");
    }

    #[test]
    fn words_of_ones_own_break_no_row() {
        let capabilities = Capabilities::unknown()
            .with(Parameter::TopP, Support::No)
            .with_reasoning_efforts([ReasoningEffort::from("a|b")])
            .with_status("one\ntwo");
        let cells = row_of(&Model::custom("mine", capabilities));
        assert_eq!(cells.len(), 7 + COLUMNS.len());
        assert_eq!((cells[2].as_str(), cells[8].as_str()), ("?/no", "a\\|b"));
        assert_eq!(cells[24], "one two");
    }

    #[test]
    fn the_table_has_a_row_for_each_model_and_names_its_sources() {
        let markdown = ModelCatalog::built_in().to_markdown();
        let rows = markdown.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, 2 + ModelCatalog::built_in().models().count());
        assert!(markdown.contains("\n- D8: predicted outputs guide, <"), "{markdown}");
    }
}
