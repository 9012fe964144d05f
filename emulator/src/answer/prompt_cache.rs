//! The prompt cache: the tokens at the start of a prompt that an earlier prompt of the deployment had, for
//! `usage.prompt_tokens_details.cached_tokens`.

use std::collections::{HashMap, VecDeque};

use crate::request::ChatRequest;

/// The shortest cached prefix and the step above it, in tokens:
/// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/prompt-caching>.
const LEAST: u64 = 1024;
const STEP: u64 = 128;

/// How many prompts of a deployment are kept, and how much of each, in bytes.
const KEPT: usize = 16;
const LONGEST: usize = 256 << 10;

/// The prompts of each deployment.
#[derive(Default)]
pub(crate) struct PromptCache(HashMap<String, VecDeque<String>>);

impl PromptCache {
    /// The cached tokens of a prompt: 0, or 1,024 and more in steps of 128. The prompt is added to the cache.
    pub(crate) fn look_up(&mut self, deployment: &str, request: ChatRequest<'_>) -> u64 {
        let mut prompt: String = request.messages().iter().map(ToString::to_string).collect();
        let mut end = prompt.len().min(LONGEST);
        while !prompt.is_char_boundary(end) {
            end -= 1;
        }
        prompt.truncate(end);
        // A prompt of fewer bytes has fewer tokens.
        if u64::try_from(prompt.len()).unwrap_or(u64::MAX) < LEAST {
            return 0;
        }
        let known = self.0.entry(deployment.to_owned()).or_default();
        let common = |other: &String| prompt.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let mut longest = known.iter().map(common).max().unwrap_or(0);
        while !prompt.is_char_boundary(longest) {
            longest -= 1;
        }
        let tokens = request.encoding().count(prompt.get(..longest).unwrap_or_default());
        let tokens = tokens.min(request.prompt_tokens());
        known.push_back(prompt);
        if known.len() > KEPT {
            known.pop_front();
        }
        if tokens < LEAST { 0 } else { tokens / STEP * STEP }
    }
}
