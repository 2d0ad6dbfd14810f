//! Private keys under a passphrase, opened: PKCS#8 and OpenSSL's traditional form of PKCS#1.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use pkcs8::der::Document;
use zeroize::Zeroizing;

use crate::model::secret::Secret;

/// Whether the text is a key that a passphrase opens.
pub(super) fn is_locked(pem: &str) -> bool {
    pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || is_traditional(pem)
}

fn is_traditional(pem: &str) -> bool {
    pem.contains("Proc-Type: 4,ENCRYPTED")
}

/// Why a locked key stays shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Shut {
    #[error("it is damaged")]
    Damaged,
    #[error("its cipher `{0}` is not known")]
    Cipher(String),
    #[error("the passphrase does not open it")]
    Passphrase,
}

/// The key in clear, in PEM.
pub(super) fn open(pem: &str, passphrase: &str) -> Result<Secret, Shut> {
    if is_traditional(pem) {
        return open_traditional(pem, passphrase);
    }
    let (_, sealed) = Document::from_pem(pem).map_err(|_| Shut::Damaged)?;
    let sealed = pkcs8::EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes())
        .map_err(|_| Shut::Damaged)?;
    let open = sealed.decrypt(passphrase).map_err(|_| Shut::Passphrase)?;
    let pem = open.to_pem("PRIVATE KEY", pkcs8::LineEnding::LF).map_err(|_| Shut::Damaged)?;
    Ok(Secret::new(pem.as_str().to_owned()))
}

/// `Proc-Type: 4,ENCRYPTED` (RFC 1421) with `DEK-Info: CIPHER,VECTOR`; the key is made of the
/// passphrase and the vector's first 8 bytes by OpenSSL's `EVP_BytesToKey` with MD5, once.
fn open_traditional(pem: &str, passphrase: &str) -> Result<Secret, Shut> {
    const LABEL: &str = "RSA PRIVATE KEY";
    let lines = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN"));
    let inner: Vec<&str> = lines.skip(1).take_while(|line| !line.starts_with("-----END")).collect();
    let info = inner.iter().find_map(|line| line.strip_prefix("DEK-Info:"));
    let (cipher, vector) =
        info.and_then(|info| info.trim().split_once(',')).ok_or(Shut::Damaged)?;
    let vector = of_hex(vector.trim()).ok_or(Shut::Damaged)?;
    let body: String = inner.iter().filter(|line| !line.contains(':')).copied().collect();
    let mut sealed = Zeroizing::new(STANDARD.decode(body).map_err(|_| Shut::Damaged)?);
    let salt = vector.get(..8).ok_or(Shut::Damaged)?;
    let key = |length| key(passphrase.as_bytes(), salt, length);
    let open = match cipher.trim() {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(&key(16), &vector, &mut sealed),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(&key(24), &vector, &mut sealed),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(&key(32), &vector, &mut sealed),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(&key(24), &vector, &mut sealed),
        other => return Err(Shut::Cipher(other.escape_debug().to_string())),
    }?;
    let mut pem = Zeroizing::new(format!("-----BEGIN {LABEL}-----\n"));
    let text = Zeroizing::new(STANDARD.encode(open));
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).map_err(|_| Shut::Damaged)?);
        pem.push('\n');
    }
    pem.extend(["-----END ", LABEL, "-----\n"]);
    Ok(Secret::new(pem.as_str().to_owned()))
}

fn decrypt<'a, C: BlockModeDecrypt + KeyIvInit>(
    key: &[u8],
    vector: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a [u8], Shut> {
    let cipher = C::new_from_slices(key, vector).map_err(|_| Shut::Damaged)?;
    cipher.decrypt_padded::<Pkcs7>(sealed).map_err(|_| Shut::Passphrase)
}

fn key(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut last = Zeroizing::new(Vec::new());
    while key.len() < length {
        let digest = Md5::new().chain_update(&*last).chain_update(passphrase).chain_update(salt);
        *last = digest.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: [&str; 5] = [
        include_str!("../../../fixtures/keys/jwt-pkcs8-aes256.pem"),
        include_str!("../../../fixtures/keys/jwt-pkcs8-scrypt.pem"),
        include_str!("../../../fixtures/keys/jwt-pkcs8-3des.pem"),
        include_str!("../../../fixtures/keys/jwt-pkcs1-aes128.pem"),
        include_str!("../../../fixtures/keys/jwt-pkcs1-des3.pem"),
    ];

    /// The bytes in a PEM text.
    fn bytes(pem: &str) -> String {
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    #[test]
    fn the_passphrase_opens_the_key_and_no_other_does() {
        let [pkcs1, pkcs8] = [
            include_str!("../../../fixtures/keys/jwt-pkcs1.pem"),
            include_str!("../../../fixtures/keys/jwt-pkcs8.pem"),
        ];
        for (at, locked) in LOCKED.into_iter().enumerate() {
            assert!(is_locked(locked), "{at}");
            let open = open(locked, "open-sesame").unwrap();
            assert_eq!(bytes(open.reveal()), bytes(if at < 3 { pkcs8 } else { pkcs1 }), "{at}");
            assert_eq!(super::open(locked, "open-sesam").unwrap_err(), Shut::Passphrase, "{at}");
        }
        assert!(!is_locked(pkcs1) && !is_locked(pkcs8));
    }

    #[test]
    fn a_damaged_key_is_told() {
        for (locked, from, to, wanted) in [
            (LOCKED[0], "MII", "AAA", Shut::Damaged),
            (LOCKED[3], "DEK-Info:", "DEK-Inof:", Shut::Damaged),
            (LOCKED[3], "AES-128-CBC", "RC4-40", Shut::Cipher("RC4-40".to_owned())),
            (LOCKED[3], ",1FF2", ",1F", Shut::Damaged),
            (LOCKED[3], ",1FF285CCAE7303B9", ",1F", Shut::Damaged),
        ] {
            let text = locked.replacen(from, to, 1);
            assert_ne!(text, locked, "{from}");
            assert_eq!(open(&text, "open-sesame").unwrap_err(), wanted, "{from}");
        }
    }
}
