//! The example `chat` under a pseudo-terminal, against the emulator.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test binary")]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use azure_openai_emulator::{Answer, Emulator};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The chat in a pseudo-terminal.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// What was printed and not expected yet.
    screen: String,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn start(emulator: &Emulator) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows: 50, cols: 200, ..PtySize::default() }).unwrap();
        // `cargo test` builds the examples beside the tests
        let test = std::env::current_exe().unwrap();
        let program = test.parent().unwrap().parent().unwrap().join("examples").join("chat");
        assert!(program.exists(), "this test alone needs `cargo build --example chat` first");
        let mut command = CommandBuilder::new(program);
        command.env("AZURE_OPENAI_ENDPOINT", emulator.endpoint());
        command.env("AZURE_OPENAI_API_KEY", "emulator");
        command.env("TERM", "xterm");
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let _ = sender.send(buffer[..count].to_vec());
            }
        });
        let input = pty.master.take_writer().unwrap();
        let mut this = Self { child, input, output, screen: String::new(), _master: pty.master };
        this.expect("/help lists the commands.");
        this
    }

    fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
    }

    fn enter(&mut self, line: &str) {
        self.send(&format!("{line}\r"));
    }

    /// Waits until the terminal shows a text, and returns what came before it.
    fn expect(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.screen.find(text) {
                let rest = self.screen.split_off(at + text.len());
                return std::mem::replace(&mut self.screen, rest);
            }
            match self.output.recv_timeout(Duration::from_secs(60)) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {text:?} in {:?}", self.screen),
            }
        }
    }

    /// Waits for the prompt: a key that is pressed before it is there is the terminal's, not the editor's.
    fn expect_prompt(&mut self) {
        self.expect("> ");
    }

    fn has_ended_well(&mut self) -> bool {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            // on the real clock, which a process has
            std::thread::sleep(Duration::from_millis(100));
        }
        self.child.kill().unwrap();
        panic!("the chat did not end: {:?}", self.screen);
    }
}

/// The saved chat at a path that `/save` was given.
fn saved(path: &std::path::Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{name}-{}.json", std::process::id()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_answers_saves_loads_and_tries_again() {
    let emulator = Emulator::builder()
        .script("gpt-4o-mini", Answer::text("First *answer*."))
        .script("gpt-4o-mini", Answer::text("Second answer."))
        .script("gpt-4o", Answer::text("Of another model."))
        .start()
        .await
        .unwrap();
    let path = file("chat");
    tokio::task::spawn_blocking(move || {
        let mut session = Terminal::start(&emulator);
        session.enter("/system Be brief.");
        session.expect("Instructions set.");
        session.enter("Hello there");
        session.expect("First *answer*.");
        session.expect("[gpt-4o-mini");
        session.expect(" tokens, ");
        session.expect(" s]");
        session.enter("/retry");
        session.expect("Second answer.");
        session.enter("/nonsense");
        session.expect("There is no command /nonsense");
        session.enter(&format!("/save {}", path.display()));
        session.expect("Saved 3 messages.");
        let chat = saved(&path);
        assert_eq!(chat["conversation"][0]["content"], "Be brief.");
        assert_eq!(chat["conversation"][2]["content"], "Second answer.");

        session.enter("/model gpt-4o");
        session.expect("Chatting with gpt-4o.");
        session.enter("And you?");
        session.expect("Of another model.");
        session.expect(" s]");
        session.enter("/load no-such-file");
        session.expect("error: ");
        session.enter(&format!("/load {}", path.display()));
        session.expect("Chatting with gpt-4o-mini, 3 messages.");
        // the arrow brings the line before back
        session.expect_prompt();
        session.send("\x1b[A\x1b[A");
        session.enter("");
        session.expect("error: ");
        session.expect_prompt();
        session.send("\x04");
        assert!(session.has_ended_well());
        std::fs::remove_file(path).unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_an_answer_and_keeps_what_came() {
    let emulator = Emulator::builder()
        .pace(Duration::from_millis(50))
        .script("gpt-4o-mini", Answer::words(2_000))
        .script("gpt-4o-mini", Answer::text("Quick."))
        .start()
        .await
        .unwrap();
    let path = file("stopped");
    tokio::task::spawn_blocking(move || {
        let mut session = Terminal::start(&emulator);
        session.enter("Count for long");
        // the spinner, then text
        session.expect(" 0 s");
        session.expect("1 2 3 4");
        session.send("\x03");
        session.expect("(stopped)");
        session.enter(&format!("/save {}", path.display()));
        session.expect("Saved 2 messages.");
        let kept = saved(&path)["conversation"][1]["content"].as_str().unwrap().split(' ').count();
        assert!((3..1_000).contains(&kept), "{kept} words");
        session.enter("And now?");
        session.expect("Quick.");
        session.enter("/quit");
        assert!(session.has_ended_well());
        std::fs::remove_file(path).unwrap();
    })
    .await
    .unwrap();
}
