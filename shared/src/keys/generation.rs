//! Makes keys and reads private keys. `jsonwebtoken` signs and verifies with them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use jsonwebtoken::EncodingKey;

use super::{Jwk, KeyError};
use crate::config::Algorithm;

/// Returns `N` random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError)?;
    Ok(bytes)
}

/// Makes a private key, in PKCS #8.
pub(super) fn pkcs8(algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
    match algorithm {
        Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map(|document| document.as_ref().to_vec()),
        Algorithm::Rs256 => RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)
            .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
            .map(|document| document.as_ref().to_vec()),
    }
    .map_err(|_| KeyError)
}

/// Reads a private key in PKCS #8, and returns its signing form and its public half. A damaged or weak key is refused.
pub(super) fn signing_key(algorithm: Algorithm, pkcs8: &[u8]) -> Result<(EncodingKey, Jwk), KeyError> {
    match algorithm {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| KeyError)?;
            Ok((EncodingKey::from_ec_der(pkcs8), Jwk::of_point(pair.public_key().as_ref())?))
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError)?;
            let public = pair.public_key();
            let jwk = Jwk::of_rsa(
                public.modulus().big_endian_without_leading_zero(),
                public.exponent().big_endian_without_leading_zero(),
            );
            Ok((EncodingKey::from_rsa_der(pkcs1(pkcs8)?), jwk))
        }
    }
}

/// Returns the PKCS #1 key (RFC 8017, A.1.2) inside the PKCS #8 document of an RSA key (RFC 5208, 5). `jsonwebtoken`
/// accepts no other form.
fn pkcs1(pkcs8: &[u8]) -> Result<&[u8], KeyError> {
    /// Version 0, the object identifier rsaEncryption with NULL, and the tag of an octet string with a length of two
    /// bytes.
    const PREFIX: [u8; 20] = [2, 1, 0, 0x30, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 1, 5, 0, 4, 0x82];
    let rest = pkcs8.get(4..).and_then(|body| body.strip_prefix(&PREFIX[..])).ok_or(KeyError)?;
    let (length, key) = rest.split_first_chunk::<2>().ok_or(KeyError)?;
    if key.len() == usize::from(u16::from_be_bytes(*length)) { Ok(key) } else { Err(KeyError) }
}
