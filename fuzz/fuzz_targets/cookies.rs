//! Lines, each a Set-Cookie of one of three sites: what is sent breaks no header, and no cookie goes where it may not.
#![no_main]

use ferrio_http::cookies::{Jar, Site, is_top_level};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let sites = [
        Site { host: "www.example.co.uk", path: "/a/b", secure: true },
        Site { host: "example.co.uk", path: "/", secure: false },
        Site { host: "10.0.0.1", path: "", secure: true },
    ];
    let mut jar = Jar::new(|domain| is_top_level(domain) || domain == "co.uk");
    for (line, site) in input.split(|byte| *byte == b'\n').zip(sites.iter().cycle()) {
        jar.set(*site, line, 1_000_000);
    }
    for cookie in jar.iter() {
        assert!(["www.example.co.uk", "example.co.uk", "10.0.0.1"].contains(&&cookie.domain[..]));
        assert!(cookie.path.starts_with('/') && !cookie.name.is_empty());
        assert!(
            !cookie.name.starts_with(b"__Host-") || cookie.host_only && cookie.secure && cookie.path == "/"
        );
    }
    for site in sites {
        let Some(header) = jar.header(site, 1_000_000) else { continue };
        assert!(header.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t'));
        let plain = jar.header(Site { secure: false, ..site }, 1_000_000).unwrap_or_default();
        assert!(plain.len() <= header.len());
    }
    let foreign = Site { host: "other.co.uk", path: "/a/b", secure: true };
    assert_eq!(jar.header(foreign, 1_000_000), None);
});
