//! Faults of what is in a body: size, encoding, type, JSON.

use std::time::Duration;

use azure_openai_chat::ErrorKind as Kind;

use crate::answers::*;
use crate::raw_server::{Script, Step, send};
use crate::table::{End, Row, fails, gives, row, same};

pub fn rows() -> Vec<Row> {
    [sizes(), encodings(), types(), shapes(), errors(), characters(), paces()].concat()
}

fn whole(body: impl AsRef<[u8]>) -> Script {
    vec![send(http(200, "content-type: application/json\r\n", body))]
}

fn decode(says: &'static str) -> End {
    fails(Kind::Decode, says).status(200)
}

fn sizes() -> Vec<Row> {
    let flood = |head: &str, start: &str, more: &[u8]| vec![send(head), send(start), Step::Flood(more.to_vec())];
    let open = "HTTP/1.1 200 OK\r\n\r\n";
    let chunk_of = |text: &str| chunk(text.repeat(8 * 1024 / text.len()));
    let too_large = || decode("larger than the limit of 65536 bytes");
    let too_long = || decode("the event stream cannot be read");
    vec![
        row(
            "a body that never ends",
            (flood(open, "{\"a\":\"", &[b'x'; 8192]), too_large()),
            (flood(open, "data: {\"a\":\"", &[b'x'; 8192]), too_long()),
        ),
        row(
            "chunks that never end",
            (flood(JSON_HEAD, "", &chunk_of("[")), too_large()),
            (flood(HEAD, "", &chunk_of("data: x\n")), too_long()),
        ),
        row(
            "JSON that never ends, as a stream",
            (flood(JSON_HEAD, "", &chunk_of(" ")), too_large()),
            (flood(HEAD, "", &chunk_of("{")), decode("one JSON body larger than")),
        ),
        row(
            "an event that never ends, after others",
            (flood(open, "{", &[b' '; 8192]), too_large()),
            ([opening(begun()), vec![Step::Flood(chunk_of("data: x\n"))]].concat(), too_long().keeps("one ")),
        ),
        row(
            "one comment that never ends",
            (flood(open, ": ", &[b'x'; 8192]), too_large()),
            (flood(open, ": ", &[b'x'; 8192]), too_long()),
        ),
        row(
            "an event name that never ends",
            (flood(open, "event: ", &[b'x'; 8192]), too_large()),
            (flood(open, "event: ", &[b'x'; 8192]), too_long()),
        ),
        row(
            "a body of exactly one byte too much",
            (whole(format!("{BODY}{}", " ".repeat(64 * 1024 + 1 - BODY.len()))), too_large()),
            (streamed(events()), gives("one two")),
        ),
        row(
            "a body as large as it may be",
            (whole(format!("{BODY}{}", " ".repeat(64 * 1024 - BODY.len()))), gives("one two")),
            (streamed(format!(":{}\n\n{}", " ".repeat(30 * 1024), events())), gives("one two")),
        ),
        row(
            "good events that never end",
            (flood(JSON_HEAD, "", &chunk(FILTER.repeat(30))), too_large()),
            (
                [opening(begun()), vec![Step::Beat(chunk(FILTER), Duration::from_millis(10))]].concat(),
                fails(Kind::Timeout, "the total timeout of 4 s has passed").keeps("one "),
            ),
        )
        .deadline(Duration::from_millis(4000)),
    ]
}

fn encodings() -> Vec<Row> {
    let bomb: Vec<u8> = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0; 512]].concat();
    let encoded = |name: &str| {
        let script =
            vec![send(format!("HTTP/1.1 200 OK\r\ncontent-encoding: {name}\r\n\r\n")), Step::Flood(bomb.clone())];
        same(
            format!("a body in {name} that never ends"),
            script,
            decode("compressed although the request had no accept-encoding"),
        )
    };
    vec![
        encoded("gzip"),
        encoded("br"),
        encoded("zstd, gzip"),
        row(
            "a content encoding that says nothing",
            (vec![send(http(200, "content-encoding: identity\r\n", BODY))], gives("one two")),
            (vec![send(http(200, "content-encoding: identity\r\n", events()))], gives("one two")),
        ),
        row(
            "compressed bytes that do not say so",
            (vec![send(http(200, "", &bomb))], decode("is not a JSON object")),
            (vec![send(http(200, "", &bomb))], decode("the event stream cannot be read")),
        ),
    ]
}

fn types() -> Vec<Row> {
    let typed = |name: &str, header: &str| {
        row(
            name,
            (vec![send(http(200, header, BODY))], gives("one two")),
            (vec![send(http(200, header, events()))], gives("one two")),
        )
    };
    vec![
        typed("no content type", ""),
        typed("an empty content type", "content-type: \r\n"),
        typed("the content type text/html for a good answer", "content-type: text/html\r\n"),
        typed("a content type that is none", "content-type: ;;;\r\n"),
        typed("two content types", "content-type: text/plain\r\ncontent-type: image/png\r\n"),
        same(
            "HTML with a 200",
            vec![send(http(200, "content-type: text/html\r\n", "<!DOCTYPE html><html>Sign in</html>"))],
            decode("is a page of HTML"),
        ),
        same(
            "HTML that calls itself JSON, after white space",
            vec![send(http(200, "content-type: application/json\r\n", "\r\n \t<html></html>"))],
            decode("is a page of HTML"),
        ),
        row(
            "an answer of the other kind",
            (streamed(events()), decode("is an event stream")),
            (whole(BODY), decode("is one JSON body").keeps("one two")),
        ),
        row(
            "plain text with a 200",
            (whole("upstream connect error"), decode("is not a JSON object")),
            (streamed("upstream connect error"), fails(Kind::Interrupted, "before its first event").status(200)),
        ),
    ]
}

fn shapes() -> Vec<Row> {
    let half = &BODY[..BODY.len() / 2];
    let stray = || decode("neither an event stream nor");
    let cut = |says| fails(Kind::Interrupted, says).status(200).retried();
    let unread = || fails(Kind::Interrupted, "before its first event").status(200);
    let both =
        |name: &str, body: &str, unary: End, stream: End| row(name, (whole(body), unary), (streamed(body), stream));
    let event = |name: &str, body: &str, stream: End| {
        row(name, (whole(body), decode("")), (streamed(format!("{}data: {body}\n\n", begun())), stream.keeps("one ")))
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep_member = format!("{{\"choices\":{deep}}}");
    vec![
        both("an empty body", "", cut("is empty"), unread().retried()),
        both("white space", " \r\n\t ", cut("is empty"), unread()),
        both(
            "half a JSON",
            half,
            cut("ends in the middle"),
            fails(Kind::Interrupted, "in the middle of a JSON body").status(200),
        ),
        both("two JSONs", &format!("{BODY}{BODY}"), decode("cannot be parsed"), stray()),
        both("a JSON and junk", &format!("{BODY} x"), decode("cannot be parsed"), stray()),
        both("a list", "[1,2]", decode("is not a JSON object"), stray()),
        both(
            "a list in a list, 20,000 deep",
            &deep,
            decode("is not a JSON object"),
            decode("one JSON body larger than"),
        ),
        both("choices 20,000 deep", &deep_member, decode(""), decode("one JSON body larger than")),
        both("a string", "\"words\"", decode("is not a JSON object"), unread()),
        both("a number", "7", decode("is not a JSON object"), unread()),
        both("null", "null", decode("is not a JSON object"), unread()),
        both("an object without choices", "{}", decode("no completion"), decode("no completion")),
        both(
            "another API's object",
            r#"{"object":"list","data":[]}"#,
            decode("no completion"),
            decode("no completion"),
        ),
        row(
            "an event that is half a JSON",
            (whole("{\"choices\":[{"), cut("ends in the middle")),
            (streamed(format!("{}data: {{\"choices\":[{{\n\n", begun())), decode("not a JSON object").keeps("one ")),
        ),
        event("an event that is two JSONs", "{\"choices\":[]}{}", decode("not a JSON object")),
        event("an event that is a list", "[{}]", decode("not a JSON object")),
        event("an event that is a string", "\"words\"", decode("not a JSON object")),
        event("an event that is null", "null", decode("not a JSON object")),
        event("an event that is HTML", "<html></html>", decode("not a JSON object")),
        event(
            "an event 20,000 deep",
            &format!("{{\"choices\":[],\"x\":{}}}", &deep[..10_000]),
            decode("not a JSON object"),
        ),
        event(
            "an event of an escape that JSON lacks",
            r#"{"choices":[{"delta":{"content":"\x"}}]}"#,
            decode("not a JSON object"),
        ),
    ]
}

fn errors() -> Vec<Row> {
    const ERROR: &str = r#"{"error":{"message":"no","type":"server_error","param":null,"code":"c7"}}"#;
    const LIMITED: &str = r#"{"error":{"message":"slow down","code":"429"}}"#;
    const FILTERED: &str = r#"{"error":{"message":"no","code":"content_filter"}}"#;
    const GATEWAY: &str = r#"{"statusCode":429,"message":"Token limit is exceeded. Try again in 3 seconds."}"#;
    let told =
        |kind: Kind, code: &'static str| fails(kind, "answered 200 and then sent an error").status(200).code(code);
    let body = |name: &str, body: &str, end: End| row(name, (whole(body), end.clone()), (streamed(body), end));
    let event = |name: &str, text: String, end: End| {
        row(name, (whole(&text), decode("is an event stream")), (streamed(text), end))
    };
    vec![
        body("an error object with a 200", ERROR, told(Kind::Service, "c7")),
        body("a 429 with a 200", LIMITED, told(Kind::RateLimited, "429")),
        body("an API Management error with a 200", GATEWAY, told(Kind::RateLimited, "429").asks_to_wait(Some(3))),
        body("a content filter's refusal with a 200", FILTERED, told(Kind::ContentFiltered, "content_filter")),
        event("an error as the first event", format!("data: {ERROR}\n\n{DONE}"), told(Kind::Service, "c7")),
        event(
            "an error in the middle of a stream",
            format!("{}data: {ERROR}\n\n{DONE}", begun()),
            told(Kind::Service, "c7").keeps("one "),
        ),
        event(
            "an API Management error in the middle of a stream",
            format!("{}data: {GATEWAY}\n\n", begun()),
            told(Kind::RateLimited, "429").keeps("one "),
        ),
        event(
            "a 429 in the middle of a stream",
            format!("{}data: {LIMITED}\n\n", begun()),
            told(Kind::RateLimited, "429").keeps("one "),
        ),
        event(
            "a content filter's refusal in the middle of a stream",
            format!("{}data: {FILTERED}\n\n", begun()),
            told(Kind::ContentFiltered, "content_filter").keeps("one "),
        ),
        event(
            "an event named error",
            format!("{}event: error\ndata: {ERROR}\n\n", begun()),
            told(Kind::Service, "c7").keeps("one "),
        ),
        event(
            "an event named error with plain words",
            format!("{}event: error\ndata: it is broken\n\n", begun()),
            fails(Kind::Service, "message() has the service's text").status(200).keeps("one "),
        ),
        event(
            "an error as a string",
            format!("{}data: {{\"error\":\"it is broken\"}}\n\n", begun()),
            fails(Kind::Service, "message() has the service's text").status(200).keeps("one "),
        ),
        event(
            "an error after the finish reason",
            format!("{}data: {ERROR}\n\n", unended()),
            told(Kind::Service, "c7").keeps("one two"),
        ),
        event(
            "an error without its blank line",
            format!("{}data: {ERROR}", begun()),
            told(Kind::Service, "c7").keeps("one "),
        ),
        row(
            "an error that is null, beside a good answer",
            (whole(BODY.replacen('{', "{\"error\":null,", 1)), gives("one two")),
            (streamed(events().replace("{\"id\"", "{\"error\":null,\"id\"")), gives("one two")),
        ),
    ]
}

fn characters() -> Vec<Row> {
    let spoilt = |bytes: &[u8]| [begun().as_bytes(), b"data: {\"x\":\"", bytes].concat();
    let held = |bytes: &[u8]| and(opening(bytes), Step::Hang);
    let body = |bytes: &[u8]| whole([b"{\"choices\":[],\"x\":\"".as_slice(), bytes, b"\"}"].concat());
    let unreadable = || decode("the event stream cannot be read").keeps("one ");
    let bom = "\u{feff}";
    vec![
        row("invalid UTF-8 in the data", (body(b"\xff"), decode("")), (held(&spoilt(b"\xff")), unreadable())),
        row("an overlong NUL", (body(b"\xc0\x80"), decode("")), (held(&spoilt(b"\xc0\x80")), unreadable())),
        row(
            "half a character, then another line",
            (body(b"\xe2\x82"), decode("")),
            (held(&spoilt(b"\xe2\x82\"}\n\n")), unreadable()),
        ),
        row(
            "half a character at the end",
            (body(b"\xf0\x9f"), decode("")),
            (
                streamed(spoilt(b"\xf0\x9f")),
                fails(Kind::Interrupted, "the event stream cannot be read").status(200).keeps("one "),
            ),
        ),
        row(
            "invalid UTF-8 in a comment",
            (whole(b": \xff\n\n"), decode("")),
            (held(&[begun().as_bytes(), b": \xff\n"].concat()), unreadable()),
        ),
        row(
            "a NUL in the JSON",
            (body(b"\0"), decode("")),
            (streamed(spoilt(b"\0\"}\n\n")), decode("not a JSON object").keeps("one ")),
        ),
        row(
            "a NUL between the events",
            (whole(b"\0"), decode("")),
            (streamed(format!("{}\0\n\n{TWO}{STOP}{DONE}", begun())), gives("one two")),
        ),
        row(
            "an escaped NUL in the words",
            (whole(BODY.replace("one two", "one\\u0000two")), gives("one\0two")),
            (streamed(events().replace("one ", "one\\u0000")), gives("one\0two")),
        ),
        row(
            "a byte order mark",
            (whole(format!("{bom}{BODY}")), gives("one two")),
            (streamed(format!("{bom}{}", events())), gives("one two")),
        ),
        row(
            "a byte order mark before an error object",
            (whole(format!("{bom}{{\"error\":{{\"code\":\"c7\"}}}}")), fails(Kind::Service, "").code("c7")),
            (streamed(format!("{bom}{{\"error\":{{\"code\":\"c7\"}}}}")), fails(Kind::Service, "").code("c7")),
        ),
    ]
}

fn paces() -> Vec<Row> {
    let answer = http(200, "", BODY);
    let crlf = events().replace('\n', "\r\n");
    let timed_out = |says| fails(Kind::Timeout, says);
    let heartbeat = || Step::Beat(chunk(": still here\n\n"), Duration::from_millis(20));
    let spaces = || Step::Beat(chunk(" "), Duration::from_millis(20));
    let late = |script: Script| and(and(script, Step::Pause(Duration::from_millis(500))), send(LAST_CHUNK));
    vec![
        row(
            "one byte at a time",
            (vec![Step::Drip(answer)], gives("one two")),
            (vec![Step::Drip([HEAD.as_bytes(), &chunk(events()), LAST_CHUNK.as_bytes()].concat())], gives("one two")),
        ),
        row(
            "one byte a chunk, lines ending in CRLF",
            (
                vec![
                    send(JSON_HEAD),
                    send(BODY.bytes().flat_map(|byte| chunk([byte])).collect::<Vec<u8>>()),
                    send(LAST_CHUNK),
                ],
                gives("one two"),
            ),
            (
                vec![
                    send(HEAD),
                    send(crlf.bytes().flat_map(|byte| chunk([byte])).collect::<Vec<u8>>()),
                    send(LAST_CHUNK),
                ],
                gives("one two"),
            ),
        ),
        row(
            "comments and nothing else, for ever",
            (vec![send(JSON_HEAD), spaces()], timed_out("no answer within")),
            (vec![send(HEAD), heartbeat()], timed_out("no first event within")),
        ),
        row(
            "an event, then comments for ever",
            (
                vec![send(JSON_HEAD), send(chunk(&BODY[..30])), spaces()],
                timed_out("the total timeout of 4 s has passed"),
            ),
            (and(opening(begun()), heartbeat()), timed_out("the total timeout of 4 s has passed").keeps("one ")),
        )
        .deadline(Duration::from_secs(4)),
        row(
            "comments between all events",
            (whole(BODY), gives("one two")),
            (streamed(events().replace("\n\n", "\n: still\n\n:\n\n: here\n")), gives("one two")),
        ),
        row(
            "silence before the headers",
            (vec![Step::Hang], timed_out("no answer within")),
            (vec![Step::Hang], timed_out("no first event within")),
        ),
        row(
            "silence in the headers",
            (vec![send("HTTP/1.1 200 OK\r\nx-a: "), Step::Hang], timed_out("no answer within")),
            (vec![send("HTTP/1.1 200 OK\r\nx-a: "), Step::Hang], timed_out("no first event within")),
        )
        .http1(),
        row(
            "silence after the headers",
            (vec![send(JSON_HEAD), Step::Hang], timed_out("no answer within")),
            (vec![send(HEAD), Step::Hang], timed_out("no first event within")),
        ),
        row(
            "silence in the first event",
            (vec![send(JSON_HEAD), send(chunk("{\"a")), Step::Hang], timed_out("no answer within")),
            (and(opening("data: {\"cho"), Step::Hang), timed_out("silent for")),
        ),
        row(
            "silence between events",
            (vec![send(JSON_HEAD), send(chunk(&BODY[..50])), Step::Hang], timed_out("no answer within")),
            (and(opening(begun()), Step::Hang), timed_out("silent for").status(200).keeps("one ")),
        ),
        row(
            "silence in an event",
            (vec![send(JSON_HEAD), send(chunk(&BODY[..50])), Step::Hang], timed_out("no answer within")),
            (and(opening(format!("{}{}", begun(), &TWO[..30])), Step::Hang), timed_out("silent for").keeps("one ")),
        ),
        row(
            "silence after the finish reason, before [DONE]",
            (vec![send(JSON_HEAD), send(chunk(BODY)), Step::Hang], timed_out("no answer within")),
            (and(opening(unended()), Step::Hang), gives("one two")),
        ),
        row(
            "silence after [DONE]",
            (vec![send(JSON_HEAD), send(chunk(BODY)), Step::Hang], timed_out("no answer within")),
            (and(opening(events()), Step::Hang), gives("one two")),
        ),
        row(
            "a late end of the body",
            (late(vec![send(JSON_HEAD), send(chunk(BODY))]), gives("one two")),
            (late(opening(events())), gives("one two")),
        ),
    ]
}
