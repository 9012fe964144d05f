//! The process of the server, the pipe that paces it, and the CPU time of this process.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{Run, tls};

/// A server for one run; it ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Its certificate, with [`Pace::Tls`](super::Pace::Tls).
    pub(crate) certificate: Option<reqwest::Certificate>,
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
        let (port, certificate) = first.strip_prefix("port ").and_then(|it| it.split_once(' ')).expect("the port");
        let (port, certificate) = (port.parse().expect("a number"), tls::parse(certificate));
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
        Self { port, certificate, child, connections, steps }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        thread::sleep(Duration::from_millis(50));
        self.connections.load(Ordering::Relaxed)
    }

    /// The pipe that makes the server write on: when `streams` streams have read the last write, and first when all are open.
    pub(crate) fn rounds(&mut self, streams: usize) -> Arc<Rounds> {
        Arc::new(Rounds {
            to: self.child.stdin.take().expect("its input is a pipe"),
            steps: std::mem::take(&mut self.steps),
            streams,
            readers: AtomicUsize::new(0),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rounds of streams that are read at the same time. A single stream that is read step by step is one of one.
pub(crate) struct Rounds {
    to: ChildStdin,
    steps: Vec<Step>,
    streams: usize,
    /// The number of streams that have read the last write.
    readers: AtomicUsize,
}

impl Rounds {
    fn step(&self) {
        if self.readers.fetch_add(1, Ordering::Relaxed) + 1 == self.streams {
            self.readers.store(0, Ordering::Relaxed);
            // after the last write the server may be gone
            let _ = (&self.to).write_all(b".");
        }
    }
}

/// The count of the writes that one stream has read, by bytes or by events, as its reader can count.
pub(crate) struct Stepper {
    rounds: Option<Arc<Rounds>>,
    on_first: Option<Box<dyn FnOnce() + Send>>,
    at: usize,
    events: usize,
}

impl Stepper {
    /// A stepper that counts nothing.
    pub(crate) fn none() -> Self {
        Self { rounds: None, on_first: None, at: 0, events: 0 }
    }

    /// Calls `on_first` when the first write was read.
    pub(crate) fn new(rounds: &Arc<Rounds>, on_first: impl FnOnce() + Send + 'static) -> Self {
        Self { rounds: Some(Arc::clone(rounds)), on_first: Some(Box::new(on_first)), ..Self::none() }
    }

    pub(crate) fn bytes(&mut self, bytes: usize) {
        self.step_if(|step| step.bytes <= bytes);
    }

    #[inline]
    pub(crate) fn event(&mut self) {
        self.events += 1;
        let events = self.events;
        self.step_if(|step| step.events <= events);
    }

    #[inline]
    fn step_if(&mut self, is_read: impl Fn(&Step) -> bool) {
        if let Some(rounds) = &self.rounds
            && rounds.steps.get(self.at).is_some_and(is_read)
        {
            self.at += 1;
            if let Some(on_first) = self.on_first.take() {
                on_first();
            }
            rounds.step();
        }
    }
}

/// CPU time of this thread, which does all the work.
pub(crate) fn cpu_nanoseconds() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has schedstat");
    let first = text.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

/// CPU time of all running threads.
pub(crate) fn cpu_nanoseconds_of_all() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("Linux lists the threads");
    let texts = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    texts.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum()
}

/// CPU time of this thread outside the kernel, in ticks of 10 ms.
pub(crate) fn user_nanoseconds() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/stat").expect("Linux has stat");
    let after_name = text.rsplit(") ").next().expect("fields after the name");
    let ticks: u64 = after_name.split(' ').nth(11).expect("14 fields").parse().expect("a number");
    ticks * 10_000_000
}
