//! Programs that give tokens, `az` and `azd`: run with a limit of time, and ended together with what they started.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};

use azure_identity::Executor;
use tokio::process::Command;

use super::LINK_TIMEOUT;

/// Runs the commands of azure_identity.
#[derive(Debug)]
pub(super) struct CliExecutor {
    /// The value of `PATH` for the command.
    pub(super) path: Option<String>,
}

#[async_trait::async_trait]
impl Executor for CliExecutor {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        // the shell and all that it starts form one group, which can be ended as one
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let mut group = Group { id: child.id() };
        let output = tokio::time::timeout(LINK_TIMEOUT, child.wait_with_output()).await.map_err(|_| {
            let text = format!("no answer within {} s, so it was ended", LINK_TIMEOUT.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, text)
        })?;
        group.id = None;
        output
    }
}

/// Ends a process and its children when it is dropped before they are done: at the limit, and when nobody waits any
/// more.
struct Group {
    id: Option<u32>,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        // a signal to a group needs unsafe code or a program; this one is on every system
        #[cfg(unix)]
        let ended = std::process::Command::new("/bin/sh").args(["-c", &format!("kill -s KILL -- -{id}")]).output();
        #[cfg(not(unix))]
        let ended = std::process::Command::new("taskkill").args(["/T", "/F", "/PID", &id.to_string()]).output();
        if let Err(error) = ended {
            tracing::debug!(%error, "a program that gave no token could not be ended");
        }
    }
}
