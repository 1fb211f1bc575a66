use super::legacy::LegacyHashes;
use super::stored::{StoredHash, Unusable, Verifiable};
use super::{HashError, PARAMS, Passwords};

/// Why a hash is not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Failed(#[from] HashError),
}

impl Passwords {
    /// Checks a hash of another system, which is stored as it is. To find the hash of the empty password, it computes one
    /// hash.
    ///
    /// Returns whether a login to the account takes another time than a login to no account, until it renews the hash.
    /// Only hashes of the cost in `LEGACY_HASHES` and of our own parameters take the same time.
    ///
    /// # Errors
    /// [`ImportError::Unusable`] says what is wrong with the hash.
    pub async fn import(&self, hash: &StoredHash, legacy: Option<LegacyHashes>) -> Result<bool, ImportError> {
        let (is_told_apart, is_of_nothing) = match Verifiable::parse(hash.expose(), legacy.map(|legacy| legacy.cost))? {
            Verifiable::Argon2id(argon2id) => {
                let is_told_apart =
                    argon2id.params.m_cost() != PARAMS.m_cost() || argon2id.params.t_cost() != PARAMS.t_cost();
                (is_told_apart, self.run(move |memory| argon2id.fits(memory, "")).await?)
            }
            Verifiable::Bcrypt(bcrypt) => {
                let is_told_apart = legacy.is_some_and(|legacy| legacy.cost != bcrypt.cost);
                let fits = move |_: &_| Ok(legacy.is_some_and(|legacy| legacy.fits("", &bcrypt)));
                (is_told_apart, self.run(fits).await?)
            }
        };
        if is_of_nothing {
            return Err(Unusable::new("is of the empty password").into());
        }
        Ok(is_told_apart)
    }
}
