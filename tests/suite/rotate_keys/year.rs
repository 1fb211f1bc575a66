//! A year of rotations, seen by verifiers with caches of different ages. Rotations are interrupted, the algorithm
//! changes, and a key leaks.

use std::collections::HashSet;

use biscuit::Empty;
use biscuit::jwk::JWKSet;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::json;
use shared::app::App;
use shared::keys::SigningKeys;
use shared::tokens::{self, AccessClaims, Parties};
use tests::system::SIGNING_KEYS;
use tests::world::{Actor, DOMAIN, World};

use super::withdrawals::{ids, withdraw};
use super::{DAY, HOUR, MINUTE, STEPS, kid, logged_in, published, refreshed, step_of};
use crate::support::{claims, key_set, signed_claims};

/// How long caches between function and verifier keep a key set: the function's own, and HTTP caches by `max-age`.
const ON_THE_WAY: SignedDuration = SignedDuration::from_mins(10);
const TICK: SignedDuration = SignedDuration::from_mins(13);

/// A verifier of another service. It keeps the key set for this long and does not read it earlier, even for an
/// unknown key.
struct Verifier {
    keeps: SignedDuration,
    fetched_at: Timestamp,
    keys: JWKSet<Empty>,
}

/// An HTTP cache between the verifiers and the function.
struct Edge {
    fetched_at: Timestamp,
    body: String,
}

impl Edge {
    /// Reads the key set, from the cache if it is less than five minutes old.
    async fn get(&mut self, world: &World) -> JWKSet<Empty> {
        if world.now() >= self.fetched_at + 5 * MINUTE {
            self.body = world.jwks().await.body;
            self.fetched_at = world.now();
        }
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Verifier {
    /// Reads the key set again if the cached one is too old.
    async fn look(&mut self, world: &World, edge: &mut Edge) {
        if world.now() >= self.fetched_at + self.keeps {
            self.keys = edge.get(world).await;
            self.fetched_at = world.now();
        }
    }

    /// Returns whether this verifier accepts a token.
    fn accepts(&self, token: &str) -> bool {
        signed_claims(&self.keys, token).is_ok()
    }
}

/// A key that leaked, and what replaced it.
struct Leak {
    withdrawn_at: Timestamp,
    kid: String,
    keys: SigningKeys,
    replaced_by: String,
}

impl Leak {
    /// Returns an access token that the thief signs with the leaked key.
    fn forged(&self, world: &World, actor: &Actor) -> String {
        let issuer = format!("https://{DOMAIN}");
        let parties = Parties { issuer: &issuer, audience: "latchkey" };
        let claims = claims(&actor.access_token);
        let [user, session] = ["sub", "sid"].map(|name| claims[name].as_str().unwrap().to_owned());
        let key = self.keys.access_key(self.withdrawn_at).unwrap();
        let (user, session) = (user.parse().unwrap(), session.parse().unwrap());
        let claims = AccessClaims { user, session, email_verified: false };
        let token = tokens::issue(key, parties, &claims, world.now()).unwrap();
        token.expose_secret().to_owned()
    }
}

/// The state of the whole year.
struct Year {
    world: World,
    ada: Actor,
    edge: Edge,
    verifiers: Vec<Verifier>,
    /// Tokens that have not expired, and when they were issued.
    tokens: Vec<(String, Timestamp)>,
    signers: HashSet<String>,
    leak: Option<Leak>,
}

impl Year {
    /// Lets time pass, refreshes the client's tokens, and has every verifier judge every token.
    async fn tick(&mut self, time: SignedDuration) {
        self.world.pass(time);
        let now = self.world.now();
        self.ada = refreshed(&self.world, &self.ada).await;
        self.signers.insert(kid(&self.ada.access_token));
        self.tokens.push((self.ada.access_token.clone(), now));
        self.tokens.retain(|(_, issued_at)| now < *issued_at + 15 * MINUTE);
        for verifier in &mut self.verifiers {
            verifier.look(&self.world, &mut self.edge).await;
        }
        if let Some(leak) = &self.leak {
            self.tokens.push((leak.forged(&self.world, &self.ada), now));
        }
        for (token, _) in &self.tokens {
            let bearer = format!("Bearer {token}");
            let ours = self.world.get("/api/auth/me", Some(&bearer)).await.status == 200;
            self.judge(token, ours, 5 * MINUTE);
            for verifier in &self.verifiers {
                self.judge(token, verifier.accepts(token), verifier.keeps + ON_THE_WAY);
            }
        }
    }

    /// Asserts that valid tokens are accepted and tokens of the withdrawn key refused. For `unaware_for` after the
    /// withdrawal either is allowed.
    fn judge(&self, token: &str, accepted: bool, unaware_for: SignedDuration) {
        let now = self.world.now();
        let kid = kid(token);
        match &self.leak {
            Some(leak) if now < leak.withdrawn_at + unaware_for && [&leak.kid, &leak.replaced_by].contains(&&kid) => {}
            Some(leak) if leak.kid == kid => {
                assert!(!accepted, "{now}: a token of the withdrawn key is accepted, {unaware_for:?}");
            }
            _ => assert!(accepted, "{now}: a good token is refused, {unaware_for:?}"),
        }
    }

    /// Lets time pass in ticks.
    async fn ticks(&mut self, time: SignedDuration, tick: SignedDuration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            self.tick(tick.min(end.duration_since(self.world.now()))).await;
        }
    }

    /// Interrupts a rotation after this many steps, and starts it again later, at most twice.
    async fn rotate(&mut self, app: &App, steps: usize, later: SignedDuration) {
        for steps in [steps, 4, 4] {
            let now = self.world.now();
            if let Some(last) = self.verifiers.last_mut() {
                last.keys = self.edge.get(&self.world).await;
                last.fetched_at = now - 118 * MINUTE;
            }
            let token = self.world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
            let mut done = 0;
            for name in &STEPS[..steps] {
                if step_of(app, name, &app.config.signing_keys_secret, &token).await.is_err() {
                    break; // it was interrupted for too long; Secrets Manager starts anew
                }
                done += 1;
            }
            if done == 4 {
                return;
            }
            self.ticks(later, TICK).await;
        }
        panic!("the rotation does not complete");
    }

    /// Withdraws the signing key, which has leaked. The operator's first attempt fails half way.
    async fn withdraw(&mut self) {
        let keys = key_set(&self.world);
        let kid = kid(&self.ada.access_token);
        let (service, fault) = (tests::doubles::Service::Secrets, tests::doubles::Fault::AppliedButLost);
        self.world.aws().fail(service, "UpdateSecretVersionStage", fault, 3);
        let event = tests::event::invocation(json!({"withdraw": [kid]}), 30);
        assert!(tests::functions::invoke(&self.world.system().app, "rotate-keys", event).await.is_err());
        let left = withdraw(&self.world, &[&kid]).await;
        let replaced_by = ids(&left, "access").pop().unwrap();
        self.leak = Some(Leak { withdrawn_at: self.world.now(), kid, keys, replaced_by });
    }
}

#[tokio::test]
async fn in_a_year_of_rotations_no_valid_token_is_refused_and_no_withdrawn_key_is_accepted() {
    // KEY-03, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let mut edge = Edge { fetched_at: Timestamp::UNIX_EPOCH, body: String::new() };
    let keys = edge.get(&world).await;
    let cache_minutes = [5, 60, 120, 120, 120, 120, 120, 120, 120, 120];
    let fetched_at = world.now();
    let verifiers =
        cache_minutes.map(|minutes| Verifier { keeps: MINUTE * minutes, fetched_at, keys: keys.clone() }).into();
    let algorithms = ["ES256", "RS256"].map(|algorithm| world.another_process(&[("SIGNING_ALGORITHM", algorithm)]));
    let mut year = Year { world, ada, edge, verifiers, tokens: Vec::new(), signers: HashSet::new(), leak: None };

    for month in 1..=12_usize {
        year.world.pass(30 * DAY - 7 * HOUR);
        year.ada = logged_in(&year.world).await; // the session has expired
        for (place, verifier) in (0_i32..).zip(&mut year.verifiers) {
            verifier.keys = year.edge.get(&year.world).await;
            verifier.fetched_at = year.world.now() - MINUTE * (14 * place);
        }
        year.ticks(HOUR + MINUTE * i32::try_from(month).unwrap(), TICK).await;
        if month == 10 {
            year.withdraw().await;
            year.ticks(3 * HOUR, TICK).await;
        }
        let app = &algorithms[usize::from((5..8).contains(&month))];
        year.rotate(app, month % 5, if month % 2 == 0 { TICK } else { 91 * MINUTE }).await;
        // The verifier with the oldest cache reads through stale HTTP caches, and the new key signs before it reads
        // again.
        for (time, tick) in [(6, 2), (112, 13), (16, 2), (106, 13)] {
            year.ticks(MINUTE * time, MINUTE * tick).await;
        }
    }
    assert_eq!(year.signers.len(), 14, "the first key, twelve new ones, and the replacement of the leaked one");
    assert!(published(&year.world).await.len() <= 2, "retired keys are no longer published");
}
