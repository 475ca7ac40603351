//! Hosts, domains and paths: what matches what (RFC 6265, 5.1). Knows no cookies.

use std::net::IpAddr;

/// Whether a host is the domain or below it. An address is below nothing.
pub(super) fn matches(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|front| front.ends_with('.')) && !is_address(host)
}

/// Whether it is an address and no name.
pub(super) fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

/// The host and the domains that it is below, longest first.
pub(super) fn above(host: &str) -> impl Iterator<Item = &str> {
    let named = !is_address(host);
    std::iter::successors(Some(host), move |domain| {
        if named { domain.split_once('.').map(|(_, parent)| parent) } else { None }
    })
}

/// Where a cookie belongs whose `Path` says nothing: the folder of the request's path.
pub(super) fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 && path.starts_with('/') => path.get(..end).unwrap_or("/"),
        _ => "/",
    }
}

/// Whether a request's path is a cookie's or below it.
pub(super) fn is_within(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_at_dots_and_names_alone() {
        for (host, domain, expected) in [
            ("a.b.c", "a.b.c", true),
            ("a.b.c", "b.c", true),
            ("ab.c", "b.c", false),
            ("b.c", "a.b.c", false),
            ("1.2.3.4", "3.4", false),
            ("1.2.3.4", "1.2.3.4", true),
        ] {
            assert_eq!(matches(host, domain), expected, "{host} {domain}");
        }
        assert_eq!(above("a.b.c").collect::<Vec<_>>(), ["a.b.c", "b.c", "c"]);
        assert_eq!(above("[::1]").collect::<Vec<_>>(), ["[::1]"]);
    }

    #[test]
    fn paths_match_at_slashes() {
        for (path, of, expected) in
            [("/a/b", "/a", true), ("/a/b", "/a/", true), ("/ab", "/a", false), ("/a", "/a", true)]
        {
            assert_eq!(is_within(path, of), expected, "{path} {of}");
        }
        assert_eq!(["/a/b", "/a", "/", "", "a/b"].map(folder), ["/a", "/", "/", "/", "/"]);
    }
}
