//! What a service stores and loads again: deployments, turns and answers.

use azure_openai_chat::{
    ChatCompletion, ChatCompletionRequest, Deployment, Message, Model, ResponseMetadata, Rule, ToolCall, Usage,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize)]
struct Conversation {
    deployment: Deployment,
    messages: Vec<Message>,
    last: ChatCompletion,
    last_metadata: ResponseMetadata,
}

fn conversation() -> Conversation {
    let metadata = ResponseMetadata::new(200, [("apim-request-id", "id-1"), ("x-ms-region", "East US 2")]);
    let last = ChatCompletion::builder()
        .text("It is 4.")
        .tool_call(ToolCall::function("call_1", "f", "{}"))
        .usage(Usage::new(7, 2))
        .metadata(metadata)
        .build();
    let messages = vec![Message::user("What is 2 + 2?"), last.message().unwrap().into()];
    Conversation {
        deployment: Deployment::new("o1-new").model(Model::O1_2024_12_17),
        messages,
        last_metadata: last.metadata().clone(),
        last,
    }
}

#[test]
fn a_conversation_is_loaded_as_it_was_stored() {
    let stored = serde_json::to_string(&conversation()).unwrap();
    let Conversation { deployment, messages, last, last_metadata } = serde_json::from_str(&stored).unwrap();
    let last = last.with_metadata(last_metadata);
    assert_eq!(last, conversation().last);
    assert_eq!((last.metadata().request_id(), last.metadata().region()), (Some("id-1"), Some("East US 2")));
    assert_eq!(serde_json::to_value(&messages).unwrap(), serde_json::to_value(conversation().messages).unwrap());

    // the rules of the deployment's model still hold
    assert_eq!(deployment.declared_model(), Some(&Model::O1_2024_12_17));
    let next = ChatCompletionRequest::builder(deployment).messages(messages).tool_result("call_1", "done");
    let error = next.temperature(0.5).max_completion_tokens(100).build().unwrap_err();
    assert_eq!(
        error.violations().iter().map(|violation| violation.rule()).collect::<Vec<_>>(),
        [Rule::UnsupportedParameter]
    );
}

#[test]
fn a_configuration_file_has_deployments() {
    #[derive(Deserialize)]
    struct Config {
        chat: Deployment,
        reasoning: Deployment,
        own: Deployment,
    }
    let config: Config = serde_json::from_value(json!({
        "chat": "gpt-4o-mini",
        "reasoning": {"name": "thinker", "model": "o1-2024-12-17"},
        "own": {"name": "support", "model": {"name": "support-bot", "base": "gpt-4o-2024-08-06", "max_output_tokens": 4096}},
    }))
    .unwrap();
    assert_eq!(config.chat.declared_model().map(Model::name), Some("gpt-4o-mini"));
    assert_eq!((config.reasoning.name(), config.reasoning.declared_model()), ("thinker", Some(&Model::O1_2024_12_17)));
    assert_eq!(config.own.declared_model().and_then(|model| model.capabilities().max_output_tokens()), Some(4096));
}
