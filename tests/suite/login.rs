//! `POST /api/auth/login`: sessions, passwords and addresses.
//!
//! `limits` and `devices` test how often a client may try, `refusals` that a refusal reveals nothing, `outdated` the
//! renewal of hashes, and `faults` failures of AWS. To add a test: register a user, call `world.login`, compare
//! answer and rows.

mod devices;
mod faults;
mod limits;
mod outdated;
mod refusals;

use jiff::SignedDuration;
use serde_json::json;
use tests::rows::time;
use tests::world::{PASSWORD, World, posted};

const LOGIN: &str = "/api/auth/login";

#[tokio::test]
async fn a_registered_user_can_log_in_and_use_the_tokens() {
    // LOG-04
    let world = World::new().await;
    let registered = world.registered_as("ada@example.com", "Ada").await;
    let ada = world.logged_in("ada@example.com").await;
    assert_eq!(ada.user, registered.user);
    assert_ne!(ada.refresh_token, registered.refresh_token);

    let me = world.me(&ada).await;
    assert_eq!((me.status, me.field("user")), (200, ada.user.clone()));
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
}

#[tokio::test]
async fn every_login_opens_its_own_session_and_ends_no_other() {
    // LOG-05
    let world = World::new().await;
    let phone = world.registered("ada@example.com").await;
    let laptop = world.logged_in("ada@example.com").await;
    let tablet = world.logged_in("ada@example.com").await;
    assert_eq!(world.live_sessions().len(), 3);
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
        others.push(world.logged_in("ada@example.com").await);
    }
    assert_eq!(world.live_sessions().len(), 10);
    world.pass(SignedDuration::from_secs(60));
    others.push(world.logged_in("ada@example.com").await);

    assert_eq!((world.sessions().len(), world.live_sessions().len()), (10, 10));
    assert_eq!(world.refresh(&first.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    for other in others {
        assert_eq!(world.refresh(&other.refresh_token).await.status, 200);
    }
}

#[tokio::test]
async fn a_login_succeeds_when_a_session_that_it_would_end_is_gone() {
    // LOG-05. DynamoDB's TTL may delete a session between the read and the write.
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 1..10 {
        world.logged_in(&ada.email).await;
    }
    let oldest = world.rows("SESSION#").into_iter().min_by_key(|row| time(row, "createdAt")).unwrap();
    let delete = || world.delete("Accounts", &oldest);
    let answer = world.meanwhile("Query", delete, world.login(&ada.email, PASSWORD)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.sessions().len(), 10);
}

#[tokio::test]
async fn ended_sessions_do_not_count_towards_the_ten() {
    // LOG-05
    let world = World::new().await;
    let first = world.registered("ada@example.com").await;
    for _ in 0..9 {
        let other = world.logged_in("ada@example.com").await;
        assert_eq!(world.logout(&other.refresh_token).await.status, 204);
    }
    for _ in 0..9 {
        world.logged_in("ada@example.com").await;
    }
    assert_eq!(world.live_sessions().len(), 10);
    let first = world.refresh(&first.refresh_token).await;
    assert_eq!(first.status, 200, "it is one of ten live sessions");
}

#[tokio::test]
async fn a_login_deletes_the_dead_sessions_when_they_are_more_than_ten() {
    // LOG-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for ended in 1..=10 {
        let other = world.logged_in(&ada.email).await;
        assert_eq!(world.logout(&other.refresh_token).await.status, 204);
        assert_eq!(world.sessions().len(), 1 + ended, "they are left to DynamoDB's TTL");
    }
    let other = world.logged_in(&ada.email).await;
    assert_eq!(world.logout(&other.refresh_token).await.status, 204);
    world.logged_in(&ada.email).await;
    assert_eq!((world.sessions().len(), world.live_sessions().len()), (2, 2), "the eleven are deleted");
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200, "a live session stays");

    // Sessions of before a sign-out everywhere, and sessions that were idle for too long, are dead too.
    for _ in 0..5 {
        world.logged_in(&ada.email).await;
    }
    let last = world.logged_in(&ada.email).await;
    assert_eq!(world.logout_everywhere(&last.refresh_token).await.status, 204);
    for _ in 0..5 {
        world.logged_in(&ada.email).await;
    }
    world.pass(SignedDuration::from_hours(8 * 24));
    world.logged_in(&ada.email).await;
    assert_eq!(world.sessions().len(), 1);
}

#[tokio::test]
async fn a_login_ends_all_sessions_beyond_ten() {
    // LOG-05, FLT-08: concurrent logins may have left more than ten
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let row = world.rows("SESSION#").remove(0);
    for n in 0..13 {
        let id = format!("01a00000-0000-7000-8000-0000000000{n:02}");
        let session = json!({"sk": {"S": format!("SESSION#{id}")}, "sessionId": {"S": id}});
        world.tamper("Accounts", row.clone(), &session);
    }
    assert_eq!(world.live_sessions().len(), 14);
    world.logged_in("ada@example.com").await;
    assert_eq!(world.live_sessions().len(), 10);
}

#[tokio::test]
async fn a_session_stores_the_network_and_the_browser_of_its_login() {
    // LIM-04: only API Gateway's source address counts
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let (long, cut) = ("x".repeat(300), "x".repeat(200));
    let cases = [
        ("192.0.2.77", "Browser/1", "192.0.2.77", "Browser/1"),
        ("2001:db8:1:2:3:4:5:6", &long, "2001:db8:1:2::/64", &cut),
    ];
    for (source_ip, user_agent, network, shown) in cases {
        world.pass(SignedDuration::from_secs(1));
        let request = posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD}))
            .from_address(source_ip)
            .with_header("user-agent", user_agent)
            .with_header("x-forwarded-for", "203.0.113.9")
            .with_header("forwarded", "for=203.0.113.9");
        assert_eq!(world.send(request).await.status, 200);
        let session = world.sessions().into_iter().find(|session| session.created_at == world.now()).unwrap();
        assert_eq!((session.network.as_deref(), session.user_agent.as_deref()), (Some(network), Some(shown)));
    }
}

#[tokio::test]
async fn any_spelling_of_an_address_logs_in() {
    // INP-02
    let world = World::new().await;
    let ada = world.registered("Ada@Bücher.example").await;
    for spelling in
        ["ada@bücher.example", "ADA@BÜCHER.EXAMPLE", "Ada@XN--BCHER-KVA.example", "ada@bu\u{308}cher.example"]
    {
        assert_eq!(world.logged_in(spelling).await.user, ada.user, "{spelling}");
    }
    for other in ["ada@bucher.example", "a.da@bücher.example", "ada+x@bücher.example"] {
        assert_eq!(world.login(other, PASSWORD).await.status, 401, "{other}");
    }
}

#[tokio::test]
async fn passwords_are_compared_in_nfkc_and_never_trimmed_or_truncated() {
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
async fn an_impossible_password_is_refused_before_it_is_hashed() {
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
        assert_eq!(answer.field("details"), json!([{"path": ["password"], "code": code, "message": message}]));
    }
    assert_eq!(world.aws().calls(), []);
    assert_eq!(
        world.login("ada@example.com", "short").await.status,
        401,
        "login does not apply the rules for new passwords"
    );
}

#[tokio::test]
async fn login_ignores_unknown_fields() {
    // REG-04: for the session of a login
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(1));
    let body = json!({
        "email": "ada@example.com", "password": PASSWORD, "userId": "x", "epoch": 9, "counter": 9, "network": "x",
        "expiresAt": "2999-01-01", "user": {"id": 1}, "deviceToken": "x",
    });
    let answer = world.post(LOGIN, &body).await;
    assert_eq!(answer.field("user"), ada.user);
    let sessions = world.sessions();
    let counts: Vec<_> = sessions.iter().map(|session| (session.epoch, session.counter)).collect();
    assert_eq!(counts, [(0, 0), (0, 0)]);
}
