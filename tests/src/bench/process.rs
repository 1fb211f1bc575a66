//! A function's process, and what it has used so far.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::AnyError;
use crate::runtime_api::RuntimeApi;

pub struct Process {
    pub api: RuntimeApi,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the binary with only these variables, behind `wrapper` if there is one. It logs to a file of this name.
    pub async fn start(
        binary: &Path,
        wrapper: &[String],
        environment: &HashMap<String, String>,
        log: PathBuf,
    ) -> Result<Self, AnyError> {
        let api = RuntimeApi::start().await?;
        let output = File::create(&log)?;
        let mut words = wrapper.iter().map(AsRef::as_ref).chain([binary.as_os_str()]);
        let mut command = Command::new(words.next().ok_or("no command")?);
        command.args(words).env_clear().envs(environment).env("AWS_LAMBDA_RUNTIME_API", &api.address);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ] {
            command.env(name, value);
        }
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true).spawn();
        let child = child.map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        Ok(Self { api, child, log })
    }

    /// Returns the time on a processor so far, of all its threads.
    pub fn cpu(&self) -> Result<Duration, AnyError> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()?))? {
            let schedule = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += schedule.split_whitespace().next().ok_or("no time in schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Returns the most memory that it had at a time, in KiB.
    pub fn peak_memory(&self) -> Result<u64, AnyError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Returns what it has logged.
    pub fn logged(&self) -> Result<String, AnyError> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Lets the process end.
    pub async fn end(self) -> Result<(), AnyError> {
        let Self { api, mut child, .. } = self;
        let server = api.end();
        child.wait().await?;
        server.abort();
        Ok(())
    }

    fn id(&self) -> Result<u32, AnyError> {
        Ok(self.child.id().ok_or("the process has ended")?)
    }
}
