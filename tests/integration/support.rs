//! What the modules share: the recorded traffic beside the project.

use std::fs;
use std::path::{Path, PathBuf};

use azure_openai_chat::ChatCompletionStream;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use serde_json::Value;

/// The recorded traffic, when it lies beside the project. A test that goes without it says so aloud.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(what);
    if path.exists() {
        return Some(path);
    }
    use std::io::Write;
    // past the harness, which keeps the words of a passing test to itself
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: there is no ../shared/{what} beside the project"
    );
    None
}

/// Name and content of every file with an ending in a folder.
pub fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} files in {}", folder.display());
    files
}

pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A body in pieces, read to its end: every chunk as JSON, the folded whole, and how it ended.
pub struct Reading {
    pub chunks: Vec<Value>,
    pub whole: Value,
    pub end: Result<(), azure_openai_chat::Error>,
}

pub async fn read_pieces(pieces: Vec<Bytes>) -> Reading {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    read(ChatCompletionStream::from_bytes(pieces)).await
}

pub async fn read(mut stream: ChatCompletionStream) -> Reading {
    let mut chunks = Vec::new();
    let mut end = Ok(());
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => chunks.push(serde_json::to_value(chunk).unwrap()),
            Err(error) => end = Err(error),
        }
    }
    let whole = serde_json::to_value(stream.partial()).unwrap();
    Reading { chunks, whole, end }
}

pub fn in_pieces(body: &[u8], size: usize) -> Vec<Bytes> {
    body.chunks(size).map(Bytes::copy_from_slice).collect()
}
