//! `Address`: a URL in the parts that a request needs. Owns what is escaped and what is refused.

use ferrio_http::cookies::Site;
use ferrio_http::proxies::Proxy;
use ferrio_http::redirects;
use http::{HeaderValue, Uri};

/// See the module. Without fragment and user.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// `http` or `https`, as it is asked for.
    pub(super) uri: Uri,
    pub(super) secure: bool,
    /// In lower case, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Host`.
    pub(super) authority: HeaderValue,
    /// Of the user that the URL names, the value of `Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

impl Address {
    /// Reads a URL: `http`, `https`, and for WebSockets `ws` and `wss`, which are the same to a connection.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        const NO: &str = "an address begins with http:// or https:// and has a host";
        let url = url.trim();
        let scheme = url.split(':').next().unwrap_or_default();
        let text = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "wss" => format!("http{}", url.get(2..).unwrap_or_default()),
            _ => url.to_owned(),
        };
        let text = redirects::resolve("", text.as_bytes()).map_err(|_| NO)?;
        // A proxy's address has the same authority, read in the same way.
        let place = Proxy::parse(&text).map_err(|_| NO)?;
        if !place.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:!$&'()*+,;=".contains(&byte))
        {
            return Err("a host has letters, digits, dots and dashes; write others in their xn-- form");
        }
        let secure = text.starts_with("https:");
        let host = place.host.to_ascii_lowercase();
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let usual = if secure { 443 } else { 80 };
        let authority = if place.port == usual { shown } else { format!("{shown}:{}", place.port) };
        let path = text.splitn(4, '/').nth(3).unwrap_or_default();
        let uri = format!("http{}://{authority}/{path}", if secure { "s" } else { "" });
        let value = |text: &str| HeaderValue::from_str(text).ok();
        let mut authorization = place.authorization().as_deref().and_then(value);
        if let Some(secret) = &mut authorization {
            secret.set_sensitive(true);
        }
        Ok(Address {
            uri: Uri::try_from(uri).map_err(|_| "the address has bytes that may not stand in one")?,
            secure,
            port: place.port,
            authority: value(&authority).ok_or(NO)?,
            authorization,
            host,
        })
    }

    /// Where a redirect leads.
    pub(super) fn follow(&self, location: &HeaderValue) -> Result<Self, &'static str> {
        let to = redirects::resolve(&self.uri.to_string(), location.as_bytes())
            .map_err(|_| "Location is no address of http or https")?;
        Self::parse(&to)
    }

    /// As errors name it.
    pub(super) fn shown(&self) -> String {
        self.uri.to_string().split('?').next().unwrap_or_default().to_owned()
    }

    /// As cookies know it.
    pub(super) fn site(&self) -> Site<'_> {
        Site { host: &self.host, path: self.uri.path(), secure: self.secure }
    }

    /// What a request names, to the server itself or by way of a proxy that reads it.
    pub(super) fn target(&self, by_proxy: bool) -> String {
        if by_proxy {
            return self.uri.to_string();
        }
        self.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_as_people_write_them() {
        for (url, uri, host, port) in [
            ("http://a.example", "http://a.example/", "a.example", 80),
            ("HTTPS://A.example:443/x?y#z", "https://a.example/x?y", "a.example", 443),
            ("http://a:80/ä b", "http://a/%C3%A4%20b", "a", 80),
            ("http://u:p%40@a:8080/", "http://a:8080/", "a", 8080),
            ("http://[::1]:8080/", "http://[::1]:8080/", "::1", 8080),
            (" ws://a/chat ", "http://a/chat", "a", 80),
            ("wss://a/", "https://a/", "a", 443),
            ("http://a?b", "http://a/?b", "a", 80),
            ("http://a/b/../c", "http://a/c", "a", 80),
        ] {
            let address = Address::parse(url).unwrap();
            let found = (address.uri.to_string(), &address.host[..], address.port);
            assert_eq!(found, (uri.to_owned(), host, port), "{url}");
        }
        let address = Address::parse("http://u:p%40@a/x?key=secret").unwrap();
        assert_eq!(address.authorization.as_ref().unwrap(), "Basic dTpwQA==");
        assert_eq!(
            (address.shown().as_str(), address.target(false).as_str()),
            ("http://a/x", "/x?key=secret")
        );
        assert!(!format!("{address:?}").contains("dTpwQA"));
        for url in
            ["", "a", "/x", "a.example/x", "ftp://a", "http://", "http://ä/", "http://a:x/", "http://a b/"]
        {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
