use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use azure_openai_chat::batch::{
    Batch, BatchErrorCode, BatchFile, BatchFileStatus, BatchItem, BatchStatus, CreateBatch, Upload,
};
use azure_openai_chat::{ApiKey, CallEnd, CallSummary, ChatClient, ChatCompletionRequest, ErrorKind, Observer};
use azure_openai_emulator::{Answer, BatchQuota, BatchTiming, Emulator, Fault, LineOutcome};
use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Folder, batches, emulator, input, prepared};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn id(batch: &Batch) -> &str {
    batch.id().unwrap()
}

async fn items(results: azure_openai_chat::batch::BatchResults) -> Vec<BatchItem> {
    results.try_collect().await.unwrap()
}

#[tokio::test]
async fn a_file_becomes_results() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("whole");
    let file = batches.upload(input(&folder, 30)).await.unwrap();
    assert_eq!(file.filename(), Some("input.jsonl"));
    let file = batches.wait_for_file(file.id().unwrap()).await.unwrap();
    let batch = batches.submit(&file).await.unwrap();
    let batch = batches.wait(id(&batch)).await.unwrap();
    assert_eq!(batch.status(), BatchStatus::Completed);
    assert_eq!(batch.request_counts().completed(), 30);
    let items = items(batches.results(&batch)).await;
    let ids: BTreeSet<&str> = items.iter().map(BatchItem::custom_id).collect();
    assert_eq!((items.len(), ids.len()), (30, 30));
    assert_ne!(items[0].custom_id(), "request-1", "the service does not keep the order");
    for item in &items {
        let completion = item.result().unwrap();
        assert!(completion.text().is_some() && completion.usage().total_tokens() > 0);
        let raw: Value = serde_json::from_slice(completion.raw()).unwrap();
        assert_eq!(raw["object"], "chat.completion");
        assert!(completion.metadata().request_id().is_some());
    }
    assert_eq!(emulator.batches().uploads(), 1);
}

#[tokio::test]
async fn every_state_is_seen_as_time_passes() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("states");
    let second = Duration::from_secs(1);
    let timing = BatchTiming::none().file(second * 10).validation(second * 10).line(second).finalizing(second * 10);
    emulator.batches().set_timing(timing.cancelling(second * 10));
    let step = |seconds: u32| emulator.batches().advance(second * seconds);

    let file = batches.upload(input(&folder, 10)).await.unwrap();
    let file_id = file.id().unwrap().to_owned();
    let status = |file: BatchFile| file.status();
    assert_eq!(status(batches.file(&file_id).await.unwrap()), BatchFileStatus::Pending);
    step(6);
    assert_eq!(status(batches.file(&file_id).await.unwrap()), BatchFileStatus::Running);
    assert_eq!(batches.create(file_id.as_str()).await.unwrap_err().status(), Some(400));
    step(5);
    assert_eq!(status(batches.file(&file_id).await.unwrap()), BatchFileStatus::Processed);

    let batch = batches.create(&file).await.unwrap();
    assert_eq!((batch.status(), batch.request_counts().total()), (BatchStatus::Validating, 0));
    step(13);
    let running = batches.batch(id(&batch)).await.unwrap();
    assert_eq!(running.status(), BatchStatus::InProgress);
    assert_eq!((running.request_counts().total(), running.request_counts().completed()), (10, 3));
    step(8);
    assert_eq!(batches.batch(id(&batch)).await.unwrap().status(), BatchStatus::Finalizing);
    step(10);
    let done = batches.batch(id(&batch)).await.unwrap();
    assert_eq!(done.status(), BatchStatus::Completed);
    assert!(done.completed_at() >= done.created_at() && done.created_at().is_some());

    let other = batches.create(&file).await.unwrap();
    step(14);
    assert_eq!(batches.cancel(id(&other)).await.unwrap().status(), BatchStatus::Cancelling);
    step(11);
    let cancelled = batches.batch(id(&other)).await.unwrap();
    assert_eq!(cancelled.status(), BatchStatus::Cancelled);
    let items = items(batches.results(&cancelled)).await;
    assert_eq!(items.iter().filter(|item| item.completion().is_some()).count(), 4);
    assert!(items.iter().any(|item| item.code() == Some(&BatchErrorCode::BatchCancelled) && item.is_retryable()));
    assert_eq!(batches.cancel(id(&other)).await.unwrap_err().status(), Some(400));
}

#[tokio::test]
async fn a_batch_that_expires_has_results_for_the_lines_that_were_reached() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("expired");
    emulator.batches().set_timing(BatchTiming::none().line(DAY / 4));
    let file = batches.upload(input(&folder, 10)).await.unwrap();
    let batch = batches.create(&file).await.unwrap();
    emulator.batches().advance(DAY);
    let batch = batches.wait(id(&batch)).await.unwrap();
    assert_eq!(batch.status(), BatchStatus::Expired);
    let items = items(batches.results(&batch)).await;
    let expired = items.iter().filter(|item| item.code() == Some(&BatchErrorCode::BatchExpired)).count();
    assert_eq!((items.len(), expired), (10, 6));
    assert!(items.iter().filter(|item| item.error().is_some()).all(BatchItem::is_retryable));
}

#[tokio::test]
async fn a_line_that_fails_is_an_item_and_lines_may_be_missing() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("partial");
    emulator.batches().set_outcomes(|id| match id {
        "request-2" => LineOutcome::Failed(400, json!({"code": "content_filter", "message": "filtered"})),
        "request-3" => LineOutcome::Failed(429, json!({"code": "429", "message": "slow down"})),
        "request-4" | "request-5" => LineOutcome::Missing,
        _ => LineOutcome::Answered,
    });
    let file = batches.upload(input(&folder, 8)).await.unwrap();
    let batch = batches.submit(&file).await.unwrap();
    assert_eq!((batch.request_counts().completed(), batch.request_counts().failed()), (6, 2));
    let items = items(batches.results(&batch)).await;
    let find = |id: &str| items.iter().find(|item| item.custom_id() == id);
    assert_eq!(items.len(), 6);
    let filtered = find("request-2").unwrap();
    assert_eq!(filtered.error().unwrap().kind(), ErrorKind::ContentFiltered);
    assert!(!filtered.is_retryable() && find("request-3").unwrap().is_retryable());
    assert!(find("request-4").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_closures_of_the_emulator_may_use_its_batches() {
    let shared = Arc::new(OnceLock::<Emulator>::new());
    let created = |shared: &Arc<OnceLock<Emulator>>| shared.get().map(|emulator| emulator.batches().created());
    let known = Arc::clone(&shared);
    let answered = move |_: &ChatCompletionRequest| Answer::text(format!("{:?} batches", created(&known)));
    let emulator = Emulator::builder().respond(answered).start().await.unwrap();
    let emulator = shared.get_or_init(|| emulator);
    let (known, count) = (Arc::clone(&shared), Arc::new(AtomicUsize::new(0)));
    let calls = Arc::clone(&count);
    emulator.batches().set_outcomes(move |_| {
        assert_eq!(created(&known), Some(0));
        calls.fetch_add(1, Ordering::SeqCst);
        LineOutcome::Answered
    });
    let (folder, batches) = (Folder::new("closures"), batches(&emulator.endpoint()));
    let whole = async {
        let file = batches.upload(input(&folder, 3)).await.unwrap();
        let batch = batches.submit(&file).await.unwrap();
        items(batches.results(&batches.wait(id(&batch)).await.unwrap())).await
    };
    let items = tokio::time::timeout(Duration::from_secs(20), whole).await.expect("no lock is held");
    assert_eq!((items.len(), count.load(Ordering::SeqCst)), (3, 3));
    assert_eq!(items[0].completion().unwrap().text(), Some("Some(1) batches"));
}

#[tokio::test]
async fn an_id_that_does_not_exist_is_said_to_be_the_fault() {
    let (emulator, batches) = emulator().await;
    for error in [
        batches.batch("batch_1").await.unwrap_err(),
        batches.wait("batch_1").await.unwrap_err(),
        batches.cancel("batch_1").await.unwrap_err(),
        batches.file("file-1").await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
        assert!(text.contains("check the id") && !text.contains("api version"), "{text}");
    }
    let none = batches.client().post_json("gpt-4o-mini", "embeddings/none", &json!({})).await.unwrap_err();
    assert!(none.to_string().contains("check the operation 'embeddings/none'"), "{none}");
    drop(emulator);
}

#[test]
fn a_line_with_neither_response_nor_error_says_so() {
    let item = BatchItem::from_line(r#"{"custom_id": "a", "response": null, "error": null}"#).unwrap();
    let error = item.error().unwrap();
    assert_eq!((item.custom_id(), error.kind()), ("a", ErrorKind::Decode));
    assert_eq!(error.to_string(), "a line of results has neither a response nor an error");
}

#[tokio::test]
async fn results_that_end_inside_a_line_are_an_error_after_the_lines_before() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("cut");
    let file = batches.upload(input(&folder, 3)).await.unwrap();
    let batch = batches.submit(&file).await.unwrap();
    emulator.batches().cut_results(20);
    let mut results = batches.results(&batch);
    assert!(results.next_item().await.unwrap().is_some() && results.next_item().await.unwrap().is_some());
    let error = results.next_item().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.to_string().contains("end inside a line"), "{error}");
}

#[tokio::test]
async fn an_input_that_is_refused_has_codes_and_lines() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("refusals");
    let line = |id: &str, url: &str, model: &str| {
        json!({"custom_id": id, "method": "POST", "url": url, "body": {"model": model, "messages": []}}).to_string()
    };
    let chat = "/chat/completions";
    for (name, text, codes) in [
        ("json", format!("{}\n{{\"custom", line("a", chat, "gpt-4o-mini")), vec![("invalid_json_line", Some(2))]),
        ("url", line("a", "/embeddings", "gpt-4o-mini"), vec![("url_mismatch", Some(1))]),
        ("model", line("a", chat, "nobody"), vec![("model_not_found", Some(1))]),
        (
            "mixed",
            [line("a", chat, "gpt-4o-mini"), line("b", chat, "gpt-4o"), line("a", chat, "gpt-4o-mini")].join("\n"),
            vec![("model_mismatch", Some(2)), ("duplicate_custom_id", Some(3))],
        ),
        ("blank", "\n\n".to_owned(), vec![("empty_file", None)]),
        ("mark", format!("\u{feff}{}", line("a", chat, "gpt-4o-mini")), vec![("invalid_request", None)]),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let file = batches.upload(path).await.unwrap();
        let batch = batches.submit(&file).await.unwrap();
        assert_eq!(batch.status(), BatchStatus::Failed, "{name}");
        let found: Vec<_> =
            batch.errors().iter().map(|error| (error.code().unwrap().to_string(), error.line())).collect();
        let codes: Vec<_> = codes.into_iter().map(|(code, line)| (code.to_owned(), line)).collect();
        assert_eq!(found, codes, "{name}");
    }
}

#[tokio::test]
async fn a_full_quota_is_waited_out_whether_the_batch_or_its_creation_fails() {
    for quota in [BatchQuota::new(100), BatchQuota::new(100).fails_fast()] {
        let (emulator, batches) = emulator().await;
        let folder = Folder::new(if quota.fails_fast { "fast" } else { "slow" });
        emulator.batches().set_quota(Some(quota));
        emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(60)));
        let file = batches.upload(input(&folder, 5)).await.unwrap();
        let first = batches.submit(&file).await.unwrap();
        assert_eq!(first.status(), BatchStatus::InProgress);
        let (second, ()) = tokio::join!(batches.submit(&file), async {
            // on the real clock: the second call is refused over a socket meanwhile
            tokio::time::sleep(Duration::from_millis(50)).await;
            emulator.batches().advance(Duration::from_secs(600));
        });
        assert_eq!(second.unwrap().status(), BatchStatus::InProgress);
        let tries = emulator.batches().created();
        assert!(if quota.fails_fast { tries == 2 } else { tries > 2 }, "{tries}");
    }
}

#[tokio::test]
async fn lists_have_every_page() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("pages");
    let path = input(&folder, 1);
    for _ in 0..45 {
        let file = batches.upload(&path).await.unwrap();
        batches.create(&file).await.unwrap();
    }
    let all: Vec<Batch> = batches.batches().try_collect().await.unwrap();
    let ids: BTreeSet<&str> = all.iter().map(id).collect();
    let files: Vec<BatchFile> = batches.files().try_collect().await.unwrap();
    assert_eq!((all.len(), ids.len(), files.len()), (45, 45, 45));
    batches.delete_file(files[0].id().unwrap()).await.unwrap();
    assert_eq!(batches.file(files[0].id().unwrap()).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn a_file_expires_when_it_was_told_to() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("expiry");
    let path = input(&folder, 1);
    let error = batches.upload(Upload::new(&path).expires_after(DAY)).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
    let file = batches.upload(Upload::new(&path).expires_after(DAY * 14)).await.unwrap();
    assert_eq!(file.expires_at().unwrap() - file.created_at().unwrap(), 14 * 24 * 3600);
    let create = CreateBatch::new(file.id().unwrap()).output_expires_after(DAY * 14).metadata("team", "search");
    let batch = batches.create(create).await.unwrap();
    assert_eq!(batch.metadata().unwrap()["team"], "search");
    let batch = batches.wait(id(&batch)).await.unwrap();
    assert_eq!(items(batches.results(&batch)).await.len(), 1);
    emulator.batches().advance(DAY * 15);
    assert_eq!(batches.file(file.id().unwrap()).await.unwrap_err().status(), Some(404));
    let mut results = batches.results(&batch);
    assert_eq!(results.next_item().await.unwrap_err().status(), Some(404));
}

/// A server that answers the first upload with 429 when a part of it has come, and the second one with a file. Returns its
/// address and the bytes of each upload.
async fn busy_server() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, uploads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&uploads);
    tokio::spawn(async move {
        for is_first in [true, false] {
            let (mut line, _) = listener.accept().await.unwrap();
            let mut upload = Vec::new();
            while !(upload.ends_with(b"--\r\n") || is_first && upload.len() > 300_000) {
                line.read_buf(&mut upload).await.unwrap();
            }
            kept.lock().unwrap().push(upload);
            let (head, body) = match is_first {
                true => ("429 Too Many Requests\r\nretry-after-ms: 5", "{}"),
                false => ("200 OK", r#"{"id": "file-1", "status": "processed"}"#),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            line.write_all(answer.as_bytes()).await.unwrap();
            // what is still sent is read, since unread bytes would reset the connection, and the answer with it
            tokio::spawn(async move {
                let mut rest = Vec::new();
                let _ = line.read_to_end(&mut rest).await;
            });
        }
    });
    (format!("http://{address}"), uploads)
}

#[tokio::test]
async fn a_429_in_the_middle_of_an_upload_begins_it_again() {
    let folder = Folder::new("again");
    let path = input(&folder, 20_000);
    let size = std::fs::metadata(&path).unwrap().len();
    let (address, uploads) = busy_server().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let upload = Upload::new(&path).on_progress({
        let seen = Arc::clone(&seen);
        move |sent, total| seen.lock().unwrap().push((sent, total))
    });
    let file = batches(&address).upload(upload).await.unwrap();
    assert_eq!(file.id(), Some("file-1"));
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|(_, total)| *total == size) && seen.last() == Some(&(size, size)));
    assert!(seen.windows(2).any(|pair| pair[1].0 < pair[0].0), "it began again");
    let uploads = uploads.lock().unwrap();
    let text = String::from_utf8_lossy(&uploads[1]);
    assert!(
        text.contains(&std::fs::read_to_string(&path).unwrap()) && text.starts_with("POST /openai/v1/files HTTP/1.1")
    );
    assert!(uploads[0].len() < uploads[1].len());
}

#[tokio::test]
async fn an_upload_that_may_have_arrived_is_not_repeated() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("once");
    let path = input(&folder, 1);
    for status in [500, 503, 408] {
        emulator.inject(Fault::status(status).next(1));
        let error = batches.upload(&path).await.unwrap_err();
        assert_eq!((error.status(), error.attempts()), (Some(status), 1));
        assert!(error.may_have_reached_service());
    }
    emulator.inject(Fault::status(503).next(1));
    assert_eq!(batches.files().try_collect::<Vec<_>>().await.unwrap().len(), 0, "a list is repeated");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_sent() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("unreadable");
    std::fs::write(folder.join("empty"), "").unwrap();
    for name in ["nothing", "empty", "."] {
        let error = batches.upload(folder.join(name)).await.unwrap_err();
        assert!(!error.may_have_reached_service() && !error.is_retryable(), "{name}: {error}");
    }
    assert!(emulator.requests().is_empty());
}

#[tokio::test]
async fn a_dated_endpoint_and_a_gateway_have_the_operations_at_their_own_addresses() {
    let (emulator, _) = emulator().await;
    let endpoint = emulator.endpoint();
    for (address, path) in [
        (endpoint.clone(), "/openai/v1/batches"),
        (format!("{endpoint}?api-version=2024-10-21"), "/openai/batches"),
        (format!("{endpoint}/v1"), "/v1/batches"),
    ] {
        batches(&address).batches().try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(emulator.requests().last().unwrap().path(), path);
    }
}

#[tokio::test]
async fn of_several_backends_the_first_has_the_files() {
    let (first, second) = (emulator().await.0, emulator().await.0);
    let client = ChatClient::builder(first.endpoint(), ApiKey::new("key"))
        .backend(azure_openai_chat::Backend::new(second.endpoint(), ApiKey::new("key")))
        .build()
        .unwrap();
    let batches = azure_openai_chat::batch::BatchClient::new(&client);
    let folder = Folder::new("backends");
    for _ in 0..5 {
        batches.upload(input(&folder, 1)).await.unwrap();
    }
    assert_eq!((first.batches().uploads(), second.batches().uploads()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn looks_at_a_batch_are_a_minute_apart() {
    // a server on a paused clock: time passes only while everything waits
    let (emulator, _) = emulator().await;
    let client = ChatClient::new(emulator.endpoint(), ApiKey::new("key")).unwrap();
    let batches = azure_openai_chat::batch::BatchClient::new(&client);
    let folder = Folder::new("minute");
    let file = batches.upload(input(&folder, 10)).await.unwrap();
    emulator.batches().set_timing(BatchTiming::none().line(DAY));
    let batch = batches.create(&file).await.unwrap();
    let started = tokio::time::Instant::now();
    let mut looks = Vec::new();
    let looked = batches.wait_until(id(&batch), |_| {
        looks.push(started.elapsed());
        looks.len() == 3
    });
    looked.await.unwrap();
    assert!(looks.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(60)), "{looks:?}");
}

#[tokio::test]
async fn lists_and_contents_are_read_in_a_loop_and_in_another_task() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("streams");
    let file = batches.upload(input(&folder, 3)).await.unwrap();
    let batch = batches.submit(&file).await.unwrap();
    let (mut files, mut all) = (batches.files(), batches.batches());
    let mut content = batches.file_content(batch.output_file_id().unwrap());
    drop(batches);
    let counts = tokio::spawn(async move {
        let (mut counts, mut bytes) = ([0, 0], Vec::new());
        while let Some(file) = files.try_next().await.unwrap() {
            counts[0] += usize::from(file.id().is_some());
        }
        while let Some(batch) = all.try_next().await.unwrap() {
            counts[1] += usize::from(batch.id().is_some());
        }
        while let Some(piece) = content.try_next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        (counts, bytes.iter().filter(|byte| **byte == b'\n').count())
    });
    assert_eq!(counts.await.unwrap(), ([1, 1], 3));
}

/// A server that gives one answer to all requests of a method.
async fn answering(answers: &[(&str, u16, Value)]) -> MockServer {
    let server = MockServer::start().await;
    for (name, status, body) in answers {
        let answer = ResponseTemplate::new(*status).set_body_json(body);
        Mock::given(method(*name)).respond_with(answer).mount(&server).await;
    }
    server
}

async fn requests(server: &MockServer, method: &str) -> usize {
    let all = server.received_requests().await.unwrap();
    all.iter().filter(|request| request.method.as_str() == method).count()
}

#[tokio::test]
async fn an_answer_without_an_id_is_an_error_and_nothing_is_sent_again() {
    let folder = Folder::new("no-id");
    for body in [json!({}), json!({"id": ""}), json!({"id": 7})] {
        let server = answering(&[("POST", 200, body), ("GET", 200, json!({"data": [{"filename": "x"}]}))]).await;
        let batches = batches(&server.uri());
        let created = batches.create("file-1").await.unwrap_err();
        for error in [batches.upload(input(&folder, 1)).await.unwrap_err(), created] {
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Decode, false));
            assert!(error.to_string().contains("has no id") && error.may_have_reached_service(), "{error}");
        }
        let run = Folder::new("no-id-run");
        let mut run = prepared(run.path(), &batches, 1);
        assert_eq!(run.finish().await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(requests(&server, "POST").await, 3);
    }
}

#[tokio::test]
async fn an_empty_id_is_refused_and_not_sent() {
    let (emulator, batches) = emulator().await;
    for error in [
        batches.file("").await.unwrap_err(),
        batches.wait_for_file("").await.unwrap_err(),
        batches.delete_file("").await.unwrap_err(),
        batches.batch("").await.unwrap_err(),
        batches.wait("").await.unwrap_err(),
        batches.cancel("").await.unwrap_err(),
        batches.file_content("").try_next().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert_eq!(emulator.requests().count(), 0);
    // as some services write the id of a file that they do not have
    let batch: Batch = serde_json::from_value(json!({"output_file_id": "", "error_file_id": ""})).unwrap();
    assert!(items(batches.results(&batch)).await.is_empty());
    assert_eq!(emulator.requests().count(), 0);
}

#[tokio::test]
async fn after_a_lost_answer_a_batch_that_has_ended_is_not_taken_for_the_new_one() {
    let batch = |id: &str, status: &str| json!({"id": id, "input_file_id": "file-1", "status": status});
    let old = ["completed", "failed", "expired", "cancelled"].map(|status| batch("old", status));
    let with_new = json!({"data": [old[0], batch("new", "validating")]});
    for (list, found) in [(json!({"data": old}), None), (with_new, Some("new"))] {
        let server = answering(&[("POST", 503, json!({})), ("GET", 200, list)]).await;
        let created = batches(&server.uri()).create("file-1").await;
        assert_eq!(created.as_ref().ok().and_then(Batch::id), found);
        assert!(created.is_ok() || created.is_err_and(|error| error.status() == Some(503)));
        assert_eq!(requests(&server, "POST").await, 1);
    }
}

#[tokio::test]
async fn what_people_wrote_is_in_no_text() {
    let server = answering(&[("GET", 200, json!({"id": "f", "status": "error", "status_details": "CANARY"}))]).await;
    let batches = batches(&server.uri());
    let error = batches.wait_for_file("f").await.unwrap_err();
    assert!(error.to_string().contains("`status_details()`"), "{error}");
    let file = batches.file("f").await.unwrap();
    assert_eq!(file.status_details(), Some("CANARY"));
    let create = CreateBatch::new("file-1").metadata("key", "CANARY");
    for text in [format!("{error} {error:?}"), format!("{file:?}"), format!("{create:?}")] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[test]
fn paths_and_ids_convert_from_every_kind_of_text() {
    let path = "input.jsonl".to_owned();
    for upload in [Upload::from(&path), path.as_str().into(), path.clone().into(), std::path::Path::new(&path).into()] {
        assert_eq!(format!("{:?}", Upload::from(&upload)), format!("{:?}", Upload::new(&path)));
    }
    for create in [CreateBatch::from(&path), path.as_str().into(), path.clone().into()] {
        assert_eq!(format!("{:?}", CreateBatch::from(&create)), format!("{:?}", CreateBatch::new(&path)));
    }
}

/// The ended calls: operation, attempts, and whether it was completed.
#[derive(Default)]
struct Ended(Mutex<Vec<(String, u32, bool)>>);

impl Observer for Ended {
    fn on_end(&self, call: &CallSummary) {
        let is_completed = call.end() == CallEnd::Completed;
        assert!(call.deployment().is_empty() && call.metadata().is_some() && call.request_id().is_some());
        self.0.lock().unwrap().push((call.operation().to_owned(), call.attempts(), is_completed));
    }
}

#[tokio::test]
async fn observers_get_each_call_by_its_operation() {
    let (emulator, _) = emulator().await;
    let ended = Arc::new(Ended::default());
    let retry = azure_openai_chat::RetryPolicy::default().base_backoff(Duration::from_millis(1));
    let client = ChatClient::builder(emulator.endpoint(), ApiKey::new("key")).retry(retry);
    let client = client.observer(Arc::clone(&ended)).build().unwrap();
    let batches = azure_openai_chat::batch::BatchClient::new(&client);
    let folder = Folder::new("observed");
    let file = batches.upload(input(&folder, 1)).await.unwrap();
    let batch = batches.create(&file).await.unwrap();
    emulator.inject(Fault::status(503).next(1));
    let batch = batches.batch(id(&batch)).await.unwrap();
    assert_eq!(items(batches.results(&batch)).await.len(), 1);
    batches.cancel(id(&batch)).await.unwrap_err();
    let ended: Vec<_> = std::mem::take(&mut *ended.0.lock().unwrap());
    let names: Vec<_> = ended.iter().map(|(name, attempts, done)| (name.as_str(), *attempts, *done)).collect();
    assert_eq!(
        names,
        [
            ("files", 1, true),
            ("batches", 1, true),
            ("batches", 2, true),
            ("files/content", 1, true),
            ("files/content", 1, true),
            ("batches/cancel", 1, false)
        ]
    );
}
