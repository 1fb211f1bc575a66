//! `POST /api/auth/login`.

mod devices;
mod faults;
pub mod limits;
mod outdated;
mod refusals;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::world::{Actor, PASSWORD, World};

use crate::input::posted;

const LOGIN: &str = "/api/auth/login";

fn live_sessions(world: &World) -> usize {
    world.rows("SESSION#").iter().filter(|row| row.get("revokedAt").is_none()).count()
}

async fn login(world: &World, email: &str) -> Actor {
    Actor::signed_in(email, &world.login(email, PASSWORD).await, 200)
}

#[tokio::test]
async fn whoever_has_just_registered_can_log_in_and_use_the_tokens() {
    // LOG-04
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let registered = Actor::signed_in("ada@example.com", &world.post("/api/auth/register", &body).await, 201);
    let ada = login(&world, "ada@example.com").await;
    assert_eq!(ada.user, registered.user);
    assert_ne!(ada.refresh_token, registered.refresh_token);

    let me = world.get("/api/auth/me", Some(&ada.bearer())).await;
    assert_eq!((me.status, &me.json()["user"]), (200, &ada.user));
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn every_login_opens_a_session_of_its_own_and_ends_no_other() {
    // LOG-05
    let world = World::new().await;
    let phone = world.registered("ada@example.com").await;
    let laptop = login(&world, "ada@example.com").await;
    let tablet = login(&world, "ada@example.com").await;
    assert_eq!(live_sessions(&world), 3);
    for device in [phone, laptop, tablet] {
        assert_eq!(world.refresh(&device.refresh_token).await.status, 200);
    }
}

#[tokio::test]
async fn the_eleventh_session_ends_the_oldest() {
    // LOG-05
    let world = World::new().await;
    let first = world.registered("ada@example.com").await;
    let mut others = Vec::new();
    for _ in 0..9 {
        world.pass(SignedDuration::from_secs(60));
        others.push(login(&world, "ada@example.com").await);
    }
    assert_eq!(live_sessions(&world), 10);
    world.pass(SignedDuration::from_secs(60));
    others.push(login(&world, "ada@example.com").await);

    assert_eq!((world.rows("SESSION#").len(), live_sessions(&world)), (11, 10));
    assert_eq!(world.refresh(&first.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    for other in others {
        assert_eq!(world.refresh(&other.refresh_token).await.status, 200);
    }
}

#[tokio::test]
async fn sessions_that_have_ended_leave_room_for_others() {
    // LOG-05
    let world = World::new().await;
    let first = world.registered("ada@example.com").await;
    for _ in 0..9 {
        let other = login(&world, "ada@example.com").await;
        assert_eq!(world.logout(&other.refresh_token).await.status, 204);
    }
    for _ in 0..9 {
        login(&world, "ada@example.com").await;
    }
    assert_eq!(live_sessions(&world), 10);
    let first = world.refresh(&first.refresh_token).await;
    assert_eq!(first.status, 200, "it was one of ten");

    world.pass(SignedDuration::from_hours(8 * 24)); // all are idle for too long
    login(&world, "ada@example.com").await;
    assert_eq!(live_sessions(&world), 11, "none was ended for the new one");
}

#[tokio::test]
async fn too_many_sessions_are_brought_back_to_ten_at_the_next_login() {
    // LOG-05: logins in flight may overshoot.
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let row = world.rows("SESSION#").remove(0);
    for n in 0..13 {
        let id = format!("01a00000-0000-7000-8000-0000000000{n:02}");
        let session = json!({"sk": {"S": format!("SESSION#{id}")}, "sessionId": {"S": id}});
        world.tamper("Accounts", row.clone(), &session);
    }
    assert_eq!(live_sessions(&world), 14);
    login(&world, "ada@example.com").await;
    assert_eq!(live_sessions(&world), 10);
}

#[tokio::test]
async fn a_session_remembers_what_logged_in_and_from_where() {
    // LIM-04: by API Gateway's word alone.
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let long = "x".repeat(300);
    let cases = [
        ("192.0.2.77", "Browser/1", json!("192.0.2.77"), json!("Browser/1")),
        ("2001:db8:1:2:3:4:5:6", &long, json!("2001:db8:1:2::/64"), json!("x".repeat(200))),
    ];
    for (source_ip, user_agent, network, shown) in cases {
        world.pass(SignedDuration::from_secs(1));
        let mut request = posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD}));
        request.source_ip = source_ip;
        for (name, value) in
            [("user-agent", user_agent), ("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")]
        {
            request.headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(world.send(request).await.status, 200);
        let now = world.now().as_millisecond().to_string();
        let session = world.rows("SESSION#").into_iter().find(|row| row["createdAt"]["N"] == now).unwrap();
        assert_eq!((&session["network"]["S"], &session["userAgent"]["S"]), (&network, &shown));
    }
}

#[tokio::test]
async fn an_address_logs_in_however_it_is_spelt() {
    // INP-02
    let world = World::new().await;
    let ada = world.registered("Ada@Bücher.example").await;
    for spelling in
        ["ada@bücher.example", "ADA@BÜCHER.EXAMPLE", "Ada@XN--BCHER-KVA.example", "ada@bu\u{308}cher.example"]
    {
        assert_eq!(login(&world, spelling).await.user, ada.user, "{spelling}");
    }
    for other in ["ada@bucher.example", "a.da@bücher.example", "ada+x@bücher.example"] {
        assert_eq!(world.login(other, PASSWORD).await.status, 401, "{other}");
    }
}

#[tokio::test]
async fn a_password_fits_in_each_spelling_of_the_same_text_and_is_never_trimmed_or_cut() {
    // PWD-03, PWD-04
    let longest = "süß & sauer ".repeat(11).chars().take(128).collect::<String>();
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("caf\u{e9} \u{fb01}nale", &["cafe\u{301} finale", "café ﬁnale"], &["cafe finale", "Café finale"]),
        ("  eight  chars ", &["  eight  chars "], &["eight  chars", " eight  chars ", "  eight chars "]),
        (" 🔑🚲 🔑☂☕ ", &[" 🔑🚲 🔑☂☕ "], &["🔑🚲 🔑☂☕", " 🔑🚲🔑☂☕ "]),
        (&longest, &[&longest], &[&longest[1..]]),
    ];
    for (password, fitting, others) in cases {
        let world = World::new().await;
        let body = json!({"email": "ada@example.com", "password": password});
        assert_eq!(world.post("/api/auth/register", &body).await.status, 201, "{password:?}");
        for same in fitting {
            assert_eq!(world.login("ada@example.com", same).await.status, 200, "{same:?}");
        }
        for other in others {
            assert_eq!(world.login("ada@example.com", other).await.status, 401, "{other:?}");
        }
        world.deliver_mail().await;
    }
}

#[tokio::test]
async fn a_password_that_no_account_can_have_is_refused_before_it_is_hashed() {
    // PWD-03
    let world = World::new().await;
    world.aws().clear_calls();
    let too_big = "Password must be at most 128 characters and 512 bytes";
    for (password, code, message) in [
        (String::new(), "too_small", "Password required"),
        ("x".repeat(129), "too_big", too_big),
        ("🔑".repeat(129), "too_big", too_big),
    ] {
        let answer = world.login("ada@example.com", &password).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["details"], json!([{"path": ["password"], "code": code, "message": message}]));
    }
    assert_eq!(world.aws().calls(), []);
    assert_eq!(world.login("ada@example.com", "short").await.status, 401, "the rules of new passwords do not apply");
}

#[tokio::test]
async fn nothing_but_address_and_password_is_read() {
    // REG-04, for the session that a login makes
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(1));
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "userId": "x", "epoch": 9, "counter": 9, "network": "x",
        "expiresAt": "2999-01-01", "user": {"id": 1}, "deviceToken": "x",
    });
    let answer = world.post(LOGIN, &body).await;
    assert_eq!(answer.json()["user"], ada.user);
    let rows = world.rows("SESSION#");
    let of = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<Value>>();
    assert_eq!((of("epoch"), of("counter")), (vec![json!({"N": "0"}); 2], vec![json!({"N": "0"}); 2]));
}
