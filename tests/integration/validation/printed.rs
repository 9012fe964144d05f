//! The tables that are printed are those in the code.

use std::path::Path;

use azure_openai_chat::{ModelCatalog, Parameter};

const BEGIN: &str = "<!-- capabilities -->\n";
const END: &str = "<!-- /capabilities -->";

#[test]
fn the_printed_table_is_the_table_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CAPABILITIES.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, after) = text.split_once(BEGIN).expect("a marker before the table");
    let (table, _) = after.split_once(END).expect("a marker behind the table");
    assert!(
        table == ModelCatalog::built_in().to_markdown(),
        "CAPABILITIES.md is out of date: put the output of `cargo run --example capabilities -- --markdown` between \
         its markers"
    );
}

#[test]
fn every_verdict_is_in_the_printed_table() {
    let markdown = ModelCatalog::built_in().to_markdown();
    for model in ModelCatalog::built_in().models() {
        let row = markdown.lines().find(|line| line.starts_with(&format!("| {model} |")));
        let row = row.unwrap_or_else(|| panic!("no row for {model}"));
        let capabilities = model.capabilities();
        let refused = |parameter: Parameter| capabilities.supports(parameter) == azure_openai_chat::Support::No;
        let columns = row.split(" | ").filter(|cell| cell.starts_with("no")).count();
        assert_eq!(columns > 0, Parameter::ALL.iter().any(|parameter| refused(*parameter)), "{model}");
        assert!(row.contains(capabilities.status()), "{model}");
    }
}

#[test]
fn the_printed_rules_are_the_rules_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RULES.md");
    let printed = std::fs::read_to_string(path).unwrap();
    let hint = "RULES.md is out of date: put the output of `cargo run --example capabilities -- --rules` into it";
    assert!(printed == azure_openai_chat::request::rule_table(), "{hint}");
}
