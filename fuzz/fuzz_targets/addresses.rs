//! Addresses that strangers and environments name: where a redirect leads, proxies, and what goes without one.
#![no_main]

use ferrio_http::proxies::{Proxy, Rules};
use ferrio_http::redirects::{resolve, same_origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let base = "https://user@example.org:8443/a/b;c?d";
    if let Ok(to) = resolve(base, input) {
        assert!(to.starts_with("http://") || to.starts_with("https://"));
        assert!(to.bytes().all(|byte| byte.is_ascii_graphic()) && !to.contains('#'));
        let path = to.split('?').next().unwrap();
        assert!(path.split('/').skip(3).all(|segment| segment != ".." && segment != "."));
        assert_eq!(resolve(base, to.as_bytes()).as_deref(), Ok(&to[..]), "what is resolved stays");
        same_origin(base, &to);
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(proxy) = Proxy::parse(&text) {
        assert!(!proxy.host.is_empty());
        let shown = format!("{proxy:?}");
        let secret = proxy.credentials.as_ref().map(|(_, password)| &password[..]).unwrap_or_default();
        assert!(secret.len() < 12 || proxy.host.contains(secret) || !shown.contains(secret));
        let rules = Rules::all(proxy.clone()).except(&text);
        rules.find("https", &proxy.host, proxy.port);
        rules.find("http", &text, 80);
    }
});
