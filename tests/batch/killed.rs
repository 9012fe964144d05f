//! Runs whose process is killed. The test program starts itself again as the process that runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use azure_openai_chat::batch::{BatchRun, BatchRunPhase};
use azure_openai_emulator::{BatchTiming, Emulator, LineOutcome};

use crate::support::{Folder, batches, prepared};

const LINES: usize = 40;
const FOLDER: &str = "AZURE_OPENAI_CHAT_TEST_FOLDER";
const ENDPOINT: &str = "AZURE_OPENAI_CHAT_TEST_ENDPOINT";

/// The process that runs, when its variables are set; else a test that does nothing.
#[tokio::test]
async fn the_process_that_is_killed() {
    let (Ok(folder), Ok(endpoint)) = (std::env::var(FOLDER), std::env::var(ENDPOINT)) else {
        return;
    };
    prepared(Path::new(&folder), &batches(&endpoint), LINES).finish().await.unwrap();
}

fn start(folder: &Path, emulator: &Emulator) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(ENDPOINT, emulator.endpoint())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn ends(child: &mut Child) -> std::process::ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the process does not end");
        // on the real clock, which a process has
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Every line once, and as it should be; nothing sent twice.
fn check(folder: &Path, emulator: &Emulator) {
    let run = BatchRun::open(folder, &batches(&emulator.endpoint())).unwrap();
    assert_eq!(run.status().phase(), BatchRunPhase::Finished);
    let items: Vec<_> = run.results().unwrap().map(Result::unwrap).collect();
    let ids: Vec<&str> = items.iter().map(|item| item.custom_id()).collect();
    assert_eq!(ids, (0..LINES).map(|n| format!("line-{n}")).collect::<Vec<_>>());
    assert!(items.iter().all(|item| item.completion().is_some() != matches!(item.custom_id(), "line-3" | "line-5")));
    assert_eq!(BatchRun::open(run.next_run().unwrap(), &batches(&emulator.endpoint())).unwrap().status().lines(), 2);
    assert_eq!((emulator.batches().uploads(), emulator.batches().created()), (1, 1));
}

async fn emulator() -> Emulator {
    let emulator = Emulator::start().await.unwrap();
    emulator.batches().set_outcomes(|id| match id {
        "line-3" => LineOutcome::Missing,
        "line-5" => LineOutcome::Failed(500, serde_json::json!({"message": "m"})),
        _ => LineOutcome::Answered,
    });
    emulator
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_service_has_carried_out_each_request_in_turn_it_repeats_none() {
    for request in 0.. {
        let (emulator, folder) = (emulator().await, Folder::new(&format!("killed-{request}")));
        emulator.batches().hold_answer_after(request);
        let mut child = start(folder.path(), &emulator);
        while emulator.batches().held_answers() == 0 && child.try_wait().unwrap().is_none() {
            // on the real clock, which a process has
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let was_held = emulator.batches().held_answers() > 0;
        if was_held {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        assert!(ends(&mut start(folder.path(), &emulator)).await.success(), "after request {request}");
        check(folder.path(), &emulator);
        if !was_held {
            assert!(request >= 6, "the whole way has only {request} requests");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_it_loses_and_repeats_nothing() {
    let (emulator, folder) = (emulator().await, Folder::new("killed-at-random"));
    emulator
        .batches()
        .set_timing(BatchTiming::none().line(Duration::from_millis(5)).validation(Duration::from_millis(50)));
    for _ in 0..20 {
        let mut child = start(folder.path(), &emulator);
        // on the real clock, which a process has
        tokio::time::sleep(Duration::from_millis(some_milliseconds())).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(ends(&mut start(folder.path(), &emulator)).await.success());
    check(folder.path(), &emulator);
}

/// Some milliseconds, from the clock.
fn some_milliseconds() -> u64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    u64::from(nanos / 1000 % 60)
}
