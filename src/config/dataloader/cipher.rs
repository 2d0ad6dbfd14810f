//! Data Loader's encrypted values: AES-128 in CBC mode with the first 16 bytes of a key file.
//!
//! The value is the initialization vector and the ciphertext in a hexadecimal spelling of its own:
//! bytes up to 7F are written as usual, a byte `b` above it as `17F - b`. There is no check of
//! integrity: a wrong key shows as bad padding, most of the time. Source: Data Loader reference,
//! section 2.8, with three values that the program itself made.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use crate::model::failure::{Blame, Explain};
use crate::model::secret::Secret;

/// Bytes of a key file that count; a longer file works, and the rest is not looked at.
const KEY_BYTES: usize = 16;

/// A key file may be any text file; more than this is not one.
const KEY_FILE_BYTES_MAX: u64 = 1 << 20;

/// The key of a key file.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

/// Why a value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadCipher {
    #[error("cannot read the key file `{}`: {error}", path.display())]
    NoKey { path: PathBuf, error: std::io::Error },
    #[error("the key file `{}` has {bytes} bytes, at least {KEY_BYTES} are needed", path.display())]
    ShortKey { path: PathBuf, bytes: usize },
    #[error("the key file `{}` is no small file", path.display())]
    NotAKey { path: PathBuf },
    #[error("it is no encrypted value: {what}")]
    NotHex { what: &'static str },
    #[error("it was encrypted with another key, or it is damaged")]
    WrongKey,
    #[error("it cannot be encrypted")]
    Broken,
}

impl Explain for BadCipher {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoKey { .. } | Self::ShortKey { .. } | Self::NotAKey { .. } => {
                "`process.encryptionKeyFile` names the key file; without it, it is \
                 `.dataloader/dataLoader.key` below your home folder"
            }
            Self::NotHex { .. } => {
                "a value in clear is not taken here, as Data Loader does not take it either; \
                 encrypt it with the key file"
            }
            Self::WrongKey => {
                "values of before 2018 were encrypted in another way, which no later version \
                 reads; encrypt it once more with the key file"
            }
            Self::Broken => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, BadCipher> {
        let no_key = |error| BadCipher::NoKey { path: path.to_owned(), error };
        let about = std::fs::metadata(path).map_err(no_key)?;
        if !about.is_file() || about.len() > KEY_FILE_BYTES_MAX {
            return Err(BadCipher::NotAKey { path: path.to_owned() });
        }
        let bytes = zeroize::Zeroizing::new(std::fs::read(path).map_err(no_key)?);
        Self::of(&bytes)
            .ok_or_else(|| BadCipher::ShortKey { path: path.to_owned(), bytes: bytes.len() })
    }

    /// The key in the bytes of a key file; nothing where there are too few.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|key| Self(*key))
    }

    /// The text of an encrypted value.
    pub fn decrypt(&self, value: &str) -> Result<Secret, BadCipher> {
        let bytes = of_hex(value.trim())?;
        let Some((vector, sealed)) = bytes.split_first_chunk::<KEY_BYTES>() else {
            return Err(BadCipher::NotHex { what: "it is too short" });
        };
        let wrong = |_| BadCipher::WrongKey;
        let key = UnboundCipherKey::new(&AES_128, &self.0).map_err(wrong)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
        let mut open = zeroize::Zeroizing::new(sealed.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(vector));
        let text = key.decrypt(&mut open, context).map_err(wrong)?;
        let text = std::str::from_utf8(text).map_err(|_| BadCipher::WrongKey)?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The encrypted value of a text, with an initialization vector that was never used before.
    pub fn encrypt(&self, text: &str, vector: [u8; KEY_BYTES]) -> Result<String, BadCipher> {
        let broken = |_| BadCipher::Broken;
        let key = UnboundCipherKey::new(&AES_128, &self.0).map_err(broken)?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(broken)?;
        let mut sealed = text.as_bytes().to_vec();
        let context = EncryptionContext::Iv128(FixedLength::from(&vector));
        key.less_safe_encrypt(&mut sealed, context).map_err(broken)?;
        Ok(to_hex(&vector) + &to_hex(&sealed))
    }
}

/// Bytes that nobody can guess, for a new key file or an initialization vector.
pub fn random() -> Result<[u8; KEY_BYTES], BadCipher> {
    let mut bytes = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| BadCipher::Broken)?;
    Ok(bytes)
}

/// Bytes of the spelling.
fn of_hex(text: &str) -> Result<Vec<u8>, BadCipher> {
    let not = |what| BadCipher::NotHex { what };
    if !text.len().is_multiple_of(2) {
        return Err(not("it has an odd number of digits"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let byte = |pair: &[u8]| {
        let value = digit(pair[0])? << 4 | digit(pair[1])?;
        Some(if value > 0x7f { 0x7f_u8.wrapping_sub(value) } else { value })
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(byte).collect();
    bytes.ok_or_else(|| not("it has characters that are no hexadecimal digits"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let shown = if *byte > 0x7f { 0x7f_u8.wrapping_sub(*byte) } else { *byte };
        let _written = write!(text, "{shown:02x}").is_ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key::of(b"380db410e8b11fa9").unwrap()
    }

    #[test]
    fn values_that_data_loader_made_are_read() {
        for (wanted, value) in [
            (
                "mypasswordTOKEN123",
                "f4174ad8e2cd79387f2ffa27cfe0fc87f6ae14f6d4857433fef98849602869d5140fb2cd69c62c21\
                 025ddb1279a169bd",
            ),
            (
                "p\u{e4}ssw\u{f6}rd",
                "b73adeb49e4630abd2f8f8b6612fc49bb5a00d36440ee4f679ec63849f040da1",
            ),
            ("x", "e9652067dbde5d3244973e0a4198cdce88e42a2f52bd915138de33577205fbdb"),
        ] {
            assert_eq!(key().decrypt(value).unwrap().reveal(), wanted);
            let vector: [u8; 16] = of_hex(value).unwrap()[..16].try_into().unwrap();
            assert_eq!(key().encrypt(wanted, vector).unwrap(), value);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let sealed = key().encrypt("secret", [7; 16]).unwrap();
        let told = |value: &str, key: &Key| key.decrypt(value).unwrap_err().to_string();
        let short = sealed.len() - 2;
        insta::assert_snapshot!(
            [
                told("password", &key()),
                told("abc", &key()),
                told("0102", &key()),
                told(&sealed[..short], &key()),
                told(&sealed, &Key([1; 16])),
                Key::read(Path::new("no/such.key")).unwrap_err().to_string(),
            ]
            .join("\n"),
            @"
        it is no encrypted value: it has characters that are no hexadecimal digits
        it is no encrypted value: it has an odd number of digits
        it is no encrypted value: it is too short
        it was encrypted with another key, or it is damaged
        it was encrypted with another key, or it is damaged
        cannot read the key file `no/such.key`: No such file or directory (os error 2)
        "
        );
    }

    #[test]
    fn a_key_file_has_sixteen_bytes_or_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.key");
        for (bytes, fits) in [(0, false), (15, false), (16, true), (100, true)] {
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, &vec![b'k'; bytes]).unwrap();
            assert_eq!(Key::read(&path).is_ok(), fits, "{bytes}");
        }
        assert!(matches!(Key::read(folder.path()), Err(BadCipher::NotAKey { .. })));
        assert_eq!(format!("{:?}", key()), "Key(…)");
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted(text: String, vector: [u8; 16]) {
            let sealed = key().encrypt(&text, vector).unwrap();
            let open = key().decrypt(&sealed).unwrap();
            prop_assert_eq!(open.reveal(), &*text);
        }
    }
}
