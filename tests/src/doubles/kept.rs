//! State behind a lock and, where a folder is given, in a JSON file that is replaced whole after each change.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::Refusal;
use crate::private;

/// One service's state.
pub(super) struct Kept<S> {
    state: Mutex<S>,
    file: Option<PathBuf>,
}

impl<S: Default + Serialize + DeserializeOwned> Kept<S> {
    /// The state in `<folder>/<service>.json`, or an empty one where there is no folder or no file yet.
    ///
    /// # Errors
    /// When the folder cannot be made, or the file cannot be read or understood.
    pub(super) fn open(folder: Option<&Path>, service: &str) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self { state: Mutex::default(), file: None });
        };
        private::create_folder(folder)?;
        let file = folder.join(format!("{service}.json"));
        let state = match fs::read(&file) {
            Ok(json) => {
                private::open_file(&file)?; // an earlier version let others read it
                serde_json::from_slice(&json)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => S::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { state: Mutex::new(state), file: Some(file) })
    }

    /// What `look` makes of the state.
    pub(super) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state and writes it down; nothing is written when `act` refuses.
    ///
    /// # Errors
    /// What `act` answers, or a 500 when the state could not be written.
    pub(super) fn change<R>(&self, act: impl FnOnce(&mut S) -> Result<R, Refusal>) -> Result<R, Refusal> {
        let mut state = self.lock();
        let result = act(&mut state)?;
        self.write(&state).map_err(|error| Refusal::internal(format!("the state cannot be kept: {error}")))?;
        Ok(result)
    }

    /// Changes the state from Rust, where no refusal can be told. A failure to write comes up at the next call on the wire,
    /// which writes the whole state again.
    pub(super) fn set<R>(&self, act: impl FnOnce(&mut S) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        let _ = self.write(&state);
        result
    }

    fn write(&self, state: &S) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let draft = file.with_extension("json.new");
        let mut written = private::open_file(&draft)?;
        written.set_len(0)?;
        written.write_all(&serde_json::to_vec_pretty(state)?)?;
        fs::rename(draft, file)
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the state, which holds secrets.
impl<S> fmt::Debug for Kept<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").field("file", &self.file).finish_non_exhaustive()
    }
}
