//! What a system bears: each kind of work for some seconds, with the statuses that came and the rate as a ratio to the bare hash's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::domain::Password;
use shared::passwords::Passwords;
use tokio::task::JoinSet;

use crate::AnyError;
use crate::api::{Api, PASSWORD, nobody};

/// For how long each kind of work is done.
const TIME: Duration = Duration::from_secs(10);
/// How many clients do it at once.
const CLIENTS: u8 = 16;

/// What a client does over and over.
#[derive(Clone, Copy, Debug)]
enum Work {
    LogIn,
    Refresh,
    /// Ten refreshes to a login.
    Mixed,
    /// Mixed work, with as many clients beside it who guess the passwords of honest ones and of addresses that they made up.
    UnderAttack,
}

/// How often each status came, of honest clients and of attackers.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<(&'static str, u16), usize>>>);

/// Does each kind of work in turn, and prints what came of it.
pub async fn measure(url: &str) -> Result<(), AnyError> {
    let bare = hashes_a_second().await?;
    println!("bare hash: {bare:.1}/s in this process, on all processors");
    let [run, ..] = *uuid::Uuid::new_v4().as_bytes();
    for (work, round) in [Work::LogIn, Work::Refresh, Work::Mixed, Work::UnderAttack].into_iter().zip(0_u8..) {
        let tally = Tally::default();
        let from = |kind, client| Api::new(url, Some(Ipv4Addr::new(127, run, 4 * round + kind, client).into()));
        let mut accounts = Vec::new();
        for client in 1..=CLIENTS {
            let api = from(1, client);
            let (email, answer) = api.register().await?;
            accounts.push((api, email, answer));
        }
        let victims: Vec<_> = accounts.iter().map(|(_, email, _)| email.clone()).collect();
        let mut clients = JoinSet::new();
        for (api, email, answer) in accounts {
            clients.spawn(honest(api, email, answer, work, tally.clone()));
        }
        for client in 1..=CLIENTS {
            if matches!(work, Work::UnderAttack) {
                clients.spawn(attacker(from(2, client), victims.clone(), tally.clone()));
            }
        }
        while let Some(client) = clients.join_next().await {
            client??;
        }
        let counts = tally.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let good: usize = counts.iter().filter(|((_, status), _)| *status == 200).map(|(_, count)| count).sum();
        let rate = f64::from(u32::try_from(good)?) / TIME.as_secs_f64();
        println!("{work:?}: {rate:.1}/s, {:.2} of the bare hash; {counts:?}", rate / bare);
    }
    Ok(())
}

async fn honest(api: Api, email: String, answer: Value, work: Work, tally: Tally) -> Result<(), AnyError> {
    let mut token = answer["refreshToken"].clone();
    let end = Instant::now() + TIME;
    for round in 0_usize.. {
        if Instant::now() >= end {
            break;
        }
        let logs_in = match work {
            Work::LogIn => true,
            Work::Refresh => false,
            Work::Mixed | Work::UnderAttack => round % 11 == 0,
        };
        let (path, body) = if logs_in {
            ("login", json!({"email": email, "password": PASSWORD, "deviceToken": answer["deviceToken"]}))
        } else {
            ("refresh", json!({"refreshToken": token}))
        };
        let (status, body) = api.post(path, &body).await?;
        if status == 200 {
            token = body["refreshToken"].clone();
        }
        tally.count("honest", status);
    }
    Ok(())
}

async fn attacker(api: Api, victims: Vec<String>, tally: Tally) -> Result<(), AnyError> {
    let end = Instant::now() + TIME;
    for victim in victims.iter().cycle() {
        for email in [victim, &nobody()] {
            tally.count("attacker", api.login(email, "12345678").await?);
        }
        if Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

async fn hashes_a_second() -> Result<f64, AnyError> {
    let processors = std::thread::available_parallelism()?;
    let hasher = Passwords::new(Some(processors));
    hasher.warm_up();
    let password = Password::parse(PASSWORD).map_err(|_| "the password is none")?;
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < Duration::from_secs(3) {
        let together = (0..processors.get()).map(|_| hasher.hash(&password));
        for hash in futures_util::future::join_all(together).await {
            hash?;
            count += 1.0;
        }
    }
    Ok(count / start.elapsed().as_secs_f64())
}

impl Tally {
    fn count(&self, who: &'static str, status: u16) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((who, status)).or_default() += 1;
    }
}
