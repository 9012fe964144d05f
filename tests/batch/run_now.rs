use std::time::{Duration, Instant};

use azure_openai_chat::{ChatCompletionRequest, ErrorKind};
use azure_openai_emulator::{Emulator, Fault};
use futures::StreamExt;

use crate::support::{batches, emulator, request};

#[tokio::test]
async fn results_come_by_id_with_one_error_a_line_and_a_sum() {
    let (emulator, batches) = emulator().await;
    let mut requests: Vec<_> = (0..20).map(|n| (format!("id-{n}"), request(&format!("Name river {n}.")))).collect();
    let wrong = r#"{"model": "gpt-4o-mini", "temperature": 9, "messages": [{"role": "user", "content": "hi"}]}"#;
    requests[7].1 = serde_json::from_str::<ChatCompletionRequest>(wrong).unwrap();
    emulator.inject(Fault::status(503).next(1));
    let mut results = batches.run_now(requests, 4);
    let mut items = Vec::new();
    while let Some(item) = results.next().await {
        items.push(item);
        let status = results.status();
        assert_eq!((status.answered + status.failed) as usize, items.len());
    }
    assert_eq!((results.status().answered, results.status().failed), (19, 1));
    assert!(results.status().usage.total_tokens() > 19);
    let failed = items.iter().find(|item| item.custom_id() == "id-7").unwrap();
    assert_eq!(failed.error().unwrap().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn in_order_they_come_as_they_were_given_and_ids_are_made() {
    let (_emulator, batches) = emulator().await;
    let requests = (0..10).map(|n| request(&format!("Name river {n}.")));
    let ids: Vec<String> =
        batches.run_now_in_order(requests, 3).map(|item| item.custom_id().to_owned()).collect().await;
    assert_eq!(ids, (1..=10).map(|n| format!("request-{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn requests_are_taken_by_reference_with_and_without_an_id() {
    let (_emulator, batches) = emulator().await;
    let requests = [request("Name a river."), request("Name a lake.")];
    let pairs = requests.iter().zip(["river", "lake"]).map(|(request, id)| (id, request));
    let named: Vec<String> = batches.run_now_in_order(pairs, 2).map(|item| item.custom_id().to_owned()).collect().await;
    assert_eq!(named, ["river", "lake"]);
    assert_eq!(batches.run_now(&requests, 2).count().await, 2);
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_allowed_and_requests_are_taken_as_they_are_sent() {
    let (emulator, batches) = emulator().await;
    emulator.inject(Fault::delay(Duration::from_millis(20)));
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&taken);
    let endless = (0..).map(move |n: u64| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        request(&format!("Name river {n}."))
    });
    let mut results = batches.run_now(endless, 5);
    for _ in 0..10 {
        results.next_item().await.unwrap();
    }
    drop(results);
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 15);
}

#[tokio::test]
async fn calls_wait_until_the_rate_limit_is_renewed() {
    let emulator = Emulator::builder().quota(3, Duration::from_secs(1)).start().await.unwrap();
    let batches = batches(&emulator.endpoint());
    let started = Instant::now();
    let requests: Vec<_> = (0..7).map(|n| request(&format!("Name river {n}."))).collect();
    let items: Vec<_> = batches.run_now(requests, 1).collect().await;
    assert!(items.iter().all(|item| item.completion().is_some()));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(emulator.requests().count(), 7, "none was answered with 429");
}
