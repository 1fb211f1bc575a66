//! What the functions of one world log, as they would log it in Lambda.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use shared::config::Function;
use shared::log::subscriber;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

/// Lines, kept. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What events are to go to, to become lines here.
    #[must_use]
    pub fn dispatch(&self, level: LevelFilter) -> Dispatch {
        let function =
            Function { name: Some("world".to_owned()), version: Some("$LATEST".to_owned()), ..Function::default() };
        let lines = self.clone();
        Dispatch::new(subscriber(level, function, move || lines.clone()))
    }

    /// The lines so far.
    ///
    /// # Panics
    /// When one is no JSON: something broke it.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.lock().clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Forgets them.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
