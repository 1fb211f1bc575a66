//! The fields of the routes of accounts.

use serde_json::{Value, json};
use tests::world::{NEW_PASSWORD, PASSWORD, World, posted};

/// Each route with the fields that it requires.
const ROUTES: [(&str, &[&str]); 8] = [
    ("email/verify", &["code"]),
    ("email/change", &["newEmail", "password"]),
    ("email/confirm", &["code"]),
    ("password/change", &["currentPassword", "newPassword"]),
    ("password/forgot", &["email"]),
    ("password/reset", &["newPassword", "flow", "code"]),
    ("account/export", &["password"]),
    ("account/delete", &["password"]),
];

/// Returns the fields that an answer names, sorted.
fn named(details: &Value) -> Vec<String> {
    let details = details.as_array().into_iter().flatten();
    let mut fields: Vec<_> = details.map(|detail| detail["path"][0].as_str().unwrap_or_default().to_owned()).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn every_field_at_fault_is_named_at_once() {
    // INP-06, INP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for (route, fields) in ROUTES {
        let mut wanted: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        wanted.sort_unstable();
        for value in [None, Some(json!(5)), Some(json!(["x"])), Some(json!({"a": "b"})), Some(Value::Null)] {
            let body = fields.iter().filter_map(|field| Some(((*field).to_owned(), value.clone()?))).collect();
            let answer = world.ask(&ada, route, &Value::Object(body)).await;
            assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{route} {value:?}");
            assert_eq!(named(&answer.field("details")), wanted, "{route} {value:?}");
        }
        for whole in ["", "[]", "null", "\"x\"", "{", "{\"a\":1,\"a\":2}", "\u{0}"] {
            let path = format!("/api/auth/{route}");
            let mut request = posted(&path, &Value::Null);
            request.body = Some(whole.as_bytes().to_vec());
            let request = tests::world::authorized(request, Some(&ada.bearer()));
            assert_eq!(world.send(request).await.verdict(), (400, "Validation failed".to_owned()), "{route} {whole:?}");
        }
    }
}

#[tokio::test]
async fn addresses_and_passwords_are_judged_as_at_register_and_login() {
    // INP-01, INP-02, PWD-02, PWD-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for email in
        ["", "ada", "ada@localhost", "a@b.example, c@d.example", "m\u{131}ke@example.com", "mi\u{212a}e@example.com"]
    {
        for (route, body) in [
            ("password/forgot", json!({"email": email})),
            ("email/change", json!({"newEmail": email, "password": PASSWORD})),
        ] {
            let answer = world.ask(&ada, route, &body).await;
            assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{route} {email}");
        }
    }
    let hashes = world.hashes();
    for long in ["x".repeat(129), "🔑".repeat(129)] {
        for (route, body) in [
            ("account/export", json!({"password": long})),
            ("password/change", json!({"currentPassword": PASSWORD, "newPassword": long})),
            ("password/reset", json!({"token": "lkr1.x", "newPassword": long})),
        ] {
            let answer = world.ask(&ada, route, &body).await;
            assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{route}");
        }
    }
    assert_eq!(world.hashes(), hashes);
}

#[tokio::test]
async fn odd_codes_flows_and_links_are_refused_like_wrong_ones() {
    // TKT-08, INP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let long = "0".repeat(4000);
    for odd in [
        "",
        " ",
        "0",
        "ÄÖÜß-ÄÖÜß",
        "\u{0}",
        "0000-0000-0000",
        "lkr1.",
        "lkf1.",
        &ada.access_token,
        &ada.refresh_token,
        &long,
    ] {
        for body in [
            json!({"token": odd, "newPassword": NEW_PASSWORD}),
            json!({"flow": odd, "code": odd, "newPassword": NEW_PASSWORD}),
        ] {
            let answer = world.post("/api/auth/password/reset", &body).await;
            assert_eq!(answer.verdict(), (400, "Invalid code".to_owned()), "{odd:?}");
        }
        assert_eq!(world.confirm_email(&ada, odd).await.verdict(), (400, "Invalid code".to_owned()), "{odd:?}");
        assert_eq!(world.verify(&ada, odd).await.verdict(), (400, "Invalid code".to_owned()), "{odd:?}");
    }
    let code = world.code_mailed_to(&ada.email);
    assert_eq!(world.verify(&ada, &code).await.status, 200, "what cannot be a code spends no try");
}

#[tokio::test]
async fn a_refresh_token_and_a_token_of_another_issuer_open_no_route() {
    // TOK-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for bearer in [&ada.refresh_token, "lkr1.x", "x"] {
        for (route, _) in
            ROUTES.iter().filter(|(route, _)| !route.starts_with("password/f") && !route.ends_with("reset"))
        {
            let body = json!({
                "code": "7K3M-9XQ2", "password": PASSWORD, "newEmail": "ada@example.org",
                "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD,
            });
            let path = format!("/api/auth/{route}");
            let request = posted(&path, &body);
            let answer = world.send(tests::world::authorized(request, Some(&format!("Bearer {bearer}")))).await;
            assert_eq!(answer.verdict(), (401, "Invalid token".to_owned()), "{route} {bearer}");
        }
    }
}
