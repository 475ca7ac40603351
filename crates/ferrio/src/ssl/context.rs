//! `ClientContext` and `ServerContext`: what one side of TLS goes by; asyncio's `SSLContext`, in two types.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use crate::ssl::session::Rustls;

/// Whom a client trusts. Clones share it.
#[derive(Clone)]
pub struct ClientContext(Arc<ClientConfig>);

impl ClientContext {
    /// Trusts whom this machine trusts; with the feature `webpki-roots` alone, whom Mozilla trusts.
    ///
    /// # Errors
    /// When the machine has no certificates to go by.
    #[cfg(any(feature = "native-roots", feature = "webpki-roots"))]
    pub fn new() -> io::Result<Self> {
        Self::trusting(default_roots()?)
    }

    /// Trusts whom the certificates in `file` vouch for, in PEM, and nobody else.
    ///
    /// # Errors
    /// When the file cannot be read, or has no certificate.
    pub fn trusting_pem(file: impl AsRef<Path>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file.as_ref())? {
            roots.add(certificate).map_err(io::Error::other)?;
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Ok(config.with_root_certificates(roots).with_no_client_auth().into())
    }

    /// What to offer the server by ALPN, best first: `h2`, `http/1.1`.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        let config = Arc::make_mut(&mut self.0);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(super) fn session(&self, host: &str) -> io::Result<Rustls> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{host:?} is no name of a server"))
        })?;
        let connection = ClientConnection::new(self.0.clone(), name).map_err(io::Error::other)?;
        Ok(Rustls::new(connection.into()))
    }
}

/// From a configuration of rustls, for whatever else that can do.
impl From<ClientConfig> for ClientContext {
    fn from(config: ClientConfig) -> Self {
        ClientContext(Arc::new(config))
    }
}

/// Who a server is. Clones share it.
#[derive(Clone)]
pub struct ServerContext(Arc<ServerConfig>);

impl ServerContext {
    /// With the certificates in one PEM file, its own first, and the key in another.
    ///
    /// # Errors
    /// When a file cannot be read or has no such thing in it, or key and certificate do not belong together.
    pub fn from_pem(certificates_file: impl AsRef<Path>, key_file: impl AsRef<Path>) -> io::Result<Self> {
        let chain = certificates(certificates_file.as_ref())?;
        let file = key_file.as_ref();
        let key = PrivateKeyDer::from_pem_file(file).map_err(|error| named(file, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = config.with_no_client_auth().with_single_cert(chain, key);
        Ok(config.map_err(|error| named(file, &error))?.into())
    }

    /// What to choose from what a client offers by ALPN, best first.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        let config = Arc::make_mut(&mut self.0);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) fn session(&self) -> io::Result<Rustls> {
        let connection = ServerConnection::new(self.0.clone()).map_err(io::Error::other)?;
        Ok(Rustls::new(connection.into()))
    }
}

/// From a configuration of rustls, for whatever else that can do.
impl From<ServerConfig> for ServerContext {
    fn from(config: ServerConfig) -> Self {
        ServerContext(Arc::new(config))
    }
}

#[cfg(feature = "native-roots")]
fn default_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none is installed".into(), ToString::to_string);
        let text =
            format!("no certificates to trust on this machine: {why}; see ClientContext::trusting_pem");
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    Ok(roots)
}

#[cfg(all(feature = "webpki-roots", not(feature = "native-roots")))]
fn default_roots() -> io::Result<RootCertStore> {
    Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(file).map_err(|error| named(file, &error))?;
    let chain = found.collect::<Result<Vec<_>, _>>().map_err(|error| named(file, &error))?;
    if chain.is_empty() {
        let text = format!("{}: no certificate in PEM", file.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(chain)
}

fn named(file: &Path, error: &dyn fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
}

impl fmt::Debug for ClientContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientContext").finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").finish_non_exhaustive()
    }
}
