//! Tests of filter modes and severities: what is annotated, and what is blocked.

use azure_openai_emulator::{DeploymentSettings, Emulator, FilterMode, FilterPolicy, FilterTrigger, TriggerSeverity};
use serde_json::{Value, json};

use super::support::Peer;

const PROMPT: &str = "/prompt_filter_results/0/content_filter_results";

#[tokio::test]
async fn each_mode_annotates_and_blocks_as_documented() {
    let of = |mode| DeploymentSettings::of("gpt-4o-2024-11-20").filter(mode);
    let emulator = Emulator::builder()
        .content_filter_trigger("storm", "violence")
        .deployment("default", of(FilterMode::Default))
        .deployment("asynchronous", of(FilterMode::Asynchronous))
        .deployment("annotating", of(FilterMode::AnnotateOnly))
        .deployment("down", of(FilterMode::Outage))
        .deployment("off", of(FilterMode::Off))
        .start()
        .await
        .unwrap();
    let peer = Peer::of(&emulator);
    for name in ["default", "asynchronous"] {
        let (status, answer) = peer.ask(name, "a storm").await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("content_filter")), "{name}");
    }
    let (status, answer) = peer.ask("annotating", "a storm").await;
    let found = json!({"filtered": false, "severity": "medium"});
    assert_eq!((status, answer.pointer(PROMPT).map(|results| &results["violence"])), (200, Some(&found)));
    let (status, answer) = peer.ask("down", "a storm").await;
    let prompt = answer.pointer(PROMPT).unwrap();
    assert_eq!((status, &prompt["error"]["code"]), (200, &json!("content_filter_error")));
    assert_eq!(answer["choices"][0]["content_filter_results"], *prompt);
    let (status, answer) = peer.ask("off", "a storm").await;
    assert_eq!((status, answer.pointer(PROMPT)), (200, None));
    assert_eq!(answer["choices"][0].get("content_filter_results"), None);
}

#[tokio::test]
async fn a_severity_and_a_blocklist_decide_what_is_blocked() {
    let trigger = |phrase: &str| FilterTrigger::in_prompts(phrase, "violence");
    let policy = FilterPolicy::new()
        .trigger(trigger("breeze").severity(TriggerSeverity::Low))
        .trigger(trigger("storm").severity(TriggerSeverity::High))
        .trigger(trigger("gale").severity(TriggerSeverity::High).annotate_only())
        .trigger(FilterTrigger::in_prompts("anvil", "custom_blocklists").blocklist("products"));
    let deployment = DeploymentSettings::of("gpt-4o-2024-11-20").policy("weather");
    let emulator = Emulator::builder().policy("weather", policy).deployment("d", deployment).start().await.unwrap();
    let peer = Peer::of(&emulator);
    let annotated = async |question: &str| {
        let (status, answer) = peer.ask("d", question).await;
        assert_eq!(status, 200, "{answer}");
        answer.pointer(PROMPT).unwrap()["violence"].clone()
    };
    assert_eq!(annotated("a breeze").await, json!({"filtered": false, "severity": "low"}));
    assert_eq!(annotated("a gale").await, json!({"filtered": false, "severity": "high"}));
    let blocked = async |question: &str| -> Value {
        let (status, answer) = peer.ask("d", question).await;
        assert_eq!(status, 400, "{answer}");
        answer["error"]["innererror"]["content_filter_result"].clone()
    };
    assert_eq!(blocked("a storm").await["violence"], json!({"filtered": true, "severity": "high"}));
    let lists = &blocked("an anvil").await["custom_blocklists"];
    assert_eq!(lists["details"], json!([{"filtered": true, "id": "products"}]));
}
