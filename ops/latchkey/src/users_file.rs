//! Reads the users of a file, one after the other, so that a file of any size fits.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use admin::ImportRow;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use shared::passwords::StoredHash;

use crate::Failure;

/// The longest row. A request of them fits into the 6 MB that Lambda takes, even if JSON escapes each character.
const LONGEST_ROW: usize = 16 * 1024;

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

type Lines = Box<dyn Iterator<Item = Result<Line, Failure>>>;

/// Opens a file as its name tells: CSV, or one JSON object a line.
pub(crate) fn open(path: &Path) -> Result<Lines, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if !file.metadata().map_err(|error| unreadable(path, &error))?.is_file() {
        // A pipe would be empty at the second reading, and nothing would be imported.
        return Err(unreadable(path, "a regular file is wanted, because it is read twice"));
    }
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv { csv_lines(file, path) } else { Ok(json_lines(file, path)) }
}

fn csv_lines(file: File, path: &Path) -> Result<Lines, Failure> {
    // A line of another length is refused by itself, and the others are taken.
    let mut records = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file));
    let header = records.byte_headers().map_err(|error| unreadable(path, error))?;
    let header = field_names(header).map_err(|reason| unreadable(path, reason))?;
    // Where lines end with CR LF, `csv` begins the next record at the LF, which it counts to the line before.
    let behind = 2_u64.saturating_sub(records.position().line());
    let path = path.to_owned();
    Ok(Box::new(records.into_byte_records().map(move |record| {
        let record = record.map_err(|error| unreadable(&path, error))?;
        let number = record.position().map_or(0, |position| position.line() + behind);
        Ok(Line { number, row: csv_fields(&header, &record).and_then(row) })
    })))
}

/// Returns the names in the header. Without this check, the first user of a file without a header would be lost, and
/// the refusals of all others would show that user's hash.
fn field_names(header: &csv::ByteRecord) -> Result<Vec<String>, &'static str> {
    let wanted = "the first line must name the fields, each once, and `email` among them";
    let names = header.iter().map(|name| str::from_utf8(name).map(str::to_owned));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|_| wanted)?;
    let are_fields =
        names.iter().any(|name| name == "email") && names.iter().collect::<HashSet<_>>().len() == names.len();
    if are_fields || names.is_empty() { Ok(names) } else { Err(wanted) }
}

fn csv_fields(header: &[String], record: &csv::ByteRecord) -> Result<Value, String> {
    if record.len() != header.len() {
        return Err(format!("it has {} fields, and the first line has {}", record.len(), header.len()));
    }
    let cell = |(name, text): (&String, &[u8])| {
        let text = str::from_utf8(text).map_err(|_| format!("{name}: it is not UTF-8"))?;
        Ok((name.clone(), if text.is_empty() { Value::Null } else { text.into() }))
    };
    header.iter().zip(record).map(cell).collect::<Result<Map<_, _>, String>>().map(Value::from)
}

fn json_lines(file: File, path: &Path) -> Lines {
    let path = path.to_owned();
    let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
    let lines =
        BufReader::new(file).split(b'\n').zip(1..).filter(move |(line, _)| !line.as_deref().is_ok_and(is_blank));
    Box::new(lines.map(move |(line, number)| {
        let line = line.map_err(|error| unreadable(&path, &error))?;
        // Programs on Windows mark UTF-8 by these bytes.
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
        Ok(Line { number, row: json_fields(text).and_then(row) })
    }))
}

fn json_fields(text: &[u8]) -> Result<Value, String> {
    // It is one line of many, and the error calls it the first.
    let mut value: Value = serde_json::from_slice(text)
        .map_err(|error| format!("it is not JSON: {}", error.to_string().replace(" at line 1 column", " at column")))?;
    if !value.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    // As a word, so that `emailVerified` is read as in CSV.
    if let Some(verified @ Value::Bool(_)) = value.get_mut("emailVerified") {
        *verified = verified.to_string().into();
    }
    Ok(value)
}

fn row(fields: Value) -> Result<ImportRow, String> {
    let fields: Fields = serde_path_to_error::deserialize(fields).map_err(|error| {
        let message = error.inner().to_string();
        let is_named = message.starts_with("missing field") || message.starts_with("unknown field");
        if is_named { message } else { format!("{}: {message}", error.path()) }
    })?;
    let row = ImportRow {
        id: fields.id.map(|id| match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        }),
        email: fields.email,
        email_verified: matches!(fields.email_verified, Some(Verified::Yes)),
        name: fields.name,
        created_at: fields.created_at,
        hash: fields.hash,
    };
    let texts = [row.id.as_deref(), row.name.as_deref(), row.created_at.as_deref()];
    let hash = row.hash.as_ref().map(StoredHash::expose);
    let length: usize = texts.into_iter().chain([hash, Some(&row.email)]).flatten().map(str::len).sum();
    if length > LONGEST_ROW { Err(format!("it is longer than {LONGEST_ROW} bytes")) } else { Ok(row) }
}

fn unreadable(path: &Path, reason: impl Display) -> Failure {
    Failure::Refused(format!("{}: {reason}", path.display()))
}
