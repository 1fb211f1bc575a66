//! The cost of each route when nothing fails: calls to AWS and capacity units of DynamoDB. What grows here grows on
//! the bill.
//!
//! To add a route: a line in `COSTS` and its request in `ask`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tests::event::HttpRequest;
use tests::world::{Actor, NEW_PASSWORD, PASSWORD, World, authorized, posted, request};

const LOGIN: &str = "/api/auth/login";

/// A request, the status of its answer, the calls that it makes, and the units that they read and write. The double
/// does not count the units of a refused transaction.
struct Cost(&'static str, u16, &'static str, f64, f64);

const COSTS: [Cost; 29] = [
    Cost("register", 201, "SendMessage, TransactWriteItems, UpdateItem", 0.0, 10.0),
    Cost("register under a key", 201, "SendMessage, TransactWriteItems, UpdateItem", 0.0, 12.0),
    Cost("register again under it", 201, "GetItem, PutItem, Query, TransactWriteItems, 6 UpdateItem", 2.0, 7.0),
    Cost("register a taken address", 409, "TransactWriteItems, UpdateItem", 0.0, 1.0),
    Cost("login", 200, "GetItem, PutItem, Query, 5 UpdateItem", 2.0, 6.0), // of these, the limits read 0 and write 5 units
    Cost("login on a known device", 200, "GetItem, PutItem, Query, 3 UpdateItem", 2.0, 4.0),
    Cost("login with another's device token", 200, "GetItem, PutItem, Query, 5 UpdateItem", 2.0, 6.0),
    Cost("login with a wrong password", 401, "GetItem, Query, 3 UpdateItem", 2.0, 3.0),
    Cost("login to no account", 401, "GetItem, Query, 3 UpdateItem", 2.0, 3.0),
    Cost("refresh", 200, "GetItem, UpdateItem", 1.0, 1.0),
    Cost("logout", 204, "UpdateItem", 0.0, 1.0),
    Cost("me", 200, "GetItem", 1.0, 0.0),
    Cost("sessions", 200, "Query", 1.0, 0.0),
    Cost("end a session", 204, "Query, UpdateItem", 1.0, 1.0),
    Cost("send-welcome-email", 202, "3 GetItem, SendMessage, TransactWriteItems", 3.0, 5.0),
    Cost("rename", 200, "2 GetItem, UpdateItem", 2.0, 1.0),
    Cost("email/verification", 202, "3 GetItem, SendMessage, TransactWriteItems", 3.0, 5.0),
    Cost("email/verify", 200, "2 GetItem, 2 UpdateItem", 2.0, 2.0),
    Cost("password/forgot", 202, "2 GetItem, SendMessage, TransactWriteItems, 3 UpdateItem", 2.0, 8.0),
    Cost("password/forgot for no account", 202, "2 GetItem, SendMessage, TransactWriteItems, 3 UpdateItem", 2.0, 8.0),
    Cost("password/reset", 200, "2 DeleteItem, 2 GetItem, SendMessage, TransactWriteItems, 2 UpdateItem", 2.0, 13.0),
    Cost("password/change", 200, "3 GetItem, Query, SendMessage, TransactWriteItems, 3 UpdateItem", 4.0, 14.0),
    Cost("email/change", 202, "4 GetItem, Query, 2 SendMessage, TransactWriteItems, 3 UpdateItem", 5.0, 17.0),
    Cost(
        "email/change to a taken address",
        202,
        "4 GetItem, Query, 2 SendMessage, TransactWriteItems, 3 UpdateItem",
        5.0,
        17.0,
    ),
    Cost("email/confirm", 200, "4 GetItem, SendMessage, TransactWriteItems, UpdateItem", 4.0, 14.0),
    Cost("account/export", 200, "3 GetItem, 2 Query, TransactWriteItems, 3 UpdateItem", 5.0, 7.0),
    Cost("account/delete", 202, "3 GetItem, Query, SendMessage, TransactWriteItems, 3 UpdateItem", 4.0, 13.0),
    Cost("jwks", 200, "", 0.0, 0.0),
    Cost("health", 200, "GetItem", 1.0, 0.0),
];

/// Returns the request of this name in `COSTS`.
async fn ask<'a>(world: &World, what: &str, ada: &Actor, session: &'a str) -> HttpRequest<'a> {
    let by_ada = |path: &'a str, body: serde_json::Value| authorized(posted(path, &body), Some(&ada.bearer()));
    let ada_and = |password: &str| json!({"email": "ada@example.com", "password": password});
    let authorized = |method, path| authorized(request(method, path), Some(&ada.bearer()));
    let bob = json!({"email": "bob@example.com", "password": PASSWORD});
    let refresh = json!({"refreshToken": ada.refresh_token});
    match what {
        "register" => posted("/api/auth/register", &bob),
        "register under a key" | "register again under it" => posted("/api/auth/register", &bob).under_key("a"),
        "register a taken address" => posted("/api/auth/register", &ada_and(PASSWORD)),
        "login" => posted(LOGIN, &ada_and(PASSWORD)),
        "login on a known device" => {
            let token = world.login("ada@example.com", PASSWORD).await.text("deviceToken");
            posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD, "deviceToken": token}))
        }
        "login with another's device token" => {
            let token = world.register("eve@example.com").await.text("deviceToken");
            posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD, "deviceToken": token}))
        }
        "login with a wrong password" => posted(LOGIN, &ada_and("another password")),
        "login to no account" => posted(LOGIN, &json!({"email": "nobody@example.com", "password": PASSWORD})),
        "refresh" => posted("/api/auth/refresh", &refresh),
        "logout" => posted("/api/auth/logout", &refresh),
        "me" => authorized("GET", "/api/auth/me"),
        "sessions" => authorized("GET", "/api/auth/sessions"),
        "end a session" => authorized("DELETE", session),
        "send-welcome-email" => authorized("POST", "/api/auth/send-welcome-email"),
        "rename" => HttpRequest { method: "PATCH", ..by_ada("/api/auth/me", json!({"name": "Ada"})) },
        "email/verification" => authorized("POST", "/api/auth/email/verification"),
        "email/verify" => by_ada("/api/auth/email/verify", json!({"code": world.code_mailed_to("ada@example.com")})),
        "password/forgot" => posted("/api/auth/password/forgot", &json!({"email": "ada@example.com"})),
        "password/forgot for no account" => {
            posted("/api/auth/password/forgot", &json!({"email": "nobody@example.com"}))
        }
        "password/reset" => {
            let flow = world.forgot("ada@example.com").await;
            world.deliver_mail().await;
            let code = world.code_mailed_to("ada@example.com");
            posted("/api/auth/password/reset", &json!({"flow": flow, "code": code, "newPassword": NEW_PASSWORD}))
        }
        "password/change" => {
            by_ada("/api/auth/password/change", json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}))
        }
        "email/change" => {
            by_ada("/api/auth/email/change", json!({"newEmail": "new@example.com", "password": PASSWORD}))
        }
        "email/change to a taken address" => {
            by_ada("/api/auth/email/change", json!({"newEmail": "eve@example.com", "password": PASSWORD}))
        }
        "email/confirm" => {
            assert_eq!(world.change_email(ada, "new@example.com").await.status, 202);
            world.deliver_mail().await;
            by_ada("/api/auth/email/confirm", json!({"code": world.code_mailed_to("new@example.com")}))
        }
        "account/export" => by_ada("/api/auth/account/export", json!({"password": PASSWORD})),
        "account/delete" => by_ada("/api/auth/account/delete", json!({"password": PASSWORD})),
        "jwks" => request("GET", "/.well-known/jwks.json"),
        "health" => request("GET", "/health"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_route_makes_the_calls_and_consumes_the_capacity_in_the_table() {
    // LIM-01, and the table of calls in ARCHITECTURE.md
    for Cost(what, status, calls, read, write) in COSTS {
        let world = World::new().await;
        world.leave_mail();
        let ada = world.registered("ada@example.com").await;
        let session = format!("/api/auth/sessions/{}", world.only_session().session_id);
        if what == "register again under it" {
            assert_eq!(world.send(ask(&world, what, &ada, &session).await).await.status, 201);
        }
        if what == "email/change to a taken address" {
            world.registered("eve@example.com").await;
        }
        let request = ask(&world, what, &ada, &session).await;
        assert_eq!(world.me(&ada).await.status, 200, "now the keys are cached");
        world.aws().clear_calls();
        world.aws().count_capacity();
        assert_eq!(world.send(request).await.status, status, "{what}");
        let units = world.aws().capacity();
        assert_eq!((made(&world).as_str(), units.read, units.write), (calls, read, write), "{what}");
    }
}

/// Returns the calls in alphabetical order, because some of them run in parallel.
fn made(world: &World) -> String {
    let mut counts = BTreeMap::new();
    for call in world.aws().calls() {
        *counts.entry(call.operation).or_insert(0) += 1;
    }
    let text = |(operation, count): (String, i32)| if count == 1 { operation } else { format!("{count} {operation}") };
    counts.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What the tables hold beside one user with one session.
struct Load {
    name: &'static str,
    users: usize,
    mails: usize,
    live: usize,
    dead: usize,
}

const fn load(name: &'static str, users: usize, mails: usize, live: usize, dead: usize) -> Load {
    Load { name, users, mails, live, dead }
}

/// Fills the tables of a world with one user.
fn fill(world: &World, load: &Load) {
    let copy = |item: &Value, key: &str, kind: &str, nth: usize| {
        let id = format!("01a00000-0000-7000-8000-{nth:012}");
        let mut changes = json!({key: {"S": format!("{kind}{id}")}});
        if kind == "SESSION#" {
            changes["sessionId"] = json!({"S": id});
        }
        world.tamper("Accounts", item.clone(), &changes);
    };
    let [profile, mail, session] = ["PROFILE", "MAIL#", "SESSION#"].map(|kind| world.rows(kind).remove(0));
    let mut ended = session.clone();
    ended["revokedAt"] = json!({"N": world.now().as_millisecond().to_string()});
    (0..load.users).for_each(|nth| copy(&profile, "pk", "USER#", nth));
    (0..load.mails).for_each(|nth| copy(&mail, "sk", "MAIL#", nth));
    (0..load.live).for_each(|nth| copy(&session, "sk", "SESSION#", nth));
    (load.live..load.live + load.dead).for_each(|nth| copy(&ended, "sk", "SESSION#", nth));
}

#[tokio::test]
async fn the_cost_of_a_request_does_not_grow_with_users_mails_and_sessions() {
    // LOG-05, and the table in docs/cost.md
    let requests = ["login", "refresh", "me", "send-welcome-email", "password/forgot", "sessions", "end a session"];
    let loads = [
        load("nothing", 0, 0, 0, 0),
        load("1,000 users", 1_000, 0, 0, 0),
        load("1,000 mails", 0, 1_000, 0, 0),
        load("9 live", 0, 0, 7, 0),
        load("10 live", 0, 0, 8, 0),
        load("10 live, 10 dead", 0, 0, 8, 10),
        load("10 live, 90 dead", 0, 0, 8, 90),
    ];
    // Calls, units read and units written. The tenth session is opened by a put, an eleventh by a transaction.
    let expected = "\
        nothing: 8 2 6, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n\
        1,000 users: 8 2 6, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n\
        1,000 mails: 8 2 6, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n\
        9 live: 8 2 6, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n\
        10 live: 8 2 9, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n\
        10 live, 10 dead: 8 3 9, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 2 0, 2 2 1\n\
        10 live, 90 dead: 8 2 9, 2 1 1, 2 2 0, 5 3 5, 7 2 8, 1 1 0, 2 1 1\n";
    let mut found = String::new();
    for load in loads {
        let world = World::new().await;
        world.leave_mail();
        let ada = world.registered("ada@example.com").await;
        let session = format!("/api/auth/sessions/{}", world.only_session().session_id);
        fill(&world, &load);
        world.logged_in("ada@example.com").await; // this login deletes the dead sessions if they are many
        let mut costs = Vec::new();
        for what in requests {
            let request = ask(&world, what, &ada, &session).await;
            world.aws().clear_calls();
            world.aws().count_capacity();
            assert!(world.send(request).await.status < 300, "{what}");
            let units = world.aws().capacity();
            costs.push(format!("{} {} {}", world.aws().calls().len(), units.read, units.write));
        }
        let _ = writeln!(found, "{}: {}", load.name, costs.join(", "));
    }
    assert_eq!(found, expected);
}
