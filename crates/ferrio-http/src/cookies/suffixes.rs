//! Mozilla's list of public suffixes, searched as it lies in the program: 140 KB, where code made of the list is 770 KB.
//!
//! `scripts/public_suffixes.py` writes suffixes.txt: a rule a line, sorted as bytes, `*.` in front of rules for any label and `!` in
//! front of exceptions from those. What is a single label is a suffix without a rule. That file is under the Mozilla Public License 2.0.

/// Whether a domain, in lower case and ASCII, belongs to nobody in particular, so that no cookie is for all that is below it: `com`,
/// `co.uk`, `github.io`. For [`Jar::new`](super::Jar::new).
///
/// ```
/// use ferrio_http::cookies::is_public_suffix;
///
/// assert!(is_public_suffix("co.uk") && is_public_suffix("github.io"));
/// assert!(!is_public_suffix("example.co.uk") && !is_public_suffix("example.org"));
/// ```
#[must_use]
pub fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let Some((_, parent)) = domain.split_once('.') else { return !domain.is_empty() };
    has("", domain) || (has("*.", parent) && !has("!", domain))
}

const RULES: &str = include_str!("suffixes.txt");

/// Whether there is that rule.
fn has(mark: &str, rest: &str) -> bool {
    let rule = || mark.bytes().chain(rest.bytes());
    // Both are where a line begins.
    let (mut low, mut high) = (0, RULES.len());
    while let Some(between) = RULES.get(low..high).filter(|between| !between.is_empty()) {
        let (front, back) = between.split_at(between.len() / 2);
        let start = low + front.rfind('\n').map_or(0, |end| end + 1);
        let end = low + front.len() + back.find('\n').unwrap_or(back.len());
        match RULES.get(start..end).unwrap_or_default().bytes().cmp(rule()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_found() {
        let mut before = "";
        for rule in RULES.lines() {
            assert!(before < rule && rule.is_ascii(), "{rule}");
            assert!(has("", rule), "{rule}");
            before = rule;
            match rule.split_at(1) {
                ("!", domain) => assert!(!is_public_suffix(domain), "{rule}"),
                ("*", _) => assert!(is_public_suffix(&rule.replace('*', "any")), "{rule}"),
                _ => assert!(is_public_suffix(rule), "{rule}"),
            }
        }
    }

    #[test]
    fn what_belongs_to_whom() {
        for (domain, expected) in [
            ("", false),
            ("com", true),
            ("nobody-knows-this", true),
            ("example.com", false),
            ("co.uk", true),
            ("a.co.uk", false),
            ("ck", true),
            ("any.ck", true),
            ("www.ck", false),
            ("a.any.ck", false),
            ("kobe.jp", false),
            ("c.kobe.jp", true),
            ("city.kobe.jp", false),
            ("xn--0trq7p7nn.jp", true),
            (".co.uk", false),
            ("co.uk.", true),
            ("a.co.uk.", false),
        ] {
            assert_eq!(is_public_suffix(domain), expected, "{domain}");
        }
    }
}
