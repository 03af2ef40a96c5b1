//! The certificate of the resident's listener: the operator's, or a self-signed one that is kept.

use std::{fs, path::Path};

use axum_server::tls_rustls::RustlsConfig;
use ruma::ServerName;

use crate::{Error, Result, config, secret};

/// TLS settings. Without a configured certificate, one for the resident's host is made once and kept in `dir`.
pub async fn load(resident: &config::Resident, dir: &Path) -> Result<RustlsConfig> {
    // Nobody else chooses a provider; a second call finds the first one's.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let (certificate, key) = match (&resident.certificate, &resident.private_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => {
            let (certificate, key) = (dir.join("resident.crt"), dir.join("resident.key.pem"));
            if !certificate.exists() || !key.exists() {
                make(&resident.name, &certificate, &key)?;
            }
            (certificate, key)
        }
    };
    RustlsConfig::from_pem_file(&certificate, &key).await.map_err(|error| {
        Error::Config(format!(
            "the resident's certificate {} with key {} can't be used ({error}): give a PEM chain and its PEM key",
            certificate.display(),
            key.display()
        ))
    })
}

fn make(name: &ServerName, certificate: &Path, key: &Path) -> Result<()> {
    let made =
        rcgen::generate_simple_self_signed(vec![name.host().to_owned()]).map_err(|error| {
            Error::Config(format!(
                "no certificate can be made for {}: {error}",
                name.host()
            ))
        })?;
    secret::write_private(key, made.signing_key.serialize_pem().as_bytes())
        .map_err(Error::file(key))?;
    fs::write(certificate, made.cert.pem()).map_err(Error::file(certificate))
}
