//! Runs a case and takes its figures.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde_json::{Value, json};
use tests::doubles::{Service, Units};
use tests::system::System;

use crate::AnyError;
use crate::cases::{self, Case};
use crate::cost;
use crate::process::Process;

/// How many processes a case has, and how many events each gets after its first.
const PROCESSES: usize = 3;
const WARM: usize = 20;
/// How much longer each call takes for the event that shows how many calls wait for another.
const LATENCY: Duration = Duration::from_millis(10);

/// The figures of a case. Times are milliseconds, medians over processes and events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    pub name: String,
    /// Empty for a floor.
    pub function: String,
    /// Whether the event is a request of API Gateway's.
    pub is_request: bool,
    pub init_cpu: f64,
    pub init_wall: f64,
    pub first_cpu: f64,
    pub first_wall: f64,
    pub warm_cpu: f64,
    pub warm_wall: f64,
    /// MB, at the most.
    pub memory: f64,
    /// Calls of AWS for an event.
    pub calls: f64,
    /// Calls of SQS among them.
    pub queue_calls: f64,
    /// How much longer an event takes if each call takes [`LATENCY`] longer.
    pub waited: f64,
    /// How many calls come one after the other, and not beside a hash.
    pub rounds: f64,
    /// Capacity units of DynamoDB for an event.
    pub read_units: f64,
    pub write_units: f64,
    /// Bytes of log for an event.
    pub log: f64,
    pub log_lines: f64,
    /// MB of the binary, and of the archive that Lambda gets.
    pub size: f64,
    pub zipped: f64,
}

pub struct Bench {
    pub system: System,
    binaries: PathBuf,
    pub files: PathBuf,
}

impl Bench {
    /// Returns a bench for the binaries of `cargo lambda build`, or those in another folder.
    pub fn new(system: System, binaries: Option<String>) -> Result<Self, AnyError> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let binaries = binaries.map_or_else(|| target.join("lambda"), PathBuf::from);
        let files = target.join("bench");
        fs::create_dir_all(&files)?;
        Ok(Self { system, binaries, files })
    }

    /// Returns a function's release binary.
    pub fn binary(&self, function: &str) -> Result<PathBuf, AnyError> {
        let binary = self.binaries.join(function).join("bootstrap");
        if !binary.is_file() {
            let help = "cargo lambda build --release, with --package floors too";
            return Err(format!("{} is missing. Run {help}.", binary.display()).into());
        }
        Ok(binary)
    }

    /// Returns a file among the bench's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// Starts a function's process behind `wrapper`, if there is one.
    pub async fn start(&self, function: &str, wrapper: &[String]) -> Result<Process, AnyError> {
        let log = self.file(&format!("{function}.log"));
        Process::start(&self.binary(function)?, wrapper, &self.system.environment, log).await
    }

    /// Returns the figures of what each function does at least: the runtime alone, one call of the SDK, one hash.
    pub async fn floors(&self) -> Result<Vec<Row>, AnyError> {
        let hello = vec![json!({}); WARM + 2];
        Ok(vec![
            self.row("floor: hello", "floor-hello", &hello).await?,
            self.row("floor: one call", "floor-one-call", &hello).await?,
            self.row("floor: hash", "floor-hash", &hello).await?,
        ])
    }

    /// Returns the figures of a case. `one` is the row of the function that makes one call.
    pub async fn measure(&self, case: Case, one: &Row) -> Result<Row, AnyError> {
        let events = cases::events(&self.system, case.name, (WARM + 2) * PROCESSES).await?;
        let row = self.row(case.name, case.function, &events).await?;
        let is_request = events.first().is_some_and(cost::is_request);
        Ok(Row {
            function: case.function.to_owned(),
            is_request,
            rounds: (row.waited / one.waited + 0.5).max(0.0).floor(),
            ..row
        })
    }

    async fn row(&self, name: &str, function: &str, events: &[Value]) -> Result<Row, AnyError> {
        let (mut init, mut first, mut warm) = (Times::default(), Times::default(), Times::default());
        let (mut memory, mut log) = (0, String::new());
        let (mut counted, mut calls, mut queue_calls) = (0, 0, 0);
        let mut units = Units::default();
        let mut slow = Vec::new();
        for events in events.chunks(WARM + 2) {
            let (last, events) = events.split_last().ok_or("no events")?;
            let begun = Instant::now();
            let mut process = self.start(function, &[]).await?;
            process.api.wants_event().await?;
            init.add(begun.elapsed(), process.cpu()?);
            self.system.aws.clear_calls();
            self.system.aws.count_capacity();
            let logged = process.logged()?;
            for (nth, event) in events.iter().enumerate() {
                let cpu = process.cpu()?;
                let wall = answer(&mut process, name, event).await?;
                let times = if nth == 0 { &mut first } else { &mut warm };
                times.add(wall, process.cpu()?.saturating_sub(cpu));
            }
            memory = memory.max(process.peak_memory()?);
            log = process.logged()?.split_off(logged.len());
            counted = events.len();
            queue_calls = self.system.aws.calls().iter().filter(|call| call.service == Service::Sqs).count();
            calls = self.system.aws.calls().len();
            units = self.system.aws.capacity();
            self.system.aws.set_latency(LATENCY);
            slow.push(milliseconds(answer(&mut process, name, last).await?));
            self.system.aws.set_latency(Duration::ZERO);
            process.end().await?;
        }
        let each = |sum: f64| sum / count(counted);
        let (size, zipped) = sizes(&self.binary(function)?)?;
        Ok(Row {
            name: name.to_owned(),
            init_cpu: median(&mut init.cpu),
            init_wall: median(&mut init.wall),
            first_cpu: median(&mut first.cpu),
            first_wall: median(&mut first.wall),
            warm_cpu: median(&mut warm.cpu),
            warm_wall: median(&mut warm.wall),
            memory: megabytes(memory * 1024),
            calls: each(count(calls)),
            queue_calls: each(count(queue_calls)),
            waited: median(&mut slow) - median(&mut warm.wall),
            read_units: each(units.read),
            write_units: each(units.write),
            log: each(count(log.len())),
            log_lines: each(count(log.lines().count())),
            size: megabytes(size),
            zipped: megabytes(zipped),
            ..Row::default()
        })
    }
}

/// Has a process answer an event, and waits until it wants the next one. Returns how long the answer took.
async fn answer(process: &mut Process, name: &str, event: &Value) -> Result<Duration, AnyError> {
    let begun = Instant::now();
    let answer = process.api.invoke(event.clone()).await?;
    let wall = begun.elapsed();
    process.api.wants_event().await?;
    cases::check(&answer).map_err(|error| format!("{name}: {error}"))?;
    Ok(wall)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Times {
    fn add(&mut self, wall: Duration, cpu: Duration) {
        self.wall.push(milliseconds(wall));
        self.cpu.push(milliseconds(cpu));
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Returns the bytes of a binary, and of the archive that SAM uploads.
pub fn sizes(binary: &Path) -> Result<(u64, u64), AnyError> {
    let content = fs::read(binary)?;
    let mut archive = DeflateEncoder::new(Vec::new(), Compression::default());
    archive.write_all(&content)?;
    let zipped = archive.finish()?;
    Ok((u64::try_from(content.len())?, u64::try_from(zipped.len())?))
}

fn megabytes(bytes: u64) -> f64 {
    self::bytes(bytes) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "no file has 2^52 bytes")]
const fn bytes(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^52 events")]
const fn count(number: usize) -> f64 {
    number as f64
}
