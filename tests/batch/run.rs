use std::time::Duration;

use azure_openai_chat::batch::{Batch, BatchClient, BatchErrorCode, BatchItem, BatchRun, BatchRunPhase, BatchStatus};
use azure_openai_chat::{ApiKey, ChatClient, Error, ErrorKind};
use azure_openai_emulator::{BatchQuota, BatchTiming, Fault, LineOutcome};
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::support::{Folder, emulator, prepared, request};

fn items(run: &BatchRun) -> Vec<BatchItem> {
    run.results().unwrap().map(Result::unwrap).collect()
}

fn ids(items: &[BatchItem]) -> Vec<&str> {
    items.iter().map(BatchItem::custom_id).collect()
}

#[tokio::test]
async fn a_run_ends_with_its_results_in_the_order_of_the_input() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("run");
    let mut run = prepared(folder.path(), &batches, 50);
    let mut phases = Vec::new();
    let status = run.finish_with(|status| phases.push(status.phase())).await.unwrap();
    assert_eq!((status.phase(), status.lines(), status.done()), (BatchRunPhase::Finished, 50, 50));
    assert_eq!(phases.first(), Some(&BatchRunPhase::Uploading));
    assert!(phases.is_sorted());
    let items = items(&run);
    assert_eq!(ids(&items), (0..50).map(|n| format!("line-{n}")).collect::<Vec<_>>());
    let sum: u64 = items.iter().map(|item| item.completion().unwrap().usage().total_tokens()).sum();
    assert_eq!(run.usage().total_tokens(), sum);
    assert!(run.next_run().is_none());
    assert_eq!((emulator.batches().uploads(), emulator.batches().created()), (1, 1));

    // opened again, it is finished, and nothing is sent
    let sent = emulator.requests().count();
    let mut again = BatchRun::open(folder.path(), &batches).unwrap();
    again.prepare(|_| -> Result<(), Error> { panic!("the input is there") }).unwrap();
    assert_eq!(again.finish().await.unwrap(), status);
    assert_eq!(again.usage(), run.usage());
    assert_eq!(emulator.requests().count(), sent);
}

#[tokio::test]
async fn a_run_without_input_says_so() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("no-input");
    let mut run = BatchRun::open(folder.path(), &batches).unwrap();
    assert_eq!(run.status().phase(), BatchRunPhase::Preparing);
    assert!(run.finish().await.unwrap_err().to_string().contains(".prepare("));
    let failed = run.prepare(|input| {
        input.push(&request("hi"))?;
        Err(Error::from_response(azure_openai_chat::ResponseMetadata::new(418, [("a", "b")]), b""))
    });
    assert_eq!(failed.unwrap_err().status(), Some(418));
    assert!(!BatchRun::open(folder.path(), &batches).unwrap().is_prepared());
}

#[tokio::test]
async fn what_failed_expired_or_is_missing_is_the_input_of_the_next_run() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("next");
    emulator.batches().set_outcomes(|id| match id.trim_start_matches("line-").parse::<u32>().unwrap() % 5 {
        0 => LineOutcome::Failed(500, json!({"code": "InternalServerError", "message": "m"})),
        1 => LineOutcome::Expired,
        2 => LineOutcome::Missing,
        _ => LineOutcome::Answered,
    });
    let mut run = prepared(folder.path(), &batches, 25);
    emulator.batches().set_timing(BatchTiming::none());
    let (status, ()) = tokio::join!(run.finish(), async {
        while emulator.batches().created() == 0 {
            tokio::task::yield_now().await;
        }
        emulator.batches().advance(Duration::from_secs(24 * 3600));
    });
    let status = status.unwrap();
    assert_eq!((status.completed(), status.failed()), (10, 15));
    let all = items(&run);
    assert_eq!(ids(&all), (0..25).map(|n| format!("line-{n}")).collect::<Vec<_>>());
    assert_eq!(all[1].code(), Some(&BatchErrorCode::BatchExpired));
    assert_eq!(all[2].error().unwrap().kind(), ErrorKind::Interrupted);
    assert!(all[0].is_retryable() && all[1].is_retryable() && all[2].is_retryable());

    emulator.batches().set_outcomes(|_| LineOutcome::Answered);
    let mut next = BatchRun::open(run.next_run().unwrap(), &batches).unwrap();
    assert_eq!(next.status().lines(), 15);
    next.finish().await.unwrap();
    let again = items(&next);
    let failed: Vec<&str> = all.iter().filter(|item| item.error().is_some()).map(BatchItem::custom_id).collect();
    assert_eq!(ids(&again), failed);
    assert!(again.iter().all(|item| item.completion().is_some()) && next.next_run().is_none());
}

#[tokio::test]
async fn a_refused_input_names_its_lines_and_the_others_go_on() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("invalid");
    let mut run = prepared(folder.path(), &batches, 6);
    // as another program may spoil it between two starts
    let path = folder.join("input.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replacen("/chat/completions", "/chat/incompletions", 3).replacen("incompletions", "completions", 2),
    )
    .unwrap();
    run.finish().await.unwrap();
    let items = items(&run);
    assert_eq!(ids(&items).len(), 6);
    assert!(items.iter().all(|item| item.code() == Some(&BatchErrorCode::UrlMismatch)));
    assert!(items[2].error().unwrap().to_string().contains("because of this line"), "{}", items[2].error().unwrap());
    assert!(items[3].error().unwrap().to_string().contains("with it"));
    let mut next = BatchRun::open(run.next_run().unwrap(), &batches).unwrap();
    next.finish().await.unwrap();
    let rest = self::items(&next);
    assert_eq!(ids(&rest), ["line-0", "line-1", "line-3", "line-4", "line-5"]);
    assert!(rest.iter().all(|item| item.completion().is_some()));
}

#[tokio::test]
async fn results_that_end_inside_a_line_lose_that_line_only() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("inside");
    emulator.batches().cut_results(20);
    let mut run = prepared(folder.path(), &batches, 10);
    let status = run.finish().await.unwrap();
    assert_eq!((status.completed(), status.failed()), (9, 1));
    assert_eq!(items(&run).len(), 10);
    assert_eq!(BatchRun::open(run.next_run().unwrap(), &batches).unwrap().status().lines(), 1);
}

#[tokio::test]
async fn a_full_quota_is_waited_out() {
    for quota in [BatchQuota::new(100), BatchQuota::new(100).fails_fast()] {
        let (emulator, batches) = emulator().await;
        let folder = Folder::new(if quota.fails_fast { "run-fast" } else { "run-slow" });
        emulator.batches().set_quota(Some(quota));
        emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(3600)));
        let first = Folder::new("first");
        let mut blocking = prepared(first.path(), &batches, 5);
        let mut run = prepared(folder.path(), &batches, 5);
        let (done, other, ()) = tokio::join!(blocking.finish(), run.finish(), async {
            for _ in 0..20 {
                // on the real clock: both runs call over sockets meanwhile
                tokio::time::sleep(Duration::from_millis(20)).await;
                emulator.batches().advance(Duration::from_secs(3600));
            }
        });
        assert_eq!((done.unwrap().completed(), other.unwrap().completed()), (5, 5));
    }
}

#[tokio::test]
async fn failures_that_may_pass_are_waited_out() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("weather");
    let mut run = prepared(folder.path(), &batches, 5);
    emulator.inject(Fault::status(503).next(12));
    assert_eq!(run.finish().await.unwrap().completed(), 5);
    assert_eq!((emulator.batches().uploads(), emulator.batches().created()), (1, 1));
}

#[tokio::test]
async fn a_run_is_cancelled_and_has_what_was_done() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("cancel");
    emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(60)));
    let mut run = prepared(folder.path(), &batches, 10);
    let started = tokio::time::timeout(Duration::from_millis(300), run.finish()).await;
    assert!(started.is_err(), "it waits for the batch");
    emulator.batches().advance(Duration::from_secs(185));
    run.cancel().await.unwrap();
    let status = run.finish().await.unwrap();
    assert_eq!((status.completed(), status.failed()), (3, 7));
}

/// Gives a run another file of as many lines, as one of more than 100,000 lines has.
fn add_part(folder: &Folder, batches: &BatchClient) -> BatchRun {
    let input = std::fs::read_to_string(folder.join("input.jsonl")).unwrap();
    std::fs::write(folder.join("input-2.jsonl"), input.replace("line-", "more-")).unwrap();
    edit_state(folder, |state| {
        let mut part = state["parts"][0].clone();
        part["input"] = json!("input-2.jsonl");
        state["parts"].as_array_mut().unwrap().push(part);
    });
    BatchRun::open(folder.path(), batches).unwrap()
}

fn edit_state(folder: &Folder, edit: impl FnOnce(&mut Value)) {
    let path = folder.join("run.json");
    let mut state = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    edit(&mut state);
    std::fs::write(path, state.to_string()).unwrap();
}

async fn start(run: &mut BatchRun) {
    let started = tokio::time::timeout(Duration::from_millis(500), run.finish()).await;
    assert!(started.is_err(), "it waits for the batch");
}

#[tokio::test]
async fn every_part_is_cancelled_also_after_one_that_has_ended() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("cancel-all");
    emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(60)));
    prepared(folder.path(), &batches, 5);
    let mut run = add_part(&folder, &batches);
    start(&mut run).await;
    let running: Vec<Batch> = batches.batches().try_collect().await.unwrap();
    assert_eq!(running.len(), 2);
    // elsewhere, the first one is cancelled
    batches.cancel(running[1].id().unwrap()).await.unwrap();
    run.cancel().await.unwrap();
    let all: Vec<Batch> = batches.batches().try_collect().await.unwrap();
    assert!(all.iter().all(|batch| batch.status() == BatchStatus::Cancelled));
    assert_eq!(run.finish().await.unwrap().failed(), 10);
    assert_eq!(emulator.batches().created(), 2);
}

#[tokio::test]
async fn a_cancelled_run_creates_no_batch_any_more() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("cancel-waiting");
    emulator.batches().set_quota(Some(BatchQuota::new(100).fails_fast()));
    emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(60)));
    prepared(folder.path(), &batches, 5);
    let mut run = add_part(&folder, &batches);
    start(&mut run).await;
    emulator.batches().advance(Duration::from_secs(125));
    run.cancel().await.unwrap();
    emulator.batches().set_quota(None);
    // what was cancelled stays so in the next process
    let mut run = BatchRun::open(folder.path(), &batches).unwrap();
    let status = run.finish().await.unwrap();
    assert_eq!((status.completed(), status.failed(), emulator.batches().created()), (2, 8, 1));
    let mut next = BatchRun::open(run.next_run().unwrap(), &batches).unwrap();
    emulator.batches().set_timing(BatchTiming::none());
    assert_eq!(next.finish().await.unwrap().completed(), 8);
}

#[tokio::test]
async fn a_cancellation_that_fails_is_an_error_and_finish_cancels_again() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("cancel-fails");
    emulator.batches().set_timing(BatchTiming::none().line(Duration::from_secs(60)));
    let mut run = prepared(folder.path(), &batches, 5);
    start(&mut run).await;
    emulator.inject(Fault::status(500).next(20));
    assert_eq!(run.cancel().await.unwrap_err().status(), Some(500));
    assert_eq!(run.finish().await.unwrap().failed(), 5);
}

#[tokio::test]
async fn nothing_of_the_lines_is_in_debug_and_nothing_comes_after_an_error() {
    let (_emulator, batches) = emulator().await;
    let folder = Folder::new("debug");
    prepared(folder.path(), &batches, 2);
    let mut run = add_part(&folder, &batches);
    run.finish().await.unwrap();
    let mut results = run.results().unwrap();
    results.next().unwrap().unwrap();
    assert_eq!(format!("{results:?}"), "BatchRunResults { .. }");
    std::fs::remove_file(folder.join("input.jsonl")).unwrap();
    let mut results = run.results().unwrap();
    assert_eq!(results.next().unwrap().unwrap_err().kind(), ErrorKind::Config);
    assert!(results.next().is_none());
}

#[tokio::test]
async fn a_process_that_ended_before_it_noted_the_sums_leaves_one_next_run() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("sums");
    emulator.batches().set_outcomes(|_| LineOutcome::Missing);
    let mut run = prepared(folder.path(), &batches, 2);
    run.finish().await.unwrap();
    edit_state(&folder, |state| state["totals"] = Value::Null);
    let mut run = BatchRun::open(folder.path(), &batches).unwrap();
    assert_eq!(run.finish().await.unwrap().failed(), 2);
    let next = run.next_run().unwrap();
    assert!(next.exists() && !folder.join("next.partial").exists());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_looked_at_again_within_seconds() {
    let (emulator, _) = emulator().await;
    let batches = BatchClient::new(&ChatClient::new(emulator.endpoint(), ApiKey::new("key")).unwrap());
    let folder = Folder::new("seconds");
    emulator.batches().set_timing(BatchTiming::none().file(Duration::from_secs(3600)));
    let mut run = prepared(folder.path(), &batches, 1);
    let started = tokio::time::Instant::now();
    let (status, ()) = tokio::join!(run.finish(), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        emulator.batches().advance(Duration::from_secs(3600));
    });
    assert_eq!(status.unwrap().completed(), 1);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room() {
    let (emulator, batches) = emulator().await;
    let folder = Folder::new("run-full");
    let mut run = prepared(folder.path(), &batches, 5);
    for name in ["run.json.partial", "output-1.jsonl.partial"] {
        let full = folder.join(name);
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let error = run.finish().await.unwrap_err();
        assert!(error.to_string().contains("could not be written"), "{error}");
        std::fs::remove_file(full).unwrap();
        run = BatchRun::open(folder.path(), &batches).unwrap();
    }
    assert_eq!(run.finish().await.unwrap().completed(), 5);
    assert_eq!((emulator.batches().uploads(), emulator.batches().created()), (1, 1));
}
