//! Tokenizers, [`Encoding`]: the tokens of a text and their number.
//!
//! With the feature `tokenizer` they are those of the models' own vocabularies; without it a simple cut into words,
//! numbers and signs takes their place, which is the same on every machine and needs no tables.

pub(crate) use self::audio::audio_tokens;
pub(crate) use self::image::image_tokens;
pub(crate) use self::topics::topics;

mod audio;
mod image;
pub(crate) mod simple;
mod topics;

/// The encoding of a model's texts as tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The vocabulary of newer models.
    #[default]
    O200k,
    /// That of older models and of embeddings.
    Cl100k,
    /// Words, numbers and signs.
    Simple,
}

/// The beginnings of the names of models with the older vocabulary; a dash or the end follows.
const OLDER: [&str; 4] = ["gpt-4", "gpt-35-turbo", "gpt-3.5-turbo", "text-embedding"];

impl Encoding {
    /// The encoding of a model, by its id.
    pub(crate) fn of(model: &str) -> Self {
        let is = |name: &&&str| model.strip_prefix(**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        if OLDER.iter().any(|name| is(&name)) { Self::Cl100k } else { Self::O200k }
    }

    #[cfg(feature = "tokenizer")]
    fn vocabulary(self) -> Option<&'static bpe_openai::Tokenizer> {
        match self {
            Self::O200k => Some(bpe_openai::o200k_base()),
            Self::Cl100k => Some(bpe_openai::cl100k_base()),
            Self::Simple => None,
        }
    }

    /// How many tokens a text has.
    pub(crate) fn count(self, text: &str) -> u64 {
        #[cfg(feature = "tokenizer")]
        if let Some(vocabulary) = self.vocabulary() {
            return u64::try_from(vocabulary.count(text)).unwrap_or(u64::MAX);
        }
        simple::tokens(text).fold(0, |sum, _| sum + 1)
    }

    /// The tokens of a text, in order; together they are the text. Tokens that are parts of one letter are one.
    pub(crate) fn tokens(self, text: &str) -> Vec<&str> {
        #[cfg(feature = "tokenizer")]
        if let Some(vocabulary) = self.vocabulary() {
            let (mut pieces, mut start, mut end) = (Vec::new(), 0, 0);
            for token in vocabulary.encode(text) {
                end += vocabulary.bpe.token_len(token);
                if let Some(piece) = text.get(start..end) {
                    pieces.push(piece);
                    start = end;
                }
            }
            return pieces;
        }
        simple::tokens(text).collect()
    }

    /// The first `limit` tokens of a text, and whether that was all of it.
    pub(crate) fn first(self, text: &str, limit: u64) -> (&str, bool) {
        // A token has at least one byte.
        if u64::try_from(text.len()).is_ok_and(|length| length <= limit) {
            return (text, true);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        #[cfg(feature = "tokenizer")]
        if let Some(vocabulary) = self.vocabulary() {
            let tokens = vocabulary.encode(text);
            let mut bytes = tokens.iter().take(limit).map(|token| vocabulary.bpe.token_len(*token)).sum();
            while !text.is_char_boundary(bytes) {
                bytes -= 1;
            }
            return (text.get(..bytes).unwrap_or(text), tokens.len() <= limit);
        }
        let bytes = simple::tokens(text).take(limit).map(str::len).sum();
        (text.get(..bytes).unwrap_or(text), bytes == text.len())
    }
}

/// Loads the vocabulary of newer models, so that no request waits for it.
pub(crate) fn prepare() {
    let _ = Encoding::default().count("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_their_own_vocabulary() {
        assert_eq!(Encoding::of("gpt-4-0613"), Encoding::Cl100k);
        assert_eq!(Encoding::of("text-embedding-3-small"), Encoding::Cl100k);
        assert_eq!(Encoding::of("gpt-4o-2024-11-20"), Encoding::O200k);
        assert_eq!(Encoding::of("gpt-4.1-2025-04-14"), Encoding::O200k);
    }

    #[test]
    fn tokens_are_the_text_again() {
        for encoding in [Encoding::O200k, Encoding::Cl100k, Encoding::Simple] {
            for text in ["", "Hello, world", "größe 🦀🦀 \n\n  x = 101", "日本語のテキスト"] {
                assert_eq!(encoding.tokens(text).concat(), text, "{encoding:?}");
                let count = encoding.count(text);
                assert_eq!(encoding.first(text, count), (text, true));
                assert!(count == 0 || !encoding.first(text, count - 1).1, "{encoding:?} {text}");
            }
        }
    }

    #[cfg(feature = "tokenizer")]
    #[test]
    fn counts_are_those_of_the_models() {
        // Recorded of Azure: this question is a prompt of 14 tokens, with 7 around it.
        assert_eq!(Encoding::O200k.count("What is the capital of France?"), 7);
        assert_eq!(Encoding::Cl100k.count("tiktoken is great!"), 6);
        assert_eq!(Encoding::O200k.tokens("tiktoken is great!"), ["t", "ikt", "oken", " is", " great", "!"]);
    }
}
