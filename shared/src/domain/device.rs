use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::UserId;

const PREFIX: &str = "lkd1.";
const DEVICE_LENGTH: usize = 16 + 16;
const MAC_LENGTH: usize = 32;

/// The key that authenticates device tokens. It does not turn: a device may come back after years.
#[derive(Debug)]
pub struct DeviceKey(hmac::Key);

/// A device that somebody logged in on (OWASP: slow down online guessing attacks with device cookies).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Who.
    pub user: UserId,
    /// Which of theirs: random.
    pub id: [u8; 16],
}

/// `lkd1.` and base64url of user id, device id and the HMAC-SHA-256 over all before it. It opens nothing by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(String);

impl DeviceKey {
    /// The key of these bytes, 32 or more.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl Device {
    /// A device that this user was not known on.
    #[must_use]
    pub fn new(user: UserId) -> Self {
        Self { user, id: *Uuid::new_v4().as_bytes() }
    }
}

impl DeviceToken {
    /// The one token of this device.
    #[must_use]
    pub fn mint(key: &DeviceKey, device: &Device) -> Self {
        let mut bytes = [*device.user.as_bytes(), device.id].concat();
        let mac = hmac::sign(&key.0, &authenticated(&bytes));
        bytes.extend_from_slice(mac.as_ref());
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The device of an authentic token; nothing for any other text.
    #[must_use]
    pub fn open(key: &DeviceKey, text: &str) -> Option<Device> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        if bytes.len() != DEVICE_LENGTH + MAC_LENGTH {
            return None;
        }
        let (device, mac) = bytes.split_at(DEVICE_LENGTH);
        hmac::verify(&key.0, &authenticated(device), mac).ok()?;
        let (user, id) = device.split_first_chunk::<16>()?;
        Some(Device { user: UserId::from_bytes(*user), id: *id.first_chunk()? })
    }
}

/// For the answer that carries it.
impl Serialize for DeviceToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(redacted)")
    }
}

fn authenticated(device: &[u8]) -> Vec<u8> {
    [PREFIX.as_bytes(), device].concat()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn device() -> Device {
        Device::new(UserId::new(Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn a_token_carries_its_device_and_no_other_text_does() {
        // LIM-05
        let (key, device) = (DeviceKey::new(&[1; 32]), device());
        let DeviceToken(text) = DeviceToken::mint(&key, &device);
        assert_eq!(DeviceToken::open(&key, &text), Some(device));
        assert_eq!(DeviceToken::open(&DeviceKey::new(&[2; 32]), &text), None);
        for wrong in
            ["", "lkd1.", &text[5..], &text.replace("lkd1.", "lk1."), &text[..text.len() - 2], &format!("{text}=")]
        {
            assert_eq!(DeviceToken::open(&key, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        // LIM-05
        let key = DeviceKey::new(&[1; 32]);
        let DeviceToken(text) = DeviceToken::mint(&key, &device());
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                DeviceToken::open(&key, &format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(flipped))),
                None,
                "bit {bit}"
            );
        }
    }
}
