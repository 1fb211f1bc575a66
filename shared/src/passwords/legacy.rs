use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::zeroize::Zeroizing;

use super::stored::BcryptHash;

/// How many bytes of a password bcrypt uses. It ignores the rest.
pub(super) const BCRYPT_BYTES: usize = 72;

/// Verifies bcrypt hashes that were imported.
///
/// It holds the only pointer to bcrypt, so a function that does not make it does not link bcrypt.
#[derive(Clone, Copy, Debug)]
pub struct LegacyHashes {
    /// The cost of the hash that every verification pays, and the highest cost that a stored hash may have.
    pub(super) cost: u32,
    pub(super) bcrypt: fn(u32, [u8; 16], &[u8]) -> [u8; 24],
}

impl LegacyHashes {
    #[must_use]
    pub fn of_cost(cost: u32) -> Self {
        Self { cost, bcrypt: bcrypt::bcrypt }
    }

    /// Returns a hash that no known password fits. It is verified for an account whose hash is not of bcrypt.
    pub(super) const fn dummy(&self) -> BcryptHash {
        BcryptHash { cost: self.cost, salt: [0; 16], hash: [0; 23] }
    }

    /// Returns whether the password is the one behind `hash`, in constant time. Like every other bcrypt, it compares the
    /// first 72 bytes.
    pub(super) fn fits(&self, password: &str, hash: &BcryptHash) -> bool {
        let key = Zeroizing::new(password.bytes().chain([0]).take(BCRYPT_BYTES).collect::<Vec<_>>());
        let output = (self.bcrypt)(hash.cost, hash.salt, &key);
        output.split_last().is_some_and(|(_, output)| verify_slices_are_equal(output, &hash.hash).is_ok())
    }
}
