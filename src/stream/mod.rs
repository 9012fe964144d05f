//! How an answer arrives: bytes become events, events become chunks, chunks add up to a completion.
//!
//! Framing is [`sse`]; it knows neither HTTP nor chat and works without any feature of this crate.

pub mod sse;
