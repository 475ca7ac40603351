//! Redirects (RFC 9110, 15.4): which method, which headers, which address comes next. Owns the rules; sends nothing and counts nothing.
//!
//! * Rule 1: credentials do not leave their origin, but for the step from `http` to `https` of the same host.
//! * Rule 2: a body is sent again only where the method stays (307, 308).
//! * Rule 3: only `http` and `https` are followed.
//!
//! ```
//! use ferrio_http::redirects::{Next, resolve};
//!
//! let next = Next::after(302, "POST").unwrap();
//! assert_eq!((next.method, next.keeps_body), ("GET", false));
//! let to = resolve("https://a.example/one/two?x", b"../three")?;
//! assert_eq!(to, "https://a.example/three");
//! # Ok::<(), ferrio_http::redirects::Unfit>(())
//! ```

use std::fmt;

/// How the next request differs from the one that was redirected.
///
/// ```
/// use ferrio_http::redirects::Next;
///
/// let next = Next::after(307, "POST").unwrap();
/// assert_eq!((next.method, next.keeps_body), ("POST", true));
/// assert!(Next::after(304, "GET").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next<'a> {
    /// Its method.
    pub method: &'a str,
    /// Whether it has the same body; otherwise it has none.
    pub keeps_body: bool,
}

impl<'a> Next<'a> {
    /// After an answer with this status; none where that is no redirect. One without `Location` is none, either.
    #[must_use]
    pub fn after(status: u16, method: &'a str) -> Option<Self> {
        match status {
            // Of 301 and 302 all browsers make GET of POST, and of nothing else.
            301 | 302 if method == "POST" => Some(Next { method: "GET", keeps_body: false }),
            303 if method != "HEAD" => Some(Next { method: "GET", keeps_body: false }),
            301 | 302 | 303 | 307 | 308 => Some(Next { method, keeps_body: status != 303 }),
            _ => None,
        }
    }

    /// Whether a header of the request is one of the next request's, too.
    ///
    /// ```
    /// use ferrio_http::redirects::Next;
    ///
    /// let next = Next::after(303, "POST").unwrap();
    /// assert!(next.keeps_header("Accept", false));
    /// assert!(!next.keeps_header("Content-Type", true));
    /// assert!(next.keeps_header("Authorization", true));
    /// assert!(!next.keeps_header("authorization", false));
    /// ```
    #[must_use]
    pub fn keeps_header(&self, name: &str, same_origin: bool) -> bool {
        let one_of = |names: &[&str]| names.iter().any(|one| one.eq_ignore_ascii_case(name));
        let of_body = [
            "content-length",
            "content-type",
            "content-encoding",
            "content-language",
            "content-location",
            "transfer-encoding",
            "expect",
        ];
        let secret = ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];
        !one_of(&["host"]) && (self.keeps_body || !one_of(&of_body)) && (same_origin || !one_of(&secret))
    }
}

/// Whether credentials for one address may go to another: the same scheme, host and port, or `https` instead of `http` at the
/// ports that belong to them.
///
/// ```
/// use ferrio_http::redirects::same_origin;
///
/// assert!(same_origin("https://A.example/x", "https://a.example:443/y"));
/// assert!(same_origin("http://a.example/", "https://a.example/"));
/// assert!(!same_origin("https://a.example/", "http://a.example/"));
/// assert!(!same_origin("https://a.example/", "https://b.a.example/"));
/// ```
#[must_use]
pub fn same_origin(from: &str, to: &str) -> bool {
    let (Some(from), Some(to)) = (Origin::of(from), Origin::of(to)) else { return false };
    from.host.eq_ignore_ascii_case(to.host)
        && (from.port == to.port && from.scheme.eq_ignore_ascii_case(to.scheme)
            || from.scheme.eq_ignore_ascii_case("http")
                && to.scheme.eq_ignore_ascii_case("https")
                && (from.port, to.port) == (80, 443))
}

/// The address that `Location` names, seen from the one that was asked (RFC 3986, 5.2). What may not stand in an address, such as
/// a space or a letter beyond ASCII, is escaped; a fragment goes.
///
/// ```
/// use ferrio_http::redirects::resolve;
///
/// let base = "http://a.example/b/c?d";
/// for (location, expected) in [
///     ("/x y", "http://a.example/x%20y"),
///     ("//other/", "http://other/"),
///     ("?e#f", "http://a.example/b/c?e"),
///     ("HTTPS://c.example", "https://c.example/"),
/// ] {
///     assert_eq!(resolve(base, location.as_bytes()).unwrap(), expected);
/// }
/// assert!(resolve(base, b"ftp://a.example/").is_err());
/// ```
///
/// # Errors
///
/// When it is no address of `http` or `https`.
pub fn resolve(base: &str, location: &[u8]) -> Result<String, Unfit> {
    const NOWHERE: Unfit = Unfit("Location has no host");
    let location = escaped(location.trim_ascii())?;
    let base = Parts::of(base);
    let to = Parts::of(&location);
    let scheme = to.scheme.or(base.scheme).unwrap_or_default().to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(Unfit("Location is neither http nor https"));
    }
    if to.scheme.is_some() && to.authority.is_none() {
        return Err(NOWHERE);
    }
    let authority = to.authority.or(base.authority).filter(|authority| !authority.is_empty());
    let (path, query) = if to.authority.is_some() {
        (without_dots(to.path), to.query)
    } else if to.path.is_empty() {
        (base.path.to_owned(), to.query.or(base.query))
    } else if to.path.starts_with('/') {
        (without_dots(to.path), to.query)
    } else {
        let folder = base.path.rfind('/').map_or("/", |end| base.path.get(..=end).unwrap_or("/"));
        (without_dots(&format!("{folder}{}", to.path)), to.query)
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let (mark, query) = query.map_or(("", ""), |query| ("?", query));
    Ok(format!("{scheme}://{}{slash}{path}{mark}{query}", authority.ok_or(NOWHERE)?))
}

/// `Location` cannot be followed.
///
/// ```
/// let unfit = ferrio_http::redirects::resolve("http://a/", b"mailto:me").unwrap_err();
/// assert_eq!(unfit.to_string(), "Location is neither http nor https");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(&'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

/// An address in its parts, without fragment (RFC 3986, appendix B).
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(address: &'a str) -> Self {
        let address = address.split('#').next().unwrap_or_default();
        let (scheme, rest) = match address.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, address),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let Some(rest) = rest.strip_prefix("//") else {
            return Parts { scheme, authority: None, path: rest, query };
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Parts { scheme, authority: Some(authority), path, query }
    }
}

struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    fn of(address: &'a str) -> Option<Self> {
        let Parts { scheme, authority, .. } = Parts::of(address);
        let scheme = scheme?;
        let place = authority?.rsplit('@').next()?;
        let (host, port) = match place.rsplit_once(':') {
            // The colons of an IPv6 address are within brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (place, ""),
        };
        // The parser of numbers takes a sign, too.
        let digits = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
        let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        Some(Origin { scheme, host, port: if digits.is_empty() { usual } else { digits.parse().ok()? } })
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Without the segments `.` and `..`, of a path that begins with a slash (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match dots(segment) {
            Some(count) => {
                if count == 2 {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            None => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Of how many dots a segment is, if it is `.` or `..`. An escaped dot is one, too, for those who serve files and for browsers.
fn dots(segment: &str) -> Option<usize> {
    let (mut rest, mut count) = (segment, 0);
    while count < 2 && !rest.is_empty() {
        let dot = [".", "%2e", "%2E"].into_iter().find_map(|dot| rest.strip_prefix(dot));
        (rest, count) = (dot?, count + 1);
    }
    (rest.is_empty() && count > 0).then_some(count)
}

/// As ASCII, with what may not stand in an address escaped. An escape that is there stays.
fn escaped(location: &[u8]) -> Result<String, Unfit> {
    let mut text = String::with_capacity(location.len());
    for &byte in location {
        match byte {
            0..b' ' | 0x7f => return Err(Unfit("Location has control bytes")),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                text.push('%');
                text.extend([byte >> 4, byte & 15].map(|half| {
                    char::from_digit(u32::from(half), 16).unwrap_or_default().to_ascii_uppercase()
                }));
            }
            _ => text.push(char::from(byte)),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            // A dot may be escaped, as is every letter that needs it not (6.2.2.2).
            ("%2e%2E/g", "http://a/b/g"),
            ("/a/.%2e/%2e/b", "http://a/b"),
            ("%2e", "http://a/b/c/"),
            ("%2e%2e%2e", "http://a/b/c/%2e%2e%2e"),
        ] {
            assert_eq!(resolve(base, reference.as_bytes()).as_deref(), Ok(expected), "{reference}");
        }
    }

    #[test]
    fn what_cannot_be_followed() {
        for location in ["http:g", "http://", "https:///x", "javascript:alert(1)", "a\r\nb", "file:///etc"] {
            assert!(resolve("http://a/", location.as_bytes()).is_err(), "{location}");
        }
        assert_eq!(resolve("http://a/", "/ä?ö=%20|".as_bytes()).unwrap(), "http://a/%C3%A4?%C3%B6=%20%7C");
    }

    #[test]
    fn origins() {
        for (from, to, same) in [
            ("http://a/", "http://a:80/x", true),
            ("http://a/", "http://a:8080/", false),
            ("http://a:8080/", "https://a/", false),
            ("http://a/", "https://a:8443/", false),
            ("https://[::1]/", "https://[::1]:443/", true),
            ("https://u:p@a/", "https://a/", true),
            ("https://a/", "https://a@b/", false),
            ("https://a/", "https://a:x/", false),
            ("https://a/", "https://a:+443/", false),
            ("https://a/", "/", false),
        ] {
            assert_eq!(same_origin(from, to), same, "{from} {to}");
        }
    }

    #[test]
    fn methods_and_bodies() {
        for (status, method, expected) in [
            (301, "POST", Some(("GET", false))),
            (301, "PUT", Some(("PUT", true))),
            (302, "GET", Some(("GET", true))),
            (303, "PUT", Some(("GET", false))),
            (303, "HEAD", Some(("HEAD", false))),
            (307, "DELETE", Some(("DELETE", true))),
            (308, "POST", Some(("POST", true))),
            (300, "GET", None),
            (304, "GET", None),
            (305, "GET", None),
        ] {
            let next = Next::after(status, method).map(|next| (next.method, next.keeps_body));
            assert_eq!(next, expected, "{status} {method}");
        }
    }
}
