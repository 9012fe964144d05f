//! Guides: one task a page, with code that runs.
//!
//! The programs on these pages are tests: they run against the emulator of the crate `azure-openai-emulator`, whose start
//! is hidden where it would only disturb. Programs that need a real account are only compiled.
//!
//! | to do | page |
//! |---|---|
//! | sign in without keys, in production and on a laptop | [`entra_id`] |
//! | show an answer in a browser as it comes | [`browser`] |
//! | test a service without an account | [`testing`] |
//! | see what went wrong, and answer one's own callers | [`errors`] |
//! | bound the time of a call and its retries | [`timeouts_and_retries`] |
//! | read and use the results of the content filter | [`content_filters`] |
//! | find out what a model takes | [`models`] |
//! | edit a text faster | [`predicted_outputs`] |
//! | give reasoning a budget | [`reasoning`] |
//! | use several regions, provisioned throughput and spillover | [`regions`] |
//! | call through API Management or LiteLLM | [`gateways`] |
//! | work off thousands of requests at half the price | [`batch`](crate::batch) |
//! | watch calls in production | [`observability`] |
//! | call DeepSeek, Mistral, Grok and others on Foundry | [`other_makers`] |
//! | move from async-openai | [`from_async_openai`] |
//! | move from the Python client | [`from_python`] |
//! | be ready for a change of the model behind a deployment | [`model_changes`] |

#[doc = include_str!("browser.md")]
pub mod browser {}
#[doc = include_str!("content_filters.md")]
pub mod content_filters {}
#[doc = include_str!("entra_id.md")]
pub mod entra_id {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("from_async_openai.md")]
pub mod from_async_openai {}
#[doc = include_str!("from_python.md")]
pub mod from_python {}
#[doc = include_str!("gateways.md")]
pub mod gateways {}
#[doc = include_str!("model_changes.md")]
pub mod model_changes {}
#[doc = include_str!("models.md")]
pub mod models {}
#[doc = include_str!("observability.md")]
pub mod observability {}
#[doc = include_str!("other_makers.md")]
pub mod other_makers {}
#[doc = include_str!("predicted_outputs.md")]
pub mod predicted_outputs {}
#[doc = include_str!("reasoning.md")]
pub mod reasoning {}
#[doc = include_str!("regions.md")]
pub mod regions {}
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("timeouts_and_retries.md")]
pub mod timeouts_and_retries {}
