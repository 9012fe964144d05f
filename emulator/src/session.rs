//! Sessions: the state of one test. The header `x-emulator-session` of a request is the name of its session; each session
//! begins with the settings of the start, so that parallel tests do not disturb each other. Files, batches and recordings
//! are shared by all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::answer::prompt_cache::PromptCache;
use crate::answer::{Answer, Rule};
use crate::faults::Fault;
use crate::quota::Windows;
use crate::settings::Settings;

/// The header that names a session.
pub(crate) const SESSION_HEADER: &str = "x-emulator-session";

/// How many sessions are kept; then the oldest is dropped.
const MOST_SESSIONS: usize = 10_000;

/// The state with which a session begins.
#[derive(Clone, Default)]
pub(crate) struct InitialState {
    pub(crate) settings: Settings,
    pub(crate) scripts: HashMap<String, VecDeque<Answer>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) faults: Vec<Fault>,
}

/// The state of one session.
pub(crate) struct Session {
    settings: RwLock<Settings>,
    scripts: Mutex<HashMap<String, VecDeque<Answer>>>,
    rules: Mutex<Vec<Rule>>,
    faults: Mutex<Vec<Fault>>,
    windows: Mutex<Windows>,
    prompts: Mutex<PromptCache>,
}

impl Session {
    fn new(initial: InitialState) -> Self {
        let InitialState { settings, scripts, rules, faults } = initial;
        Self {
            settings: RwLock::new(settings),
            scripts: Mutex::new(scripts),
            rules: Mutex::new(rules),
            faults: Mutex::new(faults),
            windows: Mutex::default(),
            prompts: Mutex::default(),
        }
    }

    pub(crate) fn settings(&self) -> RwLockReadGuard<'_, Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings_mut(&self) -> RwLockWriteGuard<'_, Settings> {
        self.settings.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scripts(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Answer>>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn prompts(&self) -> MutexGuard<'_, PromptCache> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next answer of a deployment's script; the last one is not removed.
    pub(crate) fn scripted(&self, deployment: &str) -> Option<Answer> {
        let mut scripts = self.scripts();
        let script = scripts.get_mut(deployment)?;
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    }
}

/// The sessions of an emulator, by name; the one without a name is that of requests without the header.
pub(crate) struct Sessions {
    initial: InitialState,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<String, Arc<Session>>,
    /// Their names, in the order in which they began.
    order: VecDeque<String>,
}

impl Sessions {
    pub(crate) fn new(initial: InitialState) -> Self {
        Self { initial, kept: Mutex::default() }
    }

    /// The session of a name; a new one where there is none.
    pub(crate) fn named(&self, name: &str) -> Arc<Session> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { sessions, order } = &mut *kept;
        if let Some(session) = sessions.get(name) {
            return Arc::clone(session);
        }
        if order.len() >= MOST_SESSIONS
            && let Some(first) = order.pop_front()
        {
            sessions.remove(&first);
        }
        if !name.is_empty() {
            order.push_back(name.to_owned());
        }
        let session = Arc::new(Session::new(self.initial.clone()));
        sessions.insert(name.to_owned(), Arc::clone(&session));
        session
    }

    /// Drops a session, or all: the next request begins a new one.
    pub(crate) fn reset(&self, name: Option<&str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { sessions, order } = &mut *kept;
        match name {
            Some(name) => {
                sessions.remove(name);
                order.retain(|other| other != name);
            }
            None => {
                sessions.clear();
                order.clear();
            }
        }
    }
}
