//! Prints what models take: those that are named, else all of them.
//!
//! ```text
//! capabilities [NAME]...       a table with a column for each version of each model
//! capabilities --markdown      the whole table as Markdown, a row for each model
//! capabilities --rules         the rules that requests are checked by as Markdown, a row for each
//! ```
//!
//! A name is `gpt-4o` for all its versions, or `gpt-4o-2024-11-20` for one.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::SystemTime;

use azure_openai_chat::model::{Lifecycle, UnknownModel};
use azure_openai_chat::request::rule_table;
use azure_openai_chat::{Capabilities, Model, ModelCatalog, Parameter, ReasoningEffort, Support};

/// Columns that stand side by side, and how wide they are.
const COLUMNS: usize = 6;
const WIDTH: usize = 14;
const LABEL: usize = 26;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let catalog = ModelCatalog::built_in();
    if names == ["--markdown"] {
        print!("{}", catalog.to_markdown());
        return ExitCode::SUCCESS;
    }
    if names == ["--rules"] {
        print!("{}", rule_table());
        return ExitCode::SUCCESS;
    }
    let models = match choose(&catalog, &names) {
        Ok(models) => models,
        Err(unknown) => {
            eprintln!("{unknown}");
            return ExitCode::FAILURE;
        }
    };
    for models in models.chunks(COLUMNS) {
        print_table(models);
        println!();
    }
    println!("yes: taken; no: refused before it is sent; ?: no source says, and nothing is refused");
    println!("a name without its version is refused only what all its versions refuse\n\nsources");
    let sources: BTreeSet<String> = models.iter().flat_map(|model| model.capabilities().sources()).collect();
    sources.iter().for_each(|source| println!("  {source}"));
    ExitCode::SUCCESS
}

/// The versions of each name, in the order of the command line; all models without a name.
fn choose(catalog: &ModelCatalog, names: &[String]) -> Result<Vec<Model>, UnknownModel> {
    if names.is_empty() {
        return Ok(catalog.models().cloned().collect());
    }
    let mut chosen: Vec<Model> = Vec::new();
    for name in names {
        let model: Model = name.parse()?;
        let versions = catalog.models().filter(|version| model.version().is_none() && version.name() == model.name());
        let versions: Vec<Model> = versions.cloned().collect();
        for version in if versions.is_empty() { vec![model] } else { versions } {
            if !chosen.contains(&version) {
                chosen.push(version);
            }
        }
    }
    Ok(chosen)
}

fn print_table(models: &[Model]) {
    let row = |label: &str, cell: &dyn Fn(&Capabilities) -> String| {
        let cells = models.iter().map(|model| cell(model.capabilities()));
        print_row(label, cells.collect());
    };
    print_row("", models.iter().map(|model| model.name().to_owned()).collect());
    print_row("", models.iter().map(|model| model.version().unwrap_or_default().to_owned()).collect());
    println!("{}", "-".repeat(LABEL + models.len() * (WIDTH + 2)));

    row("chat completions", &|model| match model.chat_completions() {
        _ if model.is_responses_only() => "Responses only".to_owned(),
        support => word(support).to_owned(),
    });
    for parameter in Parameter::ALL.iter().filter(|parameter| **parameter != Parameter::ReasoningEffort) {
        let label = if *parameter == Parameter::MultipleChoices { "n above 1" } else { parameter.as_str() };
        row(label, &|model| word(model.supports(*parameter)).to_owned());
    }
    println!();
    for effort in ReasoningEffort::KNOWN {
        row(&format!("reasoning_effort {effort}"), &|model| takes_effort(model, effort).to_owned());
    }
    row("default effort", &|model| or_unknown(model.default_reasoning_effort()));
    println!();
    row("temperature 1 is taken", &|model| flag(model.only_default_temperature()));
    row("a limit must be set", &|model| flag(model.max_completion_tokens_required()));
    row("tools and the effort", &|model| model.tools_and_effort().to_string());
    row("minimal: one tool a time", &|model| flag(model.minimal_excludes_parallel_tool_calls()));
    println!();
    row("tokens in", &|model| or_unknown(model.context_tokens()));
    row("tokens out", &|model| or_unknown(model.max_output_tokens()));
    row("first api version", &|model| or_unknown(model.min_api_version()));
    row("lifecycle", &lifecycle);
    row("status", &|model| model.status().to_owned());
    row("sources", &|model| model.source().replace(';', "; "));
    row("last checked", &|model| model.checked().to_owned());
}

fn word(support: Support) -> &'static str {
    match support {
        Support::Yes => "yes",
        Support::No => "no",
        Support::Unknown => "?",
        other => other.as_str(),
    }
}

fn takes_effort(model: &Capabilities, effort: &ReasoningEffort) -> &'static str {
    match model.reasoning_efforts() {
        Some(accepted) if accepted.contains(effort) => "yes",
        Some(_) => "no",
        None => "?",
    }
}

fn lifecycle(model: &Capabilities) -> String {
    match model.lifecycle().at(SystemTime::now()) {
        Lifecycle::Retired(None) => "retired".to_owned(),
        Lifecycle::Retired(Some(date)) => format!("retired {date}"),
        Lifecycle::Retiring(date) => format!("retires {date}"),
        _ => "no end known".to_owned(),
    }
}

fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn flag(set: bool) -> String {
    if set { "yes" } else { "" }.to_owned()
}

/// A label and a cell for each model; a long cell takes several lines.
fn print_row(label: &str, cells: Vec<String>) {
    let cells: Vec<Vec<String>> = cells.iter().map(|cell| wrap(cell)).collect();
    for line in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
        let mut text = format!("{:LABEL$}", if line == 0 { label } else { "" });
        for cell in &cells {
            let part = cell.get(line).map_or("", String::as_str);
            text.push_str(&format!("{part:WIDTH$}  "));
        }
        println!("{}", text.trim_end());
    }
}

/// Lines of at most the column's width, broken at blanks; a longer word behind a sign.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let parts: Vec<&str> = if word.chars().count() <= WIDTH {
            vec![word]
        } else {
            word.split_inclusive(['-', '#', '@', '.']).collect()
        };
        for (at, part) in parts.into_iter().enumerate() {
            let room = lines.last_mut().filter(|line| {
                line.chars().count() + part.chars().count() < WIDTH
                    || (line.is_empty() && part.chars().count() <= WIDTH)
            });
            match room {
                Some(line) if at > 0 || line.is_empty() => line.push_str(part),
                Some(line) => line.push_str(&format!(" {part}")),
                None => lines.push(part.to_owned()),
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}
