//! What cannot succeed: certificates and proxies. One attempt each, by kind and text, and nothing is sent.

use std::net::SocketAddr;
use std::time::Duration;

use azure_openai_chat::{ApiKey, Backend, CallOptions, ChatClient, ClientBuilder, ErrorKind, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::answers::good_body;
use crate::raw_server::{RawServer, Step};
use crate::server::{Protocol, over};
use crate::table::{call, client, client_over, no_roots, request};
use crate::tls::{Authority, HOST, Leaf, authority};

/// A server that shows this certificate and answers nothing.
async fn showing(authority: &Authority, leaf: Leaf) -> SocketAddr {
    let acceptor = authority.acceptor(leaf, &["http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(socket).await.map(drop) });
        }
    });
    address
}

fn trusting(url: &str) -> ClientBuilder {
    client(url).configure_http(|http| http.tls_certs_only([authority().root()]))
}

async fn refused(client: ClientBuilder, text: &str) {
    let client = client.build().unwrap();
    for streamed in [false, true] {
        let error = call(&client, streamed, &CallOptions::new()).await.result.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{error}");
        assert!(!error.is_retryable() && !error.may_have_reached_service(), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_one_attempt_with_its_reason() {
    let stranger = Authority::new("a root that nobody knows");
    for (authority, leaf, text) in [
        (authority(), Leaf::Expired, "expired on 29 Feb 2024"),
        (authority(), Leaf::NotYet, "is not valid before 01 Mar 2094"),
        (authority(), Leaf::OtherName, "is for another.example"),
        (&stranger, Leaf::Good, "comes from an unknown root"),
    ] {
        let address = showing(authority, leaf).await;
        let text = format!("the certificate of '{address}' {text}");
        refused(trusting(&format!("https://{address}")), &text).await;
    }
}

#[tokio::test]
async fn https_on_a_port_that_speaks_plain_http_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 512]).await;
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    refused(trusting(&format!("https://{address}")), "this port speaks plain http").await;
}

/// A proxy that answers each CONNECT like this, and tunnels to `target` after a 200.
async fn proxy(answer: &'static str, target: Option<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 2048]).await;
                let _ = socket.write_all(answer.as_bytes()).await;
                if let Some(target) = target {
                    let mut other = tokio::net::TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut other).await;
                }
            });
        }
    });
    address
}

fn proxied(address: SocketAddr) -> ClientBuilder {
    let proxy = reqwest::Proxy::all(format!("http://someone:secret@{address}")).unwrap();
    trusting(&format!("https://{HOST}")).configure_http(|http| http.proxy(proxy))
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_sign_in_is_one_attempt_and_named() {
    let address = proxy("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", None).await;
    let client = proxied(address).build().unwrap();
    let error = client.complete(&request()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    refused(proxied(address), &format!("the proxy '{address}' requires a sign-in")).await;
}

/// No tunnel is made for plain http: the proxy's answer is the answer.
#[tokio::test]
async fn a_proxy_that_asks_for_a_sign_in_for_plain_http_is_one_attempt_and_named() {
    let answer =
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 2\r\n\r\nno";
    let address = proxy(answer, None).await;
    let proxied = || {
        let proxy = reqwest::Proxy::all(format!("http://someone:secret@{address}")).unwrap();
        let client = client("http://gateway.example").allow_plain_http();
        client.configure_http(|http| no_roots(http).proxy(proxy))
    };
    let error = proxied().build().unwrap().complete(&request()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    refused(proxied(), &format!("the proxy '{address}' requires a sign-in")).await;
}

#[tokio::test]
async fn a_proxy_that_cannot_connect_is_tried_again_and_one_that_can_is_used() {
    let address = proxy("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", None).await;
    let error = proxied(address).build().unwrap().complete(&request()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.is_retryable() && error.to_string().contains(&format!("'{address}' did not connect")), "{error}");

    let server = over(Protocol::Tls, |_| good_body(), "").await;
    let target = server.url.trim_start_matches("https://").parse().unwrap();
    let address = proxy("HTTP/1.1 200 OK\r\n\r\n", Some(target)).await;
    let completion = proxied(address).build().unwrap().complete(&request()).await.unwrap();
    assert_eq!(completion.text(), Some("one two"));
}

#[tokio::test]
async fn a_backend_whose_certificate_expired_gives_way_to_the_next() {
    let expired = format!("https://{}", showing(authority(), Leaf::Expired).await);
    let server = over(Protocol::Tls, |_| good_body(), "").await;
    let second = Backend::new(&server.url, ApiKey::new("key-of-the-second")).priority(1);
    let completion = trusting(&expired).backend(second).build().unwrap().complete(&request()).await.unwrap();
    assert_eq!((completion.text(), completion.metadata().attempts()), (Some("one two"), 2));
}

/// Run by the next test, with the root in the environment.
#[tokio::test]
#[ignore = "needs the variables that the next test sets"]
async fn a_call_with_the_root_of_the_environment() {
    let url = std::env::var("TEST_SERVER_URL").unwrap();
    let client = ChatClient::builder(url, ApiKey::new("key")).retry(RetryPolicy::none()).build().unwrap();
    assert_eq!(client.complete(&request()).await.unwrap().text(), Some("one two"));
}

/// The client as it is by default, without any setting of the HTTP client.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_in_ssl_cert_file_is_trusted() {
    let server = over(Protocol::Tls, |_| good_body(), "").await;
    let file = std::env::temp_dir().join(format!("azure-openai-chat-root-{}.pem", std::process::id()));
    std::fs::write(&file, authority().root_pem()).unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "certificates::a_call_with_the_root_of_the_environment"]);
    child.env("SSL_CERT_FILE", &file).env("TEST_SERVER_URL", &server.url);
    let output = child.output().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(server.seen.tries(), 1);
}

#[tokio::test]
async fn time_that_runs_out_before_anything_is_sent_says_so() {
    // takes connections and never shakes hands
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let options =
        CallOptions::new().answer_timeout(Duration::from_millis(200)).first_event_timeout(Duration::from_millis(200));
    let client = trusting(&url).build().unwrap();
    for streamed in [false, true] {
        let error = call(&client, streamed, &options).await.result.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(text.contains("before the request was sent") && text.contains("waited for a connection"), "{text}");
        assert!(!text.contains("reasoning") && !error.may_have_reached_service(), "{text}");
    }
    let server = RawServer::start(vec![vec![Step::Hang]]).await;
    let client = client_over(Protocol::Plain, &server.url).configure_http(no_roots).build().unwrap();
    let error = call(&client, false, &options).await.result.unwrap_err();
    assert!(error.to_string().contains("reasoning") && error.may_have_reached_service(), "{error}");
}
