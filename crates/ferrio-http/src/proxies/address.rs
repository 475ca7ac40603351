//! `Proxy`: where a proxy is, how it is spoken to and who we are to it. Knows no environment.

use std::fmt;

use super::basic;

/// How a proxy is spoken to.
///
/// ```
/// use ferrio_http::proxies::{Kind, Proxy};
///
/// assert_eq!(Proxy::parse("socks5h://127.0.0.1:1080")?.kind, Kind::Socks5);
/// # Ok::<(), ferrio_http::proxies::Unfit>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// HTTP: `CONNECT` for what is encrypted, whole addresses as targets for what is not.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5. It resolves names by itself, whether the address says `socks5` or `socks5h`.
    Socks5,
}

/// A proxy. `Debug` shows no password.
///
/// ```
/// use ferrio_http::proxies::{Kind, Proxy};
///
/// let proxy = Proxy::parse("http://me:s%40fe@proxy.example:3128/")?;
/// assert_eq!((proxy.kind, &proxy.host[..], proxy.port), (Kind::Http, "proxy.example", 3128));
/// assert_eq!(proxy.credentials, Some(("me".into(), "s@fe".into())));
/// assert!(!format!("{proxy:?}").contains("s@fe"));
/// # Ok::<(), ferrio_http::proxies::Unfit>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: Kind,
    /// A name, or an address without brackets.
    pub host: String,
    /// By default 80, 443 and 1080.
    pub port: u16,
    /// Name and password.
    pub credentials: Option<(String, String)>,
}

/// It is no address of a proxy.
///
/// ```
/// let unfit = ferrio_http::proxies::Proxy::parse("ftp://a").unwrap_err();
/// assert_eq!(unfit.to_string(), "a proxy is http://, https:// or socks5://");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub(super) &'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

impl Proxy {
    /// Reads an address. Without a scheme it is HTTP, as in most environments.
    ///
    /// # Errors
    ///
    /// For another scheme, and for what has no host or a port that is none.
    pub fn parse(address: &str) -> Result<Self, Unfit> {
        let (scheme, rest) = address.trim().split_once("://").unwrap_or(("http", address.trim()));
        let (kind, usual) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            _ => return Err(Unfit("a proxy is http://, https:// or socks5://")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place);
        // The parser of numbers takes a sign, too.
        let number = || port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
        let port = match port {
            "" => usual,
            _ => number().ok_or(Unfit("the port of a proxy is a number up to 65535"))?,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(Unfit("a proxy needs a host"));
        }
        let credentials = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (unescaped(name), unescaped(password))
        });
        Ok(Proxy { kind, host: host.to_owned(), port, credentials })
    }

    /// The value of `Proxy-Authorization`, for proxies that speak HTTP.
    ///
    /// ```
    /// use ferrio_http::proxies::Proxy;
    ///
    /// assert_eq!(Proxy::parse("http://a:b@c")?.authorization().unwrap(), "Basic YTpi");
    /// # Ok::<(), ferrio_http::proxies::Unfit>(())
    /// ```
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(|(name, password)| basic(name, password))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Host and port, which may be empty. What has several colons and no brackets is an IPv6 address alone.
pub(super) fn split_port(place: &str) -> (&str, &str) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') && (!host.contains(':') || host.ends_with(']')) => {
            (host, port)
        }
        _ => (place, ""),
    }
}

/// Without escapes; those that are broken stay as they are.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let half = |at: usize| behind.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, half(0), half(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
