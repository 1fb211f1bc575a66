//! Tokens that our own key signed, and that are wrong in one header or one claim.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use shared::keys::{SigningKey, SigningKeys};
use tests::system::Answer;
use tests::world::{Actor, World};

use super::{claims, header, key_set};

/// What a token is made of.
pub(super) struct Forge {
    keys: SigningKeys,
    pub(super) world: World,
    ada: Actor,
    pub(super) good: String,
}

impl Forge {
    pub(super) async fn new(algorithm: &str) -> Self {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        Self { keys: key_set(&world), world, good: ada.access_token.clone(), ada }
    }

    pub(super) fn key(&self) -> &SigningKey {
        self.keys.access_key(self.world.now()).unwrap()
    }

    pub(super) fn now(&self) -> i64 {
        self.world.now().as_second()
    }

    /// `header.claims`, as texts of JSON.
    pub(super) fn unsigned(header: &str, claims: &str) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    pub(super) fn signature(&self, signed: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.key().sign(signed.as_bytes()).unwrap()).unwrap()
    }

    /// Any text, with our signature over it.
    pub(super) fn signed(&self, signed: &str) -> String {
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.signature(signed)))
    }

    /// The good token but for its header: a member of another value, or without it.
    pub(super) fn with_header(&self, name: &str, value: Option<Value>) -> String {
        let header = changed(header(&self.good), name, value);
        self.signed(&Self::unsigned(&header, &claims(&self.good).to_string()))
    }

    /// The good token but for its claims.
    pub(super) fn with_claim(&self, name: &str, value: Option<Value>) -> String {
        let claims = changed(claims(&self.good), name, value);
        self.signed(&Self::unsigned(&header(&self.good).to_string(), &claims))
    }

    pub(super) fn with_times(&self, issued_at: i64, expires_at: i64) -> String {
        let mut claims = claims(&self.good);
        claims["iat"] = issued_at.into();
        claims["exp"] = expires_at.into();
        self.signed(&Self::unsigned(&header(&self.good).to_string(), &claims.to_string()))
    }

    /// The three parts of the good token.
    pub(super) fn parts(&self) -> [&str; 3] {
        let mut parts = self.good.split('.');
        [(); 3].map(|()| parts.next().unwrap())
    }

    pub(super) async fn me(&self, token: &str) -> Answer {
        self.world.get("/api/auth/me", Some(&format!("Bearer {token}"))).await
    }

    /// Each of `tokens` gets the one 401, and none is looked up; before and after, the good one gets 200.
    pub(super) async fn assert_all_refused(&self, tokens: &[(String, String)]) {
        assert_eq!(self.me(&self.good).await.status, 200);
        let expected = self.me("garbage").await.without_request_id();
        assert_eq!(expected.verdict(), (401, "Invalid token".to_owned()));
        self.world.aws().clear_calls();
        for (wrong, token) in tokens {
            assert_ne!(token, &self.good, "{wrong}");
            assert_eq!(self.me(token).await.without_request_id(), expected, "{wrong}: {token}");
        }
        assert_eq!(self.world.aws().calls(), [], "nobody's account was looked up for them");
        assert_eq!(self.me(&self.good).await.status, 200);
    }
}

pub(super) fn changed(mut object: Value, name: &str, value: Option<Value>) -> String {
    let members: &mut Map<String, Value> = object.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    object.to_string()
}

#[tokio::test]
async fn a_token_that_is_only_written_differently_is_good() {
    // TOK-02, TOK-05: the controls, without which the refusals would show nothing
    for algorithm in ["ES256", "RS256"] {
        let forge = Forge::new(algorithm).await;
        let now = forge.now();
        let good = [
            ("the same again", forge.with_claim("extra", None)),
            ("another case", forge.with_header("typ", Some(json!("AT+JWT")))),
            ("with its media type", forge.with_header("typ", Some(json!("application/at+jwt")))),
            ("with its media type in another case", forge.with_header("typ", Some(json!("Application/At+Jwt")))),
            ("a harmless header", forge.with_header("cty", Some(json!("text")))),
            ("an array of our audience", forge.with_claim("aud", Some(json!(["latchkey"])))),
            ("a claim more", forge.with_claim("scope", Some(json!("read")))),
            ("a shorter life", forge.with_times(now, now + 60)),
            ("five seconds early", forge.with_times(now + 5, now + 905)),
            ("four seconds late", forge.with_times(now - 904, now - 4)),
        ];
        for (how, token) in good {
            assert_eq!(forge.me(&token).await.status, 200, "{algorithm}, {how}");
        }
    }
}

#[tokio::test]
async fn a_header_that_is_not_ours_is_refused() {
    // TOK-01, TOK-02, TOK-03, TOK-04
    for algorithm in ["ES256", "RS256"] {
        let forge = Forge::new(algorithm).await;
        let other = if algorithm == "ES256" { "RS256" } else { "ES256" };
        let jwk = serde_json::to_value(forge.key().jwk()).unwrap();
        let kid = forge.key().jwk().kid.clone();
        let wrong = [
            (
                "alg",
                vec![
                    None,
                    Some(json!("none")),
                    Some(json!("None")),
                    Some(json!("NONE")),
                    Some(json!("")),
                    Some(json!(null)),
                ],
            ),
            (
                "alg",
                vec![
                    Some(json!("HS256")),
                    Some(json!("HS512")),
                    Some(json!("ES384")),
                    Some(json!("PS256")),
                    Some(json!("EdDSA")),
                ],
            ),
            (
                "alg",
                vec![Some(json!(other)), Some(json!(algorithm.to_lowercase())), Some(json!(format!("{algorithm} ")))],
            ),
            ("alg", vec![Some(json!([algorithm])), Some(json!(256)), Some(json!({algorithm: true}))]),
            (
                "typ",
                vec![
                    None,
                    Some(json!("JWT")),
                    Some(json!("jwt")),
                    Some(json!("")),
                    Some(json!("at")),
                    Some(json!("at+jwt ")),
                ],
            ),
            (
                "typ",
                vec![Some(json!("text/at+jwt")), Some(json!(["at+jwt"])), Some(json!(null)), Some(json!("dpop+jwt"))],
            ),
            ("crit", vec![Some(json!([])), Some(json!(["exp"])), Some(json!(["b64"])), Some(json!(null))]),
            ("b64", vec![Some(json!(true)), Some(json!(false))]),
            ("zip", vec![Some(json!("DEF"))]),
            ("enc", vec![Some(json!("A256GCM"))]),
            ("jwk", vec![Some(jwk.clone()), Some(json!({}))]),
            ("jku", vec![Some(json!("https://api.latchkey.example/.well-known/jwks.json"))]),
            ("x5u", vec![Some(json!("https://example.com/certificate.pem"))]),
            ("x5c", vec![Some(json!(["MIIB"])), Some(json!([]))]),
            ("kid", vec![None, Some(json!(null)), Some(json!(7)), Some(json!([kid])), Some(json!(""))]),
            (
                "kid",
                vec![Some(json!("unknown")), Some(json!(format!("{kid} "))), Some(json!(kid.to_uppercase() + "x"))],
            ),
            ("kid", vec![Some(json!("k".repeat(64))), Some(json!("k".repeat(65))), Some(json!("../../dev/null"))]),
            ("kid", vec![Some(json!("' OR '1'='1")), Some(json!(format!("{kid}\u{0}"))), Some(json!("kl\u{fc}ssel"))]),
        ];
        let mut tokens = Vec::new();
        for (name, values) in wrong {
            for value in values {
                tokens.push((format!("{algorithm}: {name} {value:?}"), forge.with_header(name, value)));
            }
        }
        forge.assert_all_refused(&tokens).await;
    }
}

#[tokio::test]
async fn a_name_of_a_key_that_cannot_be_ours_is_not_even_looked_for() {
    // TOK-04
    let forge = Forge::new("ES256").await;
    assert_eq!(forge.me(&forge.good).await.status, 200);
    forge.world.pass(jiff::SignedDuration::from_mins(2)); // an unknown one would be
    forge.world.aws().clear_calls();
    for kid in [json!("k".repeat(65)), json!("../x"), json!(""), json!("a b"), json!("\u{e9}")] {
        assert_eq!(forge.me(&forge.with_header("kid", Some(kid.clone()))).await.status, 401, "{kid}");
    }
    for (name, value) in [("alg", "none"), ("alg", "HS256"), ("typ", "JWT"), ("jku", "https://example.com")] {
        let header = changed(header(&forge.with_header("kid", Some(json!("unknown")))), name, Some(json!(value)));
        let token = forge.signed(&Forge::unsigned(&header, &claims(&forge.good).to_string()));
        assert_eq!(forge.me(&token).await.status, 401, "{name} {value}");
    }
    assert_eq!(forge.world.aws().calls(), []);
    assert_eq!(forge.me(&forge.with_header("kid", Some(json!("k".repeat(64))))).await.status, 401);
    assert_eq!(forge.world.aws().calls().len(), 1, "this one could be");
}

#[tokio::test]
async fn a_claim_that_is_not_ours_is_refused() {
    // TOK-05
    let forge = Forge::new("ES256").await;
    let now = forge.now();
    let iss = claims(&forge.good)["iss"].clone();
    let wrong = [
        ("iss", vec![None, Some(json!("https://example.com")), Some(json!(format!("{}/", iss.as_str().unwrap())))]),
        (
            "iss",
            vec![Some(json!([iss])), Some(json!(null)), Some(json!("")), Some(json!("HTTPS://API.LATCHKEY.EXAMPLE"))],
        ),
        (
            "aud",
            vec![
                None,
                Some(json!("other")),
                Some(json!("Latchkey")),
                Some(json!(7)),
                Some(json!(null)),
                Some(json!("")),
            ],
        ),
        (
            "aud",
            vec![Some(json!(["latchkey", "other"])), Some(json!(["latchkey", "latchkey"])), Some(json!(["other"]))],
        ),
        ("aud", vec![Some(json!([])), Some(json!([7])), Some(json!([["latchkey"]])), Some(json!({"latchkey": true}))]),
        (
            "sub",
            vec![None, Some(json!("")), Some(json!("ada@example.com")), Some(json!(7)), Some(json!([forge.ada.id()]))],
        ),
        (
            "exp",
            vec![None, Some(json!((now + 900).to_string())), Some(json!(900.5)), Some(json!(1.8e9)), Some(json!(null))],
        ),
        (
            "exp",
            vec![Some(json!(u64::MAX)), Some(json!(i64::MAX)), Some(json!(i64::MIN)), Some(json!(-1)), Some(json!(0))],
        ),
        ("exp", vec![Some(json!(now + 901)), Some(json!(now - 5)), Some(json!(true))]),
        ("iat", vec![None, Some(json!(now.to_string())), Some(json!(now + 6)), Some(json!(now - 1)), Some(json!(-1))]),
        (
            "iat",
            vec![Some(json!(null)), Some(json!(u64::MAX)), Some(json!(i64::MIN)), Some(json!(0)), Some(json!(1.8e9))],
        ),
        ("jti", vec![None, Some(json!("")), Some(json!(7)), Some(json!(null))]),
        ("sid", vec![None, Some(json!("")), Some(json!("no uuid")), Some(json!(7)), Some(json!(null))]),
    ];
    let mut tokens = vec![
        ("expired".to_owned(), forge.with_times(now - 905, now - 5)),
        ("lives too long".to_owned(), forge.with_times(now, now + 901)),
        ("from the future".to_owned(), forge.with_times(now + 6, now + 900)),
    ];
    for (name, values) in wrong {
        for value in values {
            tokens.push((format!("{name} {value:?}"), forge.with_claim(name, value)));
        }
    }
    forge.assert_all_refused(&tokens).await;
}
