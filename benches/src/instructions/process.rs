//! The server's process, and what this process has used.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::Run;

/// A server for one run; it ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    connections: Arc<AtomicUsize>,
    steps: Vec<Step>,
}

/// A write of the server: where it ends in the body, and how many events are complete with it.
#[derive(Debug, Clone, Copy)]
struct Step {
    bytes: usize,
    events: usize,
}

impl Server {
    pub(crate) fn start(run: &Run) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .arg("serve")
            .args(run.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        let first = lines.next().expect("the port").expect("text");
        let port = first.strip_prefix("port ").and_then(|port| port.parse().ok()).expect("the port");
        let steps = lines.next().expect("the writes").expect("text");
        let steps = steps.split(' ').filter_map(|step| {
            let (bytes, events) = step.split_once(':')?;
            Some(Step { bytes: bytes.parse().ok()?, events: events.parse().ok()? })
        });
        let steps = steps.collect();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for _ in lines.map_while(Result::ok) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, child, connections, steps }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        thread::sleep(Duration::from_millis(50));
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn stepper(&mut self) -> Stepper {
        Stepper { to: self.child.stdin.take(), steps: std::mem::take(&mut self.steps), at: 0, events: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the server that a write has been read, by whatever the reader can count.
pub(crate) struct Stepper {
    to: Option<ChildStdin>,
    steps: Vec<Step>,
    at: usize,
    events: usize,
}

impl Stepper {
    /// Tells nobody.
    pub(crate) fn none() -> Self {
        Self { to: None, steps: Vec::new(), at: 0, events: 0 }
    }

    pub(crate) fn bytes(&mut self, bytes: usize) {
        if self.steps.get(self.at).is_some_and(|step| step.bytes <= bytes) {
            self.step();
        }
    }

    #[inline]
    pub(crate) fn event(&mut self) {
        self.events += 1;
        if self.steps.get(self.at).is_some_and(|step| step.events <= self.events) {
            self.step();
        }
    }

    fn step(&mut self) {
        self.at += 1;
        if let Some(to) = &mut self.to {
            // after the last write the server may be gone
            let _ = to.write_all(b".");
        }
    }
}

/// Time on the processor of this thread, which does all the work.
pub(crate) fn cpu_nanoseconds() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells the time on the processor");
    let first = text.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

pub(crate) fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells the memory");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
