//! The commands of the chat.

pub(crate) const HELP: &str = "\
/model [NAME]   the deployment that answers, or another one
/system [TEXT]  instructions for all answers; without text, none
/retry          the last message once more
/save FILE      writes the conversation
/load FILE      reads one
/quit           ends the chat
Ctrl-C          stops an answer and keeps what came";

pub(crate) enum Command<'a> {
    Help,
    Quit,
    Model(&'a str),
    System(&'a str),
    Retry,
    Save(&'a str),
    Load(&'a str),
    Say(&'a str),
    Unknown(&'a str),
}

impl<'a> Command<'a> {
    pub(crate) fn parse(line: &'a str) -> Self {
        let line = line.trim();
        if !line.starts_with('/') {
            return Self::Say(line);
        }
        let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim();
        match name {
            "/help" => Self::Help,
            "/quit" | "/exit" => Self::Quit,
            "/model" => Self::Model(argument),
            "/system" => Self::System(argument),
            "/retry" => Self::Retry,
            "/save" if !argument.is_empty() => Self::Save(argument),
            "/load" if !argument.is_empty() => Self::Load(argument),
            _ => Self::Unknown(line),
        }
    }
}
