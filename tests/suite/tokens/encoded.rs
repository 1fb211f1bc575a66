//! Tokens with the right header and the right claims, in another form or under another signature.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use shared::config;
use shared::keys::{KeySet, Keys, SecretKind, SigningKeys};

use super::forged::{Forge, changed};
use super::{claims, header};

/// Returns a text in base64url with padding. Spaces at its end make padding necessary.
fn padded(text: &str) -> String {
    let encoded = ["", " "].map(|spaces| URL_SAFE.encode(format!("{text}{spaces}")));
    encoded.into_iter().find(|encoded| encoded.ends_with('=')).unwrap()
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
        ("padded claims", resigned(first, &padded(&body))),
        ("padded claims", resigned(first, &format!("{second}="))),
        ("padded signature", format!("{first}.{second}.{third}==")),
        ("standard alphabet", resigned(first, &in_standard)),
        ("tab before", format!("\t{}", forge.good)),
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
        let stranger =
            SigningKeys::read(&KeySet::first(SecretKind::Signing, made, forge.world.now()).unwrap()).unwrap();
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
            ("by another key of the same name", format!("{signed}.{}", stranger.sign(signed.as_bytes()).unwrap())),
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
