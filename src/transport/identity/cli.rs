//! The programs that give tokens, `az` and `azd`, each within a timeout, after which it is ended with its children.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};

use azure_identity::Executor;
use tokio::process::Command;

use super::exchange::LINK_TIMEOUT;

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
        // a process group of its own, which can be ended as a whole
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

/// A process group that is ended when this is dropped before the process is done: at the timeout, and with the call.
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
