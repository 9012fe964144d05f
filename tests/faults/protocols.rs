//! HTTP/1.1 beside HTTP/2: what one connection's faults cost the calls beside it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use azure_openai_chat::{CallOptions, ChatClient, ErrorKind, RetryCause, RetryPolicy};
use futures::StreamExt;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::answers::{
    DONE, HEAD, LAST_CHUNK, ONE, ROLE, STOP, begun, chunk, events, good_body, good_stream, http, opening,
};
use crate::events::Events;
use crate::raw_server::{RawServer, Script, Step, send};
use crate::server::{Protocol, over};
use crate::table::{call, client_over, quick, request};
use crate::waiting::until;

const HTTP2: Protocol = Protocol::Http2(400);

fn client(protocol: Protocol, url: &str) -> ChatClient {
    let long = Duration::from_secs(60);
    let client =
        client_over(protocol, url).stream_idle_timeout(long).defaults(CallOptions::new().first_event_timeout(long));
    client.max_event_bytes(1 << 20).build().unwrap()
}

#[tokio::test]
async fn http1_is_spoken_unless_http2_is_set() {
    let server = over(Protocol::Tls, |_| good_body(), "").await;
    let set = client_over(HTTP2, &server.url).build().unwrap();
    // where a server has only HTTP/1.1, that is spoken all the same
    set.complete(&request()).await.unwrap();
    let server = over(HTTP2, |_| good_body(), "").await;
    client_over(HTTP2, &server.url).build().unwrap().complete(&request()).await.unwrap();
    assert!(server.seen.requests()[0].contains(" HTTP/2\r\n"));
    let error = client_over(Protocol::Tls, &server.url).build().unwrap().complete(&request()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Connect, 1, false), "{error}");
    let plain = RawServer::start(vec![good_body()]).await;
    client_over(Protocol::Plain, &plain.url).build().unwrap().complete(&request()).await.unwrap();
    assert!(plain.seen.requests()[0].contains(" HTTP/1.1\r\n"));
}

#[tokio::test]
async fn what_http2_refused_was_not_worked_on_and_what_it_reset_may_have_been() {
    for streamed in [false, true] {
        let good = if streamed { good_stream() } else { good_body() };
        for (act, cause) in [(Step::Refuse, RetryCause::Connect), (Step::Reset, RetryCause::NoAnswer)] {
            let fault = vec![act.clone()];
            let answer = good.clone();
            let script = move |n| if n == 0 { fault.clone() } else { answer.clone() };
            let server = over(HTTP2, script, "").await;
            let events = Events::default();
            let client = client_over(HTTP2, &server.url).observer(events.clone()).build().unwrap();
            let options = CallOptions::new().retry(quick());
            let ended = call(&client, streamed, &options).await;
            assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 2), "{:?}", ended.result);
            assert_eq!(events.retries().iter().map(|retry| retry.cause()).collect::<Vec<_>>(), [cause]);
            assert_eq!(server.seen.connections(), 1, "a stream's fault is not the connection's");

            let server = over(HTTP2, move |_| vec![act.clone()], "").await;
            let options = CallOptions::new().retry(RetryPolicy::none());
            let client = client_over(HTTP2, &server.url).build().unwrap();
            let error = call(&client, streamed, &options).await.result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert_eq!(error.may_have_reached_service(), cause == RetryCause::NoAnswer, "{error}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_http2_resets_or_leaves_keeps_what_came() {
    for last in [Step::Reset, Step::Close] {
        let script = move |_| [opening(begun()), vec![Step::Pause(Duration::from_millis(50)), last.clone()]].concat();
        let server = over(HTTP2, script, "").await;
        let ended = call(&client(HTTP2, &server.url), true, &CallOptions::new()).await;
        assert_eq!(ended.text, "one ");
        assert_eq!(ended.result.unwrap_err().kind(), ErrorKind::Interrupted);
    }
    // a server that says goodbye ends what it has begun
    let script = |n| match n {
        0 => [opening(events()), vec![send(LAST_CHUNK), Step::GoAway]].concat(),
        _ => good_stream(),
    };
    let server = over(HTTP2, script, "").await;
    let client = client(HTTP2, &server.url);
    for _ in 0..2 {
        let ended = call(&client, true, &CallOptions::new()).await;
        assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 1), "{:?}", ended.result);
        // on the real clock: the goodbye crosses a socket
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn headers_above_the_limit_are_one_attempt_over_http2_too() {
    for kib in [70, 200] {
        let script = move |_| vec![send(http(200, &format!("x-long: {}\r\n", "v".repeat(kib * 1024)), "{}"))];
        let server = over(HTTP2, script, "").await;
        let error = client(HTTP2, &server.url).complete(&request()).await.unwrap_err();
        assert!(error.to_string().contains("above the limit of 64 KiB"), "{error}");
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Connect, 1, false));
        assert!(error.may_have_reached_service());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_stream_resets_it_over_http2_and_the_connection_goes_on() {
    let script = |n| if n == 0 { [opening(begun()), vec![Step::Hang]].concat() } else { good_body() };
    let server = over(HTTP2, script, "").await;
    let client = client(HTTP2, &server.url);
    let mut stream = client.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    until(|| server.seen.hung_up() == 1).await;
    client.complete(&request()).await.unwrap();
    assert_eq!(server.seen.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_reads_do_not_stall_another_call() {
    const UNREAD: usize = 150;
    for protocol in [Protocol::Plain, Protocol::Tls, HTTP2] {
        // together more than the window that hyper gives a connection
        let long = [FILLED.repeat(64 * 1024 / FILLED.len()).as_str()].concat();
        let script = move |n| match n {
            0..UNREAD => [opening(&long), vec![Step::Hang]].concat(),
            _ => good_body(),
        };
        let server = over(protocol, script, "").await;
        let client = client(protocol, &server.url);
        let request = request();
        let unread = join_all((0..UNREAD).map(|_| client.stream(&request))).await;
        assert!(unread.iter().all(Result::is_ok));
        // on the real clock: the buffers of the sockets fill
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            client.complete(&request).await.unwrap();
            quickest = quickest.min(started.elapsed());
        }
        assert!(quickest < Duration::from_secs(1), "{protocol:?}: {quickest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_above_the_servers_limit_of_streams_wait_unsent_over_http2_alone() {
    const LIMIT: usize = 2;
    for protocol in [Protocol::Tls, Protocol::Http2(u32::try_from(LIMIT).unwrap())] {
        let script = |n| match n {
            0..LIMIT => [opening(begun()), vec![Step::Hang]].concat(),
            _ => good_body(),
        };
        let server = over(protocol, script, "").await;
        let client = client(protocol, &server.url);
        let request = request();
        let held = join_all((0..LIMIT).map(|_| client.stream(&request))).await;
        assert!(held.iter().all(Result::is_ok));
        let options = CallOptions::new().answer_timeout(Duration::from_millis(500)).retry(RetryPolicy::none());
        let ended = client.complete_with(&request, &options).await;
        if protocol == Protocol::Tls {
            ended.unwrap();
            continue;
        }
        let error = ended.unwrap_err();
        assert_eq!((error.kind(), error.may_have_reached_service()), (ErrorKind::Timeout, false), "{error}");
        assert_eq!(server.seen.tries(), LIMIT);
        // with a stream less there is room
        drop(held.into_iter().next());
        client.complete(&request).await.unwrap();
    }
}

const FILLED: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one and one and one and one and one\"}}]}\n\n";

/// How many of some streams break while others are opened and dropped.
async fn innocent_streams_broken(protocol: Protocol, time: Duration) -> (usize, usize) {
    const INNOCENT: usize = 20;
    let beats = usize::try_from(time.as_millis() / 50).unwrap();
    let slow: Script = std::iter::once(vec![send(HEAD), send(chunk(ROLE))])
        .chain((0..beats).map(|_| vec![send(chunk(ONE)), Step::Pause(Duration::from_millis(50))]))
        .chain([vec![send(chunk(STOP)), send(chunk(DONE)), send(LAST_CHUNK)]])
        .flatten()
        .collect();
    let script = move |n| match n {
        0..INNOCENT => slow.clone(),
        _ => [opening(begun()), vec![Step::Hang]].concat(),
    };
    let server = over(protocol, script, "").await;
    let client = client(protocol, &server.url);
    let request = request();
    let innocent = join_all((0..INNOCENT).map(|_| client.stream(&request))).await;
    let reading: Vec<_> = innocent
        .into_iter()
        .map(|stream| {
            let stream = stream.unwrap();
            tokio::spawn(async move { stream.map(|item| item.is_ok()).all(std::future::ready).await })
        })
        .collect();
    let started = Instant::now();
    let mut dropped = 0;
    while started.elapsed() < time {
        let burst = join_all((0..16).map(|_| client.stream(&request))).await;
        dropped += burst.iter().filter(|stream| stream.is_ok()).count();
        drop(burst);
    }
    let whole = join_all(reading).await.into_iter().filter(|whole| *whole.as_ref().unwrap()).count();
    (INNOCENT - whole, dropped)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_seconds_of_dropped_streams_break_no_other() {
    let (broken, dropped) = innocent_streams_broken(Protocol::Tls, Duration::from_secs(5)).await;
    assert_eq!(broken, 0);
    assert!(dropped > 50, "{dropped}");
}

/// A relay between client and server. The connections that are open when `kill` is set are acknowledged from then on
/// and not forwarded.
async fn relay(target: SocketAddr, kill: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (kill, born) = (Arc::clone(&kill), kill.load(Ordering::SeqCst));
            tokio::spawn(async move {
                let far = TcpStream::connect(target).await.unwrap();
                let is_dead = Arc::new(AtomicBool::new(false));
                let (near, far) = (near.into_split(), far.into_split());
                let one = forward(near.0, far.1, Arc::clone(&kill), born, Arc::clone(&is_dead));
                let other = forward(far.0, near.1, kill, born, is_dead);
                tokio::join!(one, other);
            });
        }
    });
    address
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    kill: Arc<AtomicUsize>,
    born: usize,
    is_dead: Arc<AtomicBool>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if kill.load(Ordering::SeqCst) != born {
            is_dead.store(true, Ordering::SeqCst);
        }
        if !is_dead.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // a dead relay does not forward an end either
    if is_dead.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
}

/// Calls at an even pace through a relay whose open connections die; how many of them succeed.
async fn calls_behind_a_dead_relay(protocol: Protocol, calls: usize, pace: Duration, timeout: Duration) -> usize {
    let server = over(protocol, |_| good_body(), "").await;
    let target = server.url.split_once("://").unwrap().1.parse().unwrap();
    let kill = Arc::new(AtomicUsize::new(0));
    let address = relay(target, Arc::clone(&kill)).await;
    let client = client(protocol, &format!("https://{address}"));
    client.complete(&request()).await.unwrap();
    kill.store(1, Ordering::SeqCst);
    let options = CallOptions::new().answer_timeout(timeout).retry(RetryPolicy::none());
    let mut under_way = Vec::new();
    for _ in 0..calls {
        let (client, options) = (client.clone(), options.clone());
        under_way.push(tokio::spawn(async move { call(&client, false, &options).await.result.is_ok() }));
        tokio::time::sleep(pace).await;
    }
    join_all(under_way).await.into_iter().filter(|succeeded| *succeeded.as_ref().unwrap()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_unnoticed_costs_one_call_over_http1() {
    let (pace, timeout) = (Duration::from_millis(100), Duration::from_secs(3));
    let succeeded = calls_behind_a_dead_relay(Protocol::Tls, 20, pace, timeout).await;
    assert_eq!(succeeded, 19);
}

/// Two minutes. The figures that the choice of HTTP/1.1 rests on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes two minutes, and prints figures"]
async fn figures_of_both_protocols() {
    for protocol in [Protocol::Tls, HTTP2] {
        let second = Duration::from_secs(1);
        let succeeded = calls_behind_a_dead_relay(protocol, 40, second, 10 * second).await;
        let (broken, dropped) = innocent_streams_broken(protocol, 5 * second).await;
        println!("{protocol:?}: {succeeded} of 40 calls behind a dead relay, one a second");
        println!("{protocol:?}: {broken} of 20 streams broken while {dropped} others were dropped");
    }
}
