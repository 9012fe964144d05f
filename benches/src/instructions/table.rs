//! All runs, and their figures as tables.

use std::process::{Command, Stdio};

use azure_openai_chat_benches::shapes::Shape;

use super::callgrind::{Counted, slope};
use super::local;
use super::readers::{EVENTSOURCE, FLOOR, KEEPING, LINES, OURS, OURS_EVENTS, OURS_TEXT};
use super::{Pace, Run, What};

const CHUNKS: usize = 1_000;
const PIECE: usize = 16 * 1024;
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

type Part = (&'static str, fn());

const PARTS: [Part; 12] = [
    ("many", many_streams),
    ("opening", opening),
    ("chunks", chunks),
    ("adaptors", adaptors),
    ("cpu", cpu),
    ("unary", unary),
    ("tls", tls),
    ("local", local::print),
    ("observing", super::observing::print),
    ("large", large_events),
    ("memory", memory),
    ("connections", connections),
];

/// Prints the tables of these names, or all.
pub(crate) fn print(names: &[String]) {
    for (name, print) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            print();
        }
    }
}

/// How events come: each alone, waited for; each in a write, as fast as the reader takes them; cut anywhere.
const ARRIVALS: [(usize, Pace); 3] = [(0, Pace::Step), (0, Pace::Free), (PIECE, Pace::Step)];

fn arriving(shape: Shape, (write, pace): (usize, Pace)) -> Run {
    Run { what: What::Chunks(shape), count: CHUNKS, write, pace }
}

fn chunks() {
    println!("### Instructions a chunk over the floor\n");
    println!(
        "| reader, stream | an event a write, one by one | an event a write, unpaced | 16 KiB writes | allocations a chunk | goal |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for shape in Shape::ALL {
        let costs = |reader: &str| ARRIVALS.map(|arrival| slope(reader, &arriving(shape, arrival)));
        let floors = costs(FLOOR);
        let goal = match shape {
            Shape::Miss => "plain serde",
            _ => "1,500; 2 allocations",
        };
        let row = |reader: &str, goal: &str| {
            let costs = costs(reader);
            let over = |at: usize| signed(costs[at].instructions - floors[at].instructions);
            let allocations = costs[2].allocations - floors[2].allocations;
            println!(
                "| {reader}, {} | {} | {} | {} | {allocations:.2} | {goal} |",
                shape.name(),
                over(0),
                over(1),
                over(2),
            );
        };
        row(OURS, goal);
        if shape == Shape::Obfuscated {
            row(LINES, "");
            row(EVENTSOURCE, "");
            let [one, unpaced, many] = floors.map(|floor| thousands(floor.instructions));
            println!(
                "| floor itself, {} | {one} | {unpaced} | {many} | {:.2} | |",
                shape.name(),
                floors[2].allocations,
            );
        }
    }
    println!();
}

fn adaptors() {
    println!("### `text()` and `events()`, over the chunks themselves, 16 KiB writes\n");
    println!("| reader | instructions a chunk | allocations a chunk | goal |");
    println!("|---|--:|--:|--:|");
    for shape in [Shape::Obfuscated, Shape::Arguments] {
        let run = arriving(shape, (PIECE, Pace::Free));
        let plain = slope(OURS, &run);
        for reader in [OURS_TEXT, OURS_EVENTS] {
            // text() passes over arguments
            if reader == OURS_TEXT && shape == Shape::Arguments {
                continue;
            }
            let Counted { instructions, allocations, .. } = slope(reader, &run);
            println!(
                "| {reader}, {} | {} | {:+.2} | 1 allocation |",
                shape.name(),
                signed(instructions - plain.instructions),
                allocations - plain.allocations,
            );
        }
    }
    println!();
}

fn cpu() {
    println!("### Time on the processor, 16 KiB writes, as a multiple of the floor's\n");
    println!("| reader, stream | median of 7 | goal |");
    println!("|---|--:|--:|");
    for shape in [Shape::Text, Shape::Obfuscated, Shape::Arguments] {
        let run = Run { what: What::Chunks(shape), count: 30_000, write: PIECE, pace: Pace::Free };
        let baselines: &[&str] = match shape {
            Shape::Obfuscated => &[OURS, LINES, EVENTSOURCE],
            _ => &[OURS],
        };
        for reader in baselines {
            let goal = if *reader == OURS { "2" } else { "" };
            println!("| {reader}, {} | {:.1} | {goal} |", shape.name(), cpu_ratio(reader, &run));
        }
    }
    println!();
}

fn unary() {
    println!("### Unary calls, instructions as a multiple of the floor's\n");
    println!("| reader | 1.5 KB | 64 KB | goal |");
    println!("|---|--:|--:|--:|");
    let costs = |reader: &str| {
        [1_500, 64 * KIB].map(|bytes| {
            let run = Run { what: What::Unary(bytes), count: 40, write: 0, pace: Pace::Free };
            slope(reader, &run).instructions
        })
    };
    let floors = costs(FLOOR);
    println!("| floor itself, instructions | {} | {} | |", thousands(floors[0]), thousands(floors[1]));
    for (reader, goal) in [(OURS, "1.5 for 1.5 KB"), (LINES, "")] {
        let costs = costs(reader);
        let name = if reader == LINES { "plain serde" } else { reader };
        println!("| {name} | {:.2} | {:.2} | {goal} |", costs[0] / floors[0], costs[1] / floors[1]);
    }
    println!();
    println!("### Unary calls of 1.5 KB, time on the processor on two workers, as a multiple of that on one\n");
    println!("| reader | median of 7 | goal |\n|---|--:|--:|");
    let run = |pace| Run { what: What::Unary(1_500), count: 5_000, write: 0, pace };
    for (reader, goal) in [(FLOOR, ""), (OURS, "1.1")] {
        let ratio = |_| figure(reader, &run(Pace::TwoWorkers), "cpu ") / figure(reader, &run(Pace::Free), "cpu ");
        println!("| {reader} | {:.2} | {goal} |", median((0..7).map(ratio).collect()));
    }
    println!();
}

/// What a user gets over TLS, where reading and writing cost more. Many calls, since the library of cryptography starts
/// with random work of some 500,000 instructions.
fn tls() {
    println!("### Over TLS 1.3, text and obfuscation, one by one; instructions\n");
    println!("| reader | a chunk | a unary call of 1.5 KB |\n|---|--:|--:|");
    let costs = |reader: &str| {
        [(What::Chunks(Shape::Obfuscated), 20_000), (What::Unary(1_500), 2_000)]
            .map(|(what, count)| slope(reader, &Run { what, count, write: 0, pace: Pace::Tls }).instructions)
    };
    let floor = costs(FLOOR);
    println!("| floor itself | {} | {} |", thousands(floor[0]), thousands(floor[1]));
    for reader in [OURS, LINES] {
        let costs = costs(reader);
        let cell = |at: usize| format!("{}, {:.2} ×", signed(costs[at] - floor[at]), costs[at] / floor[at]);
        println!("| {reader} | {} | {} |", cell(0), cell(1));
    }
    println!();
}

fn large_events() {
    println!("### One large event, time on the processor as a multiple of the floor's\n");
    println!("| reader | pieces | 256 KiB | 1 MiB | 4 MiB | 4 MiB by 1 MiB, own time |");
    println!("|---|--:|--:|--:|--:|--:|");
    let cell = |reader: &str, bytes: usize, piece: usize| {
        let run = Run {
            what: What::Large(bytes),
            count: if piece == 1 { 1 } else { 16 * MIB / bytes },
            write: piece,
            pace: Pace::Free,
        };
        times(reader, &run)
    };
    for piece in [KIB, 16 * KIB, 1] {
        for reader in [OURS, KEEPING, EVENTSOURCE] {
            let sizes = [256 * KIB, MIB, 4 * MIB].map(|bytes| {
                // what takes minutes says nothing that smaller sizes do not say
                let too_long =
                    (reader == EVENTSOURCE && (bytes > 256 * KIB || piece == 1)) || (piece == 1 && bytes > MIB);
                (!too_long).then(|| cell(reader, bytes, piece))
            });
            if sizes.iter().all(Option::is_none) {
                continue;
            }
            let ratio = |at: usize| sizes[at].map_or("–".to_owned(), |(floor, own)| format!("{:.1}", own / floor));
            let growth = match (sizes[1], sizes[2]) {
                (Some((_, small)), Some((_, large))) => format!("{:.1}", large / small),
                _ => "–".to_owned(),
            };
            println!("| {reader} | {piece} B | {} | {} | {} | {growth} |", ratio(0), ratio(1), ratio(2));
        }
    }
    println!("| goal | | 3 | 3 | 3 | 6 |\n");
}

/// What a service costs that reads many streams at once.
fn many_streams() {
    println!("### Many streams at once, text and obfuscation\n");
    println!(
        "| reader | cache lines missed a chunk, 500 streams | CPU a chunk, 1,000 streams | 3,000 streams | outside the kernel | |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    let run = |count, streams| Run { what: What::Chunks(Shape::Obfuscated), count, write: streams, pace: Pace::Rounds };
    let readers = [FLOOR, OURS, LINES];
    let lines = readers.map(|reader| slope(reader, &run(10, 500)).lines_missed);
    // the streams of all readers share the processor's load of other programs when they take turns
    let costs = [1_000, 3_000].map(|streams| {
        let run = run(120_000 / streams, streams);
        let turns: Vec<_> = (0..7).map(|_| readers.map(|reader| figures(reader, &run, ["cpu ", "user "]))).collect();
        let each = |reader: usize, label: usize| {
            median(turns.iter().map(|turn| turn[reader][label]).collect()) / (run.count * streams) as f64 / 1000.0
        };
        [0, 1, 2].map(|reader| [each(reader, 0), each(reader, 1)])
    });
    for (at, reader) in readers.iter().enumerate() {
        let ratio = |streams: usize, label: usize| costs[streams][at][label] / costs[streams][0][label];
        let goal = if at == 1 { "30 lines; 1.15, and below plain serde" } else { "" };
        println!(
            "| {reader} | {:.0} | {:.1} µs, {:.2} × | {:.1} µs, {:.2} × | {:.2} ×, {:.2} × | {goal} |",
            lines[at],
            costs[0][at][0],
            ratio(0, 0),
            costs[1][at][0],
            ratio(1, 0),
            ratio(0, 1),
            ratio(1, 1),
        );
    }
    println!();
}

/// What a stream costs however short it is.
fn opening() {
    println!("### A stream of one chunk, and the time to the first\n");
    println!("| reader | instructions of the program | of the caller's task until the first chunk | goal |");
    println!("|---|--:|--:|--:|");
    let costs = |reader| {
        [Pace::InRow, Pace::First].map(|pace| {
            let run = Run { what: What::Chunks(Shape::Obfuscated), count: 50, write: 0, pace };
            slope(reader, &run).instructions
        })
    };
    let floor = costs(FLOOR);
    println!("| floor itself | {} | {} | |", thousands(floor[0]), thousands(floor[1]));
    for (reader, goal) in [(OURS, "+60,000; +25,000"), (LINES, "")] {
        let costs = costs(reader);
        let first = if reader == OURS { signed(costs[1] - floor[1]) } else { String::new() };
        println!("| {reader} | {} | {first} | {goal} |", signed(costs[0] - floor[0]));
    }
    println!();
}

fn memory() {
    println!("### Live heap of an open stream, 200 streams, each in a task, by the size of the prompt\n");
    println!("| | 200 B | 20 KB | 1 MB | by the floor's | goal |\n|---|--:|--:|--:|--:|--:|");
    let [floor, ours] = [FLOOR, OURS].map(|reader| {
        [200, 20_000, 1_000_000].map(|prompt| {
            let run = Run { what: What::Chunks(Shape::Obfuscated), count: 200, write: prompt, pace: Pace::Hang };
            median((0..3).map(|_| figure(reader, &run, "memory ")).collect())
        })
    });
    println!("| floor | {} | | |", floor.map(thousands).join(" | "));
    let ratios = [0, 1, 2].map(|at| format!("{:.2}", ours[at] / floor[at]));
    println!("| {OURS} | {} | {} | 1.1 |\n", ours.map(thousands).join(" | "), ratios.join(", "));
}

fn connections() {
    println!("### Connections for 21 streams in a row, the terminating chunk 5 ms late\n");
    println!("| reader | each at once after the last | 10 ms apart | goal |\n|---|--:|--:|--:|");
    for reader in [FLOOR, OURS] {
        let [at_once, apart] = [0, 10].map(|between| {
            let run = Run { what: What::Chunks(Shape::Text), count: 3, write: between, pace: Pace::LateEnd };
            figure(reader, &run, "connections ")
        });
        println!("| {reader} | {at_once} | {apart} | 2 |");
    }
    println!();
}

/// Runs a reader under no tool and returns the figure it prints after `label`.
fn figure(reader: &str, run: &Run, label: &str) -> f64 {
    figures(reader, run, [label])[0]
}

fn figures<const N: usize>(reader: &str, run: &Run, labels: [&str; N]) -> [f64; N] {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["read", reader])
        .args(run.arguments())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program can be started again");
    assert!(output.status.success(), "{reader} failed in {run:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    labels.map(|label| {
        let figure = text.lines().find_map(|line| line.strip_prefix(label));
        figure.and_then(|figure| figure.parse().ok()).expect("the figure is printed")
    })
}

fn cpu_ratio(reader: &str, run: &Run) -> f64 {
    let ratio = |_| figure(reader, run, "cpu ") / figure(FLOOR, run, "cpu ");
    median((0..7).map(ratio).collect())
}

/// The floor's time and the reader's, medians of runs that take turns.
fn times(reader: &str, run: &Run) -> (f64, f64) {
    let (floors, owns) = (0..5).map(|_| (figure(FLOOR, run, "cpu "), figure(reader, run, "cpu "))).unzip();
    (median(floors), median(owns))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub(crate) fn thousands(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn signed(figure: f64) -> String {
    let sign = if figure < 0.0 { "−" } else { "+" };
    format!("{sign}{}", thousands(figure))
}
