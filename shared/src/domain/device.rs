use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{MacKey, UserId, mac_token};

const PREFIX: &str = "lkd1.";

/// A device on which a user logged in before (OWASP: slow down online guessing attacks with device cookies).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub user: UserId,
    /// A random id.
    pub id: [u8; 16],
}

/// `lkd1.` and base64url of key id, user id, device id and MAC. The token alone does not sign in.
///
/// The MAC covers the version of the user's password, so a change of the password ends the token.
#[derive(Clone, Debug)]
pub struct DeviceToken(SecretString);

impl Device {
    /// Returns a new device of this user.
    #[must_use]
    pub fn new(user: UserId) -> Self {
        Self { user, id: *Uuid::new_v4().as_bytes() }
    }
}

impl DeviceToken {
    /// Makes the one token of this device under this key and password version.
    #[must_use]
    pub fn mint(key: &MacKey, device: &Device, password_version: u64) -> Self {
        let payload = [*device.user.as_bytes(), device.id].concat();
        Self(mac_token::mint(PREFIX, key, &payload, &password_version.to_be_bytes()))
    }

    /// Returns the device of an authentic token, or `None` for any other text. `key` finds a key by its id.
    pub fn open<'k>(
        text: &str,
        password_version: u64,
        key: impl FnOnce([u8; 4]) -> Option<&'k MacKey>,
    ) -> Option<Device> {
        let payload: [u8; 32] = mac_token::open(PREFIX, text, &password_version.to_be_bytes(), key)?;
        let (user, id) = payload.split_first_chunk::<16>()?;
        Some(Device { user: UserId::from_bytes(*user), id: id.try_into().ok()? })
    }
}

/// Writes the token into the response that hands it out.
impl Serialize for DeviceToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_token_carries_its_device_until_the_password_changes() {
        // LIM-05, ACC-10
        let key = MacKey::new([0, 0, 0, 1], vec![1; 32].into());
        let device = Device::new(UserId::new(Timestamp::UNIX_EPOCH));
        let DeviceToken(text) = DeviceToken::mint(&key, &device, 3);
        let open = |version| DeviceToken::open(text.expose_secret(), version, |id| (id == key.id()).then_some(&key));
        assert_eq!(open(3), Some(device));
        assert_eq!(open(4), None);
    }
}
