//! What comes in, through the HTTP surface: here the fields, in `bodies` what carries them, in `events` what is none of API
//! Gateway's, in `answers` what every answer has.

mod answers;
mod bodies;
mod events;

use serde_json::{Value, json};
use tests::world::{Actor, PASSWORD, World, answered, posted};

const REGISTER: &str = "/api/auth/register";
const LOGIN: &str = "/api/auth/login";
const REFRESH: &str = "/api/auth/refresh";
const LOGOUT: &str = "/api/auth/logout";

fn violation(field: &str, code: &str, message: &str) -> Value {
    json!({"path": [field], "code": code, "message": message})
}

#[tokio::test]
async fn what_is_not_one_plain_mailbox_is_refused_wherever_it_is_sent() {
    // INP-01
    let world = World::new().await;
    let long_local_part = format!("{}@example.com", "a".repeat(65));
    let long_domain = format!("a@{}example.com", "a.".repeat(121));
    for email in [
        "",
        "ada",
        "ada@localhost",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@example.123",
        "\"ada lovelace\"@example.com",
        "ada(comment)@example.com",
        "Ada <ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com;eve@example.com",
        "friends:ada@example.com;",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\0",
        "ada@@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@example..com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@exa_mple.com",
        "ädä@example.com",
        "ada@exam\u{202e}ple.com",
        " ada@example.com",
        "ada@example.com ",
        &long_local_part,
        &long_domain,
    ] {
        for path in [REGISTER, LOGIN] {
            let answer = world.post(path, &json!({"email": email, "password": PASSWORD})).await;
            let details = json!([violation("email", "invalid_string", "Invalid email")]);
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {email:?}");
        }
    }
    assert_eq!(world.items("Credentials").len(), 0);
}

#[tokio::test]
async fn mail_goes_to_the_one_address_as_typed() {
    // INP-02, INP-04
    let world = World::new().await;
    for (typed, recipient) in [
        ("Ada.Lovelace+News@Example.COM", "Ada.Lovelace+News@Example.COM"),
        ("O'Hara@Bücher.example", "O'Hara@xn--bcher-kva.example"),
        ("x@ＥＸＡＭＰＬＥ.org", "x@example.org"),
        ("soft@hy\u{ad}phen.example", "soft@hyphen.example"),
    ] {
        let actor = world.registered(typed).await;
        assert_eq!(actor.user["email"], typed);
        let mail = world.mails().pop().unwrap();
        assert_eq!((mail.to, mail.cc, mail.bcc, mail.reply_to), (vec![recipient.to_owned()], vec![], vec![], vec![]));
    }
}

#[tokio::test]
async fn a_name_is_kept_in_one_form_and_shown_as_text_alone() {
    // INP-03
    let world = World::new().await;
    let longest = "n".repeat(64);
    for (n, (typed, kept, html)) in [
        ("Ada Lovelace", "Ada Lovelace", "Hello Ada Lovelace, welcome"),
        ("Jose\u{301}", "Jos\u{e9}", "Hello Jos\u{e9}, welcome"),
        ("李小龍", "李小龍", "Hello 李小龍, welcome"),
        ("Tom & 'Jerry' \"O\"", "Tom & 'Jerry' \"O\"", "Hello Tom &#38; &#39;Jerry&#39; &#34;O&#34;, welcome"),
        ("{{ service }} %0d%0a", "{{ service }} %0d%0a", "Hello {{ service }} %0d%0a, welcome"),
        (&longest, &longest, "Hello nnnn"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"email": format!("{n}@example.com"), "password": PASSWORD, "name": typed});
        let actor = Actor::signed_in("", &world.post(REGISTER, &body).await, 201);
        assert_eq!(actor.user["name"], kept);
        world.deliver_mail().await;
        let mail = world.mails().pop().unwrap();
        assert!(mail.html.as_ref().is_some_and(|text| text.contains(html)), "{:?}", mail.html);
        let greeting = format!("Hello {kept}, welcome to our platform!\n");
        assert!(mail.text.as_ref().is_some_and(|text| text.starts_with(&greeting)), "{:?}", mail.text);
        assert_eq!((mail.subject.as_str(), mail.to), ("Welcome!", vec![format!("{n}@example.com")]));
    }
}

#[tokio::test]
async fn what_could_be_more_than_a_name_is_refused() {
    // INP-03
    let world = World::new().await;
    let control = "Name must be one line without control characters";
    let markup = "Name must not contain markup, links or addresses";
    for (name, code, message) in [
        ("", "too_small", "Name must be at least 1 character"),
        ("   ", "too_small", "Name must be at least 1 character"),
        (&"n".repeat(65), "too_big", "Name must be at most 64 characters"),
        ("Ada\nBcc: eve@example.com", "custom", control),
        ("Ada\u{2028}", "custom", control),
        ("Ada\u{85}", "custom", control),
        ("\u{202e}adA", "custom", control),
        ("\u{2066}Ada", "custom", control),
        ("Ada\0", "custom", control),
        ("<b>Ada", "custom", markup),
        ("Ada>", "custom", markup),
        ("ada@example.com", "custom", markup),
        ("see https://evil.example", "custom", markup),
        ("WwW.evil.example", "custom", markup),
    ] {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
        let answer = world.post(REGISTER, &body).await;
        let details = json!([violation("name", code, message)]);
        assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{name:?}");
    }
}

#[tokio::test]
async fn every_field_that_fails_is_named_in_one_answer() {
    // INP-06, in the words of the replaced backend
    let world = World::new().await;
    let email = violation("email", "invalid_string", "Invalid email");
    let required = |field| violation(field, "invalid_type", "Required");
    let cases = [
        (REGISTER, json!({}), json!([required("email"), required("password")])),
        (LOGIN, json!({}), json!([required("email"), required("password")])),
        (REFRESH, json!({}), json!([required("refreshToken")])),
        (LOGOUT, json!({}), json!([required("refreshToken")])),
        (
            REGISTER,
            json!({"email": "canary", "password": "canary", "name": "<canary>"}),
            json!([
                email,
                violation("password", "too_small", "Password must be at least 8 characters"),
                violation("name", "custom", "Name must not contain markup, links or addresses"),
            ]),
        ),
        (
            LOGIN,
            json!({"email": "canary", "password": ""}),
            json!([email, violation("password", "too_small", "Password required")]),
        ),
        (
            LOGOUT,
            json!({"refreshToken": {"canary": 1}, "everywhere": "canary"}),
            json!([
                violation("refreshToken", "invalid_type", "Expected string, received object"),
                violation("everywhere", "invalid_type", "Expected boolean, received string"),
            ]),
        ),
    ];
    for (path, body, details) in cases {
        let answer = world.post(path, &body).await;
        assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{path}");
        assert_eq!(answer.json()["details"], details, "{path} {body}");
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_named_by_its_type_and_never_shown() {
    // INP-05, INP-06
    let world = World::new().await;
    let values = [
        (json!(4_711_471_147_i64), "number"),
        (json!(0.471_147), "number"),
        (json!(true), "boolean"),
        (json!(null), "null"),
        (json!(["canary"]), "array"),
        (json!({"canary": "canary"}), "object"),
    ];
    let fields = [
        (REGISTER, "email", "string"),
        (REGISTER, "password", "string"),
        (LOGIN, "email", "string"),
        (LOGIN, "password", "string"),
        (REFRESH, "refreshToken", "string"),
        (LOGOUT, "refreshToken", "string"),
    ]
    .map(|(path, field, wanted)| (path, field, wanted, ""));
    let optional = [
        (REGISTER, "name", "string", "null"),
        (LOGIN, "deviceToken", "string", "null"),
        (LOGOUT, "everywhere", "boolean", "null"),
    ];
    for (path, field, wanted, also_accepted) in fields.into_iter().chain(optional) {
        for (value, received) in values.iter().filter(|(_, received)| ![wanted, also_accepted].contains(received)) {
            let mut body = json!({"email": "ada@example.com", "password": PASSWORD, "refreshToken": "x"});
            body[field] = value.clone();
            let answer = world.post(path, &body).await;
            let message = format!("Expected {wanted}, received {received}");
            let details = json!([violation(field, "invalid_type", &message)]);
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {body}");
            let shown = answer.without_request_id().body; // whose digits are anybody's
            assert!(!shown.contains("canary") && !shown.contains("4711"), "{shown}");
        }
    }
}

#[tokio::test]
async fn null_for_an_optional_field_is_the_same_as_absent() {
    // FLT-07
    let world = World::new().await;
    let register = async |name: Option<Value>| {
        let mut body = json!({"email": "ada@example.com", "password": PASSWORD});
        if let Some(name) = name {
            body["name"] = name;
        }
        let mut request = posted(REGISTER, &body);
        request.headers.insert("idempotency-key", "one".parse().unwrap());
        world.send(request).await
    };
    let ada = Actor::signed_in("", &register(Some(Value::Null)).await, 201);
    assert_eq!(ada.user["name"], Value::Null);
    let replay = Actor::signed_in("", &register(None).await, 201);
    assert_eq!(replay.user, ada.user, "the same request under its key");
    assert_eq!(register(Some(json!("Ada"))).await.status, 422, "another request");
    world.deliver_mail().await;

    let login = json!({"email": "ada@example.com", "password": PASSWORD, "deviceToken": null});
    let other = Actor::signed_in("", &world.post(LOGIN, &login).await, 200);
    let logout = json!({"refreshToken": other.refresh_token, "everywhere": null});
    assert_eq!(world.post(LOGOUT, &logout).await.status, 204);
    assert_eq!(world.refresh(&other.refresh_token).await.status, 401);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200, "only the one session ended");
}
