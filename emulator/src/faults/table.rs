//! A fault as a table of the configuration file or as JSON: one member for its kind, others for the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::answer::{Base, FaultAnswer, is_of_body};
use super::when::When;
use super::{Fault, Kind, Preset};
use crate::settings::{milliseconds, share};

/// The members of a fault.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FaultTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate_after: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_after: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_after: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    malformed_after: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_after: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_after_done: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_end_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trickle_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    always: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "share")]
    probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
    /// A name, or a name and a value: `x-test: 7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<String>,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FaultTable::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FaultTable::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl FaultTable {
    /// A value that could not be followed.
    fn wrong(&self) -> Option<String> {
        let mut statuses = [("status", self.status), ("html", self.html)].into_iter();
        if let Some((name, _)) =
            statuses.find(|(_, status)| status.is_some_and(|status| !(100..=999).contains(&status)))
        {
            return Some(format!("{name} is from 100 to 999"));
        }
        if self.every == Some(0) {
            return Some("every is from 1".to_owned());
        }
        self.headers.iter().find_map(|(name, value)| {
            if is_of_body(&name.to_ascii_lowercase()) {
                return Some(format!("the header {name} follows the body: truncate_after and cut_after cut one short"));
            }
            let is_header = HeaderName::try_from(name).is_ok() && HeaderValue::from_str(value).is_ok();
            (!is_header).then(|| format!("{name:?} and its value are no header"))
        })
    }
}

impl TryFrom<FaultTable> for Fault {
    type Error = String;

    fn try_from(table: FaultTable) -> Result<Self, String> {
        if let Some(wrong) = table.wrong() {
            return Err(wrong);
        }
        let time = Duration::from_millis;
        let kinds = [
            ("preset", table.preset.map(Self::preset)),
            ("status", table.status.map(Self::status)),
            ("html", table.html.map(Self::html)),
            ("delay_ms", table.delay_ms.map(|delay| Self::delay(time(delay)))),
            ("reset", table.reset.filter(|on| *on).map(|_| Self::reset())),
            ("content_type", table.content_type.map(Self::content_type)),
            ("truncate_after", table.truncate_after.map(Self::truncate_after)),
            ("cut_after", table.cut_after.map(Self::cut_after)),
            ("stall_after", table.stall_after.map(Self::stall_after)),
            ("malformed_after", table.malformed_after.map(Self::malformed_after)),
            ("error_after", table.error_after.map(Self::error_after)),
            ("extra_after_done", table.extra_after_done.map(Self::extra_after_done)),
            ("late_end_ms", table.late_end_ms.map(|delay| Self::late_end(time(delay)))),
            ("trickle_ms", table.trickle_ms.map(|between| Self::trickle(time(between)))),
        ];
        let names = kinds.each_ref().map(|(name, _)| *name);
        let mut kinds = kinds.into_iter().filter_map(|(_, fault)| fault);
        let (Some(mut fault), None) = (kinds.next(), kinds.next()) else {
            return Err(format!("a fault has one of {}", names.join(", ")));
        };
        match &mut fault.kind {
            Kind::Answer(answer) => {
                answer.retry_after = table.retry_after_ms.map(time);
                answer.body = table.body;
                answer.headers =
                    table.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            }
            _ if table.retry_after_ms.is_some() || table.body.is_some() || !table.headers.is_empty() => {
                return Err("retry_after_ms, body and headers belong to preset, status or html".to_owned());
            }
            _ => {}
        }
        let whens = [
            table.next.map(When::Next),
            table.every.map(|interval| When::Every { interval, seen: 0 }),
            table.always.filter(|on| *on).map(|_| When::Always),
            table.probability.map(|share| When::chance(share, table.seed.unwrap_or(0))),
        ];
        let mut whens = whens.into_iter().flatten();
        // A fault for a header or a phrase applies to each request that has it, unless something else is set.
        let is_selective = table.header.is_some() || table.phrase.is_some();
        fault.when = whens.next().unwrap_or(if is_selective { When::Always } else { When::default() });
        if whens.next().is_some() {
            return Err("a fault has one of next, every, always, probability".to_owned());
        }
        if table.seed.is_some() && table.probability.is_none() {
            return Err("seed belongs to probability".to_owned());
        }
        fault.deployment = table.deployment;
        fault.phrase = table.phrase;
        fault.header = table.header.map(|header| match header.split_once(':') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
            None => (header, None),
        });
        Ok(fault)
    }
}

impl From<Fault> for FaultTable {
    fn from(fault: Fault) -> Self {
        let mut table = Self { deployment: fault.deployment, phrase: fault.phrase, ..Self::default() };
        table.header = fault.header.map(|(name, value)| match value {
            Some(value) => format!("{name}: {value}"),
            None => name,
        });
        match fault.when {
            When::Next(count) => table.next = Some(count),
            When::Every { interval, .. } => table.every = Some(interval),
            When::Always => table.always = Some(true),
            When::Chance { share, seed, .. } => (table.probability, table.seed) = (Some(share), Some(seed)),
        }
        match fault.kind {
            Kind::Answer(FaultAnswer { base, retry_after, headers, body }) => {
                match base {
                    Base::Preset(preset) => table.preset = Some(preset),
                    Base::Status(status) => table.status = Some(status),
                    Base::Html(status) => table.html = Some(status),
                }
                table.retry_after_ms = retry_after.map(milliseconds);
                (table.headers, table.body) = (headers, body);
            }
            Kind::Delay(time) => table.delay_ms = Some(milliseconds(time)),
            Kind::Reset => table.reset = Some(true),
            Kind::ContentType(name) => table.content_type = Some(name),
            Kind::Truncate(after) => table.truncate_after = Some(after),
            Kind::Cut(after) => table.cut_after = Some(after),
            Kind::Stall(after) => table.stall_after = Some(after),
            Kind::Malformed(after) => table.malformed_after = Some(after),
            Kind::Error(after) => table.error_after = Some(after),
            Kind::AfterDone(text) => table.extra_after_done = Some(text),
            Kind::LateEnd(time) => table.late_end_ms = Some(milliseconds(time)),
            Kind::Trickle(time) => table.trickle_ms = Some(milliseconds(time)),
        }
        table
    }
}
