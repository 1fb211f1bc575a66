//! Tokens that our own key signed, and that are wrong in one respect; and some that it did not sign.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};
use shared::config;
use shared::signing_keys::{KeySet, SigningKey};
use tests::system::Answer;
use tests::world::{Actor, World};

use super::{claims, header, key_set};

/// What a token is made of.
struct Forge {
    keys: KeySet,
    world: World,
    ada: Actor,
    good: String,
}

impl Forge {
    async fn new(algorithm: &str) -> Self {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        Self { keys: key_set(&world), world, good: ada.access_token.clone(), ada }
    }

    fn key(&self) -> &SigningKey {
        self.keys.access_key(self.world.now()).unwrap()
    }

    fn now(&self) -> i64 {
        self.world.now().as_second()
    }

    /// `header.claims`, as texts of JSON.
    fn unsigned(header: &str, claims: &str) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn signature(&self, signed: &str) -> Vec<u8> {
        self.key().sign(signed.as_bytes()).unwrap()
    }

    /// Any text, with our signature over it.
    fn signed(&self, signed: &str) -> String {
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.signature(signed)))
    }

    /// The good token but for its header: a member of another value, or without it.
    fn with_header(&self, name: &str, value: Option<Value>) -> String {
        let header = changed(header(&self.good), name, value);
        self.signed(&Self::unsigned(&header, &claims(&self.good).to_string()))
    }

    /// The good token but for its claims.
    fn with_claim(&self, name: &str, value: Option<Value>) -> String {
        let claims = changed(claims(&self.good), name, value);
        self.signed(&Self::unsigned(&header(&self.good).to_string(), &claims))
    }

    fn with_times(&self, issued_at: i64, expires_at: i64) -> String {
        let mut claims = claims(&self.good);
        claims["iat"] = issued_at.into();
        claims["exp"] = expires_at.into();
        self.signed(&Self::unsigned(&header(&self.good).to_string(), &claims.to_string()))
    }

    /// The three parts of the good token.
    fn parts(&self) -> [&str; 3] {
        let mut parts = self.good.split('.');
        [(); 3].map(|()| parts.next().unwrap())
    }

    async fn me(&self, token: &str) -> Answer {
        self.world.get("/api/auth/me", Some(&format!("Bearer {token}"))).await
    }

    /// Each of `tokens` gets the one 401, and none is looked up; before and after, the good one gets 200.
    async fn assert_all_refused(&self, tokens: &[(String, String)]) {
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

fn changed(mut object: Value, name: &str, value: Option<Value>) -> String {
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

#[tokio::test]
async fn an_encoding_that_is_not_strict_is_refused() {
    // TOK-06
    let forge = Forge::new("ES256").await;
    let [first, second, third] = forge.parts();
    let (head, body) = (header(&forge.good).to_string(), claims(&forge.good).to_string());
    let resigned = |first: &str, second: &str| forge.signed(&format!("{first}.{second}"));
    let coded = |header: &str, claims: &str| forge.signed(&Forge::unsigned(header, claims));
    let twice = |object: &str, name: &str| {
        let value = &serde_json::from_str::<Value>(object).unwrap()[name];
        object.replacen('{', &format!("{{\"{name}\":{value},"), 1)
    };
    let tilde = body.replacen('{', r#"{"x":"~~~???>>>","#, 1); // whose base64 has the two characters that differ
    let in_standard = STANDARD_NO_PAD.encode(&tilde);
    assert!(in_standard.contains(['+', '/']));

    let mut tokens = vec![
        ("padded header", resigned(&URL_SAFE.encode(format!("{head} ")), second)),
        ("padded claims", resigned(first, &URL_SAFE.encode(format!("{body}  ")))),
        ("padded claims", resigned(first, &format!("{second}="))),
        ("padded signature", format!("{first}.{second}.{third}==")),
        ("standard alphabet", resigned(first, &in_standard)),
        ("space before", format!(" {}", forge.good)),
        ("space within the claims", resigned(first, &format!("{} {}", &second[..8], &second[8..]))),
        ("space in the signature", format!("{first}.{second}.{} {}", &third[..8], &third[8..])),
        ("tab within the header", resigned(&format!("{}\t{}", &first[..8], &first[8..]), second)),
        ("a dot more at the end", format!("{}.", forge.good)),
        ("a dot more in front", format!(".{}", forge.good)),
        ("a dot more in the middle", forge.signed(&format!("{first}..{second}"))),
        ("a part more", format!("{}.{third}", forge.good)),
        ("a part more that is signed", forge.signed(&format!("{first}.{second}.{second}"))),
        ("five parts", format!("{first}.{second}.{third}.{second}.{third}")),
        ("two parts", format!("{first}.{second}")),
        ("one part", first.to_owned()),
        ("no claims", resigned(first, "")),
        ("no header", resigned("", second)),
        ("dots", "..".to_owned()),
        ("a claim twice", coded(&head, &twice(&body, "sub"))),
        ("a claim twice, once escaped", coded(&head, &twice(&body, "sub").replacen("\"sub\"", r#""\u0073ub""#, 1))),
        ("an extra claim twice", coded(&head, &body.replacen('{', r#"{"x":1,"x":1,"#, 1))),
        ("a claim twice, deep within", coded(&head, &body.replacen('{', r#"{"x":{"y":1,"y":2},"#, 1))),
        ("a header twice", coded(&twice(&head, "alg"), &body)),
        ("a header twice", coded(&twice(&head, "kid"), &body)),
        ("claims that are no JSON", coded(&head, "claims")),
        ("claims that are cut", coded(&head, &body[..body.len() - 1])),
        ("claims with more behind", coded(&head, &format!("{body}{body}"))),
        ("claims that are a list", coded(&head, &format!("[{body}]"))),
        ("claims that are a text", coded(&head, &json!(body).to_string())),
        ("claims that are nothing", coded(&head, "null")),
        ("a header that is a list", coded(&format!("[{head}]"), &body)),
        ("a header that is no JSON", coded("header", &body)),
        ("claims with a byte order mark", coded(&head, &format!("\u{feff}{body}"))),
        ("the JSON form", json!({"protected": first, "payload": second, "signature": third}).to_string()),
        ("too long", coded(&head, &body.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(2048)), 1))),
        ("too deep", coded(&head, &body.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)), 1))),
    ];
    // Bits that belong to no byte, and that a lenient decoder drops: two or four at the end of a last character.
    let trailing = |text: &str| {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (rest, end) = text.split_at(text.len() - 1);
        let value = ALPHABET.iter().position(|byte| *byte == end.as_bytes()[0]).unwrap();
        format!("{rest}{}", char::from(ALPHABET[value | 1]))
    };
    tokens.push(("trailing bits in the signature", format!("{first}.{second}.{}", trailing(third))));
    let uneven = (0..3).map(|pad| URL_SAFE_NO_PAD.encode(format!("{body}{}", " ".repeat(pad))));
    for claims in uneven.filter(|claims| claims.len() % 4 != 0) {
        assert_eq!(forge.me(&resigned(first, &claims)).await.status, 200, "as it should be");
        tokens.push(("trailing bits in the claims", resigned(first, &trailing(&claims))));
    }
    let tokens: Vec<_> = tokens.into_iter().map(|(wrong, token)| (wrong.to_owned(), token)).collect();
    forge.assert_all_refused(&tokens).await;
}

#[tokio::test]
async fn a_signature_that_is_not_our_keys_over_this_very_token_is_refused() {
    // TOK-01, TOK-06
    for (algorithm, made) in [("ES256", config::Algorithm::Es256), ("RS256", config::Algorithm::Rs256)] {
        let forge = Forge::new(algorithm).await;
        let [first, second, third] = forge.parts();
        let signed = format!("{first}.{second}");
        let bytes = URL_SAFE_NO_PAD.decode(third).unwrap();
        let with = |signature: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let login = forge.world.login("ada@example.com", tests::world::PASSWORD).await.text("accessToken");
        let stranger = KeySet::first(made, forge.world.now()).unwrap();
        let stranger = stranger.access_key(forge.world.now()).unwrap();
        let flipped = |bit: usize| {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            with(&bytes)
        };
        let mut tokens = vec![
            ("none", format!("{signed}.")),
            ("cut at the end", with(&bytes[..bytes.len() - 1])),
            ("cut in front", with(&bytes[1..])),
            ("a byte too long", with(&[&bytes[..], &[0]].concat())),
            ("half", with(&bytes[..bytes.len() / 2])),
            ("twice", with(&[&bytes[..], &bytes[..]].concat())),
            ("all zeros", with(&vec![0; bytes.len()])),
            ("all ones", with(&vec![0xff; bytes.len()])),
            ("of another token", format!("{signed}.{}", login.rsplit('.').next().unwrap())),
            ("over other claims", format!("{first}.{}.{third}", login.split('.').nth(1).unwrap())),
            ("over the claims alone", with(&forge.signature(second))),
            ("by another key of the same name", with(&stranger.sign(signed.as_bytes()).unwrap())),
            ("its first bit flipped", flipped(0)),
            ("its last bit flipped", flipped(bytes.len() * 8 - 1)),
        ];
        if made == config::Algorithm::Es256 {
            tokens.push(("in DER", with(&der(&bytes))));
            tokens.push(("its halves exchanged", with(&[&bytes[32..], &bytes[..32]].concat())));
        }
        // RFC 8725, 2.1: the public key, known to all, as the secret of an HMAC.
        let header = changed(header(&forge.good), "alg", Some(json!("HS256")));
        let unsigned = Forge::unsigned(&header, &claims(&forge.good).to_string());
        let jwk = serde_json::to_value(forge.key().jwk()).unwrap();
        let numbers = ["x", "y", "n", "e"].into_iter().filter_map(|name| jwk[name].as_str());
        let secrets: Vec<Vec<u8>> = numbers
            .flat_map(|number| [number.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(number).unwrap()])
            .chain([jwk.to_string().into_bytes(), Vec::new(), vec![0]])
            .collect();
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret);
            let mac = jsonwebtoken::crypto::sign(unsigned.as_bytes(), &key, Algorithm::HS256).unwrap();
            tokens.push(("an HMAC under the public key", format!("{unsigned}.{mac}")));
        }
        let tokens: Vec<_> =
            tokens.into_iter().map(|(wrong, token)| (format!("{algorithm}: {wrong}"), token)).collect();
        forge.assert_all_refused(&tokens).await;
    }
}

/// An ECDSA signature of two numbers of 32 bytes as X.509 has it (RFC 3279, 2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut bytes = number[zeros..].to_vec();
        if bytes[0] & 0x80 != 0 {
            bytes.insert(0, 0);
        }
        [&[2, u8::try_from(bytes.len()).unwrap()], &bytes[..]].concat()
    };
    let (r, s) = signature.split_at(32);
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}
