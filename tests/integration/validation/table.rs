//! Every row and column of the comparison table against the verdict on a request that uses it.

use std::collections::{BTreeMap, BTreeSet};

use azure_openai_chat::request::{AudioFormat, AudioOutput, InputAudioFormat, Modality, Verbosity, Voice};
use azure_openai_chat::{ChatCompletionRequestBuilder, ContentPart, Message, Model, ResponseFormat, Tool};
use serde_json::json;

use super::{ask, told};
use crate::support::shared;

type Builder = ChatCompletionRequestBuilder;
type Row = BTreeMap<String, String>;

/// A column, what a request does to use it, and the parameters that are told when the cell says no.
struct Usage {
    column: &'static str,
    told: &'static [&'static str],
    with_tools: bool,
    ask: fn(Builder) -> Builder,
}

const fn usage(column: &'static str, told: &'static [&'static str], ask: fn(Builder) -> Builder) -> Usage {
    Usage { column, told, with_tools: false, ask }
}

const fn with_tools(usage: Usage) -> Usage {
    Usage { with_tools: true, ..usage }
}

const USAGES: &[Usage] = &[
    usage("temperature_top_p", &["temperature"], |asked| asked.temperature(0.5)),
    usage("temperature_top_p", &["top_p"], |asked| asked.top_p(0.5)),
    usage("penalties", &["presence_penalty"], |asked| asked.presence_penalty(1.0)),
    usage("penalties", &["frequency_penalty"], |asked| asked.frequency_penalty(-1.0)),
    usage("logprobs", &["logprobs"], |asked| asked.logprobs(true)),
    usage("logprobs", &["logprobs", "top_logprobs"], |asked| asked.logprobs(true).top_logprobs(2)),
    usage("logit_bias", &["logit_bias"], |asked| asked.logit_bias([(1, 5)])),
    usage("max_tokens", &["max_tokens"], |asked| asked.max_tokens(100)),
    usage("max_completion_tokens", &["max_completion_tokens"], |asked| asked.max_completion_tokens(100)),
    usage("verbosity", &["verbosity"], |asked| asked.verbosity(Verbosity::Low)),
    usage("developer_role", &["messages[1].role"], |asked| asked.developer("a")),
    usage("system_role", &["messages[1].role"], |asked| asked.system("a")),
    usage("structured_outputs", &["response_format"], |asked| {
        asked.response_format(ResponseFormat::json_schema("a", json!({"type": "object"})))
    }),
    with_tools(usage("structured_outputs", &["tools[0].function.strict"], |asked| {
        asked.tool(Tool::function("f").strict(true))
    })),
    with_tools(usage("tools", &[], |asked| asked.tool(Tool::function("f")))),
    with_tools(usage("parallel_tool_calls", &["parallel_tool_calls"], |asked| {
        asked.tool(Tool::function("f")).parallel_tool_calls(true)
    })),
    usage("image_input", &["messages[1].content[0]"], |asked| {
        asked.message(Message::user_parts([ContentPart::image_url("https://contoso.com/a.png")]))
    }),
    usage("audio", &["messages[1].content[0]"], |asked| {
        asked.message(Message::user_parts([ContentPart::input_audio(InputAudioFormat::Wav, b"beep")]))
    }),
    usage("audio", &["modalities"], |asked| asked.modalities([Modality::Audio])),
    usage("audio", &["audio"], |asked| asked.audio(AudioOutput::new(Voice::Alloy, AudioFormat::Wav))),
    usage("prediction", &["prediction"], |asked| asked.prediction("x")),
    usage("streaming", &["stream"], |asked| asked),
    usage("n_gt_1", &["n"], |asked| asked.n(2)),
    usage("stop", &["stop"], |asked| asked.stop("x")),
];

/// The rows of the table; `None` when it does not lie beside the project.
fn rows() -> Option<Vec<Row>> {
    let text = std::fs::read_to_string(shared("capabilities.csv")?).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        assert_eq!(cells.len(), columns.len(), "{line}");
        columns.iter().map(|column| (*column).to_owned()).zip(cells).collect()
    };
    let rows: Vec<Row> = lines.map(row).collect();
    assert_eq!(rows.len(), 78);
    Some(rows)
}

fn id(row: &Row) -> String {
    format!("{}-{}", row["model"], row["version"])
}

/// Whether a model of this row takes an effort.
fn takes_effort(row: &Row, effort: &str) -> bool {
    match row["reasoning_effort"].as_str() {
        // no entry: the reasoning family has no effort to set, of others nobody says
        "" => row["family"] != "reasoning",
        "no" => false,
        "unknown" | "passed to routed model" => true,
        list => list.split('|').any(|word| word == effort),
    }
}

/// Whether a cell refuses a request with this effort, or without one.
fn refuses(row: &Row, column: &str, effort: Option<&str>) -> bool {
    let in_force = effort.unwrap_or(match row["reasoning_effort_default"].as_str() {
        "" | "unknown" => "none",
        default => default,
    });
    match row[column].as_str() {
        "no" => true,
        "effort none" => in_force != "none",
        "yes" | "unknown" | "n/a" => false,
        other => panic!("'{other}' is no verdict"),
    }
}

/// What must be told about a use of a column by a model of this row, and nothing else.
fn expected(row: &Row, usage: &Usage, effort: Option<&str>) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    let mut tell = |parameter: &str| expected.insert(parameter.to_owned());
    if row["chat_completions"] == "no" {
        // the whole request is refused, whatever it uses
        tell("model");
    }
    if refuses(row, usage.column, effort) {
        usage.told.iter().for_each(|parameter| {
            tell(parameter);
        });
    }
    if usage.with_tools && row["tools"] == "no" {
        tell("tools");
    }
    let together = match row["tools_and_effort"].as_str() {
        "" => true,
        "only with none" => effort.unwrap_or(&row["reasoning_effort_default"]) == "none",
        "not with explicit effort above none" => effort.unwrap_or("none") == "none",
        other => panic!("'{other}' is no verdict"),
    };
    if (usage.with_tools && !together) || effort.is_some_and(|effort| !takes_effort(row, effort)) {
        tell("reasoning_effort");
    }
    expected
}

#[test]
fn every_cell_is_the_verdict_on_a_request_that_uses_it() {
    let Some(rows) = rows() else { return };
    let mut verdicts = BTreeMap::from([("yes", 0), ("no", 0), ("effort none", 0), ("unknown", 0), ("n/a", 0)]);
    for row in &rows {
        let model: Model = id(row).parse().unwrap();
        for usage in USAGES {
            *verdicts.get_mut(row[usage.column].as_str()).expect("a known verdict") += 1;
            for effort in [None, Some("none"), Some("low"), Some("high"), Some("xhigh")] {
                let asked = (usage.ask)(ask(&model));
                let asked = effort.into_iter().fold(asked, Builder::reasoning_effort);
                let found: BTreeSet<String> = told(asked, usage.column == "streaming").into_iter().collect();
                assert_eq!(found, expected(row, usage, effort), "{model} {} {:?} {effort:?}", usage.column, usage.told);
            }
        }
    }
    // so that an empty table does not pass
    assert!(verdicts.values().all(|count| *count > 10), "{verdicts:?}");
}

type Limit = (&'static str, fn(Builder, u64) -> Builder);

#[test]
fn a_token_limit_is_refused_above_an_output_limit_that_is_a_plain_number() {
    let Some(rows) = rows() else { return };
    let (mut plain, mut remarks) = (0, 0);
    for row in &rows {
        let model: Model = id(row).parse().unwrap();
        let whole: &[&str] = if row["chat_completions"] == "no" { &["model"] } else { &[] };
        let limits: [Limit; 2] =
            [("max_tokens", Builder::max_tokens), ("max_completion_tokens", Builder::max_completion_tokens)];
        for (column, set) in limits {
            let most: Option<u64> = row["max_out"].parse().ok();
            let judge = |limit| told(set(ask(&model), limit), false);
            let refused = [whole, &[column]].concat();
            if row[column] == "no" {
                assert_eq!(judge(u64::MAX), refused, "{model}");
            } else if let Some(most) = most {
                plain += 1;
                assert_eq!(judge(most), whole, "{model}");
                assert_eq!(judge(most + 1), refused, "{model}");
            } else {
                remarks += 1;
                assert_eq!(judge(u64::MAX), whole, "{model}");
            }
        }
    }
    assert!(plain > 50 && remarks > 20, "{plain} {remarks}");
}

#[test]
fn every_column_of_verdicts_is_used() {
    let Some(rows) = rows() else { return };
    let used: BTreeSet<&str> = USAGES.iter().map(|usage| usage.column).collect();
    for column in rows[0].keys() {
        let verdict = |row: &Row| matches!(row[column].as_str(), "yes" | "no" | "effort none" | "unknown" | "n/a");
        // whether there are chat completions is part of each verdict
        if rows.iter().all(verdict) && !matches!(column.as_str(), "chat_completions" | "responses_only") {
            assert!(used.contains(column.as_str()), "{column}");
        }
    }
}

#[test]
fn a_name_without_version_is_refused_only_what_all_its_versions_are() {
    let Some(rows) = rows() else { return };
    for name in rows.iter().map(|row| &row["model"]).collect::<BTreeSet<_>>() {
        let model: Model = name.parse().unwrap();
        let versions: Vec<&Row> = rows.iter().filter(|row| row["model"] == *name).collect();
        for usage in USAGES {
            let found = told((usage.ask)(ask(&model)), usage.column == "streaming");
            for parameter in found {
                for row in &versions {
                    assert!(expected(row, usage, None).contains(&parameter), "{name} {} {parameter}", id(row));
                }
            }
        }
    }
}

#[test]
fn every_effort_is_taken_or_refused_as_listed() {
    let Some(rows) = rows() else { return };
    for row in &rows {
        let model: Model = id(row).parse().unwrap();
        for effort in ["none", "minimal", "low", "medium", "high", "xhigh", "max", "tomorrow"] {
            let taken = takes_effort(row, effort);
            let found = told(ask(&model).reasoning_effort(effort), false);
            let refused = found.iter().any(|parameter| parameter == "reasoning_effort");
            assert_eq!(refused, !taken, "{model} {effort}");
            let others = found.iter().filter(|parameter| *parameter != "reasoning_effort");
            let whole = usize::from(row["chat_completions"] == "no");
            assert_eq!(others.count(), whole, "{model} {effort}: {found:?}");
        }
    }
}

#[test]
fn what_a_model_takes_singly_it_may_refuse_together() {
    let Some(rows) = rows() else { return };
    let mut both = 0;
    for row in rows.iter().filter(|row| row["prediction"] == "yes") {
        let model: Model = id(row).parse().unwrap();
        for (column, parameter) in [
            ("max_completion_tokens", "max_completion_tokens"),
            ("n_gt_1", "n"),
            ("logprobs", "logprobs"),
            ("tools", "tools"),
            ("penalties", "presence_penalty"),
        ] {
            assert_eq!(row[column], "yes", "{model}");
            let usage = USAGES.iter().find(|usage| usage.column == column).unwrap();
            assert_eq!(told((usage.ask)(ask(&model).prediction("x")), false), [parameter], "{model}");
            both += 1;
        }
    }
    assert_eq!(both, 30);
}
