//! A certificate for loopback, so that clients that insist on HTTPS can be served.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The server's side of TLS: a certificate for `localhost`, `127.0.0.1` and `::1`.
///
/// It is signed by an authority made for this directory, whose key is thrown away at once. A client
/// trusts the authority through [`Tls::certificate_path`].
#[derive(Clone)]
pub struct Tls {
    authority: PathBuf,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Takes the certificate kept in `dir`, or makes one. The key file has mode 0600.
    pub fn make(dir: &Path) -> io::Result<Self> {
        let authority = dir.join("practice-ca.pem");
        let chain = dir.join("practice-cert.pem");
        let key = dir.join("practice-key.pem");
        if !(authority.exists() && chain.exists() && key.exists()) {
            fs::create_dir_all(dir)?;
            let made = certify().map_err(io::Error::other)?;
            put(&key, &made.key, 0o600)?;
            put(&chain, &made.chain, 0o644)?;
            put(&authority, &made.authority, 0o644)?;
        }
        let acceptor = acceptor(&chain, &key)?;
        Ok(Self { authority, acceptor })
    }

    /// The file with the authority's certificate, for `--cacert`, `REQUESTS_CA_BUNDLE`,
    /// `NODE_EXTRA_CA_CERTS` and the like.
    pub fn certificate_path(&self) -> &Path {
        &self.authority
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

struct Made {
    authority: String,
    chain: String,
    key: String,
}

fn certify() -> Result<Made, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "longshore practice org");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    let chain = format!("{}{}", certificate.pem(), authority.pem());
    Ok(Made { authority: authority.pem(), chain, key: key.serialize_pem() })
}

/// Writes beside and renames, so that a half-written key is never read.
fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn acceptor(chain: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(chain)
        .map_err(io::Error::other)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = Tls::make(dir.path()).unwrap();
        let made = fs::read(first.certificate_path()).unwrap();
        let again = Tls::make(dir.path()).unwrap();
        assert_eq!(fs::read(again.certificate_path()).unwrap(), made);
        let mode = fs::metadata(dir.path().join("practice-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
