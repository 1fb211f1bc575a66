//! What operators may do: with users, with mails that need them, and to see how the stack does.
//!
//! Operators call it by `lambda:InvokeFunction` and in no other way, mostly through the command line `latchkey`. Each
//! request is one line of the log, `authz_admin`, whatever becomes of it.

pub mod answers;
pub mod protocol;
pub mod refusal;

mod access;
mod address;
mod dead_letters;
mod find;
mod import;
mod invitations;
mod status;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use shared::app::App;
use shared::clock::Deadline;
use shared::domain::{Status, User, UserId};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use answers::{Changed, UserSummary};
pub use import::{Collisions, ImportRow, Imported, MOST_ROWS, Outcome};
use protocol::{Line, Operation, Request};
use refusal::Refusal;

/// How often a user is read again who changed between the read and the write.
const TRIES: usize = 4;

/// A request under way.
#[derive(Debug)]
struct Call<'a> {
    app: &'a App,
    deadline: &'a Deadline,
    now: Timestamp,
}

/// Returns the answer of the operation, or a [`refusal::RefusalBody`]. It never fails: a failure of Lambda would tell an
/// operator nothing.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let deadline = Deadline::new(&app.clock, event.context.deadline);
    let stated =
        |name: &str| event.payload.get(name).and_then(|value| serde_json::from_value::<Line>(value.clone()).ok());
    let [operation, actor, reason] = ["operation", "actor", "reason"].map(|name| stated(name).map(display));
    let span = tracing::error_span!(
        "operation",
        request_id = event.context.request_id,
        operation,
        actor,
        reason,
        target = Empty,
        changed = Empty
    );
    answer(app, event.payload, &deadline).instrument(span).await
}

async fn answer(app: &App, payload: Value, deadline: &Deadline) -> Result<Value, Error> {
    let call = Call { app, deadline, now: app.clock.now() };
    let work = async { operate(&call, Request::read(payload)?.operation).await };
    let answer = match app.clock.within(deadline.time_left(), Box::pin(work)).await {
        Ok(answer) => answer,
        Err(out_of_time) => Err(Refusal::Unavailable(out_of_time.to_string())),
    };
    match answer {
        Ok(answer) => {
            tracing::warn!(event = "authz_admin", outcome = "done");
            Ok(answer)
        }
        Err(refusal) => {
            // A message about a field may repeat what was in it, such as an address.
            let field = if let Refusal::Invalid { field, .. } = &refusal { field.as_deref() } else { None };
            let why = (refusal.status() != 400).then(|| refusal.to_string());
            tracing::warn!(event = "authz_admin", outcome = "refused", status = refusal.status(), field, refusal = why);
            Ok(serde_json::to_value(refusal.body())?)
        }
    }
}

async fn operate(call: &Call<'_>, operation: Operation) -> Result<Value, Refusal> {
    match operation {
        Operation::Show { user } => json(find::show(call, &user).await?),
        Operation::List { after } => json(find::list(call, after.as_ref()).await?),
        Operation::Export { user } => find::export(call, &user).await,
        Operation::Invite { email, name } => json(invitations::invite(call, email, name).await?),
        Operation::Disable { user } => json(access::set_status(call, &user, Status::Disabled).await?),
        Operation::Enable { user } => json(access::set_status(call, &user, Status::Active).await?),
        Operation::SignOut { user } => json(access::sign_out(call, &user).await?),
        Operation::Reset { user } => json(invitations::reset(call, &user).await?),
        Operation::Verify { user } => json(address::verify(call, &user).await?),
        Operation::SetEmail { user, email } => json(address::set(call, &user, &email).await?),
        Operation::Unsuppress { user } => json(address::unsuppress(call, &user).await?),
        Operation::Erase { user } => json(access::erase(call, &user).await?),
        Operation::Import { rows, dry_run } => json(import::import(call, &rows, dry_run).await?),
        Operation::DeadLetters(wish) => json(dead_letters::handle(call, &wish).await?),
        Operation::Status {} => json(status::status(call).await?),
    }
}

fn json(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| Refusal::Internal(error.to_string()))
}

/// Returns the user after a change. The log tells of the change even if the user cannot be read.
async fn changed(call: &Call<'_>, id: UserId) -> Result<Changed, Refusal> {
    Span::current().record("changed", true);
    let user = call.app.users.find(id).await?.ok_or(Refusal::NoSuchUser)?;
    Ok(Changed { changed: true, user: UserSummary::from(&user) })
}

/// Returns the answer if everything was so already.
fn unchanged(user: &User) -> Changed {
    Span::current().record("changed", false);
    Changed { changed: false, user: UserSummary::from(user) }
}

fn overtaken() -> Refusal {
    Refusal::Unavailable("the user changes faster than it can be read".to_owned())
}
