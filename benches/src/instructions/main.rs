//! The benchmark of reading an answer over loopback, beside a floor that reads the bytes with reqwest and parses nothing.
//! `benches/instructions.sh` builds and runs it.
//!
//! - `instructions table [NAME]..`: runs everything below under callgrind or under a clock, and prints the tables.
//! - `instructions local NAME COUNT`: work on a request or an answer, without a server.
//! - `instructions read READER WHAT COUNT WRITE PACE`: one reader, with a server in a process of its own.
//! - `instructions serve WHAT COUNT WRITE PACE`: that server.

mod callgrind;
mod heap;
mod local;
mod observing;
mod process;
mod readers;
mod server;
mod table;
mod tls;

use azure_openai_chat_benches::shapes::Shape;

/// The body that is served.
#[derive(Debug, Clone, Copy)]
enum What {
    Chunks(Shape),
    /// One event with so many bytes of text.
    Large(usize),
    /// A whole answer of this many bytes, not streamed.
    Unary(usize),
}

/// When the server writes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As fast as it can.
    Free,
    /// When the reader has signalled, through a pipe, that it has read the last write.
    Step,
    /// As fast as it can, but the end of the body comes 5 ms after everything else.
    LateEnd,
    /// Many streams at once: each gets its next chunk when all have read theirs.
    Rounds,
    /// Many streams one after the other over one connection, each in one write.
    InRow,
    /// The same, of which only the caller's task until the first chunk is counted.
    First,
    /// Many streams that stay open after three chunks.
    Hang,
    /// As fast as it can, read on a runtime of two workers.
    TwoWorkers,
    /// As [`Pace::Step`], over TLS.
    Tls,
}

/// One run.
#[derive(Debug, Clone, Copy)]
struct Run {
    what: What,
    /// Chunks of one stream, or how many answers.
    count: usize,
    /// Bytes a write; 0 for one event a write. With [`Pace::LateEnd`], the milliseconds between two streams; with
    /// [`Pace::Rounds`], the number of streams; with [`Pace::Hang`], the bytes of the prompt.
    write: usize,
    pace: Pace,
}

impl Run {
    fn arguments(&self) -> [String; 4] {
        let what = match self.what {
            What::Chunks(shape) => shape.name().to_owned(),
            What::Large(bytes) => format!("large {bytes}"),
            What::Unary(bytes) => format!("unary {bytes}"),
        };
        let pace = format!("{:?}", self.pace);
        [what, self.count.to_string(), self.write.to_string(), pace]
    }

    fn parse(arguments: &[String]) -> Self {
        let [what, count, write, pace] = arguments else {
            panic!("expected WHAT COUNT WRITE PACE");
        };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
        let what = match what.split_once(' ') {
            Some(("large", bytes)) => What::Large(number(bytes)),
            Some(("unary", bytes)) => What::Unary(number(bytes)),
            _ => What::Chunks(Shape::parse(what)),
        };
        let pace = match pace.as_str() {
            "Free" => Pace::Free,
            "Step" => Pace::Step,
            "LateEnd" => Pace::LateEnd,
            "Rounds" => Pace::Rounds,
            "InRow" => Pace::InRow,
            "First" => Pace::First,
            "Hang" => Pace::Hang,
            "TwoWorkers" => Pace::TwoWorkers,
            "Tls" => Pace::Tls,
            other => panic!("no pace is called {other}"),
        };
        Self { what, count: number(count), write: number(write), pace }
    }

    /// The body of one answer, and where each of its events ends.
    fn body(&self) -> (Vec<u8>, Vec<usize>) {
        match (self.what, self.pace) {
            (What::Chunks(shape), Pace::InRow | Pace::First | Pace::Hang) => shape.body(1),
            (What::Chunks(shape), _) => shape.body(self.count),
            (What::Large(bytes), _) => (azure_openai_chat_benches::shapes::large_event(bytes), Vec::new()),
            (What::Unary(bytes), _) => (azure_openai_chat_benches::shapes::completion(bytes).into_bytes(), Vec::new()),
        }
    }

    /// Where each write ends. What comes before the first text is one write with it, `[DONE]` one with the last event.
    fn writes(&self, length: usize, ends: &[usize]) -> Vec<usize> {
        let opening = match self.what {
            What::Chunks(shape) => shape.opening_events(),
            _ => 0,
        };
        let mut writes: Vec<usize> = match (self.pace, self.write) {
            (Pace::LateEnd | Pace::InRow | Pace::First, _) => Vec::new(),
            (Pace::Rounds | Pace::Hang, _) | (_, 0) => {
                ends.get(opening..).and_then(<[usize]>::split_last).map_or(Vec::new(), |(_, ends)| ends.to_vec())
            }
            (_, size) => (1..).map(|at| at * size).take_while(|end| *end < length).collect(),
        };
        writes.push(length);
        writes
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, names)) if command == "table" => table::print(names),
        Some((command, [name, count])) if command == "local" => local::run(name, count.parse().expect("a count")),
        Some((command, [reader, run @ ..])) if command == "read" => readers::read(reader, &Run::parse(run)),
        Some((command, run)) if command == "serve" => server::serve(&Run::parse(run)),
        _ => panic!("expected table, read or serve; see benches/instructions.sh"),
    }
}
