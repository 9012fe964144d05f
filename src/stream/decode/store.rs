//! The templates that all streams of a client share, [`TemplateStore`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::template::Template;

/// The number of templates kept: the five kinds of lines of a stream, for a few models.
const TEMPLATES: usize = 32;
/// The size of the largest line that is kept, in bytes: those of the service have less than half of it.
const LINE_BYTES: usize = 4096;

/// Templates of lines that have nothing of one answer in them.
#[derive(Debug, Default)]
pub(crate) struct TemplateStore(Mutex<Arc<Vec<Arc<Template>>>>);

impl TemplateStore {
    pub(super) fn templates(&self) -> Arc<Vec<Arc<Template>>> {
        Arc::clone(&self.lock())
    }

    /// Adds a template, and drops the oldest if there are too many.
    pub(super) fn add(&self, template: &Arc<Template>) {
        let mut templates = self.lock();
        if template.line_length() > LINE_BYTES || templates.contains(template) {
            return;
        }
        let templates = Arc::make_mut(&mut templates);
        if templates.len() == TEMPLATES {
            templates.remove(0);
        }
        templates.push(Arc::clone(template));
    }

    /// What is kept of each line and its chunk.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<String> {
        self.lock().iter().map(|template| template.text_kept()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Vec<Arc<Template>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
