//! The tokens that are kept: one for each source and scope, and the one that a backend refused.
//!
//! A token is renewed in the background from five minutes before its end (a short-lived one: from half of its life).
//! No call waits while the old one is valid, and a failed renewal leaves it. The renewal is a task of its own, so that a
//! caller who gives up does not end it for the others, and a credential that panics or hangs fails one renewal only.
//!
//! A token that a backend refused with 401 is not sent to it again. Another one is fetched past the cache of the
//! credential, at most once in 30 seconds for each scope; until then calls to that backend end with the answer that
//! refused the token. After 30 seconds whatever the credential gives is sent, since a 401 can also mean a role that was
//! not assigned yet.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;

#[cfg(feature = "azure_identity")]
use super::endpoint::Cloud;
use super::http_client::HttpClients;
#[cfg(feature = "azure_identity")]
use super::token::DefaultSource;
use super::token::{BearerToken, TokenRequest, TokenSource, chain_text, no_token};
use crate::error::{Error, Result};

/// Between a failed early renewal and the next.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Between two requests for a token in place of a refused one.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(30);

type Renewal = Shared<BoxFuture<'static, Result<Arc<BearerToken>>>>;

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
    /// The renewal that is under way, and its task.
    renewal: Option<(Renewal, AbortHandle)>,
    /// No early renewal before this time.
    pause_until: Option<SystemTime>,
    /// When a token was last requested past the cache of the credential.
    bypassed_at: Option<SystemTime>,
}

impl TokenCache {
    pub(crate) fn new(source: TokenSource, scope: String) -> Self {
        Self(Arc::new(Inner { source, scope, state: Mutex::default() }))
    }

    pub(crate) fn scope(&self) -> &str {
        &self.0.scope
    }

    /// Whether the token was given by the caller, and no other can be had.
    pub(crate) fn is_given(&self) -> bool {
        self.0.source.is_given
    }

    /// Whether this cache already serves that source and scope.
    pub(crate) fn serves(&self, source: &TokenSource, scope: &str) -> bool {
        self.0.scope == scope && self.0.source.is_same(source)
    }

    /// A token that is valid at `now`; waits only if there is none.
    pub(crate) async fn get(&self, now: SystemTime) -> Result<Arc<BearerToken>> {
        let renewal = {
            let mut state = self.lock();
            if let Some(token) = state.token.clone().filter(|token| token.expires_at > now) {
                let is_paused = state.pause_until.is_some_and(|until| now < until);
                if token.renew_from <= now && !is_paused {
                    drop(self.renew(&mut state, now, false));
                }
                return Ok(token);
            }
            self.renew(&mut state, now, false)
        };
        renewal.await
    }

    /// A token in place of `refused`. It can be the same one: the cache of the credential is passed over at most once in
    /// 30 seconds, and the credential may have no other.
    async fn replace(&self, refused: &BearerToken, now: SystemTime) -> Result<Arc<BearerToken>> {
        let renewal = {
            let mut state = self.lock();
            let has_renewed = state.bypassed_at.is_some_and(|at| now < at + PAUSE_AFTER_REFUSAL);
            match &state.token {
                Some(token) if state.renewal.is_none() && (has_renewed || !token.is_same(refused)) => {
                    return Ok(Arc::clone(token));
                }
                _ => self.renew(&mut state, now, true),
            }
        };
        renewal.await
    }

    /// The token in use, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<BearerToken>> {
        self.lock().token.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// The one renewal, which is started if none is under way. The caller holds the lock, so that it cannot end before it
    /// is in `state`.
    fn renew(&self, state: &mut State, now: SystemTime, bypass_cache: bool) -> Renewal {
        // a task that has ended is no longer here, except where its runtime stopped before
        if let Some((renewal, task)) = &state.renewal
            && !task.is_finished()
        {
            return renewal.clone();
        }
        if bypass_cache {
            state.bypassed_at = Some(now);
        }
        let cache = self.clone();
        let task = tokio::spawn(async move {
            let context = || format!("the credential gave no token for scope '{}'", cache.scope());
            let outcome = cache.fetch(now, bypass_cache).await.map_err(|error| error.with_context(&context()));
            cache.settle(now, &outcome);
            outcome
        });
        let (cache, handle) = (self.clone(), task.abort_handle());
        let renewal = async move {
            task.await.unwrap_or_else(|_| {
                cache.lock().renewal = None;
                Err(no_token("the runtime stopped before the token came"))
            })
        }
        .boxed()
        .shared();
        state.renewal = Some((renewal.clone(), handle));
        renewal
    }

    async fn fetch(&self, now: SystemTime, bypass_cache: bool) -> Result<Arc<BearerToken>> {
        let source = &self.0.source;
        let request = TokenRequest { scope: self.0.scope.clone(), bypass_cache };
        let answer = AssertUnwindSafe(source.fetch(&request)).catch_unwind();
        let token = tokio::time::timeout(source.timeout, answer)
            .await
            .map_err(|_| no_token(format!("no answer within {} s", source.timeout.as_secs_f64())))?
            .map_err(|_| no_token("the credential panicked"))??;
        BearerToken::new(token, now).map(Arc::new)
    }

    fn settle(&self, now: SystemTime, outcome: &Result<Arc<BearerToken>>) {
        let mut state = self.lock();
        state.renewal = None;
        match outcome {
            Ok(token) => {
                state.token = Some(Arc::clone(token));
                state.pause_until = None;
            }
            Err(error) => {
                state.pause_until = now.checked_add(PAUSE_AFTER_FAILURE);
                // without a new token, the refused one may be replaced at the next call
                state.bypassed_at = None;
                if state.token.is_some() {
                    tracing::warn!(scope = self.scope(), reason = chain_text(error), "token renewal failed");
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The token caches that the backends of one client share.
pub(crate) struct TokenCaches<'a> {
    #[cfg_attr(not(feature = "azure_identity"), expect(dead_code, reason = "only the default credential signs in"))]
    http: &'a HttpClients,
    caches: Vec<TokenCache>,
    #[cfg(feature = "azure_identity")]
    defaults: Vec<(DefaultSource, Cloud, TokenSource)>,
}

impl<'a> TokenCaches<'a> {
    pub(crate) fn new(http: &'a HttpClients) -> Self {
        Self {
            http,
            caches: Vec::new(),
            #[cfg(feature = "azure_identity")]
            defaults: Vec::new(),
        }
    }

    /// The cache for a source and a scope.
    pub(crate) fn cache(&mut self, source: TokenSource, scope: String) -> TokenCache {
        if let Some(cache) = self.caches.iter().find(|cache| cache.serves(&source, &scope)) {
            return cache.clone();
        }
        let cache = TokenCache::new(source, scope);
        self.caches.push(cache.clone());
        cache
    }

    /// The source of a default credential for a cloud.
    #[cfg(feature = "azure_identity")]
    pub(crate) fn default_source(&mut self, credential: &DefaultSource, cloud: Cloud) -> TokenSource {
        let is_known = |(known, its, _): &&(_, Cloud, _)| Arc::ptr_eq(known, credential) && *its == cloud;
        if let Some((_, _, source)) = self.defaults.iter().find(is_known) {
            return source.clone();
        }
        let source = credential(cloud, self.http);
        self.defaults.push((Arc::clone(credential), cloud, source.clone()));
        source
    }
}

/// The tokens of one backend: those of a cache that others may share, except the one that this backend refused.
#[derive(Debug)]
pub(crate) struct BackendTokens {
    pub(super) cache: TokenCache,
    refused: Mutex<Option<Arc<RefusedToken>>>,
}

#[derive(Debug)]
struct RefusedToken {
    token: Arc<BearerToken>,
    answer: Error,
    at: SystemTime,
}

impl BackendTokens {
    pub(crate) fn new(cache: TokenCache) -> Self {
        Self { cache, refused: Mutex::default() }
    }

    /// A token to send at `now`. The error is of the kind `Credential`; or the answer of this backend, where it refused the
    /// only token less than 30 seconds ago.
    pub(crate) async fn get(&self, now: SystemTime) -> Result<Arc<BearerToken>> {
        let token = self.cache.get(now).await?;
        let Some(refused) = lock(&self.refused).clone().filter(|refused| refused.token.is_same(&token)) else {
            return Ok(token);
        };
        let other = self.cache.replace(&refused.token, now).await?;
        let rest = PAUSE_AFTER_REFUSAL.saturating_sub(now.duration_since(refused.at).unwrap_or_default());
        if other.is_same(&refused.token) && !rest.is_zero() {
            let note = format!(
                "nothing was sent, since the credential has no other token than the one that was refused; it is tried \
                 again in {} s",
                rest.as_secs().saturating_add(1)
            );
            return Err(refused.answer.clone().with_retry_after(rest).with_hint(note));
        }
        Ok(other)
    }

    /// Keeps a token that this backend answered with 401. One that was replaced meanwhile is not sent
    /// again, and is not kept.
    pub(crate) fn refuse(&self, token: Arc<BearerToken>, answer: Error, now: SystemTime) {
        if self.cache.current().is_some_and(|current| current.is_same(&token)) {
            *lock(&self.refused) = Some(Arc::new(RefusedToken { token, answer, at: now }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::ErrorKind;
    use crate::response::ResponseMetadata;
    use crate::transport::credential::{Credential, Kind};
    use crate::transport::token::Token;

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

    fn refusal() -> Error {
        let headers: [(&str, &str); 0] = [];
        Error::from_response(ResponseMetadata::new(401, headers), b"{}")
    }

    /// A backend that answers every token with 401, and the tokens it got.
    async fn call_in_vain(tokens: &BackendTokens, now: SystemTime, sent: &mut Vec<String>) {
        // as a call does: one token, and another after the first was refused
        for _ in 0..2 {
            let Ok(token) = tokens.get(now).await else { return };
            sent.push(token.header().to_str().unwrap().to_owned());
            tokens.refuse(token, refusal(), now);
        }
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
        let (cache, asked) = numbered(|number| if matches!(number, 2 | 3) { Err("down") } else { Ok(()) });
        text(&cache, START).await;
        let late = START + HOUR - Duration::from_secs(200);
        text(&cache, late).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(text(&cache, late + Duration::from_secs(29)).await, "Bearer t1");
        assert_eq!(asked.load(Ordering::SeqCst), 3, "the renewal was tried twice");
        text(&cache, late + Duration::from_secs(31)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(text(&cache, late + Duration::from_secs(31)).await, "Bearer t4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once_however_many_calls_it_was_refused_to() {
        let (cache, asked) = numbered(|_| Ok(()));
        let tokens = BackendTokens::new(cache);
        let first = tokens.get(START).await.unwrap();
        let calls = (0..20).map(|_| async {
            tokens.refuse(Arc::clone(&first), refusal(), START);
            tokens.get(START).await.unwrap().header().clone()
        });
        let sent = futures::future::join_all(calls).await;
        assert!(sent.iter().all(|header| header == "Bearer t2"));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        // a late answer to the first token does not count for the second
        tokens.refuse(first, refusal(), START);
        assert_eq!(tokens.get(START).await.unwrap().header(), "Bearer t2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_whose_tokens_are_all_refused_is_asked_once_in_thirty_seconds() {
        let (cache, asked) = numbered(|_| Ok(()));
        let (tokens, mut sent) = (BackendTokens::new(cache), Vec::new());
        for second in 0..=90 {
            call_in_vain(&tokens, START + Duration::from_secs(second), &mut sent).await;
        }
        // two by the first call, and then at 30, 60 and 90 seconds
        assert_eq!(sent, ["Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4", "Bearer t5"]);
        assert_eq!(asked.load(Ordering::SeqCst), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_token_is_not_sent_again_for_thirty_seconds_and_then_once() {
        let tokens = BackendTokens::new(cache(Credential::fixed_token("Bearer fixed")));
        let now = SystemTime::now();
        let mut sent = Vec::new();
        for (second, count) in [(0, 1), (1, 1), (29, 1), (30, 2), (31, 2), (59, 2), (60, 3)] {
            call_in_vain(&tokens, now + Duration::from_secs(second), &mut sent).await;
            assert_eq!(sent, vec!["Bearer fixed"; count], "after {second} s");
        }
        let answer = tokens.get(now + Duration::from_secs(70)).await.expect_err("a refused token was given out");
        assert_eq!((answer.status(), answer.retry_after()), (Some(401), Some(Duration::from_secs(20))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_backend_that_refuses_every_token_takes_none_from_another() {
        let (cache, asked) = numbered(|_| Ok(()));
        let (strict, lenient) = (BackendTokens::new(cache.clone()), BackendTokens::new(cache));
        let mut sent = Vec::new();
        for second in 0..=29 {
            let now = START + Duration::from_secs(second);
            call_in_vain(&strict, now, &mut sent).await;
            assert!(lenient.get(now).await.is_ok());
        }
        assert_eq!((sent.len(), asked.load(Ordering::SeqCst)), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_outage_the_credential_is_asked_again_at_once() {
        let (cache, asked) = numbered(|number| if matches!(number, 2 | 3) { Err("down") } else { Ok(()) });
        let tokens = BackendTokens::new(cache);
        let first = tokens.get(START).await.unwrap();
        tokens.refuse(first, refusal(), START);
        let error = tokens.get(START).await.expect_err("a token in an outage");
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert!(chain_text(&error).ends_with("the credential failed: down"), "{error:?}");
        assert_eq!(tokens.get(START).await.unwrap().header(), "Bearer t4");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_of_a_token_function_is_tried_once_more() {
        let (cache, asked) = numbered(|number| if number == 1 { Err("a blip") } else { Ok(()) });
        assert_eq!(text(&cache, START).await, "Bearer t2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let (cache, asked) = numbered(|_| Err("the broker is down"));
        let error = cache.get(START).await.err().unwrap();
        assert!(chain_text(&error).ends_with("the credential failed: the broker is down"), "{error:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_scheme_before_a_token_is_left_out() {
        for given in ["abc", "Bearer abc", "bearer abc", "BEARER abc"] {
            let cache = cache(Credential::fixed_token(given));
            assert_eq!(text(&cache, START).await, "Bearer abc", "{given}");
        }
        let error = cache(Credential::fixed_token("Bearer ")).get(START).await.err().unwrap();
        assert!(error.to_string().contains("the token is empty"), "{error}");
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
        let broken = cache(Credential::fixed_token("a\nb"));
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

    #[test]
    fn a_renewal_that_ended_with_its_runtime_is_begun_again_in_the_next() {
        let (cache, asked) = numbered(|_| Ok(()));
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime().block_on(async {
            let hurried = tokio::time::timeout(Duration::from_millis(1), cache.get(START)).await;
            assert!(hurried.is_err(), "the first runtime stops before the token comes");
        });
        let token = runtime().block_on(cache.get(START)).unwrap();
        assert_eq!((token.header().to_str().unwrap(), asked.load(Ordering::SeqCst)), ("Bearer t2", 2));
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
