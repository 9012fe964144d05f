//! What the modules share: requests, clients, folders that are deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use azure_openai_chat::batch::{BatchClient, BatchRun, BatchWriter};
use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest, Error, RetryPolicy};
use azure_openai_emulator::Emulator;

pub const DEPLOYMENT: &str = "gpt-4o-mini";

/// A folder that is deleted when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("azure-openai-chat-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn request(text: &str) -> ChatCompletionRequest {
    ChatCompletionRequest::builder(DEPLOYMENT).user(text).build().unwrap()
}

/// A client of batches that looks every millisecond.
pub fn batches(endpoint: &str) -> BatchClient {
    let retry = RetryPolicy::default().base_backoff(Duration::from_millis(1));
    let client = ChatClient::builder(endpoint, ApiKey::new("key")).retry(retry).build().unwrap();
    BatchClient::new(&client).with_poll_interval(Duration::from_millis(1))
}

/// An input file with this many lines.
pub fn input(folder: &Folder, lines: usize) -> PathBuf {
    let path = folder.join("input.jsonl");
    let mut writer = BatchWriter::create(&path).unwrap();
    for number in 0..lines {
        writer.push(&request(&format!("Name river {number}."))).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// A run of this many lines, whose ids are `line-0` and so on.
pub fn prepared(folder: &Path, batches: &BatchClient, lines: usize) -> BatchRun {
    let mut run = BatchRun::open(folder, batches).unwrap();
    run.prepare(|input| {
        for number in 0..lines {
            input.push_with_id(format!("line-{number}"), &request(&format!("Name river {number}.")))?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    run
}

pub async fn emulator() -> (Emulator, BatchClient) {
    let emulator = Emulator::start().await.unwrap();
    let batches = batches(&emulator.endpoint());
    (emulator, batches)
}
