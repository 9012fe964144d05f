//! The embeddings operation. A text's vector is the sum of one pseudo-random vector for each word, scaled to length 1.
//!
//! The seed of a word's vector is its hash, so the same text has the same vector on every machine. Texts that share words
//! have a high cosine similarity, so that a test of a vector search finds the nearest text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::refusal::AzureError;
use crate::request::ChatRequest;
use crate::tokens::Encoding;

/// The models, each with the length of its vectors and whether `dimensions` can shorten them.
const MODELS: [(&str, usize, bool); 3] = [
    ("text-embedding-3-large", 3072, true),
    ("text-embedding-3-small", 1536, true),
    ("text-embedding-ada-002", 1536, false),
];

/// The most texts of one request.
const MOST_INPUTS: usize = 2048;

/// The longest text, in tokens.
const MOST_TOKENS: u64 = 8192;

/// The full name of a model that makes embeddings.
pub(crate) fn known_model(name: &str) -> Option<&'static str> {
    MODELS.iter().map(|(known, ..)| *known).find(|known| *known == name)
}

/// The names of all models that make embeddings.
pub(crate) fn models() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, ..)| *name)
}

/// The answer to a request for embeddings.
pub(crate) fn embeddings(request: ChatRequest<'_>, model: &str) -> Result<Value, AzureError> {
    let (longest, can_shorten) = MODELS
        .iter()
        .find(|(name, ..)| *name == model)
        .map_or((1536, true), |(_, length, shorten)| (*length, *shorten));
    let dimensions = dimensions(request, longest, can_shorten)?;
    let is_base64 = match request.given("encoding_format") {
        None => false,
        Some(format) => match format.as_str() {
            Some("float") => false,
            Some("base64") => true,
            _ => return Err(AzureError::invalid_value("encoding_format")),
        },
    };
    let inputs = inputs(request)?;
    let counts: Vec<u64> = inputs.iter().map(Input::tokens).collect();
    if let Some(count) = counts.iter().find(|count| **count > MOST_TOKENS) {
        return Err(too_long(*count));
    }
    let data = inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(input.words(), dimensions);
        let embedding = if is_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data: Vec<Value> = data.collect();
    let tokens: u64 = counts.iter().sum();
    Ok(json!({"object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}))
}

fn dimensions(request: ChatRequest<'_>, longest: usize, can_shorten: bool) -> Result<usize, AzureError> {
    let Some(wanted) = request.given("dimensions") else {
        return Ok(longest);
    };
    if !can_shorten {
        let message = "This model does not support specifying dimensions.";
        return Err(AzureError::invalid(message, Value::Null, Value::Null));
    }
    let wanted = wanted.as_u64().and_then(|wanted| usize::try_from(wanted).ok());
    match wanted {
        Some(wanted) if (1..=longest).contains(&wanted) => Ok(wanted),
        // unsourced
        _ => Err(AzureError::invalid(
            format!(
                "Invalid value for 'dimensions' = {}. Must be less than or equal to {longest}.",
                request.given("dimensions").unwrap_or(&Value::Null)
            ),
            "dimensions",
            Value::Null,
        )),
    }
}

/// One text: as it is, or as tokens by number.
enum Input<'a> {
    Text(&'a str),
    Tokens(&'a [Value]),
}

impl Input<'_> {
    fn tokens(&self) -> u64 {
        match self {
            Self::Text(text) => Encoding::Cl100k.count(text),
            Self::Tokens(tokens) => u64::try_from(tokens.len()).unwrap_or(u64::MAX),
        }
    }

    /// The pieces whose vectors are added up.
    fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => {
                let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
                words.map(|word| word.to_lowercase().trim_end_matches('s').to_owned()).collect()
            }
            Self::Tokens(tokens) => tokens.iter().map(Value::to_string).collect(),
        }
    }
}

fn inputs(request: ChatRequest<'_>) -> Result<Vec<Input<'_>>, AzureError> {
    let inputs = match request.given("input").ok_or_else(|| AzureError::missing("input"))? {
        Value::String(text) => Some(vec![Input::Text(text)]),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_u64) => Some(vec![Input::Tokens(list)]),
        Value::Array(list) => list
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(Input::Text(text)),
                Value::Array(tokens) if tokens.iter().all(Value::is_u64) => Some(Input::Tokens(tokens)),
                _ => None,
            })
            .collect(),
        _ => None,
    };
    match inputs {
        Some(inputs) if inputs.len() > MOST_INPUTS => {
            Err(AzureError::array_too_long("input", MOST_INPUTS, inputs.len()))
        }
        Some(inputs) if !inputs.is_empty() && inputs.iter().all(|input| input.tokens() > 0) => Ok(inputs),
        // The service's own text ends with the address of its help page.
        _ => Err(AzureError::invalid("'$.input' is invalid.", Value::Null, Value::Null)),
    }
}

fn too_long(tokens: u64) -> AzureError {
    let message = format!(
        "This model's maximum context length is {MOST_TOKENS} tokens, however you requested {tokens} tokens ({tokens} in \
         your prompt; 0 for the completion). Please reduce your prompt; or completion length."
    );
    AzureError::invalid(message, Value::Null, Value::Null)
}

fn vector(words: Vec<String>, dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimensions];
    // A text without a word, such as "?!", gets the vector of the empty word: one of zeros has no direction.
    let words = if words.is_empty() { vec![String::new()] } else { words };
    for word in &words {
        // FNV-1a: its result does not depend on the machine or on the version of the standard library.
        let seed = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut random = fastrand::Rng::with_seed(seed);
        sum.iter_mut().for_each(|component| *component += random.f64() - 0.5);
    }
    let length = sum.iter().map(|component| component * component).sum::<f64>().sqrt();
    let length = if length > 0.0 { length } else { 1.0 };
    #[expect(clippy::cast_possible_truncation, reason = "the wire has single precision")]
    sum.into_iter().map(|component| (component / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &Value) -> Result<Value, AzureError> {
        embeddings(ChatRequest::new(body), "text-embedding-3-small")
    }

    fn vectors(texts: &[&str]) -> Vec<Vec<f32>> {
        let answer = ask(&json!({"input": texts})).unwrap();
        serde_json::from_value(json!(
            answer["data"].as_array().unwrap().iter().map(|one| one["embedding"].clone()).collect::<Vec<_>>()
        ))
        .unwrap()
    }

    fn product(one: &[f32], other: &[f32]) -> f32 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn vectors_have_unit_length_and_are_near_when_texts_share_words() {
        let all = vectors(&["rivers carve valleys", "A river carves a valley", "the stock market fell"]);
        assert!(all.iter().all(|vector| vector.len() == 1536 && (product(vector, vector) - 1.0).abs() < 1e-5));
        assert!(product(&all[0], &all[1]) > 0.4 && product(&all[0], &all[2]) < 0.2);
        assert_eq!(all, vectors(&["rivers carve valleys", "A river carves a valley", "the stock market fell"]));
    }

    #[test]
    fn base64_holds_the_same_numbers() {
        let body = |format| json!({"input": "hello", "dimensions": 8, "encoding_format": format});
        let floats = ask(&body("float")).unwrap();
        let text = ask(&body("base64")).unwrap()["data"][0]["embedding"].take();
        let bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
        let numbers: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(json!(numbers), floats["data"][0]["embedding"]);
        assert_eq!(numbers.len(), 8);
    }

    #[test]
    fn inputs_that_are_none_are_refused() {
        for body in
            [json!({}), json!({"input": []}), json!({"input": ""}), json!({"input": [1, "a"]}), json!({"input": 7})]
        {
            assert_eq!(ask(&body).unwrap_err().status, 400, "{body}");
        }
        assert!(ask(&json!({"input": "a", "dimensions": 5000})).is_err());
        assert!(
            embeddings(ChatRequest::new(&json!({"input": "a", "dimensions": 5})), "text-embedding-ada-002").is_err()
        );
        assert_eq!(ask(&json!({"input": [[1, 2], [3]]})).unwrap()["usage"]["total_tokens"], 3);
    }
}
