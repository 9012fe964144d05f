//! Capabilities that users declare drive the rules as the built-in ones do.

use azure_openai_chat::model::ToolsAndEffort;
use azure_openai_chat::{
    Capabilities, ChatCompletionRequest, Deployment, Model, ModelCatalog, Parameter, ReasoningEffort, Support, Tool,
};

use super::{ask, told};

const NOTHING: &[&str] = &[];

#[test]
fn a_fine_tuned_model_takes_what_its_base_takes() {
    let mine = Model::custom("my-finetune", Capabilities::of(&Model::GPT_4O_2024_08_06));
    assert_eq!(told(ask(&mine).prediction("x").temperature(0.1), true), NOTHING);
    let thinking = Model::custom("my-o1", Capabilities::of(&Model::O1_2024_12_17));
    assert_eq!(told(ask(&thinking).temperature(0.1), true), ["temperature", "stream"]);
    let unbounded = ChatCompletionRequest::builder(Deployment::new("d").model(thinking)).user("hi");
    assert_eq!(told(unbounded, false), ["max_completion_tokens"]);
}

#[test]
fn each_difference_that_is_declared_counts() {
    let base = || Capabilities::of(&Model::GPT_4O_2024_08_06);
    let lost = Model::custom("mine", base().with(Parameter::Prediction, Support::No));
    assert_eq!(told(ask(&lost).prediction("x"), false), ["prediction"]);
    let opened = Model::custom("mine", base().with(Parameter::Verbosity, Support::Unknown));
    assert_eq!(told(ask(&opened).verbosity("low"), false), NOTHING);
    let low = Model::custom("mine", base().with_reasoning_efforts([ReasoningEffort::Low]));
    assert_eq!(told(ask(&low).reasoning_effort("low"), false), NOTHING);
    assert_eq!(told(ask(&low).reasoning_effort("high"), false), ["reasoning_effort"]);
    let capped = Model::custom("mine", base().with_max_completion_tokens_required(true));
    assert_eq!(told(ask(&capped), false), NOTHING);
    let unsaid = ChatCompletionRequest::builder(Deployment::new("d").model(capped)).user("hi");
    assert_eq!(told(unsaid, false), ["max_completion_tokens"]);
    let quiet = Model::custom("mine", base().with_tools_and_effort(ToolsAndEffort::OnlyWithNone));
    assert_eq!(told(ask(&quiet).tool(Tool::function("f")), false), ["reasoning_effort"]);
    let elsewhere = Model::custom("mine", base().with_responses_only(true));
    assert_eq!(told(ask(&elsewhere), false), ["model"]);
}

/// A request that uses every parameter but a prediction, which excludes half of the others.
fn everything() -> ChatCompletionRequest {
    serde_json::from_value(serde_json::json!({
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "developer", "content": "a"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://contoso.com/u.png"}},
                {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
            ]}
        ],
        "temperature": 1, "top_p": 1, "presence_penalty": 1, "frequency_penalty": 1, "logprobs": true,
        "top_logprobs": 1, "logit_bias": {}, "max_tokens": 1, "max_completion_tokens": 1, "n": 2, "stop": "a",
        "reasoning_effort": "low", "verbosity": "low", "tools": [{"type": "function", "function": {"name": "f"}}],
        "parallel_tool_calls": true, "response_format": {"type": "json_schema", "json_schema": {"name": "a"}},
        "modalities": ["audio"]
    }))
    .unwrap()
}

#[test]
fn every_parameter_can_be_refused_by_declaration() {
    let predicted: ChatCompletionRequest = serde_json::from_value(
        serde_json::json!({"messages": [{"role": "user", "content": "hi"}], "prediction": {"content": "x"}}),
    )
    .unwrap();
    let judge = |request: &ChatCompletionRequest, capabilities| {
        let deployment = Deployment::new("d").model(Model::custom("mine", capabilities));
        request.with_deployment(deployment).violations(Some(true), None)
    };
    for parameter in Parameter::ALL {
        let request = match parameter {
            Parameter::Prediction => &predicted,
            _ => &everything(),
        };
        assert_eq!(judge(request, Capabilities::unknown()), []);
        let refusing = Capabilities::unknown().with(*parameter, Support::No);
        assert!(!judge(request, refusing).is_empty(), "{parameter}");
    }
}

#[test]
fn a_teams_table_lies_over_the_built_in_one() {
    let catalog = ModelCatalog::from_json(
        r#"{"models": [
            {"name": "support-bot", "base": "gpt-4o-2024-08-06", "parameters": {"temperature": "no"}},
            {"name": "o1", "version": "2024-12-17", "base": "o1-2024-12-17",
             "parameters": {"streaming": "yes"}, "max_completion_tokens_required": false},
            {"name": "gpt-7", "version": "2027-01-01", "base": "gpt-5-2025-08-07", "reasoning_efforts": ["max"]}
        ]}"#,
    )
    .unwrap();
    let find = |name: &str| catalog.find(name).unwrap();

    assert_eq!(told(ask(&find("support-bot")).temperature(1.0), false), ["temperature"]);
    assert_eq!(told(ask(&find("support-bot")).prediction("x"), true), NOTHING);

    let o1 = Deployment::new("d").model(find("o1:2024-12-17"));
    let plain = ChatCompletionRequest::builder(o1).user("hi");
    assert_eq!(told(plain.clone(), true), NOTHING);
    assert_eq!(told(plain.temperature(1.0), true), ["temperature"]);
    // the built-in table is untouched
    assert_eq!(told(ask(&Model::O1_2024_12_17), true), ["stream"]);

    assert_eq!(told(ask(&find("gpt-7")).reasoning_effort("max"), false), NOTHING);
    assert_eq!(told(ask(&find("gpt-7")).reasoning_effort("low"), false), ["reasoning_effort"]);
}

#[test]
fn a_table_that_went_through_json_judges_the_same() {
    let read = ModelCatalog::from_json(&ModelCatalog::built_in().to_json()).unwrap();
    let request = everything();
    for model in ModelCatalog::built_in().models() {
        let again = read.find(&model.id()).unwrap();
        let judge = |model: &Model| {
            let deployment = Deployment::new("d").model(model.clone());
            request.with_deployment(deployment).violations(Some(true), None)
        };
        assert_eq!(judge(&again), judge(model), "{model}");
    }
}
