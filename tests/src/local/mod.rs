//! `cargo local`: Latchkey on this machine, in one process, with nothing else to install.
//!
//! The functions are called with API Gateway's events, by a socket. The queues are polled and the sweeper runs, as in AWS.

mod app;
mod connections;
mod cors;
mod docker;
mod env_file;
mod greeting;
mod keys;
mod mailbox;
mod options;
mod server;

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::config::Function;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::private;
use crate::system::{Options, System};

pub use connections::{Patience, serve};
pub use cors::Origins;
pub use docker::gateway;
pub use env_file::assignment;
pub use options::{Arguments, settings};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How long `cargo local` waits for clients: longer than a browser between two clicks, shorter than one that was left open.
const PATIENCE: Patience = Patience { idle: Duration::from_secs(30), farewell: Duration::from_secs(2) };

/// Runs until Ctrl-C.
///
/// # Errors
/// What keeps it from starting, in words for the developer.
#[expect(clippy::print_stdout, reason = "a command greets where commands do")]
pub async fn run(words: impl Iterator<Item = String>) -> Result<(), AnyError> {
    let Some(arguments) = Arguments::parse(words)? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    let port = options::port(options::variable)?;
    let origins = options::allowed_origins(options::variable)?;
    let listeners = listen(port).await?;
    let url = format!("http://localhost:{}", listeners.first().ok_or("no listener")?.local_addr()?.port());
    let _lock = arguments.data.as_deref().map(lock).transpose()?;

    let system = start(&url, &arguments).await?;
    let mut containers = None;
    if arguments.for_docker {
        containers = Some(docker::listen(&system.aws, arguments.docker_address).await?);
    }
    for file in &arguments.env_files {
        match &containers {
            Some(containers) if env_file::is_for_containers(file) => {
                env_file::write(file, &containers.settings(&system))?;
            }
            _ => env_file::write(file, &system.environment)?,
        }
    }

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(poll(Arc::clone(&system), System::poll_mail, stopped.clone()));
    tasks.spawn(poll(Arc::clone(&system), System::poll_mail_events, stopped.clone()));
    tasks.spawn(sweep(Arc::clone(&system), stopped.clone()));
    let router = server::router(Arc::clone(&system), &origins)?;
    for listener in listeners {
        let router = router.clone();
        tasks.spawn(serve(listener, PATIENCE, move |peer| server::service(&router, peer), stopped.clone()));
    }
    println!("{}", greeting::greeting(&url, &system.aws.endpoint, &arguments, containers.as_ref()));

    tokio::signal::ctrl_c().await?;
    stop.send(true)?;
    drop(tokio::time::timeout(2 * PATIENCE.farewell, tasks.join_all()).await);
    println!("\nStopped.");
    Ok(())
}

/// Listens on loopback by IPv4 and, where there is such a thing, by IPv6: `localhost` is either, as the client likes.
async fn listen(port: u16) -> Result<Vec<TcpListener>, AnyError> {
    let taken = |error| format!("port {port} cannot be used ({error}); set PORT to another, or to 0 for any free one");
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(taken)?;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr()?.port())).await {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(error) if error.kind() != ErrorKind::AddrInUse => return Ok(vec![v4]),
            Err(error) if port != 0 => return Err(taken(error).into()),
            Err(_) => {} // any free port means one that is free for both
        }
    }
}

/// Keeps a second `cargo local` out of a data folder, for as long as the file lives.
fn lock(data: &Path) -> Result<File, AnyError> {
    let locked = private::create_folder(data).and_then(|()| private::open_file(&data.join("lock")));
    let file = locked.map_err(|error| format!("{} cannot be used ({error})", data.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("{} is in use by another cargo local", data.display()).into()),
        Err(TryLockError::Error(error)) => Err(format!("{} cannot be locked ({error})", data.display()).into()),
    }
}

/// Starts the system. Its mails may be from the sender that is set, whoever that is.
async fn start(url: &str, arguments: &Arguments) -> Result<Arc<System>, AnyError> {
    let settings = settings(url, options::variable);
    let data = arguments.data.clone();
    let options = Options { clock: Clock::System, data, aws_port: 0, settings, secrets: None, log: None };
    let system = System::start(options).await?;
    system.aws.ses.verify(system.app.config.mail_sender.address());
    system.app.passwords.warm_up();
    shared::log::init(system.app.config.log_level, Function::default());
    Ok(Arc::new(system))
}

/// Polls a queue, as Lambda does.
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

/// Calls the sweeper every minute, as its schedule does.
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
