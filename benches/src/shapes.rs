//! Bodies shaped like those of the service, of any length.

/// The id in every chunk of an answer.
const ID: &str = "chatcmpl-DPTBg29yUne0qG2XCotTwUgvJqaSb";

/// A kind of stream: what varies from chunk to chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text, with filter results on each chunk.
    Text,
    /// Text, and obfuscation in another length on each chunk.
    Obfuscated,
    /// The arguments of a tool call, and obfuscation.
    Arguments,
    /// Text and obfuscation of two choices in turn.
    TwoChoices,
    /// Text, and a `system_fingerprint` that is never the same, so that no template matches.
    Miss,
}

impl Shape {
    pub const ALL: [Self; 5] = [Self::Text, Self::Obfuscated, Self::Arguments, Self::TwoChoices, Self::Miss];

    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Obfuscated => "text and obfuscation",
            Self::Arguments => "tool-call arguments",
            Self::TwoChoices => "two choices",
            Self::Miss => "miss",
        }
    }

    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|shape| shape.name() == name).unwrap_or_else(|| panic!("no shape is called {name}"))
    }

    /// The JSON of one chunk. Of five texts one has an escape, and one a letter beyond ASCII.
    pub fn line(self, at: usize) -> String {
        let word = match at % 5 {
            1 => format!(" gr\u{f6}\u{df}e{:02}", at % 100),
            3 => format!("\\n- word{:02}", at % 100),
            _ => format!(" word{:03}", at % 1000),
        };
        let results = r#"{"hate":{"filtered":false,"severity":"safe"},"protected_material_code":{"detected":false,"filtered":false},"protected_material_text":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;
        let (results, delta) = match self {
            Self::Arguments => {
                ("{}", format!(r#"{{"tool_calls":[{{"function":{{"arguments":"{word}"}},"index":0}}]}}"#))
            }
            _ => (results, format!(r#"{{"content":"{word}"}}"#)),
        };
        let index = if self == Self::TwoChoices { at % 2 } else { 0 };
        let fingerprint = match self {
            Self::Miss => 0xb6_f445_fc1c + at,
            _ => 0xb6_f445_fc1c,
        };
        let obfuscation = match self {
            Self::Obfuscated | Self::Arguments | Self::TwoChoices => {
                format!(r#""obfuscation":"{}","#, &"x5J0rB5hlIkJvQe"[..1 + at % 15])
            }
            _ => String::new(),
        };
        format!(
            r#"{{"choices":[{{"content_filter_results":{results},"delta":{delta},"finish_reason":null,"index":{index},"logprobs":null}}],"created":1774962768,"id":"{ID}","model":"gpt-4.1-mini-2025-04-14",{obfuscation}"object":"chat.completion.chunk","system_fingerprint":"fp_{fingerprint:x}"}}"#
        )
    }

    /// The JSON of a chunk without text: the first of a choice, or its last.
    fn edge(self, index: usize, delta: &str, finish_reason: &str) -> String {
        format!(
            r#"{{"choices":[{{"content_filter_results":{{}},"delta":{delta},"finish_reason":{finish_reason},"index":{index},"logprobs":null}}],"created":1774962768,"id":"{ID}","model":"gpt-4.1-mini-2025-04-14","obfuscation":"x5J0rB","object":"chat.completion.chunk","system_fingerprint":"fp_b6f445fc1c"}}"#
        )
    }

    /// The number of events before the first text.
    pub fn opening_events(self) -> usize {
        1 + self.choices()
    }

    fn choices(self) -> usize {
        if self == Self::TwoChoices { 2 } else { 1 }
    }

    /// A whole body in the order of the service, and where in it each event ends: prompt filter, role, text, finish
    /// reason, usage.
    pub fn body(self, chunks: usize) -> (Vec<u8>, Vec<usize>) {
        let mut body = Vec::new();
        let mut ends = Vec::new();
        let mut add = |line: &str| {
            body.extend_from_slice(format!("data: {line}\n\n").as_bytes());
            ends.push(body.len());
        };
        add(
            r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]}"#,
        );
        for index in 0..self.choices() {
            add(&match self {
                Self::Arguments => self.edge(
                    index,
                    r#"{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"","name":"look_up"},"id":"call_1","index":0,"type":"function"}]}"#,
                    "null",
                ),
                _ => self.edge(index, r#"{"content":"","refusal":null,"role":"assistant"}"#, "null"),
            });
        }
        for at in 0..chunks {
            add(&self.line(at));
        }
        for index in 0..self.choices() {
            add(&self.edge(index, "{}", r#""stop""#));
        }
        add(&format!(
            r#"{{"choices":[],"created":1774962768,"id":"{ID}","model":"gpt-4.1-mini-2025-04-14","obfuscation":"x5J0","object":"chat.completion.chunk","system_fingerprint":"fp_b6f445fc1c","usage":{{"completion_tokens":120,"completion_tokens_details":{{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0}},"prompt_tokens":20,"prompt_tokens_details":{{"audio_tokens":0,"cached_tokens":0}},"total_tokens":140}}}}"#
        ));
        body.extend_from_slice(b"data: [DONE]\n\n");
        (body, ends)
    }
}

/// The body of another answer: the same with another id of the same length.
pub fn with_id(body: &[u8], number: usize) -> Vec<u8> {
    let id = format!("chatcmpl-DPTBg29yUne0qG2XCotT{number:09}");
    match str::from_utf8(body) {
        Ok(text) => text.replace(ID, &id).into_bytes(),
        Err(_) => body.to_vec(),
    }
}

/// One chunk with this much text, its end, and `[DONE]`.
pub fn large_event(bytes: usize) -> Vec<u8> {
    let text = "All work and no play. ".repeat(bytes / 22 + 1);
    format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":\"stop\",\"index\":0}}],\"id\":\"x\"}}\n\ndata: [DONE]\n\n",
        &text[..bytes]
    )
    .into_bytes()
}

/// A whole answer of about this many bytes; its text has line breaks and quotes.
pub fn completion(bytes: usize) -> String {
    let frame = |text: &str| {
        format!(
            r#"{{"choices":[{{"content_filter_results":{{"hate":{{"filtered":false,"severity":"safe"}},"protected_material_code":{{"detected":false,"filtered":false}},"protected_material_text":{{"detected":false,"filtered":false}},"self_harm":{{"filtered":false,"severity":"safe"}},"sexual":{{"filtered":false,"severity":"safe"}},"violence":{{"filtered":false,"severity":"safe"}}}},"finish_reason":"stop","index":0,"logprobs":null,"message":{{"content":"{text}","refusal":null,"role":"assistant"}}}}],"created":1733000000,"id":"chatcmpl-AbCdEf","model":"gpt-4o-2024-11-20","object":"chat.completion","prompt_filter_results":[{{"content_filter_results":{{"hate":{{"filtered":false,"severity":"safe"}},"jailbreak":{{"detected":false,"filtered":false}},"self_harm":{{"filtered":false,"severity":"safe"}},"sexual":{{"filtered":false,"severity":"safe"}},"violence":{{"filtered":false,"severity":"safe"}}}},"prompt_index":0}}],"system_fingerprint":"fp_04751d0b65","usage":{{"completion_tokens":120,"completion_tokens_details":{{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0}},"prompt_tokens":20,"prompt_tokens_details":{{"audio_tokens":0,"cached_tokens":0}},"total_tokens":140}}}}"#
        )
    };
    let sentence = r#"The model says \"hello\", thinks a while about what else there is to say, and goes on.\n"#;
    let text = sentence.repeat(bytes.saturating_sub(frame("").len()) / sentence.len());
    frame(&text)
}
