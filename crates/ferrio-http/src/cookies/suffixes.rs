//! Mozilla's list of public suffixes, as compiled into the crate `psl`.

/// Whether a domain belongs to nobody in particular, so that no cookie is for all that is below it: `com`, `co.uk`, `github.io`. For
/// [`Jar::new`](super::Jar::new).
///
/// ```
/// use ferrio_http::cookies::is_public_suffix;
///
/// assert!(is_public_suffix("co.uk") && is_public_suffix("github.io"));
/// assert!(!is_public_suffix("example.co.uk") && !is_public_suffix("example.org"));
/// ```
#[must_use]
pub fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}
