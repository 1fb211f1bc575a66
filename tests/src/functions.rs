//! Every function by its name, and the routes that lead to some of them.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures_util::FutureExt;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::app::App;
use shared::http::respond;

use crate::template;

/// Method, path and function of every route of the template. A test compares them with `openapi.yaml`.
pub static ROUTES: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(template::routes);

/// What API Gateway makes of a method and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path as the template has it.
    pub path: &'static str,
    /// Whose route it is.
    pub function: &'static str,
    /// What stands where the template's path has `{name}`.
    pub parameters: HashMap<String, String>,
}

/// The route that a request takes.
#[must_use]
pub fn route(method: &str, path: &str) -> Option<Route> {
    ROUTES.iter().filter(|route| route.0 == method).find_map(|&(_, pattern, function)| {
        let parameters = parameters(pattern, path)?;
        Some(Route { path: pattern, function, parameters })
    })
}

/// What stands in `path` where `pattern` has `{name}`; nothing if they do not match.
fn parameters(pattern: &str, path: &str) -> Option<HashMap<String, String>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = HashMap::new();
    for (expected, found) in pattern.split('/').zip(path.split('/')) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if found.is_empty() => return None,
            Some(name) => drop(parameters.insert(name.to_owned(), found.to_owned())),
            None if expected != found => return None,
            None => {}
        }
    }
    Some(parameters)
}

/// Calls a function as Lambda would: an event in, its answer as JSON out.
///
/// # Errors
/// What the function fails with, or that there is none of this name.
pub async fn invoke(app: &App, function: &str, event: LambdaEvent<Value>) -> Result<Value, Error> {
    // Boxed: the types of so many futures in one would be too much for the compiler.
    let answer = match function {
        "register" => respond(app, event, register::handle).boxed(),
        "login" => respond(app, event, login::handle).boxed(),
        "refresh" => respond(app, event, refresh::handle).boxed(),
        "logout" => respond(app, event, logout::handle).boxed(),
        "account" => respond(app, event, account::handle).boxed(),
        "credentials" => respond(app, event, credentials::handle).boxed(),
        "recovery" => respond(app, event, recovery::handle).boxed(),
        "public" => respond(app, event, public::handle).boxed(),
        "authorizer" => return Ok(serde_json::to_value(authorizer::handle(app, event).boxed().await?)?),
        "mailer" => return Ok(serde_json::to_value(mailer::handle(app, event).boxed().await?)?),
        "mail-events" => return Ok(serde_json::to_value(mail_events::handle(app, event).boxed().await?)?),
        "sweeper" => return Ok(serde_json::to_value(sweeper::handle(app, event).boxed().await?)?),
        "admin" => return Ok(serde_json::to_value(admin::handle(app, event).boxed().await?)?),
        "rotate-keys" => return Ok(serde_json::to_value(rotate_keys::handle(app, event).boxed().await?)?),
        _ => return Err(format!("there is no function {function}").into()),
    };
    Ok(serde_json::to_value(answer.await)?)
}
