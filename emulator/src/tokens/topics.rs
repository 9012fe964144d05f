//! The topics of a text.

/// The first 64 different words of a text, in their order, without function words (`the`, `and`) and words of one or two
/// letters.
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
    fn topics_leave_out_function_words_and_repetitions() {
        assert_eq!(topics("What is the weather in Paris, the WEATHER in Rome?"), ["weather", "Paris", "Rome"]);
    }
}
