//! What the sources promise by their shape, and what the compiler is asked to guard.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use azure_openai_chat::batch::{BatchErrorCode, BatchFileStatus, BatchStatus};
use azure_openai_chat::request::{
    AudioFormat, ContentPartType, DataSourceType, GrammarSyntax, IncludeContext, InputAudioFormat, Modality,
    PromptCacheRetention, QueryType, ResponseFormatType, ToolChoiceMode, ToolType, Verbosity, Voice,
};
use azure_openai_chat::response::FilterReason;
use azure_openai_chat::response::ToolCallType;
use azure_openai_chat::{
    ChatClient, ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatCompletionStream, FinishReason,
    ImageDetail, ReasoningEffort, Role, ServiceTier, Severity,
};

/// Who may import whom. `wire` is a leaf that everyone may use. What the headers said is plain data of
/// `response`, so errors and the transport, which carry it, may name that room.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("response", &[]),
    ("error", &["response"]),
    ("model", &["error"]),
    ("stream", &["response", "error"]),
    ("request", &["model", "response", "error"]),
    ("transport", &["error", "model", "response"]),
    ("client", &["error", "model", "request", "response", "stream", "transport"]),
    ("batch", &["client", "error", "model", "request", "response", "transport"]),
    ("tools", &["client", "error", "request", "response", "stream"]),
    // pages of the documentation
    ("guide", &[]),
    // the modules are its own
    ("lib", &[]),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join("src"), &mut found);
    collect(&root.join("emulator/src"), &mut found);
    assert!(found.len() > 50, "only {} files in {}", found.len(), root.display());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root).unwrap();
        (path.strip_prefix("src").unwrap_or(path).to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// The lines of a file with their numbers, without comments and tests.
fn code(text: &str) -> Vec<(usize, &str)> {
    let (mut kept, mut is_marked, mut is_in_tests) = (Vec::new(), false, false);
    for (at, line) in text.lines().enumerate() {
        if line == "#[cfg(test)]" {
            is_marked = true;
        } else if is_marked {
            is_marked = line.starts_with("#[");
            is_in_tests = !is_marked && line.ends_with('{');
        } else if is_in_tests {
            is_in_tests = line != "}";
        } else if !line.trim_start().starts_with("//") {
            kept.push((at + 1, line));
        }
    }
    kept
}

/// The sources, without the files that are tests.
fn sources_without_tests() -> Vec<(PathBuf, String)> {
    let all = sources();
    let tests = all.iter().flat_map(|(_, text)| text.split("#[cfg(test)]\nmod ").skip(1));
    let tests: Vec<String> =
        tests.filter_map(|rest| rest.lines().next()?.strip_suffix(';')).map(|name| format!("{name}.rs")).collect();
    let is_test = |path: &Path| tests.iter().any(|name| path.ends_with(name));
    all.iter().filter(|(path, _)| !is_test(path)).cloned().collect()
}

/// The names that follow `crate::` in a line, those in braces included.
fn imports(line: &str) -> Vec<String> {
    let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let named = line.match_indices("crate::").flat_map(|(at, cue)| {
        let rest = &line[at + cue.len()..];
        match rest.strip_prefix('{') {
            Some(list) => list.split(',').map(|item| word(item.trim())).collect(),
            None => vec![word(rest)],
        }
    });
    named.filter(|name| !name.is_empty()).collect()
}

#[test]
fn rooms_import_only_whom_they_may() {
    let mut checked = 0;
    // the emulator is a crate of its own, which names the client's public interface
    for (path, text) in sources_without_tests().into_iter().filter(|(path, _)| !path.starts_with("emulator")) {
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        let (_, allowed) =
            MAY_IMPORT.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room} is not in the table"));
        for (at, line) in code(&text) {
            for name in imports(line) {
                checked += 1;
                assert!(
                    name == room || name == "wire" || allowed.contains(&name.as_str()),
                    "src/{}:{at}: {room} may not name crate::{name}",
                    path.display()
                );
            }
        }
    }
    assert!(checked > 100, "only {checked} imports were found");
}

/// A file as a module: `src/request/rules/mod.rs` is `["request", "rules"]`.
fn module_path(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let mut names: Vec<String> = path.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if names.last().is_some_and(|last| last == "mod") {
        names.pop();
    }
    names
}

/// The paths of one `use` declaration, without braces: `a::{b, c as d}` is `a::b` and `a::c as d`.
fn without_braces(declaration: &str) -> Vec<String> {
    let Some((prefix, list)) = declaration.split_once('{') else {
        return vec![declaration.trim().to_owned()];
    };
    let list = list.trim().strip_suffix('}').unwrap();
    let (mut items, mut depth) = (vec![String::new()], 0);
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match letter {
            ',' if depth == 0 => items.push(String::new()),
            _ => items.last_mut().unwrap().push(letter),
        }
    }
    let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    items.flat_map(|item| without_braces(&format!("{}{item}", prefix.trim()))).collect()
}

/// What a file imports, and which of these names others find in it.
#[derive(Default)]
struct Imports {
    /// Paths that the file's own code uses.
    used: Vec<String>,
    /// Every imported name with its path; a re-export is one.
    named: BTreeMap<String, String>,
}

impl Imports {
    fn of(text: &str) -> Self {
        let code: String = code(text).into_iter().flat_map(|(_, line)| [line, "\n"]).collect();
        let mut imports = Self::default();
        let (mut re_exports, mut body) = (Vec::new(), String::new());
        // `use` in a block or a macro is indented, and is part of the body
        for statement in code.split_inclusive(";\n") {
            let Some(start) = statement.match_indices("use ").map(|(at, _)| at).find(|at| {
                let line = statement.get(..*at).unwrap().rsplit('\n').next().unwrap();
                line.is_empty() || (line.starts_with("pub") && !line.contains('=') && line.ends_with(' '))
            }) else {
                body.push_str(statement);
                continue;
            };
            let before = statement.get(..start).unwrap();
            let is_re_export = before.rsplit('\n').next().unwrap().starts_with("pub");
            body.push_str(before);
            let declaration = statement.get(start + "use ".len()..).unwrap();
            for path in without_braces(&declaration.trim_end().trim_end_matches(';').replace('\n', " ")) {
                let (path, name) = match path.split_once(" as ") {
                    Some((path, name)) => (path.to_owned(), name.to_owned()),
                    None => (path.clone(), path.rsplit("::").next().unwrap().to_owned()),
                };
                if is_re_export {
                    re_exports.push((name.clone(), path.clone()));
                } else {
                    imports.used.push(path.clone());
                }
                imports.named.insert(name, path);
            }
        }
        let body = without_strings_and_modules(&body);
        let words: HashSet<&str> = body.split(|letter: char| !is_of_name(letter)).collect();
        let own = re_exports.into_iter().filter(|(name, _)| words.contains(name.as_str()));
        imports.used.extend(own.map(|(_, path)| path));
        imports.used.extend(inline_paths(&body));
        imports
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn without_strings_and_modules(code: &str) -> String {
    let is_module = |line: &&str| line.ends_with(';') && line.trim_start_matches("pub(crate) ").starts_with("mod ");
    let lines = code.lines().filter(|line| !is_module(line));
    let outside = lines.map(|line| line.split('"').step_by(2).collect::<Vec<_>>().join("\"\""));
    outside.collect::<Vec<_>>().join("\n")
}

/// The paths within the crate that code has without importing them: `crate::a::b`.
fn inline_paths(code: &str) -> impl Iterator<Item = String> {
    ["crate::", "super::", "self::"].into_iter().flat_map(|start| {
        code.match_indices(start).filter_map(|(at, _)| {
            let before = code.get(..at)?;
            // `pub(in crate::a)` is no use, a macro's `$crate` is that of its caller, and `a::self` begins before
            let is_other = before.ends_with("in ") || before.ends_with(['$', ':']) || before.ends_with(is_of_name);
            let path = code.get(at..)?.split(|letter| !is_of_name(letter) && letter != ':').next()?;
            (!is_other).then(|| path.trim_end_matches(':').to_owned())
        })
    })
}

/// The file in which the last name of a path is declared; none when that is another crate.
fn declared_in(files: &BTreeMap<Vec<String>, Imports>, from: &[String], path: &str) -> Option<Vec<String>> {
    let mut place = from.to_vec();
    let mut steps = path.split("::").peekable();
    match *steps.peek()? {
        "crate" => place.clear(),
        "self" | "super" => {}
        first if files.contains_key(&[from, &[first.to_owned()]].concat()) => {}
        _ => return None,
    }
    for step in steps {
        let child = [place.as_slice(), &[step.to_owned()]].concat();
        if step == "super" {
            place.pop();
        } else if files.contains_key(&child) {
            place = child;
        } else if let Some(other) = files.get(&place).and_then(|imports| imports.named.get(step)) {
            return declared_in(files, &place, other);
        } else if !matches!(step, "crate" | "self") {
            break;
        }
    }
    Some(place)
}

/// A way from a file back to itself by imports, if there is one.
fn circle<'a>(
    edges: &'a BTreeMap<Vec<String>, Vec<Vec<String>>>,
    way: &mut Vec<&'a [String]>,
    seen: &mut BTreeSet<&'a [String]>,
) -> bool {
    let here = *way.last().unwrap();
    for next in edges.get(here).into_iter().flatten() {
        if way.contains(&next.as_slice()) {
            way.push(next);
            return true;
        }
        if seen.insert(next) {
            way.push(next);
            if circle(edges, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

#[test]
fn no_circle_of_imports_is_between_files() {
    let sources = sources_without_tests();
    let (of_the_emulator, of_the_client): (Vec<_>, Vec<_>) =
        sources.iter().partition(|(path, _)| path.starts_with("emulator"));
    for (of_a_crate, least) in [(of_the_client, 800), (of_the_emulator, 200)] {
        let files: BTreeMap<Vec<String>, Imports> = of_a_crate
            .into_iter()
            .map(|(path, text)| (path.strip_prefix("emulator/src").unwrap_or(path), text))
            .filter(|(path, _)| *path != Path::new("lib.rs"))
            .map(|(path, text)| (module_path(path), Imports::of(text)))
            .collect();
        let mut edges = BTreeMap::new();
        for (file, imports) in &files {
            let declared = imports.used.iter().filter_map(|path| declared_in(&files, file, path));
            let others: BTreeSet<Vec<String>> = declared.filter(|other| other != file).collect();
            edges.insert(file.clone(), others.into_iter().collect::<Vec<_>>());
        }
        let checked: usize = edges.values().map(Vec::len).sum();
        assert!(checked > least, "only {checked} imports were found");
        for file in edges.keys() {
            let mut way = vec![file.as_slice()];
            let found = circle(&edges, &mut way, &mut BTreeSet::new());
            let way: Vec<String> = way.iter().map(|file| file.join("/")).collect();
            assert!(!found, "a circle of imports: {}", way.join(" -> "));
        }
    }
}

/// The names of the types that a public module offers: those it re-exports, and those it declares itself.
fn public_types(text: &str) -> Vec<String> {
    let code: String = code(text).into_iter().flat_map(|(_, line)| [line, "\n"]).collect();
    let code = format!("\n{code}");
    let exports = code.split("\npub use ").skip(1).flat_map(|export| {
        let declaration = export.split(';').next().unwrap().replace('\n', " ");
        without_braces(&declaration).into_iter().map(|path| path.rsplit("::").next().unwrap().to_owned())
    });
    let declared = ["struct", "enum", "trait", "type"].into_iter().flat_map(|kind| {
        let name = |rest: &str| rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        code.split(&format!("\npub {kind} ")).skip(1).map(name).collect::<Vec<String>>()
    });
    exports.chain(declared).collect()
}

#[test]
fn each_public_type_has_one_path() {
    let sources = sources_without_tests();
    let is_public = |path: &Path| {
        let steps = module_path(path);
        (0..steps.len()).all(|at| {
            let (parent, declaration) = (&steps[..at], format!("pub mod {};", steps[at]));
            let is_parent = |other: &Path| match parent {
                [] => other == Path::new("lib.rs"),
                _ => module_path(other) == parent,
            };
            sources.iter().any(|(other, text)| is_parent(other) && text.lines().any(|line| line == declaration))
        })
    };
    let mut paths = BTreeMap::<String, Vec<String>>::new();
    let mut rooms = 0;
    for (path, text) in sources.iter().filter(|(path, _)| path == Path::new("lib.rs") || is_public(path)) {
        rooms += 1;
        for name in public_types(text) {
            paths.entry(name).or_default().push(module_path(path).join("::"));
        }
    }
    assert!(rooms > 5 && paths.len() > 100, "only {} types in {rooms} modules were found", paths.len());
    let twice: Vec<_> = paths.iter().filter(|(_, modules)| modules.len() > 1).collect();
    assert!(twice.is_empty(), "more than one path: {twice:?}");
}

#[test]
fn the_documentation_is_searched_by_the_words_of_other_clients() {
    let sources = sources();
    let of_openai_python = ["AzureOpenAI", "AsyncAzureOpenAI", "create", "chat.completions.create", "with_options"];
    let of_async_openai = ["with_config", "AzureConfig", "create_stream", "CreateChatCompletionRequestArgs"];
    let of_the_wire = ["content_filter_results", "usage.completion_tokens_details.reasoning_tokens", "user"];
    let parsed = ["beta.chat.completions.parse", "RateLimitError", "azure_ad_token_provider", "azure_endpoint"];
    for word in of_openai_python.into_iter().chain(of_async_openai).chain(of_the_wire).chain(parsed) {
        let alias = format!("#[doc(alias = \"{word}\")]");
        assert!(sources.iter().any(|(_, text)| text.contains(&alias)), "{word}");
    }
}

/// Where a model is named outside of the table: what the emulator deploys unless told otherwise, and the model of the
/// documented answer that it repeats.
const MAY_NAME_MODELS: &[&str] = &[
    "emulator/src/settings/mod.rs",
    "emulator/src/answer/compose.rs",
    "emulator/src/cli/args.rs",
    "emulator/src/cli/guide.rs",
    "emulator/src/tokens/mod.rs",
];

#[test]
fn a_model_is_named_in_the_table_and_nowhere_else() {
    let catalog = azure_openai_chat::ModelCatalog::built_in();
    let names: BTreeSet<&str> = catalog.models().map(|model| model.name()).collect();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let names_one = |word: &str| {
        let prefix =
            |name: &&str| word.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        word.starts_with("gpt-") || names.iter().any(prefix)
    };
    let named = |line: &str| {
        // the pieces with odd numbers are in quotes
        let quoted = line.split('"').skip(1).step_by(2);
        let constant = line.split("Model::").skip(1).any(|rest| {
            rest.starts_with(|first: char| first.is_ascii_uppercase())
                && rest.chars().nth(1).is_some_and(|next| !next.is_ascii_lowercase())
        });
        constant || quoted.flat_map(|text| text.split(|letter| !is_part(letter))).any(names_one)
    };
    assert!(named("if name == \"o1\" {") && named("Model::O1_2024_12_17") && named("f(\"use gpt-4o.\")"));
    assert!(!named("Model::from_str(\"no1\")") && !named("let o1 = \"x\";"));
    let mut lines = 0;
    for (path, text) in sources_without_tests() {
        if path.starts_with("model") || MAY_NAME_MODELS.iter().any(|allowed| path == Path::new(allowed)) {
            continue;
        }
        for (at, line) in code(&text) {
            lines += 1;
            assert!(!named(line), "{}:{at} names a model: make it a cell or a rule of the table", path.display());
        }
    }
    assert!(lines > 5000, "only {lines} lines were looked at");
}

#[test]
fn no_file_outgrows_its_subject() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 800, "src/{} has {lines} lines: look for a second subject", path.display());
    }
}

#[test]
fn outside_of_tests_nothing_is_unwrapped_or_left_undone() {
    let mut checked = 0;
    for (path, text) in sources_without_tests() {
        for (at, line) in code(&text) {
            checked += 1;
            for word in [".unwrap(", ".expect(\"", "todo!(", "unimplemented!(", "panic!(", "dbg!(", "println!("] {
                assert!(!line.contains(word), "src/{}:{at}: {word}..", path.display());
            }
        }
    }
    assert!(checked > 5000, "only {checked} lines were looked at");
}

/// Every known word goes to the wire and back as itself, and one that is not known survives.
macro_rules! words_survive {
    ($($Enum:ident),* $(,)?) => {{
        $(
            let name = stringify!($Enum);
            let mut seen = BTreeSet::new();
            assert!(!<$Enum>::KNOWN.is_empty(), "{name}");
            for known in <$Enum>::KNOWN {
                let wire = serde_json::to_value(known).unwrap();
                assert_eq!(wire, known.as_str(), "{name}");
                assert_eq!(known.to_string(), known.as_str(), "{name}");
                assert_eq!(&serde_json::from_value::<$Enum>(wire).unwrap(), known, "{name}");
                assert!(seen.insert(known.as_str().to_owned()), "{name}: {known} twice");
                let converted = [known.as_str().into(), known.to_string().into(), known.as_str().parse().unwrap()];
                assert!(converted.iter().all(|value: &$Enum| value == known && *value == known.as_str()), "{name}");
            }
            let new: $Enum = serde_json::from_str("\"word-of-tomorrow\"").unwrap();
            assert!(matches!(&new, $Enum::Unknown(word) if word.as_str() == "word-of-tomorrow"), "{name}");
            assert_eq!(new, <$Enum>::from("word-of-tomorrow"), "{name}");
            // equal values of a set are one, whichever way they were made
            let values = HashSet::from([new.clone(), "word-of-tomorrow".to_owned().into(), "word-of-tomorrow".into()]);
            assert_eq!(values.len(), 1, "{name}");
            assert_eq!(format!("{new:>20}"), format!("{:>20}", "word-of-tomorrow"), "{name}");
            assert_eq!(serde_json::to_string(&new).unwrap(), "\"word-of-tomorrow\"", "{name}");
            assert!(serde_json::from_str::<$Enum>("7").is_err(), "{name}");
        )*
    }};
}

#[test]
fn words_known_and_unknown_go_through() {
    words_survive!(
        AudioFormat,
        BatchErrorCode,
        BatchFileStatus,
        BatchStatus,
        ContentPartType,
        DataSourceType,
        FilterReason,
        FinishReason,
        GrammarSyntax,
        ImageDetail,
        IncludeContext,
        InputAudioFormat,
        Modality,
        PromptCacheRetention,
        QueryType,
        ReasoningEffort,
        ResponseFormatType,
        Role,
        ServiceTier,
        Severity,
        ToolCallType,
        ToolChoiceMode,
        ToolType,
        Verbosity,
        Voice,
    );
    let words = |known: &[FinishReason]| known.iter().map(|reason| reason.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(words(FinishReason::KNOWN), ["stop", "length", "tool_calls", "content_filter", "function_call"]);
}

#[test]
fn every_open_enum_is_among_those_that_are_tested() {
    let this = include_str!("architecture.rs");
    let mut found = 0;
    let is_declaring = |path: &Path| !path.starts_with("wire") && path != Path::new("wire.rs");
    for (path, text) in sources().into_iter().filter(|(path, _)| is_declaring(path)) {
        for invocation in text.split("open_enum! {").skip(1) {
            let (enums, _) = invocation.split_once("\n}").unwrap();
            for declared in enums.split("pub enum ").skip(1) {
                let name = declared.split_whitespace().next().unwrap();
                found += 1;
                assert!(this.contains(&format!("        {name},\n")), "{name} of src/{} is not tested", path.display());
            }
        }
    }
    assert!(found >= 20, "only {found} were found");
}

#[test]
fn what_is_shared_between_threads_may_be() {
    fn is_shared<T: Clone + Send + Sync + Unpin + 'static>() {}
    fn is_sent<T: Send + Unpin + 'static>() {}
    is_shared::<ChatClient>();
    is_shared::<ChatCompletionRequest>();
    is_shared::<ChatCompletion>();
    is_shared::<ChatCompletionChunk>();
    is_sent::<ChatCompletionStream>();
}

#[tokio::test]
async fn futures_of_the_client_may_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let client = crate::support::client("http://127.0.0.1:9");
    let request = crate::support::question();
    moves(&client.complete(&request));
    moves(&client.stream(&request));
}
