//! The text of another crate's error in one of this crate: its causes in one line, without tokens.

use std::error::Error as StdError;

/// The longest text of another crate's error, in bytes.
const LONGEST_TEXT: usize = 600;

/// The texts of an error and its sources in one line, none of them twice. The sources themselves may hold a whole
/// HTTP answer and are left out.
pub(crate) fn chain_text(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    one_line(&text, LONGEST_TEXT)
}

/// A text as one line of at most `most` bytes, without anything that looks like a token. It is cut between words.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = if word.contains("eyJ") && word.len() > 40 { "[token]" } else { word };
        let gap = if line.is_empty() { "" } else { " " };
        let is_too_long = line.len() + gap.len() + word.len() > most;
        line.push_str(gap);
        if is_too_long {
            line.push_str("..");
            break;
        }
        line.push_str(word);
    }
    line
}

/// The text of the innermost cause, in one line of at most `most` bytes.
pub(crate) fn innermost_text(error: &(dyn StdError + 'static), most: usize) -> String {
    let innermost = std::iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error);
    one_line(&innermost.to_string(), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_one_line_without_tokens_and_without_half_words() {
        let jwt = format!("eyJ{}", "a".repeat(60));
        assert_eq!(one_line(&format!("bad\n token {jwt}"), 100), "bad token [token]");
        assert_eq!(one_line("one two three", 9), "one two ..");
        assert_eq!(one_line("one two three", 13), "one two three");
        assert_eq!(one_line(&"x".repeat(500), 100), "..");
    }
}
