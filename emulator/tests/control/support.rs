//! Helpers of these tests: requests to an emulator over plain HTTP, and temporary folders.

use azure_openai_emulator::Emulator;
use reqwest::Method;
use serde_json::{Value, json};

/// A client of the emulator, in a session or in none.
pub(crate) struct Peer {
    pub(crate) endpoint: String,
    pub(crate) client: reqwest::Client,
    pub(crate) session: Option<&'static str>,
    pub(crate) key: String,
}

impl Peer {
    pub(crate) fn of(emulator: &Emulator) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { endpoint: emulator.endpoint(), client, session: None, key: "key".to_owned() }
    }

    pub(crate) fn in_session(&self, name: &'static str) -> Self {
        let (endpoint, client, key) = (self.endpoint.clone(), self.client.clone(), self.key.clone());
        Self { endpoint, client, session: Some(name), key }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.endpoint)).header("api-key", &self.key);
        if let Some(name) = self.session {
            request = request.header("x-emulator-session", name);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = self.send(method, &format!("/__emulator/{path}"), body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) async fn ask(&self, deployment: &str, question: &str) -> (u16, Value) {
        let body = json!({"model": deployment, "messages": [{"role": "user", "content": question}]});
        self.send(Method::POST, "/openai/v1/chat/completions", Some(body)).await
    }

    pub(crate) async fn text(&self, deployment: &str, question: &str) -> String {
        let (status, answer) = self.ask(deployment, question).await;
        assert_eq!(status, 200, "{answer}");
        answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }
}

/// A folder that exists during a test.
#[cfg(feature = "record")]
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

#[cfg(feature = "record")]
impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("emulator-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

#[cfg(feature = "record")]
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
