//! A million lines written and read, in lines a second beside serde_json alone, and the memory they take.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench batch [-- LINES]`
//!
//! Alone means: the same lines by plain derived types, to and from the same kind of file, with nothing checked, no ids
//! given and no limits kept. The lines are read as they are written, so the disk's cache has them.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use azure_openai_chat::ChatCompletionRequest;
use azure_openai_chat::batch::{BatchItem, BatchWriter};
use azure_openai_chat_benches::{peer, shapes};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Line<'a> {
    custom_id: String,
    method: &'a str,
    url: &'a str,
    body: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    temperature: f64,
    max_tokens: u64,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct ResultLine {
    custom_id: String,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    #[expect(dead_code, reason = "read, as a program would")]
    status_code: u16,
    #[expect(dead_code, reason = "read, as a program would")]
    request_id: Option<String>,
    body: peer::Completion,
}

/// A kilobyte of instructions, and a question.
fn texts() -> (String, String) {
    (
        "Answer in one word, \"good\" or \"bad\", and nothing else.\n".repeat(20),
        "Is this review good? It's \u{e9}tonnant.".to_owned(),
    )
}

fn main() {
    let lines: u64 = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("batch-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!("| | lines a second, this crate | serde_json alone | ratio | memory at a tenth, at the end |");
    println!("|---|--:|--:|--:|--:|");
    write(&folder, lines);
    read(&folder, lines);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn write(folder: &Path, lines: u64) {
    let (system, user) = texts();
    let (mut own, mut alone) = (Vec::new(), Vec::new());
    let mut memory = (0, 0);
    // in turns, so that both meet the same machine
    for _ in 0..3 {
        let path = folder.join("own.jsonl");
        own.push(rate(lines, || {
            let mut writer = BatchWriter::create(&path).unwrap();
            for line in 0..lines {
                if line == lines / 10 {
                    memory.0 = resident();
                }
                let request = ChatCompletionRequest::builder("gpt-4o-mini")
                    .system(system.as_str())
                    .user(user.as_str())
                    .temperature(0.5)
                    .max_tokens(10)
                    .build()
                    .unwrap();
                writer.push(&request).unwrap();
            }
            memory.1 = resident();
            writer.finish().unwrap().into_iter().for_each(|input| std::fs::remove_file(input.path()).unwrap());
        }));
        let path = folder.join("alone.jsonl");
        alone.push(rate(lines, || {
            let mut file = BufWriter::with_capacity(64 * 1024, File::create(&path).unwrap());
            for number in 0..lines {
                let messages =
                    vec![Message { role: "system", content: &system }, Message { role: "user", content: &user }];
                let body = Body { model: "gpt-4o-mini", messages, temperature: 0.5, max_tokens: 10 };
                let custom_id = format!("request-{number}");
                let line = Line { custom_id, method: "POST", url: "/chat/completions", body };
                serde_json::to_writer(&mut file, &line).unwrap();
                file.write_all(b"\n").unwrap();
            }
            file.into_inner().unwrap().sync_all().unwrap();
            std::fs::remove_file(&path).unwrap();
        }));
    }
    row("written, 1.4 KB", own, alone, memory);
}

fn read(folder: &Path, lines: u64) {
    let path = results(folder, lines);
    let (mut own, mut alone) = (Vec::new(), Vec::new());
    let mut memory = (0, 0);
    for _ in 0..3 {
        own.push(rate(lines, || {
            let mut number = 0;
            each_line(&path, |line| {
                let item = BatchItem::from_line(line.to_vec()).unwrap();
                assert!(item.completion().is_some() && !item.custom_id().is_empty());
                number += 1;
                if number == lines / 10 {
                    memory.0 = resident();
                }
            });
            memory.1 = resident();
        }));
        alone.push(rate(lines, || {
            each_line(&path, |line| {
                let item: ResultLine = serde_json::from_slice(line).unwrap();
                assert!(item.response.is_some_and(|response| !std::hint::black_box(response.body).choices.is_empty()));
                assert!(!item.custom_id.is_empty());
            });
        }));
    }
    row("read, 1.7 KB", own, alone, memory);
}

/// A file of results with answers of 1.5 KB.
fn results(folder: &Path, lines: u64) -> PathBuf {
    let (path, body) = (folder.join("results.jsonl"), shapes::completion(1_500));
    let mut file = BufWriter::new(File::create(&path).unwrap());
    for number in 0..lines {
        let response = format!(r#"{{"status_code":200,"request_id":"{number:032x}","body":{body}}}"#);
        writeln!(file, r#"{{"custom_id":"request-{number}","response":{response},"error":null}}"#).unwrap();
    }
    file.flush().unwrap();
    path
}

fn each_line(path: &Path, mut read: impl FnMut(&[u8])) {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path).unwrap());
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).unwrap() > 0 {
        read(&line);
        line.clear();
    }
}

/// In lines a second.
fn rate(lines: u64, work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    lines as f64 / started.elapsed().as_secs_f64()
}

fn row(name: &str, mut own: Vec<f64>, mut alone: Vec<f64>, memory: (u64, u64)) {
    own.sort_by(f64::total_cmp);
    alone.sort_by(f64::total_cmp);
    let (own, alone) = (own[own.len() / 2], alone[alone.len() / 2]);
    println!("| {name} | {own:.0} | {alone:.0} | {:.2} | {} KB, {} KB |", own / alone, memory.0, memory.1);
}

/// The memory of the process, in KB; 0 where the system does not show it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
