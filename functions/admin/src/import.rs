//! Takes users of another backend in.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::app::App;

use crate::refusal::Refusal;

/// A user of another backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportRow {
    pub email: String,
}

pub(crate) fn import(_app: &App, _rows: &[ImportRow], _dry_run: bool) -> impl Future<Output = Result<Value, Refusal>> {
    std::future::ready(Err(Refusal::Conflict("this version cannot import")))
}
