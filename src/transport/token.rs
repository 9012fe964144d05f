//! The token a client holds: asked for once however many wait, renewed before it ends.
//!
//! A token is renewed in the background from five minutes before its end (for a short-lived one: from half
//! of its life); nobody waits while the old one is good, and it survives a failed renewal. The
//! renewal runs in a task of its own, so a caller who gives up does not take it from the others, and a
//! credential that panics or hangs fails one renewal and nothing else.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use reqwest::header::HeaderValue;

use super::auth::bearer;
use super::source::{Failure, TokenSource};
use crate::error::Result;

const EARLY: Duration = Duration::from_secs(300);
/// Between a failed early renewal and the next.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// A token as it is sent; the header is marked sensitive and does not print.
#[derive(Debug)]
pub(crate) struct BearerToken {
    header: HeaderValue,
    expires_at: SystemTime,
    renew_from: SystemTime,
}

impl BearerToken {
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }
}

type Renewal = Shared<BoxFuture<'static, Result<Arc<BearerToken>, Failure>>>;

/// One token for one scope. Clones share it.
#[derive(Clone)]
pub(crate) struct TokenCache(Arc<Inner>);

struct Inner {
    source: TokenSource,
    scope: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<BearerToken>>,
    renewal: Option<Renewal>,
    /// No early renewal before this time.
    pause_until: Option<SystemTime>,
}

impl TokenCache {
    pub(crate) fn new(source: TokenSource, scope: String) -> Self {
        Self(Arc::new(Inner { source, scope, state: Mutex::default() }))
    }

    pub(crate) fn scope(&self) -> &str {
        &self.0.scope
    }

    /// Whether this cache already serves that source and scope.
    pub(crate) fn serves(&self, source: &TokenSource, scope: &str) -> bool {
        self.0.scope == scope && self.0.source.is_same(source)
    }

    /// A token that is good at `now`; waits only if there is none.
    pub(crate) async fn get(&self, now: SystemTime) -> Result<Arc<BearerToken>> {
        let renewal = {
            let mut state = self.lock();
            match state.token.clone().filter(|token| token.expires_at > now) {
                Some(token) => {
                    let paused = state.pause_until.is_some_and(|until| now < until);
                    if token.renew_from <= now && state.renewal.is_none() && !paused {
                        drop(self.renew(&mut state, now));
                    }
                    return Ok(token);
                }
                None => match &state.renewal {
                    Some(renewal) => renewal.clone(),
                    None => self.renew(&mut state, now),
                },
            }
        };
        renewal.await.map_err(|failure| failure.into_error(self.scope()))
    }

    /// The token in use, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<BearerToken>> {
        self.lock().token.clone()
    }

    /// Forgets the token that the service refused, unless it was replaced meanwhile.
    pub(crate) fn forget(&self, refused: &Arc<BearerToken>) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            state.token = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the one renewal. The lock is held until it is entered, so it cannot end before.
    fn renew(&self, state: &mut State, now: SystemTime) -> Renewal {
        let cache = self.clone();
        let task = tokio::spawn(async move {
            let outcome = cache.ask(now).await;
            cache.settle(now, &outcome);
            outcome
        });
        let cache = self.clone();
        let renewal = async move {
            task.await.unwrap_or_else(|_| {
                cache.lock().renewal = None;
                Err(Failure::new("the runtime stopped before the token came"))
            })
        }
        .boxed()
        .shared();
        state.renewal = Some(renewal.clone());
        renewal
    }

    async fn ask(&self, now: SystemTime) -> Result<Arc<BearerToken>, Failure> {
        let source = &self.0.source;
        let answer = AssertUnwindSafe(async { source.ask(self.0.scope.clone()).await }).catch_unwind();
        let token = tokio::time::timeout(source.timeout, answer)
            .await
            .map_err(|_| Failure::new(format!("no answer within {} s", source.timeout.as_secs_f64())))?
            .map_err(|_| Failure::new("the credential panicked"))??;
        if token.value().trim().is_empty() {
            return Err(Failure::new("the token is empty"));
        }
        let header =
            bearer(token.value()).map_err(|_| Failure::new("the token holds characters that a header cannot carry"))?;
        let expires_at = token.expires_at();
        let life = expires_at.duration_since(now).unwrap_or_default();
        Ok(Arc::new(BearerToken { header, expires_at, renew_from: now + life.saturating_sub(EARLY).max(life / 2) }))
    }

    fn settle(&self, now: SystemTime, outcome: &Result<Arc<BearerToken>, Failure>) {
        let mut state = self.lock();
        state.renewal = None;
        match outcome {
            Ok(token) => {
                state.token = Some(Arc::clone(token));
                state.pause_until = None;
            }
            Err(failure) => {
                state.pause_until = now.checked_add(PAUSE_AFTER_FAILURE);
                if state.token.is_some() {
                    tracing::warn!(scope = self.scope(), reason = failure.text(), "early token renewal failed");
                }
            }
        }
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("scope", &self.0.scope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::ErrorKind;
    use crate::transport::auth::{Credential, Kind, Token};

    const HOUR: Duration = Duration::from_secs(3600);
    const START: SystemTime = SystemTime::UNIX_EPOCH;

    /// A source whose tokens are numbered and live for an hour from `START` plus the number of hours.
    fn numbered(
        answers: impl Fn(u32) -> Result<(), &'static str> + Send + Sync + 'static,
    ) -> (TokenCache, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let answers = Arc::new(answers);
        let credential = Credential::from_fn(move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let answers = Arc::clone(&answers);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                answers(number).map(|()| Token::new(format!("t{number}"), START + HOUR * number))
            }
        });
        (cache(credential), asked)
    }

    fn cache(credential: Credential) -> TokenCache {
        let Kind::Tokens(source) = credential.0 else { panic!("a key") };
        TokenCache::new(source, "scope".to_owned())
    }

    async fn text(cache: &TokenCache, now: SystemTime) -> String {
        cache.get(now).await.unwrap().header().to_str().unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_callers_ask_once() {
        let (cache, asked) = numbered(|_| Ok(()));
        let calls = (0..50).map(|_| text(&cache, START));
        let tokens = futures::future::join_all(calls).await;
        assert!(tokens.iter().all(|token| token == "Bearer t1"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_while_the_old_token_is_good() {
        let (cache, asked) = numbered(|_| Ok(()));
        text(&cache, START).await;
        let late = START + HOUR - Duration::from_secs(299);
        let before = tokio::time::Instant::now();
        for _ in 0..10 {
            assert_eq!(text(&cache, late).await, "Bearer t1");
        }
        assert_eq!(before.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(&cache, late).await, "Bearer t2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_token_survives_a_failed_renewal_and_the_next_waits_a_while() {
        let (cache, asked) = numbered(|number| if number == 2 { Err("down") } else { Ok(()) });
        text(&cache, START).await;
        let late = START + HOUR - Duration::from_secs(200);
        text(&cache, late).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(&cache, late + Duration::from_secs(29)).await, "Bearer t1");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        text(&cache, late + Duration::from_secs(31)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(&cache, late + Duration::from_secs(31)).await, "Bearer t3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_forgotten_and_only_that_one() {
        let (cache, _) = numbered(|_| Ok(()));
        let first = cache.get(START).await.unwrap();
        cache.forget(&first);
        assert_eq!(text(&cache, START).await, "Bearer t2");
        cache.forget(&first);
        assert_eq!(text(&cache, START).await, "Bearer t2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_gives_up_does_not_stop_the_others() {
        let (cache, asked) = numbered(|_| Ok(()));
        let early = tokio::time::timeout(Duration::from_millis(10), cache.get(START)).await;
        assert!(early.is_err());
        assert_eq!(text(&cache, START).await, "Bearer t1");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_fails_hangs_or_panics_is_a_credential_error_each_time() {
        let failing = cache(Credential::from_fn(|_| async { Err::<Token, _>("no sign-in") }));
        let hanging = cache(Credential::from_fn(|_| std::future::pending::<Result<Token, String>>()));
        let panicking = cache(Credential::from_fn(|scope: String| async move {
            if scope == "scope" {
                std::panic::panic_any(0_u8);
            }
            Err::<Token, _>("never")
        }));
        let broken = cache(Credential::token("a\nb"));
        for (cache, words) in [
            (failing, "failed"),
            (hanging, "no answer within 30 s"),
            (panicking, "panicked"),
            (broken, "header cannot carry"),
        ] {
            for _ in 0..2 {
                let error = cache.get(START).await.err().unwrap();
                assert_eq!(error.kind(), ErrorKind::Credential);
                assert!(error.to_string().contains("scope 'scope'"), "{error}");
                assert!(error.to_string().contains(words), "{error}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_lived_token_is_used_for_half_of_its_life_before_renewal() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let cache = cache(Credential::from_fn(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, String>(Token::new("t", START + Duration::from_secs(60))) }
        }));
        text(&cache, START).await;
        text(&cache, START + Duration::from_secs(29)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
