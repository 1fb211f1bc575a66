//! INP-05: the body, its size, its type and its bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::{PASSWORD, World, request};
use tests::{event, functions};
use uuid::Uuid;

use super::events::invoke;
use super::{LOGIN, LOGOUT, REFRESH, REGISTER, posted};

const JSON: &str = "application/json";
const LIMIT: usize = 8192;

/// A request without an account behind it, of `length` bytes by a field that nobody reads.
fn sized(path: &str, length: usize, filling: &str) -> Vec<u8> {
    let mut body = json!({"email": "x", "password": "", "refreshToken": 1, "everywhere": 1, "filling": ""}).to_string();
    let missing = length - body.len();
    body.insert_str(
        body.find("filling\":\"").unwrap() + "filling\":\"".len(),
        &filling.repeat(missing / filling.len()),
    );
    assert_eq!(body.len(), length, "{path}");
    body.into_bytes()
}

/// The answer to an event whose body is in base64, or so it says.
async fn post_base64(world: &World, path: &str, body: &str) -> Answer {
    let mut event = event::http(&posted(path, &Value::Null), world.now());
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(true);
    let function = functions::route("POST", path).unwrap().function;
    let answer = invoke(world, function, event).await;
    assert_eq!(tests::contract::complaint("POST", path, &answer), None);
    answer
}

fn whole_body(code: &str, message: &str) -> Value {
    json!([{"path": [], "code": code, "message": message}])
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    // INP-05
    let world = World::new().await;
    for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
        let mut silent = posted(path, &json!({}));
        silent.headers.remove("content-type");
        assert_eq!(world.send(silent).await.verdict(), (415, "Unsupported media type".to_owned()), "{path}");
        for wrong in [
            "",
            "json",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/json; charset=utf-16",
            "application/json, text/plain",
        ] {
            let answer = world.post_bytes(path, wrong, b"{}".to_vec()).await;
            assert_eq!(answer.verdict(), (415, "Unsupported media type".to_owned()), "{path} {wrong}");
        }
        for right in [
            JSON,
            "Application/JSON",
            "application/json;charset=UTF-8",
            "application/json ; charset=\"utf-8\"",
            "application/json; version=1",
            "application/merge-patch+json",
        ] {
            assert_eq!(world.post_bytes(path, right, b"{}".to_vec()).await.status, 400, "{path} {right}");
        }
    }
}

#[tokio::test]
async fn eight_kibibytes_are_read_and_not_a_byte_more() {
    // INP-05
    let world = World::new().await;
    for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
        for filling in ["x", "\u{fc}"] {
            let (fits, over) = (sized(path, LIMIT, filling), [&sized(path, LIMIT, filling)[..], b" "].concat());
            assert_eq!((fits.len(), over.len()), (8192, 8193));
            for (body, status) in [(fits, 400), (over, 413)] {
                assert_eq!(post_base64(&world, path, &STANDARD.encode(&body)).await.status, status, "{path}, base64");
                let answer = world.post_bytes(path, JSON, body).await;
                assert_eq!(answer.status, status, "{path} {filling}");
            }
        }
        for huge in [20_000, 1_000_000] {
            assert_eq!(world.post_bytes(path, JSON, sized(path, huge, "x")).await.status, 413);
            assert_eq!(post_base64(&world, path, &"A".repeat(huge)).await.status, 413);
            assert_eq!(post_base64(&world, path, &"!".repeat(huge)).await.status, 413);
        }
    }
}

#[tokio::test]
async fn a_body_in_base64_is_a_body_like_any_other() {
    // INP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let answer = post_base64(&world, LOGIN, &STANDARD.encode(&body)).await;
    assert_eq!((answer.status, &answer.json()["user"]), (200, &ada.user));

    for broken in ["!", "e30", "e30=e30=", "{}", "e3 0=", "e30=\n", "ü"] {
        for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
            let answer = post_base64(&world, path, broken).await;
            let details = whole_body("invalid_json", "The body is not valid base64");
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {broken:?}");
        }
    }
}

#[tokio::test]
async fn the_type_of_a_body_counts_before_its_size_and_its_size_before_its_content() {
    // INP-05
    let world = World::new().await;
    let (large, broken) = ("!".repeat(20_000), "!");
    for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
        for body in [&large, broken] {
            let mut event = event::http(&posted(path, &Value::Null), world.now());
            event["headers"]["content-type"] = json!("text/plain");
            event["body"] = json!(body);
            for is_base64_encoded in [true, false] {
                event["isBase64Encoded"] = json!(is_base64_encoded);
                let function = functions::route("POST", path).unwrap().function;
                assert_eq!(invoke(&world, function, event.clone()).await.status, 415, "{path}");
            }
        }
        assert_eq!(post_base64(&world, path, &large).await.status, 413, "{path}");
        assert_eq!(post_base64(&world, path, broken).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_route_without_a_body_ignores_a_faulty_one() {
    // INP-05
    let world = World::new().await;
    for body in ["!".repeat(20_000), "!".to_owned()] {
        let mut event = event::http(&request("GET", "/health"), world.now());
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(true);
        assert_eq!(invoke(&world, "public", event).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    // INP-05
    let world = World::new().await;
    let deep = format!("{{\"email\":{}", "[".repeat(8000));
    let bodies: [&[u8]; 16] = [
        b"",
        b" ",
        b"{",
        b"}",
        b"{} {}",
        b"{}x",
        b"{'email':'ada@example.com'}",
        b"{\"email\":\"ada@example.com\",}",
        b"{\"email\":\"\xff\"}",
        b"{\"email\":\"\xc0\xaf\"}",
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf{}",
        br#"{"email":"\ud800"}"#,
        b"{\"email\":\"a\nb\"}",
        b"{\"x\":1e999}",
        deep.as_bytes(),
    ];
    for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
        let details = whole_body("invalid_json", "The body is not valid JSON");
        for body in bodies {
            let answer = world.post_bytes(path, JSON, body.to_vec()).await;
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {body:?}");
        }
        let nothing = HttpRequest { body: None, ..posted(path, &Value::Null) };
        assert_eq!(world.send(nothing).await.json()["details"], details, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_object_is_refused() {
    // INP-05
    let world = World::new().await;
    for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
        for (body, received) in [
            (json!([]), "array"),
            (json!([{"email": "ada@example.com", "password": PASSWORD}]), "array"),
            (json!("canary"), "string"),
            (json!(4711), "number"),
            (json!(true), "boolean"),
            (json!(null), "null"),
        ] {
            let answer = world.post(path, &body).await;
            let details = whole_body("invalid_type", &format!("Expected object, received {received}"));
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {body}");
        }
    }
}

#[tokio::test]
async fn a_key_twice_is_refused_wherever_it_stands() {
    // INP-05: one reader would take the first and another the last.
    let world = World::new().await;
    for body in [
        r#"{"email":"ada@example.com","email":"eve@example.com","password":"correct horse"}"#,
        r#"{"email":"ada@example.com","password":"correct horse","password":"correct horse"}"#,
        r#"{"email":"ada@example.com","\u0065mail":"eve@example.com","password":"correct horse"}"#,
        r#"{"refreshToken":"a","refreshToken":"a"}"#,
        r#"{"nobody reads":{"a":1,"b":2,"a":3}}"#,
        r#"{"nobody reads":[[{"":1,"":1}]]}"#,
    ] {
        for path in [REGISTER, LOGIN, REFRESH, LOGOUT] {
            let answer = world.post_bytes(path, JSON, body.into()).await;
            let details = whole_body("duplicate_key", "The body has the same key twice");
            assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{path} {body}");
        }
    }
    assert_eq!(world.items("Credentials").len(), 0);
}

/// Marsaglia's xorshift64*: enough to choose where to strike.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        const TELLING: &[u8] = b"\0\"\\{}[],: \n\x7f\x80\xc3\xe2\xed\xf0\xff09-eE.tfn@";
        if self.below(2) == 0 { TELLING[self.below(TELLING.len())] } else { u8::try_from(self.below(256)).unwrap() }
    }

    /// One to four strikes: a byte changed, put in, taken out; a stretch taken out, doubled, moved.
    fn mutate(&mut self, valid: &[u8]) -> Vec<u8> {
        let mut body = valid.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(body.len() + 1).min(body.len().saturating_sub(1));
            let end = (at + 1 + self.below(12)).min(body.len());
            let other = self.below(body.len() + 1);
            match self.below(6) {
                0 if !body.is_empty() => body[at] = self.byte(),
                1 => body.insert(at, self.byte()),
                2 if !body.is_empty() => drop(body.remove(at)),
                3 if at < end => drop(body.drain(at..end)),
                4 if at < end => {
                    let stretch = body[at..end].to_vec();
                    drop(body.splice(other..other, stretch));
                }
                _ => body.truncate(other),
            }
        }
        body
    }
}

#[tokio::test]
async fn no_bytes_whatever_are_our_fault() {
    // INP-05, HTP-04: `World::send` holds every answer against the contract.
    let seed = Uuid::new_v4().as_u64_pair().0 | 1;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    // A mutant may be a registration, or a wrong password, and there are a hundred of each.
    let limits = ["REGISTRATIONS_PER_NETWORK", "LOGINS_PER_NETWORK"].map(|limit| (limit, "200"));
    let failures = ["LOGINS_PER_ACCOUNT_AND_NETWORK", "FAILED_LOGINS_BEFORE_DELAY"].map(|limit| (limit, "100"));
    let world = World::with(&[limits, failures].concat()).await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    let token = json!({"refreshToken": ada.refresh_token, "everywhere": false}).to_string();
    let login = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let register = json!({"email": "b@example.com", "password": "a zebra word", "name": "B\u{f6}b"}).to_string();
    for (path, valid, fitting) in [
        (REGISTER, &register, &[201, 400, 409, 413][..]),
        (LOGIN, &login, &[200, 400, 401, 413]),
        (REFRESH, &token, &[200, 400, 401, 413]),
        (LOGOUT, &token, &[204, 400, 413]),
        ("/api/auth/send-welcome-email", &login, &[401]),
    ] {
        for _ in 0..100 {
            let body = dice.mutate(valid.as_bytes());
            let shown = String::from_utf8_lossy(&body).into_owned();
            let answer = world.post_bytes(path, JSON, body).await;
            assert!(fitting.contains(&answer.status), "seed {seed}: {path} {shown:?}: {}", answer.status);
        }
    }
}
