//! The emulator's tokenizer: simple, documented, the same on every machine.
//!
//! A real model has a vocabulary; tests need counts that a reader can check by hand. A token is one of:
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

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> u64 {
    tokens(text).fold(0, |sum, _| sum + 1)
}

/// The first `limit` tokens of a text, and whether that was all of it.
pub(crate) fn first(text: &str, limit: u64) -> (&str, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let bytes = tokens(text).take(limit).map(str::len).sum();
    (text.get(..bytes).unwrap_or(text), bytes == text.len())
}

/// The words that say what a text is about, in their order, each once: no function words, nothing short.
pub(crate) fn topics(text: &str) -> Vec<String> {
    const FUNCTION_WORDS: &str = " about after also and answer any are because been but can code could does \
        doing each find for from get give have here how into its json just like list make many more most much my need \
        not now only other our out please respond result set should show some such tell than that the their \
        them then there these they think this those too use user using very was way were what when where \
        which while who why will with word would write writing you your ";
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let plain = word.to_lowercase();
        if plain.chars().count() > 2
            && !FUNCTION_WORDS.contains(&format!(" {plain} "))
            && !found.iter().any(|f| f.to_lowercase() == plain)
        {
            found.push(word.to_owned());
            if found.len() == 64 {
                break;
            }
        }
    }
    found
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

    #[test]
    fn the_first_tokens_are_a_prefix() {
        assert_eq!(first("one two three", 2), ("one two", false));
        assert_eq!(first("one two", 2), ("one two", true));
        assert_eq!(first("", 0), ("", true));
    }

    #[test]
    fn topics_leave_out_function_words_and_repetitions() {
        assert_eq!(topics("What is the weather in Paris, the WEATHER in Rome?"), ["weather", "Paris", "Rome"]);
    }
}
