//! A value of the body with its path, [`Node`], and the errors for a missing or wrong one.

use serde_json::Value;

use crate::refusal::azure_error::{AzureError, listed, type_of};

/// A value and its path: `messages[0].content`.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A member that is present and not `null`.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, path: self.path_of(name) })
    }

    pub(super) fn required(&self, name: &str) -> Result<Self, AzureError> {
        self.member(name).ok_or_else(|| AzureError::missing(&self.path_of(name)))
    }

    pub(super) fn string(&self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }

    pub(super) fn object(&self) -> Result<(), AzureError> {
        if self.value.is_object() { Ok(()) } else { Err(self.wrong_type("an object")) }
    }

    pub(super) fn text(&self) -> Result<&'a str, AzureError> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn list(&self) -> Result<Vec<Self>, AzureError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        let item = |(at, value)| Self { value, path: format!("{}[{at}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// A list with at least one item.
    pub(super) fn filled_list(&self) -> Result<Vec<Self>, AzureError> {
        let items = self.list()?;
        if items.is_empty() { Err(AzureError::empty_array(&self.path)) } else { Ok(items) }
    }

    /// One of these strings: the known values of a type of the client crate, or a list in the service's order.
    pub(super) fn one_of(&self, values: &[impl AsRef<str>]) -> Result<(), AzureError> {
        let value = self.text()?;
        if values.iter().any(|known| known.as_ref() == value) {
            return Ok(());
        }
        let message = format!("Invalid value: '{value}'. Supported values are: {}.", listed(values));
        Err(AzureError::invalid(message, self.path.as_str(), "invalid_value"))
    }

    pub(super) fn at_most(&self, longest: usize) -> Result<(), AzureError> {
        let length = self.text()?.chars().count();
        if length > longest { Err(AzureError::string_too_long(&self.path, longest, length)) } else { Ok(()) }
    }

    pub(super) fn wrong_type(&self, expected: &str) -> AzureError {
        let (path, got) = (&self.path, type_of(self.value));
        let message = format!("Invalid type for '{path}': expected {expected}, but got {got} instead.");
        AzureError::invalid(message, path.as_str(), "invalid_type")
    }
}
