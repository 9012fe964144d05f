use std::fs;

use azure_openai_chat::batch::BatchWriter;
use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Deployment, ErrorKind, Model};
use serde_json::{Value, json};

use crate::support::{Folder, input, request};

fn lines(path: &std::path::Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_has_the_members_of_the_guide_and_all_of_the_request() {
    let folder = Folder::new("members");
    let path = folder.join("input.jsonl");
    let body = json!({
        "model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Wie heißt der Fluß?\n\u{1F30A}"}],
        "temperature": 0.25, "seed": 7, "parameter_of_tomorrow": {"a": [1, null]},
        "metadata": {"k": "v"}, "logit_bias": {"50256": -100},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    });
    let request: ChatCompletionRequest = serde_json::from_value(body.clone()).unwrap();
    let mut writer = BatchWriter::create(&path).unwrap();
    writer.push_with_id("ä", &request).unwrap();
    let inputs = writer.finish().unwrap();
    assert_eq!(lines(&path), [json!({"custom_id": "ä", "method": "POST", "url": "/chat/completions", "body": body})]);
    let text = fs::read(&path).unwrap();
    assert!(text.starts_with(b"{\"custom_id\"") && text.ends_with(b"\n"));
    assert_eq!((inputs[0].bytes(), inputs[0].deployment()), (text.len() as u64, "gpt-4o-mini"));
}

#[test]
fn files_are_split_at_the_limits_and_no_line_is_lost() {
    let folder = Folder::new("split");
    let mut writer = BatchWriter::options().max_lines(3).create(folder.join("in.jsonl")).unwrap();
    for number in 0..7 {
        assert_eq!(writer.push(&request("hi")).unwrap(), format!("request-{}", number + 1));
    }
    let inputs = writer.finish().unwrap();
    let names: Vec<_> = inputs.iter().map(|input| input.path().file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["in.jsonl", "in-2.jsonl", "in-3.jsonl"]);
    assert_eq!(inputs.iter().map(|input| input.lines()).collect::<Vec<_>>(), [3, 3, 1]);
    let ids: Vec<Value> =
        inputs.iter().flat_map(|input| lines(input.path())).map(|line| line["custom_id"].clone()).collect();
    assert_eq!(ids.len(), 7);
    assert_eq!(ids[6], "request-7");

    let length = inputs[2].bytes();
    let mut writer = BatchWriter::options().max_bytes(2 * length).create(folder.join("bytes.jsonl")).unwrap();
    for _ in 0..5 {
        writer.push(&request("hi")).unwrap();
    }
    let error = writer.push(&request(&"hi".repeat(1000))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let inputs = writer.finish().unwrap();
    assert_eq!(inputs.iter().map(|input| input.lines()).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(inputs.iter().all(|input| fs::metadata(input.path()).unwrap().len() == input.bytes()));
}

#[test]
fn what_a_file_cannot_hold_is_refused_and_the_writer_goes_on() {
    let folder = Folder::new("refused");
    let mut writer = BatchWriter::create(folder.join("input.jsonl")).unwrap();
    writer.push_with_id("a", &request("hi")).unwrap();
    let refused = |error: azure_openai_chat::Error, parameter: &str| {
        assert_eq!(
            (error.kind(), error.violations()[0].parameter()),
            (ErrorKind::InvalidRequest, parameter),
            "{error}"
        );
    };
    refused(writer.push_with_id("a", &request("hi")).unwrap_err(), "custom_id");
    refused(writer.push_with_id("", &request("hi")).unwrap_err(), "custom_id");
    let other = ChatCompletionRequest::builder("other").user("hi").build().unwrap();
    refused(writer.push(&other).unwrap_err(), "model");
    let from = |body: Value| serde_json::from_value::<ChatCompletionRequest>(body).unwrap();
    let messages = json!([{"role": "user", "content": "hi"}]);
    refused(
        writer.push(&from(json!({"model": "gpt-4o-mini", "stream": true, "messages": messages}))).unwrap_err(),
        "stream",
    );
    refused(
        writer.push(&from(json!({"model": "gpt-4o-mini", "temperature": 3, "messages": messages}))).unwrap_err(),
        "temperature",
    );
    assert_eq!(writer.push(&request("hi")).unwrap(), "request-1");
    refused(writer.push_with_id("request-1", &request("hi")).unwrap_err(), "custom_id");
    assert_eq!(writer.finish().unwrap()[0].lines(), 2);
}

#[test]
fn the_models_that_a_client_declares_count() {
    let folder = Folder::new("declared");
    let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key"))
        .deployment(Deployment::new("batch").model(Model::O1_2024_12_17))
        .build()
        .unwrap();
    let mut writer = BatchWriter::options().check_with(&client).create(folder.join("input.jsonl")).unwrap();
    let request = ChatCompletionRequest::builder("batch").user("hi").temperature(0.5).uncapped().build().unwrap();
    assert_eq!(writer.push(&request).unwrap_err().violations()[0].parameter(), "temperature");
}

#[test]
fn a_file_is_there_once_the_writer_has_finished() {
    let folder = Folder::new("finished");
    let path = folder.join("input.jsonl");
    let mut writer = BatchWriter::create(&path).unwrap();
    writer.push(&request("hi")).unwrap();
    assert!(!path.exists());
    drop(writer);
    assert!(!path.exists());
    assert_eq!(BatchWriter::create(&path).unwrap().finish().unwrap_err().kind(), ErrorKind::InvalidRequest);
    input(&folder, 1);
    assert!(path.exists());
}

#[cfg(unix)]
#[test]
fn a_full_disk_fails_and_leaves_no_input() {
    let folder = Folder::new("full");
    let path = folder.join("input.jsonl");
    std::os::unix::fs::symlink("/dev/full", folder.join("input.jsonl.partial")).unwrap();
    let mut writer = BatchWriter::create(&path).unwrap();
    let long = request(&"word ".repeat(100));
    let error = (0..1000).find_map(|_| writer.push(&long).err()).unwrap();
    assert!(error.to_string().contains("input.jsonl"), "{error}");
    assert!(writer.push(&long).is_err() && writer.finish().is_err() && !path.exists());
}
