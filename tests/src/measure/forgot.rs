//! Measures whether the time of `forgot` tells what an address is: ACC-01.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use shared::app::App;
use shared::domain::{Email, Limited, Mail, TicketId, Versions};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response, respond};
use shared::limits::{Rule, counted_network};
use shared::store::Reset;
use tests::world::{World, posted};

use crate::AnyError;
use crate::timing::{auc, median};

/// Requests for each kind of address.
const SAMPLES: usize = 150;
/// The accounts of a kind. Each may be asked about five times from one network and twenty times in all.
const ACCOUNTS: usize = 50;
const KINDS: [&str; 3] = ["known", "disabled", "unknown"];

/// Asks for resets of addresses of each kind in random order, in one process with its own tables, and prints how well
/// the time of an answer alone tells each other kind from the known one. Then does the same with a planted fault: a
/// build that skips one read for unknown addresses.
pub async fn measure() -> Result<(), AnyError> {
    for (build, is_planted) in [("this build", false), ("a build that skips a read for unknown addresses", true)] {
        let [known, disabled, unknown] = sample(is_planted).await?;
        println!(
            "{build}: medians {:?} known, {:?} disabled, {:?} unknown",
            median(&known),
            median(&disabled),
            median(&unknown)
        );
        for (kind, times) in [("disabled", &disabled), ("unknown", &unknown)] {
            let auc = auc(times, &known);
            println!(
                "  {kind} from known: AUC {:.3} (0.5 tells nothing, 1 tells all; 0.60 is too much)",
                auc.max(1.0 - auc)
            );
        }
    }
    Ok(())
}

async fn sample(is_planted: bool) -> Result<[Vec<Duration>; 3], AnyError> {
    let mut world = World::new().await;
    world.leave_mail();
    for kind in ["known", "disabled"] {
        for n in 0..ACCOUNTS {
            let body = json!({"email": format!("{kind}{n}@example.com"), "password": tests::world::PASSWORD});
            let address = format!("10.1.0.{n}");
            let answer = world.send(posted("/api/auth/register", &body).from_address(&address)).await;
            let actor = tests::world::Actor::signed_in("", &answer, 201);
            if kind == "disabled" {
                world.disable(&actor).await;
            }
        }
    }
    if is_planted {
        world.system_mut().stand_ins.insert("recovery", planted);
    }
    let mut times = [const { Vec::new() }; 3];
    let mut sent = 0;
    while times.iter().any(|times| times.len() < SAMPLES) {
        let kind = usize::from(uuid::Uuid::new_v4().as_bytes()[0]) % KINDS.len();
        let n = times[kind].len();
        if n == SAMPLES {
            continue;
        }
        let email = format!("{}{}@example.com", KINDS[kind], n % ACCOUNTS);
        let address = format!("10.2.{}.{}", sent / 250, sent % 250);
        sent += 1;
        let request = posted("/api/auth/password/forgot", &json!({"email": email})).from_address(&address);
        let start = Instant::now();
        let answer = world.system().call(&request).await?.ok_or("no such route")?;
        times[kind].push(start.elapsed());
        if answer.status != 202 {
            return Err(format!("forgot answers {}: {}", answer.status, answer.body).into());
        }
    }
    Ok(times)
}

fn planted(app: &App, event: LambdaEvent<Value>) -> BoxFuture<'_, Result<Value, AnyError>> {
    async move { Ok(serde_json::to_value(respond(app, event, forgot_with_a_fault).await)?) }.boxed()
}

/// Does what `forgot` does, but reads no profile for an address without a credential.
async fn forgot_with_a_fault(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let email = fields.finish(|| email)?;
    let now = app.clock.now();
    let keys = app.account_keys.current(now).await?;
    let (network, address) = (counted_network(&request, &keys), email.canonical().as_bytes());
    let rule = |limited| Rule::of(limited, &app.config);
    let (of_network, of_both) = (rule(Limited::ForgotOfNetwork), rule(Limited::ForgotOfAccountAndNetwork));
    let (network, both) = ([network.as_bytes()], [address, network.as_bytes()]);
    let (of_network, of_both, credential) =
        tokio::join!(of_network.count(app, &keys, &network, now), of_both.count(app, &keys, &both, now), async {
            Ok::<_, ApiError>(app.users.credential(&email).await?)
        },);
    of_network.and(of_both)?;
    rule(Limited::ForgotOfAccount).count(app, &keys, &[address], now).await?;
    let user = match credential? {
        Some(credential) => app.users.find(credential.user).await?.filter(shared::domain::User::is_active),
        None => None, // the fault
    };
    let (id, lifetime) = (TicketId::random(), app.config.reset_lifetime);
    let reset = Reset {
        id,
        user: user.as_ref().map(|user| user.id),
        address_digest: Some("0".repeat(64)),
        versions: user.as_ref().map(Versions::of).unwrap_or_default(),
        made_at: now,
        expires_at: now + lifetime,
        used_at: None,
    };
    let mail = match &user {
        Some(user) => Mail::reset(user, id, lifetime, request.origin(), now),
        None => Mail::reset_to_nobody(id, lifetime, request.origin(), now),
    };
    app.tickets.begin_reset(&reset, &mail).await?;
    app.mail_queue.announce(mail.key).await;
    web::json(::http::StatusCode::ACCEPTED, &json!({"flow": id.to_flow(), "expiresIn": lifetime.as_secs()}))
}
