//! A chat in the terminal: `cargo run --example chat [MODEL]`.
//!
//! Answers appear as they come, as the Markdown that they are. Ctrl-C stops an answer and keeps what came; at the prompt,
//! Ctrl-D ends the program. `/help` lists the commands.

#[path = "../support/mod.rs"]
mod support;

mod answer;
mod command;

use std::error::Error;

use azure_openai_chat::request::Conversation;
use azure_openai_chat::{ChatClient, Message, Role};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use serde::{Deserialize, Serialize};

use self::command::Command;

/// What `/save` writes and `/load` reads.
#[derive(Serialize, Deserialize)]
struct Chat {
    deployment: String,
    conversation: Conversation,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = support::Place::find().await?;
    println!("{}", place.describe());
    let client = place.client()?;
    let default = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");
    let mut chat = Chat { deployment: std::env::args().nth(1).unwrap_or(default), conversation: Conversation::new() };
    println!("Chatting with {}. /help lists the commands.", chat.deployment);

    let mut editor = DefaultEditor::new()?;
    loop {
        // the editor blocks its thread until a line is entered
        let read;
        (editor, read) = tokio::task::spawn_blocking(move || {
            let read = editor.readline("> ");
            (editor, read)
        })
        .await?;
        let line = match read {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                println!("(Ctrl-D or /quit ends the chat)");
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if line.trim().is_empty() {
            continue;
        }
        editor.add_history_entry(&line)?;
        match Command::parse(&line) {
            Command::Quit => return Ok(()),
            command => {
                // an error of one command does not end the chat
                if let Err(error) = chat.run(&client, command).await {
                    println!("error: {}", support::chain(&*error));
                }
            }
        }
    }
}

impl Chat {
    async fn run(&mut self, client: &ChatClient, command: Command<'_>) -> Result<(), Box<dyn Error>> {
        match command {
            Command::Quit => {}
            Command::Help => println!("{}", command::HELP),
            Command::Unknown(name) => println!("There is no command {name}; /help lists the commands."),
            Command::Model("") => println!("{}", self.deployment),
            Command::Model(name) => {
                self.deployment = name.to_owned();
                println!("Chatting with {name}.");
            }
            Command::System(text) => self.set_instructions(text),
            Command::Save(path) => {
                std::fs::write(path, serde_json::to_string_pretty(self)?)?;
                println!("Saved {} messages.", self.conversation.messages().len());
            }
            Command::Load(path) => {
                *self = serde_json::from_str(&std::fs::read_to_string(path)?)?;
                println!("Chatting with {}, {} messages.", self.deployment, self.conversation.messages().len());
            }
            Command::Retry => {
                let messages = self.conversation.messages();
                let Some(last) = messages.iter().rposition(|message| message.role() == Role::User) else {
                    println!("There is no message yet.");
                    return Ok(());
                };
                self.conversation = messages.iter().take(last + 1).collect();
                answer::answer(client, &self.deployment, &mut self.conversation).await?;
            }
            Command::Say(text) => {
                self.conversation.push(Message::user(text));
                answer::answer(client, &self.deployment, &mut self.conversation).await?;
            }
        }
        Ok(())
    }

    /// Replaces the instructions; without text, removes them.
    fn set_instructions(&mut self, text: &str) {
        let instructions = (!text.is_empty()).then(|| Message::system(text));
        let others = self.conversation.messages().iter().filter(|message| message.role() != Role::System);
        self.conversation = instructions.into_iter().chain(others.cloned()).collect();
        println!("{}", if text.is_empty() { "No instructions." } else { "Instructions set." });
    }
}
