//! `POST /api/auth/register`: accounts, passwords and limits.
//!
//! `faults` tests failures of AWS, and `idempotency` repeated requests. To add a test: `world.register(email)`
//! returns the answer, `world.registered(email)` an actor whose welcome mail has been delivered.

mod faults;
mod idempotency;

use std::collections::HashSet;

use serde_json::json;
use tests::rows::MailState;
use tests::system::MAIL_QUEUE;
use tests::world::{Actor, PASSWORD, World, posted};

const REGISTER: &str = "/api/auth/register";

/// Asserts that the tables hold one account with one session and one mail.
fn assert_one_account_is_stored(world: &World) {
    let rows = [world.users().len(), world.sessions().len(), world.mail_rows().len()];
    assert_eq!((world.credentials().len(), rows), (1, [1, 1, 1]));
}

#[tokio::test]
async fn a_registration_returns_the_account_and_sends_a_welcome_mail() {
    let world = World::new().await;
    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada Lovelace"});
    let answer = world.post(REGISTER, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let user = answer.field("user");
    assert_eq!((&user["email"], &user["name"]), (&json!("Ada@Example.com"), &json!("Ada Lovelace")));
    assert_eq!((&user["createdAt"], &user["updatedAt"]), (&json!("2027-01-15T12:00:00.000Z"), &user["createdAt"]));

    world.deliver_mail().await;
    let mails = world.mails();
    assert_eq!(mails.iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(), ["Ada@Example.com"]); // INP-04
}

#[tokio::test]
async fn a_new_account_is_a_credential_a_profile_a_session_and_a_mail() {
    // REG-01, OUT-01
    let world = World::new().await;
    let ada = Actor::signed_in("Ada@Example.com", &world.register("Ada@Example.com").await, 201);
    assert_one_account_is_stored(&world);
    let partition = format!("USER#{}", ada.id());
    let (session, mail) = (world.only_session(), world.only_mail());
    assert_eq!([world.user(&ada).pk, session.pk, mail.pk], [(); 3].map(|()| partition.clone()));
    assert_eq!(world.credential("ada@example.com").user_id, ada.id());
    assert_eq!(mail.state, MailState::Pending);
    world.deliver_mail().await;
}

#[tokio::test]
async fn register_ignores_unknown_fields() {
    // REG-04
    let world = World::new().await;
    let answer = world
        .post(
            REGISTER,
            &json!({
                "email": "eve@example.com", "password": PASSWORD,
                "id": "00000000-0000-7000-8000-000000000000", "userId": "00000000-0000-7000-8000-000000000000",
                "status": "disabled", "epoch": 7, "createdAt": "1999-01-01T00:00:00.000Z", "updatedAt": 1,
                "pk": "USER#1", "sk": "PROFILE", "hash": "x", "role": "admin", "ttl": 1, "refreshToken": 5,
            }),
        )
        .await;
    let eve = Actor::signed_in("eve@example.com", &answer, 201);
    let now = json!({"N": world.now().as_millisecond().to_string()});
    let mut profile = world.profile_item(&eve);
    profile["verification"] = json!("a ticket");
    assert_eq!(
        profile,
        json!({
            "pk": {"S": format!("USER#{}", eve.id())}, "sk": {"S": "PROFILE"}, "userId": {"S": eve.id()},
            "email": {"S": "eve@example.com"}, "createdAt": now, "updatedAt": now, "status": {"S": "active"},
            "epoch": {"N": "0"}, "passwordVersion": {"N": "0"}, "addressVersion": {"N": "0"},
            "verification": "a ticket",
        })
    );
    assert_ne!(eve.id(), "00000000-0000-7000-8000-000000000000");
    world.deliver_mail().await;
}

#[tokio::test]
async fn no_key_of_accounts_contains_an_address() {
    // REG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    assert_ne!(ada.id(), bob.id());
    for row in world.items("Accounts") {
        let keys = format!("{} {}", row["pk"], row["sk"]);
        assert!(!keys.contains('@') && !keys.contains("example"), "{keys}");
    }
}

#[tokio::test]
async fn every_spelling_of_an_address_is_the_same_account() {
    // REG-01, INP-02
    let world = World::new().await;
    world.registered("Ada@Bücher.example").await;
    for spelling in [
        "Ada@Bücher.example",
        "ada@bücher.example",
        "ADA@BÜCHER.EXAMPLE",
        "ada@xn--bcher-kva.example",
        "ada@bu\u{308}cher.example",
    ] {
        let answer = world.register(spelling).await;
        assert_eq!(answer.verdict(), (409, "User already exists".to_owned()), "{spelling}");
    }
    assert_one_account_is_stored(&world);
    for other in ["ada@bucher.example", "a.da@bücher.example", "ada+1@bücher.example"] {
        world.registered(other).await;
    }
}

#[tokio::test]
async fn the_stored_hash_is_argon2id_with_owasp_parameters() {
    // PWD-01
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let mut salts = HashSet::new();
    for credential in world.credentials() {
        let hash = &credential.hash;
        let rest = hash.strip_prefix("$argon2id$v=19$m=19456,t=2,p=1$").unwrap_or_else(|| panic!("{hash}"));
        let (salt, output) = rest.split_once('$').unwrap();
        let length = |text: &str| STANDARD_NO_PAD.decode(text).unwrap().len();
        assert_eq!((length(salt), length(output)), (16, 32));
        salts.insert(salt.to_owned());
    }
    assert_eq!(salts.len(), 2, "each hash has its own salt");
}

#[tokio::test]
async fn password_and_hash_appear_nowhere_but_in_the_credential() {
    // PWD-09, IAM-02
    let world = World::new().await;
    let first = world.register("ada@example.com").await;
    let hash = world.credential("ada@example.com").hash;
    let ada = Actor::signed_in("ada@example.com", &first, 201);
    let mut seen = vec![
        first.body,
        world.register("ada@example.com").await.body,
        world.login("ada@example.com", PASSWORD).await.body,
        world.me(&ada).await.body,
        world.post(REGISTER, &json!({"email": "x", "password": PASSWORD, "name": ""})).await.body,
    ];
    seen.extend(world.aws().sqs.bodies(MAIL_QUEUE));
    world.deliver_mail().await;
    seen.push(format!("{:?}", world.mails()));
    seen.push(json!(world.items("Accounts")).to_string());
    for text in seen {
        assert!(!text.contains(PASSWORD) && !text.contains(&hash) && !text.contains("argon2"), "{text}");
    }
}

#[tokio::test]
async fn the_minimum_password_length_is_a_setting() {
    // PWD-02
    for (settings, length) in [(vec![], 8), (vec![("MIN_PASSWORD_LENGTH", "15")], 15)] {
        let world = World::with(&settings).await;
        world.leave_mail();
        let password = |length| json!({"email": "ada@example.com", "password": &"mnvtqzkwbxhjrfd"[..length]});
        let answer = world.post(REGISTER, &password(length - 1)).await;
        assert_eq!(answer.status, 400);
        let message = format!("Password must be at least {length} characters");
        assert_eq!(answer.field("details"), json!([{"path": ["password"], "code": "too_small", "message": message}]));
        assert_eq!(world.post(REGISTER, &password(length)).await.status, 201);
    }
}

#[tokio::test]
async fn a_guessable_password_is_refused_before_it_is_hashed() {
    // PWD-05
    let world = World::with(&[("SERVICE_NAME", "Blue Harbour")]).await;
    let refused = async |password: &str| {
        let body = json!({"email": "Ada@example.com", "password": password, "name": "Ada Lovelace"});
        let answer = world.post(REGISTER, &body).await;
        assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{password}");
        answer.field("details")
    };
    let easy = |reason: &str| json!([{"path": ["password"], "code": "custom", "message": format!("Password is too easy to guess. {reason}")}]);
    // From lists of leaked passwords: the first, and some between places 9,900 and 30,000.
    assert_eq!(refused("12345678").await, easy("This is a top-10 common password."));
    for password in ["notredame", "salamandra", "shadow13", "toshiba1", "mopar440"] {
        assert_eq!(refused(password).await, easy("This is a very common password."), "{password}");
    }
    for password in ["blueharbour", "example.com", "Ada@Example.com", "Lovelace1815", "ada lovelace", "ecalevolada"] {
        let reason = "It is made of what is known of you, or of common words or dates.";
        assert_eq!(refused(password).await, easy(reason), "{password}");
    }
    assert_eq!(world.hashes(), 0);
    let body = json!({"email": "grace@example.com", "password": "ada lovelace", "name": "Grace"});
    assert_eq!(world.post(REGISTER, &body).await.status, 201, "the password is not about her");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_password_is_refused_however_often_it_repeats_what_is_guessed_first() {
    // FLT-03
    let world = World::new().await;
    for password in ["password".repeat(16), "lovelace Lovelace LOVELACE".to_owned(), "p4sswordPASSWORD1".repeat(4)] {
        let body = json!({"email": "ada@example.com", "password": password, "name": "Ada Lovelace"});
        let answer = world.post(REGISTER, &body).await;
        assert_eq!((answer.status, &answer.json()["details"][0]["path"]), (400, &json!(["password"])), "{password}");
    }
    assert_eq!(world.hashes(), 0);
}

#[tokio::test]
async fn a_name_is_kept_without_the_blanks_around_it() {
    // FLT-04
    let world = World::new().await;
    let body = |name: &str| json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
    for blank in ["\u{200b}", "\u{2800}\u{3164}", "\u{ad} \u{feff}"] {
        let answer = world.post(REGISTER, &body(blank)).await;
        let details = json!([{"path": ["name"], "code": "too_small", "message": "Name must be at least 1 character"}]);
        assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{blank:?}");
    }
    let ada = Actor::signed_in("ada@example.com", &world.post(REGISTER, &body("\u{3000}Ada \u{3164}")).await, 201);
    assert_eq!(ada.user["name"], "Ada");
    assert_eq!(world.rows("PROFILE")[0]["name"]["S"], "Ada");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_name_with_a_clickable_part_is_kept_and_no_mail_shows_it() {
    // FLT-02
    let names = ["Call +1 (555) 123-4567", "tel\u{ff1a}0800", "evil\u{3002}example", "1.2.3.4", "x\u{ad}mpp:a"];
    for name in names {
        let world = World::new().await;
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
        let ada = Actor::signed_in("ada@example.com", &world.post(REGISTER, &body).await, 201);
        assert_eq!(ada.user["name"], name);
        world.deliver_mail().await;
        let mail = world.mails().remove(0);
        let text = mail.text.unwrap_or_default();
        assert!(text.starts_with("Hello, welcome to our platform!\n"), "{name}: {text}");
        assert!(mail.html.is_some_and(|html| html.contains("Hello, welcome")), "{name}");
    }
}

#[tokio::test]
async fn the_check_for_guessable_passwords_counts_towards_the_limit() {
    // LIM-06: the check may take longer than a hash
    let world = World::with(&[("REGISTRATIONS_PER_NETWORK", "2")]).await;
    let body = json!({"email": "ada@example.com", "password": "password"});
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(world.post(REGISTER, &body).await.status);
    }
    assert_eq!(statuses, [400, 400, 429]);
}

#[tokio::test]
async fn a_registration_hashes_once_whether_or_not_the_address_is_taken() {
    // REG-05
    let world = World::new().await;
    for status in [201, 409] {
        let before = world.hashes();
        assert_eq!(world.register("ada@example.com").await.status, status);
        assert_eq!(world.hashes() - before, 1);
    }
    world.deliver_mail().await;
}

#[tokio::test]
async fn registrations_beyond_the_networks_hourly_limit_are_429_and_not_hashed() {
    // LIM-04, LIM-06
    let world = World::with(&[("REGISTRATIONS_PER_NETWORK", "2")]).await;
    world.registered("ada@example.com").await;
    assert_eq!(world.register("ada@example.com").await.status, 409);
    let hashed = world.hashes();
    for email in ["ada@example.com", "bob@example.com"] {
        let request = posted(REGISTER, &json!({"email": email, "password": PASSWORD}));
        let answer = world.send(request.with_header("x-forwarded-for", "203.0.113.9")).await;
        assert_eq!(answer.verdict(), (429, "Too many requests".to_owned()));
        assert_eq!(answer.headers["retry-after"], "3600");
    }
    assert_eq!(world.hashes(), hashed);
    let elsewhere = posted(REGISTER, &json!({"email": "bob@example.com", "password": PASSWORD}));
    assert_eq!(world.send(elsewhere.from_address("192.0.2.2")).await.status, 201);
    world.pass(jiff::SignedDuration::from_hours(1));
    world.registered("eve@example.com").await;
}
