//! Faults of HTTP: redirects, statuses, waits, broken framing of the message, connections that end.

use std::time::Duration;

use azure_openai_chat::ErrorKind as Kind;

use crate::answers::*;
use crate::raw_server::{Script, Step, send};
use crate::table::{End, Row, fails, gives, row, same};

pub fn rows() -> Vec<Row> {
    [redirects(), statuses(), waits(), messages(), endings(), lengths()].concat()
}

fn redirects() -> Vec<Row> {
    let mut rows = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        for (place, url) in
            [("another origin", "@OTHER@/openai/v1/chat/completions"), ("the same origin", "@HERE@/again")]
        {
            let answer = format!("HTTP/1.1 {status} X\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n");
            let end = fails(Kind::Service, "redirects are not followed").status(status);
            rows.push(same(format!("a {status} to {place}"), vec![send(answer)], end));
        }
    }
    rows
}

fn answered(status: u16, headers: &str, body: &str) -> Script {
    vec![send(http(status, headers, body))]
}

fn statuses() -> Vec<Row> {
    let error = r#"{"error":{"code":"c7","message":"no"}}"#;
    let kind = |status: u16| match status {
        400 | 413 | 422 => Kind::Rejected,
        401 | 403 => Kind::Unauthorized,
        404 => Kind::NotFound,
        _ => Kind::Service,
    };
    let refused = |status: u16| fails(kind(status), "").status(status).code("c7");
    let mut rows = Vec::new();
    for status in [400, 401, 403, 404, 413, 422, 431, 501] {
        rows.push(same(format!("a {status}"), answered(status, "", error), refused(status)));
    }
    for status in [408, 409, 500, 502, 503, 504] {
        rows.push(same(format!("a {status}, once"), answered(status, "", error), refused(status).retried()));
    }
    rows.extend([
        same("a 400 that says to try again", answered(400, "x-should-retry: true\r\n", error), refused(400).retried()),
        same("a 503 that says not to try again", answered(503, "x-should-retry: false\r\n", error), refused(503)),
        same("a 999", answered(999, "", error), refused(999)),
        row(
            "a 204",
            (vec![send("HTTP/1.1 204 X\r\n\r\n")], fails(Kind::Decode, "is empty").status(204)),
            (vec![send("HTTP/1.1 204 X\r\n\r\n")], fails(Kind::Interrupted, "before its first event").status(204)),
        ),
        same("a 304 without a body", vec![send("HTTP/1.1 304 X\r\n\r\n")], fails(Kind::Service, "").status(304)),
        same(
            "HTML with a 502",
            answered(502, "content-type: text/html\r\n", "<html><head><title>502 Bad Gateway</title></head></html>"),
            fails(Kind::Service, "502 Bad Gateway").status(502).retried(),
        ),
        same("an empty 500", answered(500, "", ""), fails(Kind::Service, "answered 500").status(500).retried()),
        same(
            "a 400 whose body never ends",
            vec![
                send("HTTP/1.1 400 X\r\n\r\n{\"error\":{\"code\":\"c7\",\"message\":\""),
                Step::Flood(vec![b'x'; 16 * 1024]),
            ],
            fails(Kind::Rejected, "answered 400").status(400),
        ),
        same(
            "a 500 whose body breaks off",
            vec![send("HTTP/1.1 500 X\r\ncontent-length: 900\r\n\r\n{\"error\":"), Step::Close],
            fails(Kind::Service, "answered 500").status(500).retried(),
        ),
        same(
            "a 400 whose body stalls",
            vec![send("HTTP/1.1 400 X\r\ncontent-length: 900\r\n\r\n{\"error\":"), Step::Hang],
            fails(Kind::Rejected, "answered 400").status(400),
        )
        .patient(Duration::from_secs(9)),
        same(
            "a compressed 502",
            vec![send(http(502, "content-encoding: gzip\r\n", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x02\x03"))],
            fails(Kind::Service, "answered 502").status(502).retried(),
        ),
        same(
            "a 401 with a key, from API Management",
            answered(
                401,
                "www-authenticate: AzureApiManagementKey realm=\"x\"\r\n",
                r#"{"statusCode":401,"message":"Access denied due to missing subscription key."}"#,
            ),
            fails(Kind::Unauthorized, "a gateway may read another header").status(401).code("401"),
        ),
    ]);
    rows
}

fn waits() -> Vec<Row> {
    let limited =
        |headers: &str, end: End| same(format!("a 429 with {:?}", headers.trim()), answered(429, headers, ""), end);
    let busy = || fails(Kind::RateLimited, "429").status(429);
    let past = "retry-after: Fri, 21 Nov 2014 01:00:00 GMT\r\n";
    let future = "retry-after: Mon, 21 Nov 2214 01:00:00 GMT\r\n";
    let mut rows = vec![
        limited("", busy().asks_to_wait(None).retried()),
        limited("retry-after-ms: 30\r\n", busy().asks_to_wait(Some(0)).retried()),
        limited("x-ms-retry-after-ms: 30\r\n", busy().asks_to_wait(Some(0)).retried()),
        limited("retry-after-ms: 30\r\nretry-after: 86400\r\n", busy().asks_to_wait(Some(0)).retried()),
        limited("retry-after: 1\r\n", busy().asks_to_wait(Some(1)).retried()).patient(Duration::from_secs(6)),
        limited("retry-after: 1\r\n", busy().asks_to_wait(Some(1))).deadline(Duration::from_millis(700)),
        limited("retry-after: 0\r\n", busy().asks_to_wait(Some(0)).retried()),
        limited("retry-after: 86400\r\n", busy().asks_to_wait(Some(86400))),
        limited(past, busy().asks_to_wait(Some(0)).retried()),
        limited("x-should-retry: false\r\nretry-after-ms: 5\r\n", busy()),
        same("a 429 with a date far ahead", answered(429, future, ""), busy()),
        same(
            "a 429 that asks for a day in words",
            answered(429, "", r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 86400 seconds."}"#),
            busy().asks_to_wait(Some(86400)),
        ),
        same(
            "a 503 that asks for a day",
            answered(503, "retry-after: 86400\r\n", ""),
            fails(Kind::Service, "503").status(503).asks_to_wait(Some(86400)),
        ),
        same(
            "a 503 with a short wait",
            answered(503, "retry-after-ms: 30\r\n", ""),
            fails(Kind::Service, "503").status(503).retried(),
        ),
    ];
    // what is no wait is as if it were not there
    for absurd in ["-5", "NaN", "inf", "1e300", "soon", "", "99999999999999999999999999"] {
        for name in ["retry-after", "retry-after-ms"] {
            rows.push(limited(&format!("{name}: {absurd}\r\n"), busy().asks_to_wait(None).retried()));
        }
    }
    rows
}

/// So many header fields, each with so many KiB.
fn headers(count: usize, kib: usize) -> String {
    (0..count).map(|number| format!("x-{number}: {}\r\n", "v".repeat(kib * 1024))).collect()
}

fn messages() -> Vec<Row> {
    let broken = || fails(Kind::Connect, "broke before an answer came").retried();
    let too_large = || fails(Kind::Connect, "above the limit of 64 KiB and 100 fields");
    let raw = |name: &str, bytes: &str| same(name, vec![send(bytes), Step::Close], broken()).http1();
    let before = |first: &str| {
        let with = |rest: Script| [vec![send(first)], rest].concat();
        ((with(good_body()), gives("one two")), (with(good_stream()), gives("one two")))
    };
    let (continued_unary, continued_streamed) = before("HTTP/1.1 100 Continue\r\n\r\n");
    let (hinted_unary, hinted_streamed) = before("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
    let many = format!("HTTP/1.1 200 OK\r\n{}", "x-a: b\r\n".repeat(50));
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    vec![
        raw("a greeting that is not HTTP", "220 mail.example.net ESMTP\r\n"),
        raw("an answer of HTTP/2 without being asked", "\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x7f\0\x04\0\x01\0\0"),
        raw("a status that is no number", "HTTP/1.1 abc OK\r\n\r\n"),
        raw("a header without a colon", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        raw("a header with a space in its name", "HTTP/1.1 200 OK\r\na b: c\r\n\r\n"),
        raw("two lengths that differ", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
        raw("a length below zero", "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello"),
        raw("a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nhello"),
        same(
            "headers that never end",
            vec![send("HTTP/1.1 200 OK\r\n"), Step::Flood(b"x-more: and more and more\r\n".repeat(100))],
            too_large(),
        )
        .http1(),
        same(
            "one header that never ends",
            vec![send("HTTP/1.1 200 OK\r\nx-long: "), Step::Flood(vec![b'y'; 16 * 1024])],
            too_large(),
        )
        .http1(),
        same("one header of 70 KiB", vec![send(http(200, &headers(1, 70), BODY))], too_large()),
        same("headers of 70 KiB together", vec![send(http(200, &headers(70, 1), BODY))], too_large()),
        same("300 small headers", vec![send(http(200, &headers(300, 0), BODY))], too_large()),
        row(
            "headers of 60 KiB in 90 fields",
            (vec![send(http(200, &format!("{}{}", headers(89, 0), headers(1, 58)), BODY))], gives("one two")),
            (vec![send(http(200, &format!("{}{}", headers(89, 0), headers(1, 58)), events()))], gives("one two")),
        ),
        row("a 100 before the answer", continued_unary, continued_streamed),
        row("a 103 before the answer", hinted_unary, hinted_streamed),
        row(
            "a 100 again and again",
            (
                vec![Step::Beat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), Duration::from_millis(5))],
                fails(Kind::Timeout, "no answer within"),
            ),
            (
                vec![Step::Beat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), Duration::from_millis(5))],
                fails(Kind::Timeout, "no first event within"),
            ),
        ),
        row(
            "fifty headers, and no content type",
            (vec![send(format!("{many}{chunked}")), send(chunk(BODY)), send(LAST_CHUNK)], gives("one two")),
            (vec![send(format!("{many}{chunked}")), send(chunk(events())), send(LAST_CHUNK)], gives("one two")),
        ),
        row(
            "a header that is not UTF-8",
            (vec![send(http(200, "", BODY))], gives("one two")),
            (
                vec![
                    send([b"HTTP/1.1 200 OK\r\nx-odd: \xff\xfe\r\n".as_slice(), chunked.as_bytes()].concat()),
                    send(chunk(events())),
                    send(LAST_CHUNK),
                ],
                gives("one two"),
            ),
        ),
        row(
            "junk on the connection after the answer",
            (vec![send([http(200, "", BODY).as_slice(), b"JUNK JUNK\r\n\r\n"].concat())], gives("one two")),
            ([good_stream(), vec![send("JUNK JUNK\r\n\r\n")]].concat(), gives("one two")),
        )
        .http1(),
    ]
}

fn endings() -> Vec<Row> {
    let unsent = || fails(Kind::Connect, "broke before an answer came").retried();
    let cut = || fails(Kind::Interrupted, "broke after").status(200);
    let json_head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BODY.len());
    let half = &BODY[..BODY.len() / 2];
    let mut rows = vec![
        same("a reset at accept", vec![Step::ResetAtAccept], fails(Kind::Connect, "").retried()),
        row(
            "a reset after [DONE]",
            (vec![send(&json_head), send(BODY), Step::Reset], gives("one two")),
            (and(opening(events()), Step::Reset), gives("one two")),
        ),
    ];
    for (how, act) in [("a reset", Step::Reset), ("an end", Step::Close)] {
        let at = |stage: &str| format!("{how} {stage}");
        rows.extend([
            same(at("after the request"), vec![act.clone()], unsent()),
            same(at("in the status line"), vec![send("HTTP/1.1 20"), act.clone()], unsent()).http1(),
            same(at("after the status line"), vec![send("HTTP/1.1 200 OK\r\n"), act.clone()], unsent()).http1(),
            row(
                at("after the headers"),
                (vec![send(&json_head), act.clone()], cut().retried()),
                (vec![send(HEAD), act.clone()], cut().retried()),
            ),
            row(
                at("in the middle of the body"),
                (vec![send(&json_head), send(half), act.clone()], cut().retried()),
                (and(opening(begun()), act.clone()), cut().keeps("one ")),
            ),
            row(
                at("in the middle of an event"),
                (vec![send(JSON_HEAD), send(chunk(half)), act.clone()], cut().retried()),
                (and(opening(format!("{}{}", begun(), &TWO[..40])), act.clone()), cut().keeps("one ")),
            ),
            row(
                at("after the finish reason and before [DONE]"),
                (vec![send(JSON_HEAD), send(chunk(BODY)), act.clone()], cut().retried()),
                (and(opening(unended()), act.clone()), gives("one two")),
            ),
        ]);
    }
    rows
}

fn lengths() -> Vec<Row> {
    let cut = || fails(Kind::Interrupted, "broke after").status(200);
    let with_length = |length: usize, body: &str, last: Step| {
        vec![send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")), last]
    };
    let until_close =
        |version: &str, body: &str| vec![send(format!("HTTP/{version} 200 OK\r\n\r\n{body}")), Step::Close];
    let chunks = |rest: &str| [vec![send(JSON_HEAD), send(rest)]].concat();
    let events_chunks = |rest: &str| [vec![send(HEAD), send(rest)]].concat();
    let length = |body: &str| format!("{:x}", body.len());
    let (body_size, events_size) = (length(BODY), length(&events()));
    let events = events();
    vec![
        row(
            "a length that is too long, and an end",
            (with_length(BODY.len() + 9, BODY, Step::Close), cut().retried()),
            (with_length(events.len() + 9, &events, Step::Close), gives("one two")),
        ),
        row(
            "a length that is too short",
            (
                with_length(BODY.len() - 9, BODY, Step::Close),
                fails(Kind::Interrupted, "ends in the middle").status(200).retried(),
            ),
            (
                with_length(begun().len() - 9, &begun(), Step::Close),
                fails(Kind::Interrupted, "in the middle of an event").status(200),
            ),
        ),
        row(
            "a length of a terabyte",
            (with_length(1 << 40, BODY, Step::Hang), fails(Kind::Decode, "larger than the limit").status(200)),
            (with_length(1 << 40, &events, Step::Hang), gives("one two")),
        ),
        row(
            "the same length twice",
            (vec![send(http(200, &format!("content-length: {}\r\n", BODY.len()), BODY))], gives("one two")),
            (vec![send(http(200, &format!("content-length: {}\r\n", events.len()), &events))], gives("one two")),
        )
        .http1(),
        row(
            "a length beside chunks",
            (
                vec![
                    send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
                    send(chunk(BODY)),
                    send(LAST_CHUNK),
                    Step::Close,
                ],
                gives("one two"),
            ),
            (
                vec![
                    send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
                    send(chunk(&events)),
                    send(LAST_CHUNK),
                    Step::Close,
                ],
                gives("one two"),
            ),
        )
        .http1(),
        row(
            "HTTP/1.0, until the connection ends",
            (until_close("1.0", BODY), gives("one two")),
            (until_close("1.0", &events), gives("one two")),
        )
        .http1(),
        row(
            "HTTP/1.1 without a length, until the connection ends",
            (until_close("1.1", BODY), gives("one two")),
            (until_close("1.1", &events), gives("one two")),
        ),
        row(
            "HTTP/1.0 without a length, that ends too early",
            (until_close("1.0", &BODY[..50]), fails(Kind::Interrupted, "ends in the middle").status(200).retried()),
            (
                until_close("1.0", &begun()),
                fails(Kind::Interrupted, "before the answer was complete").status(200).keeps("one "),
            ),
        ),
        row(
            "a chunk size that is no number",
            (chunks("zz\r\n"), cut().retried()),
            (events_chunks("zz\r\n"), cut().retried()),
        )
        .http1(),
        row(
            "a chunk size that is no number, later",
            ([chunks(&String::from_utf8(chunk(&BODY[..50])).unwrap()), vec![send("zz\r\n")]].concat(), cut().retried()),
            (and(opening(begun()), send("zz\r\n")), cut().keeps("one ")),
        )
        .http1(),
        row(
            "a chunk size beyond all numbers",
            (chunks("fffffffffffffffff\r\n"), cut().retried()),
            (events_chunks("fffffffffffffffff\r\n"), cut().retried()),
        )
        .http1(),
        row(
            "a chunk longer than it said",
            (chunks(&format!("5\r\n{BODY}\r\n0\r\n\r\n")), cut().retried()),
            (and(opening(begun()), send(format!("5\r\n{TWO}\r\n0\r\n\r\n"))), cut().keeps("one ")),
        )
        .http1(),
        row(
            "chunks with extensions and trailers",
            (chunks(&format!("{body_size};a=b\r\n{BODY}\r\n0;c\r\nx-end: 1\r\n\r\n")), gives("one two")),
            (events_chunks(&format!("{events_size};a=b\r\n{events}\r\n0;c\r\nx-end: 1\r\n\r\n")), gives("one two")),
        ),
        row(
            "trailers that never end",
            (
                vec![
                    send(JSON_HEAD),
                    send(chunk(BODY)),
                    send("0\r\n"),
                    Step::Flood(b"x-more: and more\r\n".repeat(100)),
                ],
                cut().retried(),
            ),
            (
                vec![send(HEAD), send(chunk(&events)), send("0\r\n"), Step::Flood(b"x-more: and more\r\n".repeat(100))],
                gives("one two"),
            ),
        )
        .http1(),
        row(
            "a chunk extension that never ends",
            (vec![send(JSON_HEAD), send("5;"), Step::Flood(vec![b'e'; 16 * 1024])], cut().retried()),
            (vec![send(HEAD), send("5;"), Step::Flood(vec![b'e'; 16 * 1024])], cut().retried()),
        )
        .http1(),
        row(
            "no last chunk, and an end",
            (vec![send(JSON_HEAD), send(chunk(BODY)), Step::Close], cut().retried()),
            (and(opening(&events), Step::Close), gives("one two")),
        ),
    ]
}
