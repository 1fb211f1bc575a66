//! The keys of worlds. To make them takes longer than many tests, so worlds share them.

use serde_json::Value;
use tokio::sync::OnceCell;

use super::World;
use crate::system::SECRETS;

/// The setting that decides which keys are made.
const ALGORITHM: &str = "SIGNING_ALGORITHM";

/// The keys of all worlds that do not ask for their own, by the algorithm that signs.
static SHARED: [(&str, OnceCell<Keys>); 2] = [("ES256", OnceCell::const_new()), ("RS256", OnceCell::const_new())];

/// What the rotations of all secrets have made.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) secrets: [String; 2],
    /// The items of `PublicKeys`.
    pub(super) published: Vec<Value>,
}

impl Keys {
    pub(super) fn of(world: &World) -> Self {
        let secrets = SECRETS.map(|secret| world.aws().secrets.value(secret, "AWSCURRENT").expect("keys"));
        Self { secrets, published: world.items("PublicKeys") }
    }
}

/// Returns the keys of all worlds whose settings name this algorithm.
pub(super) async fn shared(settings: &[(&str, &str)]) -> Keys {
    let algorithm = settings.iter().find(|(name, _)| *name == ALGORITHM).map_or("ES256", |(_, algorithm)| *algorithm);
    let (_, keys) = SHARED.iter().find(|(name, _)| *name == algorithm).expect("an algorithm that signs");
    keys.get_or_init(async || Keys::of(&World::with_its_own_keys(&[(ALGORITHM, algorithm)]).await)).await.clone()
}
