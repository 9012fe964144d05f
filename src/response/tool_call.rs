//! What the model asks the caller to run.

use crate::wire::{open_enum, wire_struct};

open_enum! {
    /// What kind of tool is called.
    pub enum ToolCallType {
        /// A function with JSON arguments.
        Function = "function",
        /// A custom tool with free text as input.
        Custom = "custom",
    }
}

wire_struct! {
    /// One call of a tool.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
    pub struct ToolCall {
        /// The id that the tool's message must repeat.
        pub id: String = "id",
        /// What kind of tool is called.
        pub kind: ToolCallType = "type",
        /// The function and its arguments.
        pub function: FunctionCall = "function",
        /// The custom tool and its input.
        pub custom: CustomToolCall = "custom",
    }
}

wire_struct! {
    /// A function and its arguments, as the model wrote them.
    pub struct FunctionCall {
        /// The function's name.
        pub name: String = "name",
        /// Arguments as JSON text. A model may write JSON that does not parse.
        pub arguments: String = hidden "arguments",
    }
}

wire_struct! {
    /// A custom tool and its input.
    pub struct CustomToolCall {
        /// The tool's name.
        pub name: String = "name",
        /// The input, free text or in the tool's grammar.
        pub input: String = hidden "input",
    }
}

impl ToolCall {
    /// A call of a function, for a conversation that was not had through this crate. `arguments` is JSON
    /// text.
    #[must_use]
    pub fn function(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        let function =
            FunctionCall { name: Some(name.into()), arguments: Some(arguments.into()), ..FunctionCall::EMPTY };
        Self { id: Some(id.into()), kind: Some(ToolCallType::Function), function: Some(function), ..Self::EMPTY }
    }

    /// A call of a custom tool, for a conversation that was not had through this crate.
    #[must_use]
    pub fn custom(id: impl Into<String>, name: impl Into<String>, input: impl Into<String>) -> Self {
        let custom = CustomToolCall { name: Some(name.into()), input: Some(input.into()), ..CustomToolCall::EMPTY };
        Self { id: Some(id.into()), kind: Some(ToolCallType::Custom), custom: Some(custom), ..Self::EMPTY }
    }

    /// The id that the tool's message must repeat; empty when the service left it out.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// The name of the function or custom tool; empty when the service left it out.
    #[must_use]
    pub fn name(&self) -> &str {
        let function = self.function.as_ref().and_then(|function| function.name.as_deref());
        function.or_else(|| self.custom.as_ref()?.name.as_deref()).unwrap_or_default()
    }

    /// What the model wrote for the tool: a function's arguments as JSON text, or a custom tool's input.
    #[must_use]
    pub fn input(&self) -> &str {
        let function = self.function.as_ref().and_then(|function| function.arguments.as_deref());
        function.or_else(|| self.custom.as_ref()?.input.as_deref()).unwrap_or_default()
    }
}
