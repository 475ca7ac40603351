//! `Rules`: which requests go by which proxy, and the variables that say so. Reads the environment by a function that is handed in.

use std::net::IpAddr;

use super::address::{Proxy, Unfit, split_port};

/// Which requests go by which proxy.
///
/// ```
/// use ferrio_http::proxies::Rules;
///
/// let rules = Rules::from_variables(|name| match name {
///     "https_proxy" => Some("http://proxy.example:3128".into()),
///     "NO_PROXY" => Some("localhost,.internal,10.0.0.0/8".into()),
///     _ => None,
/// })?;
/// assert_eq!(rules.find("https", "example.org", 443).unwrap().host, "proxy.example");
/// assert!(rules.find("http", "example.org", 80).is_none());
/// assert!(rules.find("https", "db.internal", 443).is_none());
/// assert!(rules.find("https", "10.1.2.3", 443).is_none());
/// # Ok::<(), ferrio_http::proxies::Unfit>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Exception>,
}

/// What is asked without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    /// A domain and what is below it, at one port or at all.
    Domain(String, Option<u16>),
    /// A network: an address of it, and how many bits others share with that.
    Network(IpAddr, u32),
}

impl Rules {
    /// Everything by one proxy.
    ///
    /// ```
    /// use ferrio_http::proxies::{Proxy, Rules};
    ///
    /// let rules = Rules::all(Proxy::parse("socks5://a")?).except("b.example");
    /// assert!(rules.find("http", "a.example", 80).is_some() && rules.find("http", "b.example", 80).is_none());
    /// # Ok::<(), ferrio_http::proxies::Unfit>(())
    /// ```
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Rules { http: Some(proxy.clone()), https: Some(proxy), direct: Vec::new() }
    }

    /// What the variables say that most programs go by: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case
    /// first. `HTTP_PROXY` is not asked where `REQUEST_METHOD` is set: a web server's program would have it from a header.
    ///
    /// # Errors
    ///
    /// When one of them is no address of a proxy.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Unfit> {
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let said = |name: &str| {
            let upper = || variable(&name.to_ascii_uppercase());
            variable(name).or_else(|| if is_cgi && name == "http_proxy" { None } else { upper() })
        };
        let proxy = |name: &str| match said(name).or_else(|| said("all_proxy")).as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(address) => Proxy::parse(address).map(Some),
        };
        let rules = Rules { http: proxy("http_proxy")?, https: proxy("https_proxy")?, direct: Vec::new() };
        Ok(rules.except(&said("no_proxy").unwrap_or_default()))
    }

    /// Leaves out what a list names as `no_proxy` does: domains, with all that is below them, hosts with ports, addresses, networks
    /// (`10.0.0.0/8`), and `*` for everything.
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        self.direct.extend(list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(exception));
        self
    }

    /// The proxy for a request to this scheme (`http`, `https`; `ws` and `wss` count as these), host and port.
    #[must_use]
    pub fn find(&self, scheme: &str, host: &str, port: u16) -> Option<&Proxy> {
        let encrypted = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss");
        let proxy = if encrypted { &self.https } else { &self.http };
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
        let address = host.parse().ok();
        proxy.as_ref().filter(|_| !self.direct.iter().any(|one| one.covers(host, address, port)))
    }
}

impl Exception {
    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Exception::Everything => true,
            Exception::Domain(domain, at) => {
                let front = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at));
                at.is_none_or(|at| at == port)
                    && front.is_some_and(|(front, end)| {
                        end.eq_ignore_ascii_case(domain)
                            && (front.is_empty() || front.ends_with('.') && address.is_none())
                    })
            }
            Exception::Network(network, bits) => match (network, address) {
                (IpAddr::V4(network), Some(IpAddr::V4(address))) => {
                    share(u32::from(*network).into(), u32::from(address).into(), 32, *bits)
                }
                (IpAddr::V6(network), Some(IpAddr::V6(address))) => {
                    share((*network).into(), address.into(), 128, *bits)
                }
                _ => false,
            },
        }
    }
}

fn exception(entry: &str) -> Exception {
    if entry == "*" {
        return Exception::Everything;
    }
    let network = entry.split_once('/').and_then(|(address, bits)| {
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.parse().ok().filter(|bits| *bits <= most).map(|bits| Exception::Network(address, bits))
    });
    network.unwrap_or_else(|| {
        let (host, port) = split_port(entry);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
        Exception::Domain(host.to_owned(), port.parse().ok())
    })
}

/// Whether two numbers of `width` bits have the first `bits` in common.
fn share(one: u128, other: u128, width: u32, bits: u32) -> bool {
    (one ^ other).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_as_programs_write_them() {
        for (list, host, port, direct) in [
            ("*", "anything", 80, true),
            ("example.org", "EXAMPLE.org", 80, true),
            ("example.org", "www.example.org", 80, true),
            (".example.org", "www.example.org", 80, true),
            ("*.example.org", "www.example.org.", 80, true),
            ("example.org", "badexample.org", 80, false),
            ("example.org:8080", "example.org", 80, false),
            ("example.org:8080", "example.org", 8080, true),
            ("a, b ,c", "b", 80, true),
            ("", "b", 80, false),
            (",", "b", 80, false),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("0.0.1", "127.0.0.1", 80, false),
            ("::1", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 80, true),
            ("[::1]:80", "::1", 81, false),
            ("10.0.0.0/8", "10.255.0.1", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.1/0", "11.0.0.1", 80, true),
            ("10.0.0.0/33", "10.0.0.0", 80, false),
            ("fd00::/8", "[fd12::1]", 80, true),
            ("fd00::/8", "10.0.0.1", 80, false),
            ("ä.example", "xä.example", 80, false),
        ] {
            let rules = Rules::all(Proxy::parse("proxy").unwrap()).except(list);
            assert_eq!(rules.find("http", host, port).is_none(), direct, "{list} {host}:{port}");
        }
    }

    #[test]
    fn variables_in_either_case() {
        let rules = |set: &'static [(&str, &str)]| {
            let variable = |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            Rules::from_variables(variable).unwrap()
        };
        let found = |rules: &Rules, scheme: &str| rules.find(scheme, "a", 1).map(|proxy| proxy.host.clone());
        let both = rules(&[("http_proxy", "low"), ("HTTP_PROXY", "up"), ("ALL_PROXY", "socks5://all")]);
        assert_eq!(found(&both, "ws").as_deref(), Some("low"));
        assert_eq!(found(&both, "wss").as_deref(), Some("all"));
        assert_eq!(found(&rules(&[("HTTP_PROXY", "up"), ("REQUEST_METHOD", "GET")]), "http"), None);
        assert_eq!(found(&rules(&[("http_proxy", ""), ("all_proxy", "all")]), "http"), None);
        assert!(Rules::from_variables(|_| Some("ftp://x".into())).is_err());
    }

    #[test]
    fn addresses_of_proxies() {
        for (address, host, port) in [
            ("proxy", "proxy", 80),
            ("proxy:3128", "proxy", 3128),
            ("HTTPS://proxy", "proxy", 443),
            ("http://[::1]:8080", "::1", 8080),
            ("socks5://u:p:q@host", "host", 1080),
        ] {
            let proxy = Proxy::parse(address).unwrap();
            assert_eq!((&proxy.host[..], proxy.port), (host, port), "{address}");
        }
        for address in [
            "",
            "http://",
            "http://:80",
            "http://a:b",
            "http://a:+80",
            "http://a:99999",
            "socks4://a",
            "http://a b",
        ] {
            assert!(Proxy::parse(address).is_err(), "{address}");
        }
        let proxy = Proxy::parse("http://a%3:%ff%41@b").unwrap();
        assert_eq!(proxy.credentials, Some(("a%3".into(), "\u{fffd}A".into())));
    }
}
