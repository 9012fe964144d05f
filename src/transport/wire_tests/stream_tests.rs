//! Streams on the wire: how they wait, break off, end, and give their connection back.

use super::*;

fn pause(milliseconds: u64) -> Step {
    Step::Pause(Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn silence_ends_a_stream_and_comments_do_not_count_as_events() {
    let (url, _server) =
        answering(vec![streaming([piece("data: a\n\n"), pause(30), piece(": x\n\n"), pause(30), piece(": y\n\n")])])
            .await;
    let transport = transport(&url);
    let options = CallOptions::new().stream_idle_timeout(Duration::from_millis(150));
    let mut stream = open(&transport, &options).await.unwrap();
    stream.note_event();
    for expected in ["data: a\n\n", ": x\n\n", ": y\n\n"] {
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), expected);
    }
    let error = next(&mut stream).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "deployment 'gpt': the stream was silent for 0.15 s");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, Some(200)));
    assert!(next(&mut stream).await.is_none());

    let comments = (0..100).flat_map(|_| [pause(10), piece(": x\n\n")]);
    let (url, _server) = answering(vec![streaming(comments)]).await;
    let options = CallOptions::new().first_event_timeout(Duration::from_millis(100));
    let mut stream = open(&with_credential(&url, ApiKey::new("k")), &options).await.unwrap();
    let error = loop {
        if let Err(error) = next(&mut stream).await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.to_string(), "deployment 'gpt': no first event within 0.1 s");
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_byte_is_asked_for_again_and_after_it_not() {
    let (url, seen) = answering(vec![streaming([Step::Close]), streaming([piece("a"), pause(20), Step::Close])]).await;
    let mut stream = open(&transport(&url), &CallOptions::new()).await.unwrap();
    assert_eq!(stream.metadata().attempts(), 2);
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), "a");
    let error = next(&mut stream).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts(), seen.count()), (ErrorKind::Interrupted, 2, 2));
}

#[tokio::test]
async fn dropping_a_call_or_a_stream_closes_its_connection() {
    let (url, seen) = answering(vec![streaming([piece("data: a\n\n")])]).await;
    let stream = open(&transport(&url), &CallOptions::new()).await.unwrap();
    assert_eq!(seen.hung_up(), 0);
    drop(stream);
    until(|| seen.hung_up() == 1).await;

    let (url, seen) = answering(vec![vec![Step::Hang]]).await;
    let transport = transport(&url);
    let options = CallOptions::new();
    let gone = tokio::time::timeout(Duration::from_millis(100), post(&transport, &options)).await;
    assert!(gone.is_err());
    until(|| seen.hung_up() == 1).await;
}

#[tokio::test]
async fn a_finished_stream_gives_its_connection_back_without_making_anyone_wait() {
    let (url, seen) = ending_late(Some(Duration::from_millis(50))).await;
    let transport = transport(&url);
    for _ in 0..5 {
        let mut stream = open(&transport, &CallOptions::new()).await.unwrap();
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), "[DONE]");
        let before = Instant::now();
        stream.finish();
        assert!(before.elapsed() < Duration::from_millis(40));
        // on the real clock: the end of the body crosses a socket
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((seen.count(), seen.connections()), (5, 1));
}

/// `[DONE]` 20 milliseconds after the request, and the end of the body after a pause; `None` is never.
async fn ending_late(wait: Option<Duration>) -> (String, RawServer) {
    let end = wait.map_or(vec![Step::Hang], |wait| vec![Step::Pause(wait), end()]);
    let done = streaming([piece("[DONE]")]);
    answering(vec![[vec![pause(20)], done, end].concat()]).await
}

async fn streams_at_once(count: usize, pause: Option<Duration>) -> (Duration, usize) {
    let (url, seen) = ending_late(pause).await;
    let transport = transport(&url);
    let before = Instant::now();
    for _ in 0..count {
        let mut stream = open(&transport, &CallOptions::new()).await.unwrap();
        assert_eq!(next(&mut stream).await.unwrap().unwrap(), "[DONE]");
        stream.finish();
    }
    (before.elapsed(), seen.connections())
}

#[tokio::test]
async fn streams_in_a_row_whose_bodies_end_late_take_turns_on_two_connections() {
    let connections = streams_at_once(21, Some(Duration::from_millis(5))).await.1;
    assert!(connections <= 2, "{connections}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_are_enough_for_streams_in_a_row_on_several_threads() {
    let connections = streams_at_once(21, Some(Duration::from_millis(5))).await.1;
    assert!(connections <= 2, "{connections}");
}

#[tokio::test]
async fn a_connection_that_does_not_get_free_holds_nobody_up() {
    let (time, connections) = streams_at_once(40, None).await;
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert_eq!(connections, 40);
}

#[tokio::test]
async fn a_finished_stream_that_goes_on_is_cut_off() {
    let (url, seen) = answering(vec![streaming([piece("[DONE]"), pause(10), piece("more")])]).await;
    let mut stream = open(&transport(&url), &CallOptions::new()).await.unwrap();
    next(&mut stream).await.unwrap().unwrap();
    stream.finish();
    until(|| seen.hung_up() == 1).await;
}
