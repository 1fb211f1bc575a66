//! Reads the users of a file, one after the other, so that a file of any size fits.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use admin::ImportRow;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use shared::passwords::StoredHash;

use crate::Failure;

/// A user of the file, or why the line is none.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) row: Result<ImportRow, String>,
}

/// A user as the file has it: in Latchkey's own form, or as a row of the `User` table of an Express and Prisma backend.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    id: Option<Id>,
    email: String,
    email_verified: Option<Verified>,
    name: Option<String>,
    created_at: Option<String>,
    #[serde(alias = "password")]
    hash: Option<StoredHash>,
    #[serde(rename = "updatedAt")]
    _updated_at: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

/// Whether an address is verified. In CSV it is a word.
#[derive(Deserialize)]
enum Verified {
    #[serde(rename = "true", alias = "t")]
    Yes,
    #[serde(rename = "false", alias = "f")]
    No,
}

/// Opens a file as its name tells: CSV, or one JSON object a line.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Iterator<Item = Result<Line, Failure>>>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let path = path.to_owned();
    if is_csv {
        let mut records = csv::Reader::from_reader(BufReader::new(file));
        let header = records.headers().map_err(|error| unreadable(&path, &error))?.clone();
        let lines = records.into_records().map(move |record| {
            let record = record.map_err(|error| unreadable(&path, &error))?;
            let cell =
                |(name, text): (&str, &str)| (name.to_owned(), if text.is_empty() { Value::Null } else { text.into() });
            let fields: Map<_, _> = header.iter().zip(record.iter()).map(cell).collect();
            Ok(line(record.position().map_or(0, csv::Position::line), serde_json::from_value(fields.into())))
        });
        return Ok(Box::new(lines));
    }
    let lines = BufReader::new(file).lines().zip(1..).filter(|(text, _)| !matches!(text, Ok(text) if text.is_empty()));
    Ok(Box::new(lines.map(move |(text, number)| {
        let text = text.map_err(|error| unreadable(&path, &error))?;
        // By way of a value, so that `emailVerified` is read as in CSV.
        let value = serde_json::from_str::<Value>(&text).map(|mut value| {
            if let Some(verified @ Value::Bool(_)) = value.get_mut("emailVerified") {
                *verified = verified.to_string().into();
            }
            value
        });
        Ok(line(number, value.and_then(serde_json::from_value)))
    })))
}

fn line(number: u64, fields: Result<Fields, serde_json::Error>) -> Line {
    let row = fields.map_err(|error| error.to_string()).map(|fields| ImportRow {
        id: fields.id.map(|id| match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        }),
        email: fields.email,
        email_verified: matches!(fields.email_verified, Some(Verified::Yes)),
        name: fields.name,
        created_at: fields.created_at,
        hash: fields.hash,
    });
    Line { number, row }
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Refused(format!("{}: {error}", path.display()))
}
