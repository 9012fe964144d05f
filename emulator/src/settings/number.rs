//! Ranges of numbers in the configuration file and in JSON; `nan` and `inf`, which TOML has, are in none.

use serde::de::{Deserialize, Deserializer, Error};

/// A number from 0.
pub(crate) fn from_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    within(deserializer, f64::MAX, "expected a number from 0")
}

/// A number from 0 to 1.
pub(crate) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    within(deserializer, 1.0, "expected a number from 0 to 1")
}

fn within<'de, D: Deserializer<'de>>(deserializer: D, most: f64, expected: &str) -> Result<Option<f64>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    match number.filter(|number| !(0.0..=most).contains(number)) {
        Some(number) => Err(Error::custom(format!("invalid value: {number}, {expected}"))),
        None => Ok(number),
    }
}
