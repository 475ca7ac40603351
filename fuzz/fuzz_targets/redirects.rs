//! A chain of redirects: each is where another reader of RFC 3986 says, and no secret leaves the origin that it is for.
#![no_main]

use std::collections::BTreeMap;

use ferrio_http::redirects::{Next, resolve, same_origin};
use fluent_uri::{Uri, UriRef};
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 8] = [300, 301, 302, 303, 304, 307, 308, 200];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];
const HEADERS: [&str; 8] = [
    "Accept",
    "AUTHORIZATION",
    "Cookie",
    "proxy-authorization",
    "Host",
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
];
const SECRETS: [&str; 3] = ["AUTHORIZATION", "Cookie", "proxy-authorization"];

/// Scheme, host and port.
type Origin = (String, String, u16);

fuzz_target!(|input: &[u8]| {
    let [first, second, input @ ..] = input else { return };
    let mut method = METHODS[usize::from(first % 6)];
    let mut address =
        if second & 1 == 0 { "http://a.example/b/c?d" } else { "https://a.example:8443/" }.to_owned();
    let mut has_body = true;
    // Of each header, which origin it was for.
    let own = origin(&address).unwrap();
    let mut headers: BTreeMap<&str, Origin> = HEADERS.map(|name| (name, own.clone())).into();
    for line in input.split(|byte| *byte == b'\n') {
        let Some((kind, location)) = line.split_first() else { return };
        let Some(next) = Next::after(STATUSES[usize::from(kind % 8)], method) else { continue };
        let Ok(to) = resolve(&address, location) else { continue };
        agrees(&address, location, &to);
        let same = same_origin(&address, &to);
        // What the other reader cannot read goes nowhere, either.
        let Some((from, there)) = origin(&address).zip(origin(&to)) else { return };
        let upgrade = |from: &Origin, to: &Origin| {
            from.1 == to.1 && (&from.0[..], from.2, &to.0[..], to.2) == ("http", 80, "https", 443)
        };
        assert_eq!(same, from == there || upgrade(&from, &there), "{address} to {to}");
        headers.retain(|name, _| next.keeps_header(name, same));
        for name in SECRETS {
            // What is kept may only have come here from its own origin, or that in clear.
            if let Some(for_whom) = headers.get(name) {
                let fits = *for_whom == there || upgrade(for_whom, &there);
                assert!(fits, "{name} of {for_whom:?} goes to {to}");
            }
        }
        assert!(!headers.contains_key("Host") && headers.contains_key("Accept"));
        has_body &= next.keeps_body;
        assert!(has_body || !headers.contains_key("Content-Type"));
        assert!(next.method == method || next.method == "GET" && !next.keeps_body);
        (method, address) = (next.method, to);
    }
});

/// What another reader makes of it, where that reads it at all.
fn agrees(base: &str, location: &[u8], to: &str) {
    let Ok(text) = std::str::from_utf8(location) else { return };
    let (Ok(base), Ok(reference)) =
        (Uri::parse(base.split('#').next().unwrap()), UriRef::parse(text.trim_ascii()))
    else {
        return;
    };
    let Ok(resolved) = reference.resolve_against(&base) else { return };
    let parts = |uri: &Uri<&str>| {
        let path = uri.path().as_str();
        (
            uri.scheme().as_str().to_ascii_lowercase(),
            uri.authority().map(|authority| authority.as_str().to_owned()),
            if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            uri.query().map(|query| query.as_str().to_owned()),
        )
    };
    let ours = Uri::parse(to).expect("an address that the other reader takes, too");
    assert_eq!(parts(&ours), parts(&resolved.borrow()), "{base} with {text:?}");
}

fn origin(address: &str) -> Option<Origin> {
    let uri = Uri::parse(address).ok()?;
    let authority = uri.authority()?;
    let scheme = uri.scheme().as_str().to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = authority.port().filter(|port| !port.as_str().is_empty());
    let port = port.map_or(Some(usual), |port| port.as_str().parse().ok())?;
    Some((scheme, authority.host().to_ascii_lowercase(), port))
}
