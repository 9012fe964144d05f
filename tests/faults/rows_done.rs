//! The end of a stream, in every form that somebody writes it in.
//!
//! On a unary call each of these is an event stream where a JSON body should be.

use azure_openai_chat::ErrorKind as Kind;

use crate::answers::*;
use crate::raw_server::send;
use crate::table::{End, Row, fails, gives, row};

/// What a server writes after the finish reason, and how the stream ends.
const FORMS: &[(&str, &str)] = &[
    ("without a space", "data:[DONE]\n\n"),
    ("with many spaces", "data:   [DONE]   \n\n"),
    ("with a tab", "data: \t[DONE]\t\n\n"),
    ("with CRLF", "data: [DONE]\r\n\r\n"),
    ("with CR", "data: [DONE]\r\r"),
    ("in lower case", "data: [done]\n\n"),
    ("in mixed case", "data: [Done]\n\n"),
    ("with spaces inside", "data: [ DONE ]\n\n"),
    ("without its blank line", "data: [DONE]\n"),
    ("without any line end", "data: [DONE]"),
    ("twice", "data: [DONE]\n\ndata: [DONE]\n\n"),
    ("with a name", "event: done\ndata: [DONE]\n\n"),
    ("with an id and a retry", "id: 9\nretry: 5\ndata: [DONE]\n\n"),
    ("after empty data", "data:\n\ndata: [DONE]\n\n"),
    ("in two lines", "data: [DONE]\ndata:\n\n"),
    ("after a comment in the event", "data: [DONE]\n: note\n\n"),
    (
        "followed by an event",
        "data: [DONE]\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"MORE\"}}]}\n\n",
    ),
    ("followed by an error", "data: [DONE]\n\ndata: {\"error\":{\"message\":\"late\"}}\n\n"),
    ("followed by junk", "data: [DONE]\n\n\u{1}\u{2}{{{{<html>"),
    ("left out", ""),
    ("left out, with a comment instead", ": the end\n\n"),
];

pub fn rows() -> Vec<Row> {
    let unary = || fails(Kind::Decode, "is an event stream").status(200);
    let case = |name: &str, body: String, end: End| row(name, (streamed(&body), unary()), (streamed(&body), end));
    let mut rows: Vec<Row> = FORMS
        .iter()
        .map(|(how, text)| case(&format!("[DONE] {how}"), format!("{}{text}", unended()), gives("one two")))
        .collect();
    let cut = || fails(Kind::Interrupted, "before the answer was complete").status(200);
    let nonsense = || fails(Kind::Decode, "not a JSON object").status(200).keeps("one two");
    rows.extend([
        case("[DONE] without its brackets", format!("{}data: DONE\n\n", unended()), nonsense()),
        case("[DONE] in quotes", format!("{}data: \"[DONE]\"\n\n", unended()), nonsense()),
        case("[DONE] without a finish reason", format!("{}{DONE}", begun()), gives("one ")),
        case("[DONE] and nothing else", DONE.to_owned(), gives("")),
        case("[DONE] as a comment, without a finish reason", format!("{}: [DONE]\n\n", begun()), cut().keeps("one ")),
        case("neither [DONE] nor a finish reason", begun(), cut().keeps("one ")),
        case("the words [DONE] in the answer", events().replace("two", "[DONE]"), gives("one [DONE]")),
        case(
            "the last event without its blank line",
            [FILTER, ROLE, ONE, TWO, STOP.trim_end()].concat(),
            gives("one two"),
        ),
    ]);
    let split = "data: [DO";
    rows.push(row(
        "[DONE] in two pieces",
        (vec![send(HEAD), send(chunk(events())), send(LAST_CHUNK)], unary()),
        (
            [opening(format!("{}{split}", unended())), vec![send(chunk("NE]\n\n")), send(LAST_CHUNK)]].concat(),
            gives("one two"),
        ),
    ));
    rows
}
