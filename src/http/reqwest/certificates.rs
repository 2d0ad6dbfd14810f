//! The file with the authorities of a company, in the two kinds of PEM that there are.
//!
//! Most tools write `CERTIFICATE` (and old ones `X509 CERTIFICATE`); OpenSSL also writes `TRUSTED
//! CERTIFICATE`, which has what the authority is trusted for behind the certificate. That is cut
//! off: what is in the file is trusted to speak for hosts, and for nothing else.

use std::io::Read as _;
use std::path::Path;

use ::reqwest::Certificate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BadTransport, chain};
use crate::model::limits;

/// Labels of a certificate.
const PLAIN: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// Reads every certificate of a file; one that cannot be read spoils the file.
pub(super) fn read(path: &Path) -> Result<Vec<Certificate>, BadTransport> {
    let bad = |error: String| BadTransport::CaFile { path: path.to_owned(), error };
    if !std::fs::metadata(path).map_err(|error| bad(error.to_string()))?.is_file() {
        return Err(bad("it is not a file".to_owned()));
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
    file.take(limits::CA_FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| bad(error.to_string()))?;
    if text.len() as u64 > limits::CA_FILE_BYTES_MAX {
        return Err(bad(format!("it has more than {} bytes", limits::CA_FILE_BYTES_MAX)));
    }
    let found = certificates(&String::from_utf8_lossy(&text)).map_err(bad)?;
    if found.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    let read = |der: &Vec<u8>| Certificate::from_der(der).map_err(|error| bad(chain(&error)));
    found.iter().map(read).collect()
}

/// The certificates of a text, in DER.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some((body, after)) = after.split_once(&end) else {
            return Err(format!("a `{}` has no end", label.escape_debug()));
        };
        rest = after;
        let wanted = PLAIN.contains(&label) || label == TRUSTED;
        if !wanted {
            continue;
        }
        let packed: String = body.split_whitespace().collect();
        let der = STANDARD
            .decode(packed)
            .map_err(|_| format!("certificate {} is not Base64", found.len() + 1))?;
        let der = first_element(&der)
            .ok_or_else(|| format!("certificate {} is cut off", found.len() + 1))?;
        found.push(der.to_vec());
    }
    Ok(found)
}

/// The first element of DER, without what follows it. Source: X.690, 8.1.3: a length of up to 127
/// stands in one byte, a longer one in as many bytes as the lower half of the first one says.
fn first_element(der: &[u8]) -> Option<&[u8]> {
    let first = usize::from(*der.get(1)?);
    let (head, length) = if first < 0x80 {
        (2, first)
    } else {
        let count = first & 0x7f;
        let bytes = der.get(2..2 + count).filter(|bytes| (1..=4).contains(&bytes.len()))?;
        (2 + count, bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    };
    der.get(..head.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", STANDARD.encode(der))
    }

    #[test]
    fn every_kind_of_certificate_is_found_and_nothing_else() {
        let (one, two) = ([0x30, 2, 1, 2], [0x30, 0x81, 1, 9]);
        let aux = [&one[..], &[0x30, 2, 7, 7]].concat();
        for (text, expected) in [
            (pem("CERTIFICATE", &one), vec![one.to_vec()]),
            (pem("X509 CERTIFICATE", &one), vec![one.to_vec()]),
            (pem("TRUSTED CERTIFICATE", &aux), vec![one.to_vec()]),
            (
                format!("# ours\n{}junk\n{}", pem("CERTIFICATE", &one), pem("CERTIFICATE", &two)),
                vec![one.to_vec(), two.to_vec()],
            ),
            (pem("PRIVATE KEY", &one), vec![]),
            (String::new(), vec![]),
        ] {
            assert_eq!(certificates(&text), Ok(expected), "{text}");
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nMII=\n".to_owned(),
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_owned(),
            pem("CERTIFICATE", &[0x30, 9, 1]),
            pem("CERTIFICATE", &[0x30]),
            pem("CERTIFICATE", &[0x30, 0x85, 1, 1, 1, 1, 1]),
            pem("CERTIFICATE", &[0x30, 0x80]),
        ] {
            assert!(certificates(&text).is_err(), "{text}");
        }
    }
}
