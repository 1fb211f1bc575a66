//! Runs a case and takes its figures.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde_json::{Value, json};
use tests::system::System;

use crate::AnyError;
use crate::cases::{self, Case};
use crate::process::Process;

/// How many processes a case has, and how many events each gets after its first.
const PROCESSES: usize = 3;
const WARM: usize = 20;
/// How many hashes the floor of a login is the median of.
const HASHES: usize = 15;

/// The figures of a case. Times are milliseconds, medians over processes and events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    pub name: String,
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
    /// Capacity units of DynamoDB for an event.
    pub read_units: f64,
    pub write_units: f64,
    /// Bytes of log for an event.
    pub log: f64,
    /// MB of the binary, and of the archive that Lambda gets.
    pub size: f64,
    pub zipped: f64,
}

pub struct Bench {
    pub system: System,
    root: PathBuf,
}

impl Bench {
    pub fn new(system: System) -> Result<Self, AnyError> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?.to_owned();
        fs::create_dir_all(root.join("target/bench"))?;
        Ok(Self { system, root })
    }

    /// Returns a function's release binary.
    pub fn binary(&self, function: &str) -> Result<PathBuf, AnyError> {
        let binary = self.root.join("target/lambda").join(function).join("bootstrap");
        if !binary.is_file() {
            let help = "cargo lambda build --release, with --package floors too";
            return Err(format!("{} is missing. Run {help}.", binary.display()).into());
        }
        Ok(binary)
    }

    /// Returns a file among the bench's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join("target/bench").join(name)
    }

    /// Starts a function's process behind `wrapper`, if there is one.
    pub async fn start(&self, function: &str, wrapper: &[String]) -> Result<Process, AnyError> {
        let log = self.file(&format!("{function}.log"));
        Process::start(&self.binary(function)?, wrapper, &self.system.environment, log).await
    }

    /// Returns the figures of what each function does at least: the runtime alone, one call of the SDK, one hash.
    pub async fn floors(&self) -> Result<Vec<Row>, AnyError> {
        let hello = vec![json!({}); WARM + 1];
        Ok(vec![
            self.row("floor: hello", "floor-hello", &hello).await?,
            self.row("floor: one call", "floor-one-call", &hello).await?,
            Self::hash()?,
        ])
    }

    pub async fn measure(&self, case: Case) -> Result<Row, AnyError> {
        let events = cases::events(&self.system, case.name, (WARM + 1) * PROCESSES).await?;
        self.row(case.name, case.function, &events).await
    }

    async fn row(&self, name: &str, function: &str, events: &[Value]) -> Result<Row, AnyError> {
        let (mut init, mut first, mut warm) = (Times::default(), Times::default(), Times::default());
        let (mut memory, mut log) = (0, 0);
        let mut counted = 0;
        for events in events.chunks(WARM + 1) {
            let begun = Instant::now();
            let mut process = self.start(function, &[]).await?;
            process.api.wants_event().await?;
            init.add(begun.elapsed(), process.cpu()?);
            self.system.aws.clear_calls();
            self.system.aws.count_capacity();
            let logged = process.logged()?;
            for (nth, event) in events.iter().enumerate() {
                let (begun, cpu) = (Instant::now(), process.cpu()?);
                let answer = process.api.invoke(event.clone()).await?;
                let wall = begun.elapsed();
                process.api.wants_event().await?;
                let times = if nth == 0 { &mut first } else { &mut warm };
                times.add(wall, process.cpu()?.saturating_sub(cpu));
                cases::check(&answer).map_err(|error| format!("{name}: {error}"))?;
            }
            memory = memory.max(process.peak_memory()?);
            log = process.logged()? - logged;
            counted = events.len();
            process.end().await?;
        }
        let each = |sum: f64| sum / count(counted);
        let units = self.system.aws.capacity();
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
            calls: each(count(self.system.aws.calls().len())),
            read_units: each(units.read),
            write_units: each(units.write),
            log: each(bytes(log)),
            size: megabytes(size),
            zipped: megabytes(zipped),
        })
    }

    /// Returns the time of a bare hash in memory that is reused, with the parameters of [`shared::passwords`].
    fn hash() -> Result<Row, AnyError> {
        let params = Params::DEFAULT;
        let mut blocks = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (mut output, mut times) = ([0; 32], Times::default());
        for _ in 0..HASHES {
            let (begun, cpu) = (Instant::now(), own_cpu()?);
            let hashed = argon2.hash_password_into_with_memory(b"a password", &[7; 16], &mut output, &mut blocks);
            hashed.map_err(|error| error.to_string())?;
            times.add(begun.elapsed(), own_cpu()?.saturating_sub(cpu));
        }
        let (cpu, wall) = (median(&mut times.cpu), median(&mut times.wall));
        Ok(Row { name: "floor: hash".to_owned(), warm_cpu: cpu, warm_wall: wall, ..Row::default() })
    }
}

#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Times {
    fn add(&mut self, wall: Duration, cpu: Duration) {
        self.wall.push(wall.as_secs_f64() * 1000.0);
        self.cpu.push(cpu.as_secs_f64() * 1000.0);
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Returns the time on a processor of this thread.
fn own_cpu() -> Result<Duration, AnyError> {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(schedule.split_whitespace().next().ok_or("no time in schedstat")?.parse()?))
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
