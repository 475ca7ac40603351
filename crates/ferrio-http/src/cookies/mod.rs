//! A jar of cookies (RFC 6265, with what its successor has learnt): what answers set, and what a request to somewhere has of it. Owns the
//! cookies; reads no clock, and no list of public suffixes but the one that it is given.
//!
//! * Rule 1: a cookie goes to the host that set it, and to those below a domain only where the host is below it, too, and the
//!   domain is somebody's.
//! * Rule 2: what is `Secure` goes over TLS alone, is set over TLS alone, and is not overwritten by what came without.
//! * Rule 3: a jar is bounded: 180 cookies of a domain, 3,000 in all, of 4 KiB each. Beyond, the oldest go.
//!
//! ```
//! use ferrio_http::cookies::{Jar, Site, is_top_level};
//!
//! let mut jar = Jar::new(is_top_level);
//! let login = Site { host: "www.example.org", path: "/login", secure: true };
//! assert!(jar.set(login, b"id=7; Domain=example.org; Path=/; Secure; Max-Age=60", 1_000));
//!
//! let elsewhere = Site { host: "api.example.org", path: "/", secure: true };
//! assert_eq!(jar.header(elsewhere, 1_001).as_deref(), Some(&b"id=7"[..]));
//! assert_eq!(jar.header(Site { secure: false, ..elsewhere }, 1_001), None);
//! assert_eq!(jar.header(elsewhere, 1_060), None);
//! ```

mod dates;
mod domains;
mod parsing;
#[cfg(feature = "public-suffixes")]
mod suffixes;

use std::collections::HashMap;
use std::fmt;

#[cfg(feature = "public-suffixes")]
pub use suffixes::is_public_suffix;

/// How many cookies there may be; browsers' figures.
const OF_DOMAIN: usize = 180;
const IN_ALL: usize = 3000;

/// Where a request goes, or where an answer comes from.
///
/// ```
/// use ferrio_http::cookies::Site;
///
/// let site = Site { host: "example.org", path: "/", secure: true };
/// assert_eq!(site, site.clone());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'a> {
    /// A name, in ASCII, or an address, without a port.
    pub host: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// Whether TLS is spoken.
    pub secure: bool,
}

/// One cookie, as a jar keeps it. Its value is not shown by `Debug`: it may be a key.
///
/// ```
/// use ferrio_http::cookies::{Cookie, Jar, Site, is_top_level};
///
/// let mut jar = Jar::new(is_top_level);
/// jar.set(Site { host: "a.example", path: "/x/y", secure: true }, b"key=secret", 0);
/// let cookie: &Cookie = jar.iter().next().unwrap();
/// assert_eq!((&cookie.domain[..], cookie.host_only, &cookie.path[..]), ("a.example", true, "/x"));
/// assert!(!format!("{cookie:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Not empty.
    pub name: Vec<u8>,
    /// As the server wrote it, quotes included.
    pub value: Vec<u8>,
    /// In lower case.
    pub domain: String,
    /// Whether it is for this host alone, and not for those below.
    pub host_only: bool,
    /// Begins with a slash.
    pub path: String,
    /// For TLS alone.
    pub secure: bool,
    /// In seconds since 1970; without it, it lasts as long as the jar.
    pub expires: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub struct Jar {
    domains: HashMap<String, Vec<Kept>>,
    count: usize,
    next: u64,
    is_suffix: fn(&str) -> bool,
}

#[derive(Debug)]
struct Kept {
    cookie: Cookie,
    /// Its age: a cookie that is set again stays as old as it is.
    number: u64,
}

/// Whether a domain is a single label: what a jar may go by that has no list of public suffixes.
///
/// ```
/// use ferrio_http::cookies::is_top_level;
///
/// assert!(is_top_level("org") && !is_top_level("example.org"));
/// ```
#[must_use]
pub fn is_top_level(domain: &str) -> bool {
    !domain.contains('.')
}

impl Jar {
    /// An empty jar. `is_suffix` says of which domains nobody may set cookies for all that is below:
    /// [`is_public_suffix`](Self::new) with the feature `public-suffixes`, else [`is_top_level`].
    #[must_use]
    pub fn new(is_suffix: fn(&str) -> bool) -> Self {
        Jar { domains: HashMap::new(), count: 0, next: 0, is_suffix }
    }

    /// Takes one `Set-Cookie` of an answer that came from `site`, at `now`, in seconds since 1970. Whether it was one to be taken; one
    /// that has expired takes its cookie away.
    pub fn set(&mut self, site: Site<'_>, header: &[u8], now: u64) -> bool {
        let host = site.host.to_ascii_lowercase();
        let Some(cookie) = parsing::read(header).and_then(|said| self.allowed(&said, &host, site, now))
        else {
            return false;
        };
        if !site.secure && self.would_hide_secure(&cookie, &host) {
            return false;
        }
        self.put(cookie, now);
        true
    }

    /// Puts a cookie in that was kept elsewhere. It is not asked who set it.
    ///
    /// ```
    /// use ferrio_http::cookies::{Cookie, Jar, Site, is_top_level};
    ///
    /// let mut jar = Jar::new(is_top_level);
    /// jar.put(
    ///     Cookie {
    ///         name: b"id".into(),
    ///         value: b"7".into(),
    ///         domain: "example.org".into(),
    ///         host_only: false,
    ///         path: "/".into(),
    ///         secure: false,
    ///         expires: None,
    ///     },
    ///     0,
    /// );
    /// let site = Site { host: "www.example.org", path: "/", secure: false };
    /// assert_eq!(jar.header(site, 0).unwrap(), b"id=7");
    /// ```
    pub fn put(&mut self, cookie: Cookie, now: u64) {
        let kept = self.domains.entry(cookie.domain.clone()).or_default();
        let before = kept.len();
        kept.retain(|kept| kept.cookie.expires.is_none_or(|end| end > now));
        let same = |one: &Cookie| {
            one.name == cookie.name && one.path == cookie.path && one.host_only == cookie.host_only
        };
        let at = kept.iter().position(|kept| same(&kept.cookie));
        let over = cookie.expires.is_some_and(|end| end <= now);
        match at.and_then(|at| kept.get_mut(at).map(|found| (at, found))) {
            Some((at, _)) if over => drop(kept.remove(at)),
            Some((_, found)) => found.cookie = cookie,
            None if over => {}
            None => {
                if kept.len() >= OF_DOMAIN {
                    kept.remove(0);
                }
                kept.push(Kept { cookie, number: self.next });
                self.next += 1;
            }
        }
        self.count = self.count - before + kept.len();
        self.shrink();
    }

    /// The value of `Cookie` for a request to `site`; none where there is nothing to be sent.
    #[must_use]
    pub fn header(&self, site: Site<'_>, now: u64) -> Option<Vec<u8>> {
        let host = site.host.to_ascii_lowercase();
        let path = if site.path.starts_with('/') { site.path } else { "/" };
        let mut found: Vec<&Kept> = domains::above(&host)
            .filter_map(|domain| self.domains.get(domain))
            .flatten()
            .filter(|Kept { cookie, .. }| {
                (!cookie.host_only || cookie.domain == host)
                    && (!cookie.secure || site.secure)
                    && cookie.expires.is_none_or(|end| end > now)
                    && domains::is_within(path, &cookie.path)
            })
            .collect();
        found.sort_by_key(|kept| (std::cmp::Reverse(kept.cookie.path.len()), kept.number));
        let pairs: Vec<_> = found
            .iter()
            .map(|Kept { cookie, .. }| [&cookie.name[..], b"=", &cookie.value].concat())
            .collect();
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }

    /// Every cookie, in no order, those that have expired too.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.domains.values().flatten().map(|kept| &kept.cookie)
    }

    /// Takes out those of which `keep` says no.
    ///
    /// ```
    /// use ferrio_http::cookies::{Jar, Site, is_top_level};
    ///
    /// let mut jar = Jar::new(is_top_level);
    /// jar.set(Site { host: "a.example", path: "/", secure: true }, b"a=b", 0);
    /// jar.retain(|cookie| cookie.domain != "a.example");
    /// assert_eq!(jar.iter().count(), 0);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&Cookie) -> bool) {
        self.domains.retain(|_, kept| {
            kept.retain(|kept| keep(&kept.cookie));
            !kept.is_empty()
        });
        self.count = self.domains.values().map(Vec::len).sum();
    }

    /// The cookie, if whoever asks may set it.
    fn allowed(&self, said: &parsing::Said<'_>, host: &str, site: Site<'_>, now: u64) -> Option<Cookie> {
        let domain = match said.domain {
            Some(domain) => Some(std::str::from_utf8(domain).ok()?.to_ascii_lowercase()),
            None => None,
        };
        // Of what belongs to nobody, a host may set cookies for itself; of an address, too.
        let domain = match domain {
            Some(domain) if !domains::matches(host, &domain) => return None,
            Some(domain) if domain == host && (domains::is_address(host) || (self.is_suffix)(host)) => None,
            Some(domain) if (self.is_suffix)(&domain) => return None,
            domain => domain,
        };
        let prefixed = |prefix: &str| {
            said.name.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        let of_host = said.secure && domain.is_none() && said.path == Some(b"/");
        if said.secure && !site.secure
            || prefixed("__Secure-") && !said.secure
            || prefixed("__Host-") && !of_host
        {
            return None;
        }
        let path = match said.path {
            Some(path) => std::str::from_utf8(path).ok()?,
            None => domains::folder(site.path),
        };
        let expires = match said.max_age {
            Some(age) => Some(now.saturating_add_signed(age.max(i64::MIN + 1)).min(u64::MAX - 1)),
            None => said.expires,
        };
        Some(Cookie {
            name: said.name.to_vec(),
            value: said.value.to_vec(),
            host_only: domain.is_none(),
            domain: domain.unwrap_or_else(|| host.to_owned()),
            path: path.to_owned(),
            secure: said.secure,
            expires,
        })
    }

    /// Whether a cookie that came without TLS would be taken for one that is `Secure`.
    fn would_hide_secure(&self, cookie: &Cookie, host: &str) -> bool {
        domains::above(host).filter_map(|domain| self.domains.get(domain)).flatten().any(|kept| {
            kept.cookie.secure
                && kept.cookie.name == cookie.name
                && domains::is_within(&cookie.path, &kept.cookie.path)
        })
    }

    /// The oldest go where there are too many.
    fn shrink(&mut self) {
        while self.count > IN_ALL {
            let oldest = self.domains.values_mut().filter(|kept| !kept.is_empty());
            let Some(kept) = oldest.min_by_key(|kept| kept.first().map(|kept| kept.number)) else { return };
            kept.remove(0);
            self.count -= 1;
        }
        if self.domains.len() > IN_ALL {
            self.domains.retain(|_, kept| !kept.is_empty());
        }
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cookie")
            .field("name", &String::from_utf8_lossy(&self.name))
            .field("domain", &self.domain)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
