//! Access tokens: everything that is not exactly ours is refused.

mod encoded;
mod forged;
mod properties;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::world::{Actor, DOMAIN, PASSWORD, World};

use crate::support::{claims, header, independently_verified, key_set};

#[tokio::test]
async fn an_independent_implementation_verifies_our_tokens_by_the_published_keys_alone() {
    // TOK-01, TOK-08
    for algorithm in ["ES256", "RS256"] {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        assert_eq!(header(&ada.access_token)["alg"], algorithm);
        let claims = independently_verified(&world, &ada.access_token).await.unwrap();
        assert_eq!(claims["sub"], ada.user["id"]);

        let settings = [("SIGNING_ALGORITHM", algorithm)];
        let stranger = World::with_its_own_keys(&settings).await.registered("ada@example.com").await;
        assert!(independently_verified(&world, &stranger.access_token).await.is_err());
        let cut = &ada.access_token[..ada.access_token.len() - 8];
        assert!(independently_verified(&world, &format!("{cut}AAAAAAAA")).await.is_err());
    }
}

#[tokio::test]
async fn a_token_says_what_the_profile_wants_and_nothing_of_a_person() {
    // TOK-02, TOK-05, TOK-07
    for algorithm in ["ES256", "RS256"] {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let name = "Ada Lovelace".repeat(5);
        let body = json!({"email": "ada.lovelace@example.com", "password": PASSWORD, "name": name});
        let answer = world.post("/api/auth/register", &body).await;
        world.deliver_mail().await;
        let ada = Actor::signed_in("ada.lovelace@example.com", &answer, 201);

        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let (header, claims) = (header(&ada.access_token), claims(&ada.access_token));
        assert_eq!(names(&header), ["alg", "kid", "typ"].map(str::to_owned).into());
        assert_eq!(
            names(&claims),
            ["aud", "email_verified", "exp", "iat", "iss", "jti", "sid", "sub"].map(str::to_owned).into()
        );
        assert_eq!(header["typ"], "at+jwt");
        assert_eq!(claims["iss"], format!("https://{DOMAIN}"));
        assert_eq!((&claims["aud"], &claims["sub"]), (&json!("latchkey"), &ada.user["id"]));
        assert_eq!(claims["iat"], world.now().as_second());
        assert_eq!(claims["exp"], world.now().as_second() + 900);
        let whole = format!("{header}{claims}").to_lowercase();
        assert!(!whole.contains('@') && !whole.contains("lovelace"), "{whole}");
        assert!(ada.access_token.len() < 2048, "{}", ada.access_token.len());
    }
}

#[tokio::test]
async fn no_two_tokens_are_the_same() {
    // TOK-05: `jti`
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let again = world.refresh(&ada.refresh_token).await;
    assert_ne!(claims(&ada.access_token)["jti"], claims(&again.text("accessToken"))["jti"]);
    assert_eq!(claims(&ada.access_token)["sid"], claims(&again.text("accessToken"))["sid"]);
    let phone = world.login("ada@example.com", PASSWORD).await;
    assert_ne!(claims(&ada.access_token)["sid"], claims(&phone.text("accessToken"))["sid"]);
}

#[tokio::test]
async fn access_tokens_do_not_refresh_and_refresh_tokens_do_not_access() {
    // TOK-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let invalid = (401, "Invalid token".to_owned());
    assert_eq!(world.refresh(&ada.access_token).await.verdict(), invalid);
    let as_bearer = format!("Bearer {}", ada.refresh_token);
    assert_eq!(world.get("/api/auth/me", Some(&as_bearer)).await.verdict(), invalid);
    assert_eq!(world.post_as("/api/auth/send-welcome-email", Some(&as_bearer)).await.verdict(), invalid);
    assert_eq!(world.logout(&ada.access_token).await.status, 204);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200, "nor do access tokens log out");
}

#[tokio::test]
async fn the_issuer_and_the_audience_are_settings() {
    // TOK-05
    let world = World::with(&[("ISSUER", "https://id.example.com/auth"), ("AUDIENCE", "shop")]).await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(claims(&ada.access_token)["iss"], "https://id.example.com/auth");
    assert_eq!(claims(&ada.access_token)["aud"], "shop");
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 200);

    // The same keys under another name: a token is for one of the two.
    let other = shared::config::Config::read(|variable| match variable {
        "ISSUER" => Some("https://id.example.com/other".to_owned()),
        _ => world.system().environment.get(variable).cloned(),
    });
    let other = shared::app::App::new(other.unwrap(), world.system().app.clock.clone(), &shared::aws::https([]));
    let mut request = tests::world::request("GET", "/api/auth/me");
    request.headers.insert("authorization", ada.bearer().parse().unwrap());
    let event = tests::event::http(&request, world.now());
    let answer = tests::functions::invoke(&other, "account", tests::event::invocation(event, 10)).await.unwrap();
    assert_eq!(answer["statusCode"], 401);
}

#[tokio::test]
async fn a_key_of_an_unknown_name_is_asked_for_once_a_minute_at_the_most() {
    // TOK-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let stranger = World::with_its_own_keys(&[]).await.registered("ada@example.com").await.bearer();
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 200);
    let mut reads = Vec::new();
    for seconds in [0, 59, 1, 0, 59, 1, 0] {
        world.pass(SignedDuration::from_secs(seconds));
        world.aws().clear_calls();
        assert_eq!(world.get("/api/auth/me", Some(&stranger)).await.status, 401);
        reads.push(world.store_calls().len());
    }
    assert_eq!(reads, [0, 0, 1, 0, 0, 1, 0]);
}

#[tokio::test]
async fn unknown_names_do_not_hammer_a_store_that_is_out_of_order() {
    // TOK-04, KEY-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let stranger = World::with_its_own_keys(&[]).await.registered("ada@example.com").await.bearer();
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::Reset, 1000);
    world.aws().clear_calls();
    let mut reads = Vec::new();
    for seconds in [0, 0, 30, 29, 1, 0] {
        world.pass(SignedDuration::from_secs(seconds));
        world.aws().clear_calls();
        assert_eq!(world.get("/api/auth/me", Some(&stranger)).await.status, 401);
        reads.push(usize::from(!world.store_calls().is_empty()));
    }
    assert_eq!(reads, [1, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn arbitrary_bytes_are_refused_and_never_crash() {
    // TOK-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let alphabet: Vec<char> = (' '..='~').chain(['\u{e9}', '\u{1f511}', '\0', '\n']).collect();
    for round in 0..5_000 {
        let mut token: Vec<char> = if round % 2 == 0 { ada.access_token.chars().collect() } else { Vec::new() };
        for _ in 0..=next(12) {
            let place = next(token.len() + 1);
            match next(3) {
                0 => token.insert(place, alphabet[next(alphabet.len())]),
                1 if place < token.len() => token[place] = alphabet[next(alphabet.len())],
                _ => token.truncate(place),
            }
        }
        let token: String = token.into_iter().collect();
        let _ = shared::tokens::parse(&token); // a panic here fails the test; beneath a handler it would be caught
        let as_a_header = token.trim_end();
        if round % 200 < 2 && as_a_header != ada.access_token {
            let answer = world.get("/api/auth/me", Some(&format!("Bearer {token}"))).await;
            assert_eq!(answer.status, 401, "round {round}: {token}");
            assert_eq!(world.refresh(&token).await.status, 401, "round {round}: {token}");
        }
    }
}
