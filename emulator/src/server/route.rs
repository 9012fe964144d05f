//! Routes, [`Route`]: the base, the deployment and the operation of a path.

/// A path, below any prefix of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) base: Base,
    /// The deployment in the path; without one it is `model` of the body.
    pub(crate) deployment: Option<String>,
    pub(crate) operation: Operation,
}

/// The shapes of the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Base {
    /// `/openai/deployments/{deployment}/..`, or `/openai/..` for what has no deployment: with a dated api version.
    Dated,
    /// `/openai/v1/..`.
    V1,
    /// `/v1/..`, the base of OpenAI's clients, such as that of a gateway.
    Compatible,
}

/// The operation of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    ChatCompletions,
    Embeddings,
    /// The list of models, or one of them.
    Models(Option<String>),
    /// The list of deployments.
    Deployments,
    /// Another operation of a deployment, by the service's name for it.
    Other(&'static str),
    /// An operation that Azure has and the emulator has not.
    NotServed(String),
}

/// Operations of a deployment that chat models do not have: the path, and the name in the service's error.
const OTHERS: [(&str, &str); 8] = [
    ("completions", "completion"),
    ("images/generations", "imageGenerations"),
    ("images/edits", "imageEdits"),
    ("audio/transcriptions", "audioTranscriptions"),
    ("audio/translations", "audioTranslations"),
    ("audio/speech", "audioSpeech"),
    ("extensions/chat/completions", "chatCompletion"),
    ("moderations", "moderations"),
];

/// The first path segments of operations without a deployment that Azure has and the emulator has not.
const NOT_SERVED: [&str; 8] =
    ["assistants", "containers", "conversations", "evals", "fine_tuning", "responses", "threads", "vector_stores"];

impl Route {
    pub(crate) fn of(path: &str) -> Option<Self> {
        if let Some((_, rest)) = path.rsplit_once("/openai/deployments/") {
            let (name, operation) = rest.split_once('/')?;
            let operation = Operation::of_a_deployment(operation)?;
            let deployment = (!name.is_empty()).then(|| decoded(name))?;
            return Some(Self { base: Base::Dated, deployment: Some(deployment), operation });
        }
        let cut = |mark: &str| path.rsplit_once(mark).map(|(_, rest)| rest);
        let (base, rest) = match cut("/openai/v1/") {
            Some(rest) => (Base::V1, rest),
            None => match cut("/v1/") {
                Some(rest) => (Base::Compatible, rest),
                None => (Base::Dated, cut("/openai/")?),
            },
        };
        let operation = match rest {
            "models" => Operation::Models(None),
            "deployments" if base == Base::Dated => Operation::Deployments,
            _ => match rest.strip_prefix("models/") {
                Some(id) => Operation::Models(Some(decoded(id))),
                None => Operation::of_a_deployment(rest).filter(|_| base != Base::Dated).or_else(|| {
                    let first = rest.split('/').next().unwrap_or_default();
                    NOT_SERVED.contains(&first).then(|| Operation::NotServed(first.to_owned()))
                })?,
            },
        };
        Some(Self { base, deployment: None, operation })
    }
}

impl Operation {
    fn of_a_deployment(path: &str) -> Option<Self> {
        match path {
            "chat/completions" => Some(Self::ChatCompletions),
            "embeddings" => Some(Self::Embeddings),
            _ => OTHERS.iter().find(|(other, _)| *other == path).map(|(_, name)| Self::Other(name)),
        }
    }

    /// Whether its method is GET.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self, Self::Models(_) | Self::Deployments)
    }
}

/// A path segment with percent encoding decoded.
pub(crate) fn decoded(segment: &str) -> String {
    // Form decoding reads a plus sign as a space, which a path does not.
    let pair = segment.replace('+', "%2B");
    url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_below_any_prefix() {
        let of = |path: &str| Route::of(path).map(|route| (route.base, route.deployment, route.operation));
        let chat = Operation::ChatCompletions;
        let dated = (Base::Dated, Some("my name".to_owned()), chat.clone());
        assert_eq!(of("/gw/eu/openai/deployments/my%20name/chat/completions"), Some(dated));
        assert_eq!(of("/openai/v1/chat/completions"), Some((Base::V1, None, chat.clone())));
        assert_eq!(of("/litellm/v1/chat/completions"), Some((Base::Compatible, None, chat)));
        assert_eq!(of("/openai/models"), Some((Base::Dated, None, Operation::Models(None))));
        let responses = Operation::NotServed("responses".to_owned());
        assert_eq!(of("/openai/v1/responses"), Some((Base::V1, None, responses)));
        for none in [
            "/",
            "/openai/v1",
            "/openai/v1/chat/nothing/x/y",
            "/chat/completions",
            "/openai/deployments/chat/completions",
        ] {
            assert!(!matches!(of(none), Some((_, _, Operation::ChatCompletions))), "{none}");
        }
    }
}
