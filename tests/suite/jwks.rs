//! `GET /.well-known/jwks.json` and `GET /.well-known/openid-configuration`: what verifiers read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::rows::text;
use tests::system::Answer;
use tests::world::{DOMAIN, World, request};

use crate::support::{claims, header, independently_verified};

const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const ALGORITHMS: [&str; 2] = ["ES256", "RS256"];

/// Gets a document with this `If-None-Match`.
async fn asked_again(world: &World, path: &str, kept: &str) -> Answer {
    world.send(request("GET", path).with_header("if-none-match", kept)).await
}

#[tokio::test]
async fn the_signing_key_is_published_without_private_members() {
    // KEY-01, KEY-03
    for algorithm in ALGORITHMS {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        let answer = world.jwks().await;
        assert_eq!(answer.headers[CACHE_CONTROL], "public, max-age=300");
        let set = answer.json();
        let [key] = set["keys"].as_array().unwrap().as_slice() else { panic!("{set}") };
        assert_eq!((&key["kid"], &key["alg"]), (&header(&ada.access_token)["kid"], &json!(algorithm)));
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        match algorithm {
            "ES256" => assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]),
            _ => assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]),
        }
    }
}

#[tokio::test]
async fn another_implementation_verifies_a_token_by_discovery_alone() {
    // TOK-08
    for algorithm in ALGORITHMS {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        let discovery = world.get(DISCOVERY, None).await.json();
        assert_eq!(discovery["jwks_uri"], format!("{}{JWKS}", discovery["issuer"].as_str().unwrap()));
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!([algorithm]));
        let claims = independently_verified(&world, &ada.access_token).await.unwrap();
        assert_eq!(claims["sub"], ada.id());
    }
}

#[tokio::test]
async fn without_an_issuer_setting_the_issuer_is_the_host_that_was_called() {
    // TOK-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let discovery = world.get(DISCOVERY, None).await;
    assert_eq!(discovery.headers[CACHE_CONTROL], "public, max-age=300");
    assert_eq!(discovery.json()["issuer"], format!("https://{DOMAIN}"));
    assert_eq!(claims(&ada.access_token)["iss"], discovery.json()["issuer"]);

    let mut elsewhere = request("GET", DISCOVERY);
    elsewhere.domain_name = "login.example.org";
    assert_eq!(world.send(elsewhere).await.json()["issuer"], "https://login.example.org");
}

#[tokio::test]
async fn the_issuer_setting_overrides_the_host_that_was_called() {
    // TOK-05
    let world = World::with(&[("ISSUER", "https://id.example.org/latchkey")]).await;
    let ada = world.registered("ada@example.com").await;
    let discovery = world.get(DISCOVERY, None).await.json();
    assert_eq!(discovery["issuer"], "https://id.example.org/latchkey");
    assert_eq!(discovery["jwks_uri"], "https://id.example.org/latchkey/.well-known/jwks.json");
    assert_eq!(claims(&ada.access_token)["iss"], discovery["issuer"]);
    assert_eq!(world.me(&ada).await.status, 200);
}

#[tokio::test]
async fn discovery_without_an_issuer_is_500() {
    // HTP-04
    let world = World::new().await;
    let mut nowhere = request("GET", DISCOVERY);
    nowhere.domain_name = "";
    let answer = world.send(nowhere).await;
    assert_eq!(answer.verdict(), (500, "Internal server error".to_owned()));
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn unpublished_keys_are_503_and_are_not_cached() {
    // KEY-04, HTP-05
    let world = World::new().await;
    world.unpublish_keys();
    for path in [JWKS, DISCOVERY] {
        let answer = world.get(path, None).await;
        assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()), "{path}");
        assert_eq!(
            (&answer.headers[RETRY_AFTER], &answer.headers[CACHE_CONTROL]),
            (&"1".parse().unwrap(), &"no-store".parse().unwrap())
        );
    }
    world.rotate_keys().await;
    assert_eq!(world.jwks().await.status, 200);
}

#[tokio::test]
async fn the_keys_are_read_every_five_minutes_and_cached_for_65_while_the_store_fails() {
    // KEY-04
    let world = World::new().await;
    let published = world.jwks().await.json();
    world.aws().clear_calls();
    world.pass(SignedDuration::from_secs(299));
    assert_eq!((world.jwks().await.json(), world.calls("GetItem")), (published.clone(), 0));
    world.pass(SignedDuration::from_secs(1));
    assert_eq!((world.jwks().await.json(), world.calls("GetItem")), (published.clone(), 1));

    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), usize::MAX);
    world.pass(SignedDuration::from_mins(65) - SignedDuration::from_millis(1));
    assert_eq!(world.jwks().await.json(), published);
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.jwks().await.status, 503);
    world.aws().clear_faults();
    assert_eq!(world.jwks().await.json(), published);
}

#[tokio::test]
async fn a_matching_if_none_match_gets_304() {
    // HTP-02, HTP-04
    let world = World::new().await;
    for path in [JWKS, DISCOVERY] {
        let first = world.get(path, None).await;
        let tag = first.headers[ETAG].to_str().unwrap().to_owned();
        assert_eq!(world.get(path, None).await.headers[ETAG], tag, "{path}: the same body has the same ETag");
        for kept in [tag.clone(), format!("W/{tag}"), format!("\"another\", {tag}"), "*".to_owned()] {
            let answer = asked_again(&world, path, &kept).await;
            assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{path}: {kept}");
            let mut expected = first.without_request_id().headers;
            expected.remove(CONTENT_TYPE);
            assert_eq!(answer.without_request_id().headers, expected, "{path}: {kept}");
        }
        for kept in ["", "\"another\"", tag.trim_matches('"'), &tag.to_uppercase(), &format!("w/{tag}")] {
            let answer = asked_again(&world, path, kept).await;
            assert_eq!((answer.status, &answer.body), (200, &first.body), "{path}: {kept}");
        }
    }
}

#[tokio::test]
async fn a_rotation_changes_the_etag() {
    // KEY-05
    let world = World::new().await;
    let old = world.jwks().await;
    world.rotate_keys().await;
    world.pass(SignedDuration::from_mins(5));
    let new = asked_again(&world, JWKS, old.headers[ETAG].to_str().unwrap()).await;
    assert_eq!((new.status, new.json()["keys"].as_array().unwrap().len()), (200, 2));
    assert_ne!(new.headers[ETAG], old.headers[ETAG]);
}

#[tokio::test]
async fn unreadable_published_keys_are_500() {
    // HTP-04
    let world = World::new().await;
    world.spoil_keys();
    for path in [JWKS, DISCOVERY] {
        assert_eq!(world.get(path, None).await.verdict(), (500, "Internal server error".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_published_key_whose_members_contradict_it_is_refused() {
    // KEY-03
    for algorithm in ALGORITHMS {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        let good: Value = serde_json::from_str(text(&world.public_keys_item(), "document")).unwrap();
        let other = if algorithm == "ES256" { "RS256" } else { "ES256" };
        let number = if algorithm == "ES256" { "x" } else { "n" };
        let long = good["keys"][0]["jwk"][number].as_str().unwrap();
        let short = URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(long).unwrap()[1..]);
        let mut sets = vec![("unchanged", 200, good.clone())];
        let changes = [
            ("use", json!("enc"), 500),
            ("use", json!("SIG"), 500),
            ("key_ops", json!(["verify"]), 200),
            ("key_ops", json!(["sign"]), 500),
            ("key_ops", json!(["verify", "sign"]), 500),
            ("key_ops", json!([]), 500),
            ("alg", json!(other), 500),
            ("alg", json!("HS256"), 500),
            ("kid", json!("another"), 500),
            ("kty", json!("oct"), 500),
            (number, json!(short), 500),
        ];
        for (member, value, status) in changes {
            let mut set = good.clone();
            set["keys"][0]["jwk"][member] = value;
            sets.push((member, status, set));
        }
        sets.push(("one kid twice", 500, json!({"keys": [good["keys"][0], good["keys"][0]]})));
        for (wrong, status, set) in sets {
            world.publish_instead(&set.to_string());
            world.pass(SignedDuration::from_mins(70)); // no cached set is young enough to be used
            let answer = world.me(&ada).await;
            let expected = if status == 200 { 401 } else { status }; // the token has expired
            assert_eq!(answer.status, expected, "{algorithm}, {wrong}: {set}");
            assert_eq!(world.jwks().await.status, status, "{algorithm}, {wrong}: {set}");
        }
    }
}
