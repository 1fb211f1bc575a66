//! The embedded DynamoDB, with the tables of the template.

use std::error::Error;
use std::path::Path;

use dynoxide::Database;
use serde_json::json;

use crate::{private, template};

type AnyError = Box<dyn Error + Send + Sync>;

/// Opens the database in a folder, or in memory.
///
/// # Errors
/// If the folder cannot be used.
pub fn open(data: Option<&Path>) -> Result<Database, AnyError> {
    let Some(folder) = data else { return Ok(Database::memory()?) };
    let file = private::file_in(folder, "dynamodb.sqlite")?; // SQLite's other files take over its permissions
    Ok(Database::new(file.to_str().ok_or("the data folder's name is no UTF-8")?)?)
}

/// Creates a table of the template, unless it exists.
///
/// # Errors
/// If the template describes no table that DynamoDB accepts.
pub fn create_table(database: &Database, logical_id: &str) -> Result<(), AnyError> {
    let listed = database.list_tables(serde_json::from_value(json!({}))?)?;
    if listed.table_names.iter().any(|name| name == logical_id) {
        return Ok(());
    }
    database.create_table(serde_json::from_value(template::create_table(logical_id, logical_id))?)?;
    Ok(())
}
