//! Clocks that rows cannot show, and what dropping does. The others are in `rows_body::paces`.

use std::time::{Duration, Instant};

use azure_openai_chat::{CallOptions, ChatClient, ChatCompletionRequest, Error, ErrorKind, RetryPolicy};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::answers::{HEAD, begun, chunk, events, good_body, good_stream, opening};
use crate::raw_server::{RawServer, Seen, Step};
use crate::table::{call, client, no_roots, request};
use crate::waiting::{pass, until};

fn shared(server: &RawServer) -> ChatClient {
    client(&server.url).configure_http(no_roots).build().unwrap()
}

async fn hung_up(seen: &Seen) {
    until(|| seen.hung_up() == 1).await;
}

/// A machine that takes no more connections: its queue is full and nobody empties it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_does_not_come_about_has_a_clock_of_its_own() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let connecting = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await;
        waiting.extend(connecting.ok().and_then(Result::ok));
    }
    let client = client(&format!("http://{address}"))
        .connect_timeout(Duration::from_millis(300))
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    for streamed in [false, true] {
        let started = Instant::now();
        let error = call(&client, streamed, &CallOptions::new().client_request_id("c1")).await.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.to_string(), format!("no connection to '{address}' within 0.3 s [client request id c1]"));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

/// A server that takes no more of a request than its buffer holds, so that the system of the client gives up with
/// `ETIMEDOUT`. It sends `answer` all the same.
#[cfg(target_os = "linux")]
async fn deaf(answer: Vec<u8>) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(8).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(&answer).await;
            kept.push(socket);
        }
    });
    url
}

/// reqwest calls it a timeout, although no clock of a caller has run out.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_timeout_of_the_system_is_a_connection_that_broke() {
    let large = ChatCompletionRequest::builder("gpt").user("x".repeat(8 << 20)).build().unwrap();
    let hasty = |http: reqwest::ClientBuilder| no_roots(http).tcp_user_timeout(Duration::from_millis(300));
    let to = |url: String| client(&url).configure_http(hasty).build().unwrap();
    let is_of_the_system = |error: &Error| {
        let causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
        let mut causes = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
        causes.any(|cause| cause.kind() == std::io::ErrorKind::TimedOut && cause.raw_os_error().is_some())
    };

    let error = to(deaf(Vec::new()).await).complete(&large).await.unwrap_err();
    assert!(is_of_the_system(&error), "{error:?}");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.is_retryable() && error.may_have_reached_service(), "{error}");

    let answer = [HEAD.as_bytes(), &chunk(begun())].concat();
    let mut stream = to(deaf(answer).await).stream(&large).await.unwrap();
    let error = loop {
        if let Err(error) = stream.next().await.unwrap() {
            break error;
        }
    };
    assert!(is_of_the_system(&error), "{error:?}");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Interrupted, Some(200)), "{error}");
    assert_eq!(stream.partial().text(), Some("one "));
}

#[tokio::test]
async fn dropping_a_call_ends_its_connection() {
    for streamed in [false, true] {
        let server = RawServer::start(vec![vec![Step::Hang]]).await;
        let client = shared(&server);
        let options = CallOptions::new();
        let gone = tokio::time::timeout(Duration::from_millis(200), call(&client, streamed, &options)).await;
        assert!(gone.is_err() && server.seen.tries() == 1);
        hung_up(&server.seen).await;
    }
}

#[tokio::test]
async fn dropping_a_stream_ends_its_connection() {
    let server = RawServer::start(vec![[opening(begun()), vec![Step::Hang]].concat()]).await;
    let client = shared(&server);
    let mut stream = client.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    assert_eq!(server.seen.hung_up(), 0);
    drop(stream);
    hung_up(&server.seen).await;
}

#[tokio::test]
async fn a_stream_that_failed_has_ended_its_connection_though_it_is_kept() {
    let server = RawServer::start(vec![[opening(begun()), vec![Step::Hang]].concat()]).await;
    let client = shared(&server);
    let options = CallOptions::new().stream_idle_timeout(Duration::from_millis(100));
    let mut stream = client.stream_with(&request(), &options).await.unwrap();
    let error = loop {
        if let Err(error) = stream.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, Some(200)));
    hung_up(&server.seen).await;
    assert_eq!(stream.partial().text(), Some("one "));
}

#[tokio::test]
async fn a_finished_stream_does_not_wait_for_the_end_of_the_body_and_its_connection_serves_again() {
    let late = || {
        [opening(events()), vec![Step::Pause(Duration::from_millis(100)), crate::raw_server::send("0\r\n\r\n")]]
            .concat()
    };
    let server = RawServer::start(vec![late()]).await;
    let client = shared(&server);
    for _ in 0..4 {
        let started = Instant::now();
        let ended = call(&client, true, &CallOptions::new()).await;
        assert_eq!(ended.text, "one two");
        assert!(started.elapsed() < Duration::from_millis(90), "{:?}", started.elapsed());
        // on the real clock: the end of the body crosses a socket
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!((server.seen.tries(), server.seen.connections()), (4, 1));
}

#[tokio::test]
async fn time_that_the_reader_takes_is_not_silence() {
    let server = RawServer::start(vec![crate::answers::good_stream()]).await;
    let options = CallOptions::new().stream_idle_timeout(Duration::from_millis(80));
    let mut stream = shared(&server).stream_with(&request(), &options).await.unwrap();
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
        pass(Duration::from_millis(120)).await;
    }
    assert_eq!(stream.into_completion().unwrap().text(), Some("one two"));
}

#[tokio::test]
async fn a_call_without_time_sends_nothing_on_a_warm_connection() {
    for streams in [false, true] {
        let good = if streams { good_stream() } else { good_body() };
        let server = RawServer::start(vec![good]).await;
        let client = client(&server.url).configure_http(no_roots).build().unwrap();
        call(&client, streams, &CallOptions::new()).await.result.unwrap();
        for options in [
            CallOptions::new().total_timeout(Duration::ZERO),
            CallOptions::new().answer_timeout(Duration::ZERO).first_event_timeout(Duration::ZERO),
        ] {
            let error = call(&client, streams, &options).await.result.unwrap_err();
            assert_eq!((error.kind(), error.may_have_reached_service()), (ErrorKind::Timeout, false), "{error}");
        }
        assert_eq!((server.seen.tries(), server.seen.connections()), (1, 1));
    }
}
