//! With serde_json's `arbitrary_precision` numbers come to every type as objects. Any dependency of an application
//! may turn that on, so requests and answers have to be read all the same.

use azure_openai_chat::{ChatCompletion, ChatCompletionChunk, ChatCompletionRequest};
use serde_json::{Value, json};

fn main() {
    let request = json!({
        "model": "gpt-4o", "temperature": 0.5, "top_p": 0.25, "n": 2, "seed": -7, "presence_penalty": -0.5,
        "messages": [{"role": "user", "content": "hi"}], "later": 1.5,
    });
    let read: ChatCompletionRequest = serde_json::from_str(&request.to_string()).expect("a request");
    read.validate().expect("it breaks no rule");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), request);

    let logprobs = json!({"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]});
    let answer = json!({
        "created": 1_740_000_000, "usage": {"total_tokens": 3}, "later": 1e-7,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "logprobs": logprobs}],
    });
    let read: ChatCompletion = serde_json::from_str(&answer.to_string()).expect("an answer");
    assert_eq!(read.usage().total_tokens(), 3);
    let tokens = read.choices()[0].logprobs().expect("logprobs").content();
    assert_eq!(tokens[0].logprob(), Some(-0.5));
    assert_eq!(serde_json::to_value(&read).expect("JSON"), answer);

    let chunk = json!({"created": 7, "choices": [{"index": 1, "delta": {"content": "a"}, "logprobs": logprobs}]});
    let read: ChatCompletionChunk = serde_json::from_str(&chunk.to_string()).expect("a chunk");
    let choice = read.choices().next().expect("a choice");
    assert_eq!((choice.index(), choice.content()), (1, Some("a")));
    assert_eq!(serde_json::from_str::<Value>(&serde_json::to_string(&read).expect("JSON")).expect("JSON"), chunk);
    println!("numbers are read as they are written");
}
