//! Tools that the model may call, and the choice among them.

use serde_json::Value;

use crate::wire::{List, clone_converts, getters, open_enum, text_converts, wire_either, wire_struct};

open_enum! {
    /// What kind of tool is offered.
    pub enum ToolType {
        /// A function with JSON arguments.
        Function = "function",
        /// A custom tool with free text as input.
        Custom = "custom",
    }
}

wire_struct! {
    /// A function or custom tool that the model may call.
    ///
    /// # Example: a function with a strict schema
    ///
    /// ```
    /// use azure_openai_chat::Tool;
    /// use serde_json::json;
    ///
    /// let weather = Tool::function("get_weather")
    ///     .description("The weather in a city, now.")
    ///     .parameters(json!({
    ///         "type": "object",
    ///         "properties": {"city": {"type": "string"}},
    ///         "required": ["city"],
    ///         "additionalProperties": false,
    ///     }))
    ///     .strict(true);
    /// assert_eq!(weather.name(), "get_weather");
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    #[doc(alias = "ChatCompletionTool")]
    #[doc(alias = "ChatCompletionToolParam")]
    pub struct Tool {
        /// The wire's `type`.
        kind: ToolType = "type",
        function: FunctionDefinition = private "function",
        custom: CustomTool = private "custom",
    }

    /// A function the model may call.
    #[doc(alias = "FunctionObject")]
    pub struct FunctionDefinition {
        /// The name.
        name: String = "name",
        /// The description, which the model reads.
        description: String = hidden "description",
        /// The JSON schema of the parameters.
        parameters: Value = hidden "parameters",
        /// Whether arguments must follow the schema exactly.
        strict: bool = "strict",
    }

    /// A custom tool, which takes free text.
    pub struct CustomTool {
        /// The name.
        name: String = "name",
        /// The description, which the model reads.
        description: String = hidden "description",
        format: CustomToolFormat = private "format",
    }
}

impl CustomTool {
    /// The grammar of the input; `None` for free text.
    #[must_use]
    pub fn grammar(&self) -> Option<&Grammar> {
        self.format.as_ref()?.grammar.as_ref()
    }
}

wire_struct! {
    pub(crate) struct CustomToolFormat {
        pub(crate) kind: String = "type",
        pub(crate) grammar: Grammar = "grammar",
    }

    /// The grammar of a custom tool's input.
    pub struct Grammar {
        /// The grammar, in the language of [`syntax`](Self::syntax).
        definition: String = hidden "definition",
        /// The language of the grammar.
        syntax: GrammarSyntax = "syntax",
    }
}

open_enum! {
    /// The language a grammar is written in.
    pub enum GrammarSyntax {
        /// Lark.
        Lark = "lark",
        /// A regular expression.
        Regex = "regex",
    }
}

impl Tool {
    /// A function, without parameters until they are given.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        let function = FunctionDefinition { name: Some(name.into()), ..FunctionDefinition::EMPTY };
        Self { kind: Some(ToolType::Function), function: Some(function), ..Self::EMPTY }
    }

    /// A custom tool that takes free text.
    #[must_use]
    pub fn custom(name: impl Into<String>) -> Self {
        let custom = CustomTool { name: Some(name.into()), ..CustomTool::EMPTY };
        Self { kind: Some(ToolType::Custom), custom: Some(custom), ..Self::EMPTY }
    }

    /// A strict function whose parameters are the fields of `T`.
    ///
    /// The schema is made valid for strict mode where that loses nothing: `Option<T>` may be
    /// `null`, and fields with `#[serde(default)]` are always written by the model. What cannot be made so,
    /// such as a map or a `serde_json::Value`, is reported when the request is built.
    #[cfg(feature = "schemars")]
    #[must_use]
    pub fn function_for<T: schemars::JsonSchema>(name: impl Into<String>) -> Self {
        let (schema, _) = super::schema::schema_for::<T>();
        Self::function(name).parameters(schema).strict(true)
    }

    /// Sets the description of the tool, which the model reads; at most 1,024 characters.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        let description = Some(description.into());
        match (&mut self.function, &mut self.custom) {
            (Some(function), _) => function.description = description,
            (None, Some(custom)) => custom.description = description,
            (None, None) => {}
        }
        self
    }

    /// Sets the function's parameters as a JSON schema; no effect on a custom tool.
    #[must_use]
    pub fn parameters(mut self, schema: impl Into<Value>) -> Self {
        if let Some(function) = &mut self.function {
            function.parameters = Some(schema.into());
        }
        self
    }

    /// Sets whether arguments must follow the schema exactly. When unset, the service decides.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(function) = &mut self.function {
            function.strict = Some(strict);
        }
        self
    }

    /// Sets the grammar of a custom tool's input; no effect on a function.
    #[must_use]
    pub fn grammar(mut self, syntax: impl Into<GrammarSyntax>, definition: impl Into<String>) -> Self {
        if let Some(custom) = &mut self.custom {
            let grammar =
                Grammar { definition: Some(definition.into()), syntax: Some(syntax.into()), ..Grammar::EMPTY };
            custom.format = Some(CustomToolFormat {
                kind: Some("grammar".to_owned()),
                grammar: Some(grammar),
                ..CustomToolFormat::EMPTY
            });
        }
        self
    }

    /// The tool's name; empty when it came from JSON without one.
    #[must_use]
    pub fn name(&self) -> &str {
        let function = self.function.as_ref().and_then(|function| function.name.as_deref());
        function.or_else(|| self.custom.as_ref()?.name.as_deref()).unwrap_or_default()
    }
}

getters! { tool: Tool => tool;
    /// The function; `None` for a custom tool.
    as_function = function: FunctionDefinition;
    /// The custom tool; `None` for a function.
    as_custom = custom: CustomTool;
}

open_enum! {
    /// Whether the model calls tools.
    pub enum ToolChoiceMode {
        /// The model calls no tool.
        None = "none",
        /// The model decides.
        Auto = "auto",
        /// The model calls at least one.
        Required = "required",
    }
}

/// Which tools the model calls.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontoolchoiceoption>
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[doc(alias = "ChatCompletionToolChoiceOption")]
#[doc(alias = "ChatCompletionToolChoiceOptionParam")]
pub enum ToolChoice {
    /// None, any, or at least one.
    Mode(ToolChoiceMode),
    /// A certain one, or some of those offered.
    Only(Box<NamedToolChoice>),
}

wire_struct! {
    /// A certain tool, or some of those offered.
    pub struct NamedToolChoice {
        /// The wire's `type`: `function`, `custom` or `allowed_tools`.
        kind: String = "type",
        function: ToolName = private "function",
        custom: ToolName = private "custom",
        allowed_tools: AllowedTools = private "allowed_tools",
    }
}

impl NamedToolChoice {
    fn of(kind: &str) -> Self {
        Self { kind: Some(kind.to_owned()), ..Self::EMPTY }
    }

    /// The name of the function or custom tool; `None` for some of those offered.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.function.as_ref().or(self.custom.as_ref())?.name.as_deref()
    }
}

wire_struct! {
    pub(crate) struct ToolName {
        pub(crate) name: String = "name",
    }
}

impl ToolName {
    fn of(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::EMPTY }
    }
}

wire_struct! {
    pub(crate) struct AllowedTools {
        pub(crate) mode: ToolChoiceMode = "mode",
        pub(crate) tools: List<Value> = "tools",
    }
}

impl ToolChoice {
    /// No tool is called.
    #[must_use]
    pub fn none() -> Self {
        Self::Mode(ToolChoiceMode::None)
    }

    /// The model decides.
    #[must_use]
    pub fn auto() -> Self {
        Self::Mode(ToolChoiceMode::Auto)
    }

    /// At least one tool is called.
    #[must_use]
    pub fn required() -> Self {
        Self::Mode(ToolChoiceMode::Required)
    }

    /// This function is called.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        NamedToolChoice { function: Some(ToolName::of(name)), ..NamedToolChoice::of("function") }.into()
    }

    /// `auto`, `none`, `required`, or else the function of this name.
    fn from_text(text: String) -> Self {
        let mode = ToolChoiceMode::from(text.as_str());
        if ToolChoiceMode::KNOWN.contains(&mode) { Self::Mode(mode) } else { Self::function(text) }
    }

    /// This custom tool is called.
    #[must_use]
    pub fn custom(name: impl Into<String>) -> Self {
        NamedToolChoice { custom: Some(ToolName::of(name)), ..NamedToolChoice::of("custom") }.into()
    }

    /// The choice that leaves the call of a tool to the model, of the same tools; `None` for one that does so already.
    #[cfg(feature = "client")]
    pub(crate) fn without_force(&self) -> Option<Self> {
        match self {
            Self::Mode(ToolChoiceMode::Required) => Some(Self::auto()),
            Self::Mode(_) => None,
            Self::Only(named) => {
                let Some(allowed) = &named.allowed_tools else { return Some(Self::auto()) };
                let is_forced = allowed.mode == Some(ToolChoiceMode::Required);
                is_forced.then(|| {
                    let mut free = named.clone();
                    if let Some(allowed) = &mut free.allowed_tools {
                        allowed.mode = Some(ToolChoiceMode::Auto);
                    }
                    Self::Only(free)
                })
            }
        }
    }

    /// Only these of the offered tools may be called (`auto`), or one of them must be (`required`).
    #[must_use]
    pub fn allowed<'a>(mode: ToolChoiceMode, tools: impl IntoIterator<Item = &'a Tool>) -> Self {
        let tools = tools
            .into_iter()
            .map(|tool| {
                let kind = tool.kind.as_ref().map_or("function", ToolType::as_str);
                serde_json::json!({"type": kind, kind: {"name": tool.name()}})
            })
            .collect();
        let allowed = AllowedTools { mode: Some(mode), tools: Some(tools), ..AllowedTools::EMPTY };
        NamedToolChoice { allowed_tools: Some(allowed), ..NamedToolChoice::of("allowed_tools") }.into()
    }
}

text_converts!(ToolChoice, ToolChoice::from_text);

impl From<ToolChoiceMode> for ToolChoice {
    fn from(mode: ToolChoiceMode) -> Self {
        Self::Mode(mode)
    }
}

impl From<NamedToolChoice> for ToolChoice {
    fn from(choice: NamedToolChoice) -> Self {
        Self::Only(Box::new(choice))
    }
}

/// This tool is called.
impl From<&Tool> for ToolChoice {
    fn from(tool: &Tool) -> Self {
        match tool.custom {
            Some(_) => Self::custom(tool.name()),
            None => Self::function(tool.name()),
        }
    }
}

clone_converts!(ToolChoice);
wire_either!(ToolChoice: "a string or an object" = Mode(ToolChoiceMode) | Only(Box<NamedToolChoice>));

/// The wire's `function_call`, which `tool_choice` has replaced: `auto`, `none` or the name of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FunctionChoice {
    Word(String),
    Named(ToolName),
}

wire_either!(FunctionChoice: "a string or an object" = Word(String) | Named(ToolName));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_custom_tool_carries_its_grammar() {
        let tool = Tool::custom("sql").description("runs SQL").grammar(GrammarSyntax::Lark, "start: \"a\"");
        assert_eq!(
            serde_json::to_value(tool).unwrap(),
            json!({"type": "custom", "custom": {
                "name": "sql", "description": "runs SQL",
                "format": {"type": "grammar", "grammar": {"definition": "start: \"a\"", "syntax": "lark"}}
            }})
        );
    }

    #[test]
    fn what_a_tool_was_made_of_can_be_read() {
        let tool = Tool::function("f").description("d").parameters(json!({"type": "object"})).strict(true);
        let function = tool.as_function().unwrap();
        assert_eq!((tool.name(), function.description(), function.strict()), ("f", Some("d"), Some(true)));
        assert_eq!(function.parameters().unwrap()["type"], "object");
        assert_eq!((tool.kind(), tool.as_custom()), (Some(&ToolType::Function), None));
        let tool = Tool::custom("c").grammar(GrammarSyntax::Regex, "a+");
        let grammar = tool.as_custom().unwrap().grammar().unwrap();
        assert_eq!((grammar.syntax(), grammar.definition()), (Some(&GrammarSyntax::Regex), Some("a+")));
        let ToolChoice::Only(chosen) = ToolChoice::from(&tool) else { panic!("a tool") };
        assert_eq!((chosen.kind(), chosen.name()), (Some("custom"), Some("c")));
    }

    #[test]
    fn every_choice_has_its_shape() {
        let tools = [Tool::function("f"), Tool::custom("c")];
        for (choice, wire) in [
            (ToolChoice::auto(), json!("auto")),
            (ToolChoice::function("f"), json!({"type": "function", "function": {"name": "f"}})),
            (ToolChoice::custom("c"), json!({"type": "custom", "custom": {"name": "c"}})),
            (
                ToolChoice::allowed(ToolChoiceMode::Required, &tools),
                json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
                    {"type": "function", "function": {"name": "f"}},
                    {"type": "custom", "custom": {"name": "c"}},
                ]}}),
            ),
        ] {
            assert_eq!(serde_json::to_value(&choice).unwrap(), wire);
            assert_eq!(serde_json::from_value::<ToolChoice>(wire).unwrap(), choice);
        }
    }
}
