//! A simple cut of a text: words, numbers and signs, the same on every machine.
//!
//! A piece is one of:
//!
//! - a word: up to 12 letters in a row;
//! - a number: up to 6 digits in a row;
//! - one character that is neither letter, digit nor white space;
//! - a run of white space (up to 64 characters).
//!
//! One space directly before a word, a number or a sign belongs to it, as in the vocabularies of the
//! real models, so that an answer streams as `"Hello"`, `","`, `" world"`.

const WORD: usize = 12;
const NUMBER: usize = 6;
const SPACE: usize = 64;

/// The length in bytes of the first token, zero for an empty text.
pub(crate) fn token_len(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return 0 };
    let (lead, head) = match chars.next() {
        Some(second) if first == ' ' && !second.is_whitespace() => (1, second),
        _ => (0, first),
    };
    let body = text.get(lead..).unwrap_or_default();
    let length = if head.is_whitespace() {
        run(body, SPACE, char::is_whitespace)
    } else if head.is_alphabetic() {
        run(body, WORD, char::is_alphabetic)
    } else if head.is_numeric() {
        run(body, NUMBER, char::is_numeric)
    } else {
        head.len_utf8()
    };
    lead + length
}

fn run(text: &str, limit: usize, belongs: fn(char) -> bool) -> usize {
    text.chars().take(limit).take_while(|&c| belongs(c)).map(char::len_utf8).sum()
}

/// The tokens of a text, in order; together they are the text.
pub(crate) fn tokens(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (token, rest) = text.split_at_checked(token_len(text))?;
        text = rest;
        (!token.is_empty()).then_some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_numbers_signs_and_spaces() {
        let text = "print(\"Fizz\")\n    x = 101, é!";
        let all: Vec<_> = tokens(text).collect();
        assert_eq!(all, ["print", "(", "\"", "Fizz", "\"", ")", "\n    ", "x", " =", " 101", ",", " é", "!"]);
        assert_eq!(all.concat(), text);
    }
}
