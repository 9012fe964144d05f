//! Predicted outputs: the edit that an instruction describes, and the tokens of the prediction that are accepted and
//! rejected.
//!
//! The edit is read from an instruction of the form "Replace string `A` with `B`": a verb (replace or
//! rename), then pairs of quoted texts with nothing but "with", "by" or "to" between the two of a pair.
//! Back-ticks, double and single quotes and typographic quotes count. Case is kept: only the exact text is
//! replaced, by exactly the other.
//!
//! The prediction is compared with the answer token by token. Where they differ, both are advanced to the nearest
//! position where the next three tokens are equal (or where both have equal ends). Skipped tokens of the prediction are
//! rejected, equal ones accepted. So accepted plus rejected never exceeds
//! the prediction's tokens.

use std::collections::HashMap;

use crate::tokens::Encoding;

/// One replacement of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    from: String,
    to: String,
}

/// The replacements in an instruction, and the text after the last of them.
pub(crate) fn edits(text: &str) -> (Vec<Edit>, &str) {
    let lower = text.to_ascii_lowercase();
    let start = ["replace", "rename"].iter().filter_map(|verb| lower.find(verb)).min();
    let quotations = Quotations::new(start.and_then(|at| text.get(at..)).unwrap_or_default());
    let mut found = Vec::new();
    let mut after = "";
    let mut left: Option<&str> = None;
    for (before, quoted, tail) in quotations {
        let joined = matches!(before.trim().to_ascii_lowercase().as_str(), "with" | "by" | "to" | "with string");
        match left.take() {
            Some(from) if joined && !from.is_empty() => {
                found.push(Edit { from: from.to_owned(), to: quoted.to_owned() });
                after = tail;
            }
            _ => left = Some(quoted),
        }
    }
    (found, after)
}

/// The text with every replacement made, in the order of the instruction.
pub(crate) fn apply(edits: &[Edit], text: &str) -> String {
    edits.iter().fold(text.to_owned(), |text, edit| text.replace(&edit.from, &edit.to))
}

/// The quotations of at most one line each: the text before one, inside it, and after it. A line is searched once for a
/// mark that it lacks, so that the whole stays linear.
struct Quotations<'a> {
    rest: &'a str,
    /// By mark: the length of the text after the last line that lacks its closing one.
    unclosed: [usize; MARKS.len()],
}

/// Opening and closing marks.
const MARKS: [(char, char); 5] = [('`', '`'), ('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’')];

impl<'a> Quotations<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, unclosed: [usize::MAX; MARKS.len()] }
    }
}

impl<'a> Iterator for Quotations<'a> {
    type Item = (&'a str, &'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (text, mut previous) = (self.rest, ' ');
        for (at, c) in text.char_indices() {
            let is_after_word = std::mem::replace(&mut previous, c).is_alphanumeric();
            let mark = MARKS.iter().zip(&mut self.unclosed).find(|((opening, _), _)| *opening == c);
            let Some(((_, closing), unclosed)) = mark else { continue };
            let inside = text.get(at + c.len_utf8()..).unwrap_or_default();
            // an apostrophe inside a word does not open a quotation
            if is_after_word || *unclosed != usize::MAX && inside.len() >= *unclosed {
                continue;
            }
            let (quoted, tail) = inside.split_at(inside.find([*closing, '\n']).unwrap_or(inside.len()));
            if let Some(tail) = tail.strip_prefix(*closing) {
                self.rest = tail;
                return Some((text.get(..at).unwrap_or_default(), quoted, tail));
            }
            *unclosed = tail.len();
        }
        None
    }
}

/// How many of the prediction's tokens the answer used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prediction {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
}

/// Three tokens in a row; past the end there is `None`, so that equal endings are found as well.
type Gram<'a> = [Option<&'a str>; 3];

fn gram<'a>(tokens: &[&'a str], at: usize) -> Gram<'a> {
    [0, 1, 2].map(|ahead| tokens.get(at.saturating_add(ahead)).copied())
}

/// Counts the prediction against the answer.
///
/// An answer that was cut short (`finished` is false) never reached the rest of the prediction, which is
/// then neither accepted nor rejected.
pub(crate) fn align(encoding: Encoding, prediction: &str, answer: &str, finished: bool) -> Prediction {
    let predicted = encoding.tokens(prediction);
    let answered = encoding.tokens(answer);
    let mut places: HashMap<Gram<'_>, Vec<usize>> = HashMap::new();
    for at in 0..predicted.len() {
        places.entry(gram(&predicted, at)).or_default().push(at);
    }

    let mut count = Prediction::default();
    let (mut p, mut a) = (0, 0);
    while let (Some(left), Some(right)) = (predicted.get(p), answered.get(a)) {
        if left == right {
            count.accepted += 1;
            p += 1;
            a += 1;
            continue;
        }
        // The shortest skip to equal tokens. The search goes no further than the best skip found, which is then made, so the
        // whole stays linear.
        let mut best: Option<(usize, usize)> = None;
        for ahead in 0..answered.len().saturating_sub(a) {
            if best.is_some_and(|(in_p, in_a)| ahead >= in_p + in_a) {
                break;
            }
            let Some(found) = places.get(&gram(&answered, a + ahead)) else {
                continue;
            };
            if let Some(&place) = found.get(found.partition_point(|&place| place < p)) {
                let way = (place - p, ahead);
                if best.is_none_or(|(in_p, in_a)| way.0 + way.1 < in_p + in_a) {
                    best = Some(way);
                }
            }
        }
        let Some((in_p, in_a)) = best else { break };
        count.rejected += u64::try_from(in_p).unwrap_or(u64::MAX);
        p += in_p;
        a += in_a;
    }
    if finished {
        count.rejected += u64::try_from(predicted.len().saturating_sub(p)).unwrap_or(u64::MAX);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn align(prediction: &str, answer: &str, finished: bool) -> Prediction {
        super::align(Encoding::Simple, prediction, answer, finished)
    }

    fn count(text: &str) -> u64 {
        Encoding::Simple.count(text)
    }

    fn edit(from: &str, to: &str) -> Edit {
        Edit { from: from.into(), to: to.into() }
    }

    #[test]
    fn an_instruction_is_read_in_all_its_forms() {
        for text in [
            "Replace string `Fizz` with `Soda`. Respond only with code.",
            "please replace the word \"Fizz\" with \"Soda\"",
            "Don't explain: rename 'Fizz' to 'Soda'",
            "replace “Fizz” by “Soda”",
        ] {
            assert_eq!(edits(text).0, [edit("Fizz", "Soda")], "{text}");
        }
        let (both, after) = edits("Replace `a` with `b` and `c` with `d`.\n\ncode");
        assert_eq!(both, [edit("a", "b"), edit("c", "d")]);
        assert_eq!(after, ".\n\ncode");
        assert_eq!(edits("What does `a` do with `b`?").0, []);
        assert_eq!(edits("Replace `a`").0, []);
        assert_eq!(edits("Replace “ with \" and '\n`a` with `b` or “c” by “d”").0, [edit("a", "b"), edit("c", "d")]);
    }

    #[test]
    fn marks_without_an_end_cost_no_search_each() {
        let started = std::time::Instant::now();
        for text in ["“ ", "“ 'a' ", "`a` to ", "‘“ ", "'a' "] {
            edits(&format!("replace {}", text.repeat(200_000)));
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn an_edit_keeps_case() {
        assert_eq!(apply(&[edit("Fizz", "Soda")], "Fizz fizz FizzBuzz"), "Soda fizz SodaBuzz");
    }

    #[test]
    fn equal_texts_are_accepted_whole() {
        let text = "for n in range(1, 101):\n    print(n)";
        assert_eq!(align(text, text, true), Prediction { accepted: count(text), rejected: 0 });
    }

    #[test]
    fn different_texts_are_rejected_whole() {
        assert_eq!(align("one two three", "un; deux; trois!", true), Prediction { accepted: 0, rejected: 3 });
        assert_eq!(align("one two three", "", true), Prediction { accepted: 0, rejected: 3 });
        assert_eq!(align("", "one", true), Prediction::default());
    }

    #[test]
    fn one_changed_word_rejects_one_token() {
        let before = "print(\"FizzBuzz\")\nprint(\"Fizz\")";
        let after = "print(\"MSFTBuzz\")\nprint(\"Fizz\")";
        assert_eq!(align(before, after, true), Prediction { accepted: count(before) - 1, rejected: 1 });
    }

    #[test]
    fn insertions_reject_nothing_and_deletions_only_themselves() {
        let text = "alpha beta gamma delta epsilon";
        assert_eq!(align(text, "alpha beta new words here gamma delta epsilon", true).rejected, 0);
        assert_eq!(align(text, "alpha delta epsilon", true), Prediction { accepted: 3, rejected: 2 });
    }

    #[test]
    fn an_answer_cut_short_leaves_the_rest_open() {
        assert_eq!(align("a b c d", "a b", false), Prediction { accepted: 2, rejected: 0 });
        assert_eq!(align("a b c d", "a b", true), Prediction { accepted: 2, rejected: 2 });
    }

    #[test]
    fn accepted_and_rejected_never_exceed_the_prediction() {
        let words = ["a", "b", "(", "c", "\n"];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut text = || (0..random.usize(0..40)).map(|_| words[random.usize(0..5)]).collect::<Vec<_>>().join(" ");
            let (prediction, answer) = (text(), text());
            let got = align(&prediction, &answer, true);
            assert_eq!(got.accepted + got.rejected, count(&prediction), "{prediction:?} {answer:?}");
        }
    }
}
