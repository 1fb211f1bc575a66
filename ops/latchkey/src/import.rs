//! `latchkey import`: sends the users of a file to `admin`, some at a time.
//!
//! Nothing is remembered between runs. A run that broke off is given again, and passes the users that are there quickly.

use std::io;
use std::path::Path;
use std::time::Duration;

use admin::protocol::{Line as Stated, Operation};
use admin::{Collisions, ImportRow, Imported, Outcome};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::arguments::ImportCommand;
use crate::command::{Run, lines, parse};
use crate::print::Print;
use crate::users_file::{self, Line};
use crate::{Failure, Terminal};

/// The rows of a request. Even with the costliest hashes, `admin` is done with them in time.
const BATCH: usize = 50;
/// How many requests are under way at a time.
const AT_ONCE: usize = 4;
/// How often rows are sent of which nothing is known yet.
const ATTEMPTS: u32 = 6;

/// What became of the users of a file.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dry_run: bool,
    read: u64,
    taken: u64,
    unchanged: u64,
    erased: u64,
    refused: Vec<RefusedLine>,
    /// Of those who are taken.
    told_apart: u64,
}

#[derive(Debug, Serialize)]
struct RefusedLine {
    line: u64,
    reason: String,
}

type Numbered = (u64, ImportRow);

impl Run<'_> {
    pub(crate) async fn import(&mut self, command: ImportCommand) -> Result<(), Failure> {
        let ImportCommand { file, dry_run, stated } = command;
        let stated = lines(stated)?;
        let (collisions, read) = look_through(&file)?;
        let bar = progress(read);
        let mut report = Report { dry_run, read, ..Report::default() };
        let (mut rows, mut lines) = (Vec::new(), 0);
        for line in users_file::open(&file)? {
            let Line { number, row } = line?;
            lines += 1;
            match row.map(|row| (collisions.refusal(&row), row)) {
                Err(reason) => report.add(number, Outcome::Refused { reason }),
                Ok((Some(refused), _)) => report.add(number, refused),
                Ok((None, row)) => rows.push((number, row)),
            }
            if rows.len() == BATCH * AT_ONCE {
                self.send_rows(std::mem::take(&mut rows), &stated, &mut report).await?;
            }
            bar.set_position(report.known());
        }
        self.send_rows(rows, &stated, &mut report).await?;
        bar.finish_and_clear();
        report.refused.sort_by_key(|refused| refused.line);
        self.show(&report)?;
        if lines != read {
            return Err(Failure::Refused(format!(
                "{} changed during the import: give the same command again",
                file.display()
            )));
        }
        match report.refused.len() {
            0 => Ok(()),
            1 => Err(Failure::Refused("1 line is refused".to_owned())),
            count => Err(Failure::Refused(format!("{count} lines are refused"))),
        }
    }

    /// Sends rows until it is known what became of each of them.
    async fn send_rows(
        &self,
        mut rows: Vec<Numbered>,
        stated: &(Stated, Stated),
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 && !rows.is_empty() {
                tokio::time::sleep(Duration::from_secs(1 << (attempt - 1))).await;
            }
            let batches = rows.chunks(BATCH).map(|batch| self.send_batch(batch, stated, report.dry_run));
            let answers: Vec<_> = stream::iter(batches).buffered(AT_ONCE).collect().await;
            let mut left = Vec::new();
            for (batch, answer) in rows.chunks(BATCH).zip(answers) {
                let outcomes = match answer {
                    Ok(outcomes) => outcomes,
                    Err(Failure::Unavailable(reason)) => vec![Outcome::Deferred { reason }; batch.len()],
                    Err(other) => return Err(other),
                };
                for ((number, row), outcome) in batch.iter().zip(outcomes) {
                    if let Outcome::Deferred { reason } = outcome {
                        failure = Some(reason);
                        left.push((*number, row.clone()));
                    } else {
                        report.add(*number, outcome);
                    }
                }
            }
            rows = left;
            if rows.is_empty() {
                return Ok(());
            }
        }
        Err(Failure::Unavailable(failure.unwrap_or_default()))
    }

    async fn send_batch(
        &self,
        batch: &[Numbered],
        stated: &(Stated, Stated),
        dry_run: bool,
    ) -> Result<Vec<Outcome>, Failure> {
        let rows: Vec<_> = batch.iter().map(|(_, row)| row.clone()).collect();
        let answer = self.send(Operation::Import { rows, dry_run }, Some(stated.clone())).await?;
        let Imported { rows } = parse(answer)?;
        if rows.len() == batch.len() { Ok(rows) } else { Err(Failure::Refused("the answer misses rows".to_owned())) }
    }
}

/// Finds the rows that share an id or an address, wherever they are in the file, and counts all rows.
fn look_through(file: &Path) -> Result<(Collisions, u64), Failure> {
    let mut collisions = Collisions::default();
    let mut read = 0;
    for line in users_file::open(file)? {
        if let Ok(row) = line?.row {
            collisions.add(&row);
        }
        read += 1;
    }
    Ok((collisions, read))
}

/// Returns a bar that is shown where the errors go to a terminal.
fn progress(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} users, {per_sec:.0}, {eta} left");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Report {
    fn add(&mut self, line: u64, outcome: Outcome) {
        match outcome {
            Outcome::Taken { told_apart } => {
                self.taken += 1;
                self.told_apart += u64::from(told_apart);
            }
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Erased => self.erased += 1,
            Outcome::Refused { reason } | Outcome::Deferred { reason } => {
                self.refused.push(RefusedLine { line, reason });
            }
        }
    }

    fn known(&self) -> u64 {
        let refused = u64::try_from(self.refused.len()).unwrap_or(u64::MAX);
        self.taken + self.unchanged + self.erased + refused
    }
}

impl Print for Report {
    fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        let imported = if self.dry_run { "would be imported" } else { "imported" };
        terminal.print(format_args!("{:>9}  users read", self.read))?;
        terminal.print(format_args!("{:>9}  {imported}", self.taken))?;
        terminal.print(format_args!("{:>9}  there already, and left as they are", self.unchanged))?;
        terminal.print(format_args!("{:>9}  deleted since an earlier import, and left out", self.erased))?;
        terminal.print(format_args!("{:>9}  refused", self.refused.len()))?;
        for RefusedLine { line, reason } in &self.refused {
            terminal.print(format_args!("line {line}: {reason}"))?;
        }
        if self.told_apart > 0 {
            terminal.print(format_args!(
                "{} of the imported hashes take another time than LegacyHashes. Until these users have logged in once,\n\
                 the time of a failed login tells that they have an account. Argon2id of more memory or passes than\n\
                 Latchkey's tells it until the password is changed, because a login does not weaken a hash.",
                self.told_apart
            ))?;
        }
        Ok(())
    }
}
