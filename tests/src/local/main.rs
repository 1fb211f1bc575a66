//! `cargo local`: Latchkey on this machine, in one process, with nothing else to install.
//!
//! The functions are called with API Gateway's events, by a socket; the queue is polled and the sweeper runs, as in AWS.

mod keys;
mod mailbox;
mod options;
mod server;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::config::Function;
use tests::system::{Options, System};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use options::Arguments;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a command says what went wrong where commands do")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latchkey: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command greets where commands do")]
async fn run() -> Result<(), AnyError> {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1))? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    let port = options::port()?;
    let taken = |error| format!("port {port} cannot be used ({error}); set PORT to another, or to 0 for any free one");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(taken)?;
    let url = format!("http://localhost:{}", listener.local_addr()?.port());

    let settings = options::settings(&url);
    let allowed_origins = options::allowed_origins()?;
    let data = arguments.data;
    let options = Options { clock: Clock::System, data: data.clone(), aws_port: 0, settings, secrets: None, log: None };
    let system = Arc::new(System::start(options).await?);
    system.app.passwords.warm_up();
    shared::log::init(system.app.config.log_level, Function::default());
    if let Some(file) = &arguments.env_file {
        options::write_environment(file, &system.environment)?;
    }
    println!("{}", options::greeting(&url, &system.aws.endpoint, data.as_deref()));

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(poll(Arc::clone(&system), System::poll_mail, stopped.clone()));
    tasks.spawn(poll(Arc::clone(&system), System::poll_mail_events, stopped.clone()));
    tasks.spawn(sweep(Arc::clone(&system), stopped.clone()));
    tasks.spawn(server::serve(listener, system, allowed_origins, stopped));

    tokio::signal::ctrl_c().await?;
    stop.send(true)?;
    // A browser may keep a connection open for as long as it likes.
    drop(tokio::time::timeout(Duration::from_secs(2), tasks.join_all()).await);
    println!("\nStopped.");
    Ok(())
}

/// Lambda's poller of a queue.
async fn poll<F>(system: Arc<System>, poll_once: F, mut stopped: watch::Receiver<bool>)
where
    F: AsyncFn(&System, i32) -> Result<usize, AnyError>,
{
    loop {
        let polled = tokio::select! {
            polled = poll_once(&system, 20) => polled,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        if let Err(error) = polled {
            complain("a queue cannot be polled", &error);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// The schedule of the sweeper.
async fn sweep(system: Arc<System>, mut stopped: watch::Receiver<bool>) {
    let mut minute = tokio::time::interval(Duration::from_mins(1));
    loop {
        tokio::select! {
            _ = minute.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(error) = system.sweep().await {
            complain("the sweeper failed", &error);
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command says what went wrong where commands do")]
fn complain(what: &str, error: &AnyError) {
    eprintln!("latchkey: {what}: {error}");
}
