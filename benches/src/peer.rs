//! The baseline readers: plain serde structs, as a first version would have them, and lines found with memchr.

use bytes::Bytes;
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Debug, Clone, Deserialize)]
pub struct Chunk {
    pub id: String,
    pub object: Option<String>,
    pub created: Option<u64>,
    pub model: Option<String>,
    pub choices: Vec<ChunkChoice>,
    pub usage: Option<Usage>,
    pub system_fingerprint: Option<String>,
    pub obfuscation: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ChunkChoice {
    pub index: u32,
    #[serde(default)]
    pub delta: Delta,
    pub finish_reason: Option<String>,
    pub content_filter_results: Option<Results>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Delta {
    pub role: Option<String>,
    pub content: Option<String>,
    pub refusal: Option<String>,
    pub tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ToolCall {
    pub index: Option<u32>,
    pub id: Option<String>,
    pub function: Option<Function>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Function {
    pub name: Option<String>,
    pub arguments: Option<String>,
}

pub type Results = HashMap<String, CategoryResult>;

#[derive(Debug, Clone, Deserialize)]
pub struct CategoryResult {
    pub filtered: Option<bool>,
    pub severity: Option<String>,
    pub detected: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub total_tokens: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Completion {
    pub id: String,
    pub created: u64,
    pub model: String,
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
    pub system_fingerprint: Option<String>,
    pub prompt_filter_results: Option<Vec<PromptResults>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PromptResults {
    pub prompt_index: u32,
    pub content_filter_results: Results,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Choice {
    pub index: u32,
    pub message: Message,
    pub finish_reason: Option<String>,
    pub content_filter_results: Option<Results>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    pub role: String,
    pub content: Option<String>,
    pub refusal: Option<String>,
}

impl Chunk {
    /// The bytes of its text and of the arguments of its tool calls.
    pub fn text_bytes(&self) -> usize {
        self.choices
            .iter()
            .map(|choice| {
                let delta = &choice.delta;
                let arguments =
                    delta.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref()?.arguments.as_deref());
                delta.content.as_deref().map_or(0, str::len) + arguments.map(str::len).sum::<usize>()
            })
            .sum()
    }
}

/// The reader of `data:` lines, for bodies whose events have one line each.
#[derive(Debug, Default)]
pub struct DataLines {
    kept: Vec<u8>,
}

impl DataLines {
    /// Calls `event` with each data line that `piece` completes.
    pub fn push(&mut self, piece: &Bytes, mut event: impl FnMut(&[u8])) {
        let mut rest: &[u8] = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.kept.is_empty() {
                read_line(line, &mut event);
            } else {
                self.kept.extend_from_slice(line);
                read_line(&self.kept, &mut event);
                self.kept.clear();
            }
        }
        self.kept.extend_from_slice(rest);
    }
}

fn read_line(line: &[u8], event: &mut impl FnMut(&[u8])) {
    match line.strip_prefix(b"data: ") {
        Some(b"[DONE]") | None => {}
        Some(data) => event(data),
    }
}
