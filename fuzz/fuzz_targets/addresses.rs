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
        let _any = same_origin(base, &to);
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(proxy) = Proxy::parse(&text) {
        assert!(!proxy.host.is_empty());
        let nameless = Proxy { credentials: None, ..proxy.clone() };
        assert_eq!(format!("{proxy:?}"), format!("{nameless:?}"), "nothing of the credentials is shown");
        let rules = Rules::all(proxy.clone()).except(&text);
        let _any = rules.find("https", &proxy.host, proxy.port);
        let _any = rules.find("http", &text, 80);
    }
});
