//! A deployment behind a proxy of its own: the secret header, and the client's address that it vouches for.

use jiff::SignedDuration;
use serde_json::json;
use tests::event::HttpRequest;
use tests::functions::ROUTES;
use tests::world::{PASSWORD, World, posted, request};

const SECRET: &str = "a-secret-of-the-proxy-that-no-client-knows";
const OLD_SECRET: &str = "the-secret-before-it-which-is-still-good";
const HEADER: &str = "x-origin-secret";
const VIEWER: &str = "cloudfront-viewer-address";
const OPEN: [&str; 3] = ["/health", "/.well-known/jwks.json", "/.well-known/openid-configuration"];

async fn world_behind_a_proxy() -> World {
    let both = format!("{SECRET},{OLD_SECRET}");
    World::with(&[("ORIGIN_SECRET", &both), ("LOGINS_PER_NETWORK", "2")]).await
}

/// Returns the request as the proxy passes it on for the client at `viewer`.
fn through_the_proxy<'a>(request: HttpRequest<'a>, viewer: &str) -> HttpRequest<'a> {
    request.with_header(HEADER, SECRET).with_header(VIEWER, viewer)
}

fn login() -> HttpRequest<'static> {
    posted("/api/auth/login", &json!({"email": "ada@example.com", "password": PASSWORD}))
}

fn registration(email: &str) -> HttpRequest<'static> {
    posted("/api/auth/register", &json!({"email": email, "password": PASSWORD}))
}

#[tokio::test]
async fn a_request_around_the_proxy_is_refused_before_any_work() {
    // LIM-04
    let world = world_behind_a_proxy().await;
    world.aws().clear_calls();
    let mut refused = 0;
    for (method, path, _) in ROUTES.iter().filter(|(_, path, _)| !OPEN.contains(path)) {
        let path = path.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057");
        for secret in [None, Some(""), Some("a-secret"), Some(&SECRET[1..]), Some(&format!("{SECRET},{OLD_SECRET}"))] {
            let request = request(method, &path).with_header(VIEWER, "198.51.100.7:1024");
            let request = if let Some(secret) = secret { request.with_header(HEADER, secret) } else { request };
            assert_eq!(world.send(request).await.verdict(), (403, "Forbidden".to_owned()), "{method} {path}");
            refused += 1;
        }
    }
    assert!(refused >= 5 * 17, "{refused}");
    assert_eq!(world.aws().calls().len(), 0, "no call to AWS");
    assert_eq!(world.logged("request_refused"), refused, "each is logged");
}

#[tokio::test]
async fn what_anyone_may_read_stays_open_beside_the_proxy() {
    // LIM-04
    let world = world_behind_a_proxy().await;
    for path in OPEN {
        assert_eq!(world.get(path, None).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn limits_count_a_client_by_the_address_that_the_proxy_tells() {
    // LIM-04
    let world = world_behind_a_proxy().await;
    let account = through_the_proxy(registration("ada@example.com"), "198.51.100.7:1024");
    assert_eq!(world.send(account).await.status, 201);
    world.deliver_mail().await;
    for (viewer, status) in [
        ("198.51.100.7:1024", 200),
        ("198.51.100.7:1025", 200),
        ("198.51.100.7:1026", 429),
        ("198.51.100.8:1026", 200),
        ("2001:db8:1:2::7:1024", 200),
        ("[2001:db8:1:2::8]:1024", 200),
        ("2001:db8:1:2::9:1024", 429),
        ("2001:db8:1:3::9:1024", 200),
    ] {
        assert_eq!(world.send(through_the_proxy(login(), viewer)).await.status, status, "{viewer}");
    }
}

#[tokio::test]
async fn sessions_show_the_address_that_the_proxy_tells() {
    // LIM-04
    let world = world_behind_a_proxy().await;
    let answer = world.send(through_the_proxy(registration("ada@example.com"), "198.51.100.7:1024")).await;
    world.deliver_mail().await;
    assert_eq!(world.rows("SESSION#")[0]["network"]["S"], "198.51.100.7");
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn the_old_secret_is_good_beside_the_new_one() {
    // LIM-04
    let world = world_behind_a_proxy().await;
    for (secret, status) in [(SECRET, 401), (OLD_SECRET, 401), ("the-secret-before-the-old-one-is-no-good", 403)] {
        let login = login().with_header(HEADER, secret).with_header(VIEWER, "198.51.100.7:1024");
        assert_eq!(world.send(login).await.status, status, "{secret}");
        world.pass(SignedDuration::from_hours(1));
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_tell_the_clients_address_is_refused() {
    // LIM-04: otherwise all clients would share one limit
    let world = world_behind_a_proxy().await;
    for viewer in [None, Some(""), Some("198.51.100.7"), Some("ada")] {
        let login = login().with_header(HEADER, SECRET);
        let login = if let Some(viewer) = viewer { login.with_header(VIEWER, viewer) } else { login };
        assert_eq!(world.send(login).await.verdict(), (403, "Forbidden".to_owned()), "{viewer:?}");
    }
    let lines = world.log_lines("request_refused");
    assert!(lines[0]["reason"].as_str().unwrap().contains("client's address"), "the operator is told: {}", lines[0]);
}

#[tokio::test]
async fn without_the_setting_neither_header_is_read() {
    // LIM-04
    let world = World::with(&[("LOGINS_PER_NETWORK", "2")]).await;
    world.registered("ada@example.com").await;
    for (viewer, status) in [("198.51.100.7:1024", 200), ("198.51.100.8:1024", 200), ("198.51.100.9:1024", 429)] {
        assert_eq!(world.send(through_the_proxy(login(), viewer)).await.status, status, "all are one network");
    }
}

#[tokio::test]
async fn the_secret_is_neither_logged_nor_shown() {
    // OBS-01
    let world = world_behind_a_proxy().await;
    let account = through_the_proxy(registration("ada@example.com"), "198.51.100.7:1024");
    assert_eq!(world.send(account).await.status, 201);
    world.send(login().with_header(HEADER, OLD_SECRET)).await;
    world.deliver_mail().await;
    let told = [json!(world.log()).to_string(), format!("{:?}", world.system().app.config)].concat();
    for secret in [SECRET, OLD_SECRET] {
        assert!(!told.contains(secret), "{told}");
    }
}
