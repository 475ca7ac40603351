//! Cookies: who may set what for whom, what is sent where and in which order, and how much is kept.

use ferrio_http::cookies::{Jar, Site, is_top_level};

const HOST: Site<'static> = Site { host: "www.example.org", path: "/a/b", secure: true };

/// What stands in for a list of public suffixes.
fn is_suffix(domain: &str) -> bool {
    is_top_level(domain) || domain == "co.uk"
}

fn jar() -> Jar {
    Jar::new(is_suffix)
}

fn sent(jar: &Jar, site: Site<'_>) -> String {
    String::from_utf8(jar.header(site, 100).unwrap_or_default()).unwrap()
}

#[test]
fn who_may_set_for_whom() {
    for (host, header, sent_to) in [
        ("www.example.org", "a=1", &["www.example.org"][..]),
        ("www.example.org", "a=1; Domain=www.example.org", &["www.example.org", "x.www.example.org"]),
        (
            "WWW.example.org",
            "a=1; domain=.EXAMPLE.org",
            &["example.org", "www.example.org", "x.example.org", "x.www.example.org"],
        ),
        ("www.example.org", "a=1; domain=", &["www.example.org"]),
        ("www.example.org", "a=1; domain=org", &[]),
        ("www.example.org", "a=1; domain=x.www.example.org", &[]),
        ("www.example.org", "a=1; domain=ample.org", &[]),
        ("shop.co.uk", "a=1; domain=co.uk", &[]),
        ("co.uk", "a=1; domain=co.uk", &["co.uk"]),
        ("1.2.3.4", "a=1; domain=1.2.3.4", &["1.2.3.4"]),
        ("1.2.3.4", "a=1; domain=3.4", &[]),
        ("[::1]", "a=1", &["[::1]"]),
        ("localhost", "a=1; domain=localhost", &["localhost"]),
    ] {
        let mut jar = jar();
        assert_eq!(jar.set(Site { host, ..HOST }, header.as_bytes(), 100), !sent_to.is_empty(), "{header}");
        let hosts = [
            "example.org",
            "www.example.org",
            "x.example.org",
            "x.www.example.org",
            "co.uk",
            "shop.co.uk",
            "1.2.3.4",
            "[::1]",
            "localhost",
            "x.localhost",
        ];
        let mut got: Vec<_> =
            hosts.into_iter().filter(|host| !sent(&jar, Site { host, ..HOST }).is_empty()).collect();
        got.sort_unstable();
        let mut expected = sent_to.to_vec();
        expected.sort_unstable();
        assert_eq!(got, expected, "{host} {header}");
    }
}

#[test]
fn longer_paths_come_first_and_then_older_ones() {
    let mut jar = jar();
    for header in ["a=1; Path=/", "b=2", "c=3; Path=/a/b", "d=4; Path=/", "e=5; Path=/a/bc", "a=6; path=/"] {
        assert!(jar.set(HOST, header.as_bytes(), 100));
    }
    assert_eq!(sent(&jar, HOST), "c=3; b=2; a=6; d=4");
    assert_eq!(sent(&jar, Site { path: "/a/bc", ..HOST }), "e=5; b=2; a=6; d=4");
    assert_eq!(sent(&jar, Site { path: "", ..HOST }), "a=6; d=4");
}

#[test]
fn cookies_expire_and_are_taken_away() {
    let mut jar = jar();
    jar.set(HOST, b"a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:01 GMT", 100);
    jar.set(HOST, b"b=1; Expires=Thu, 01 Jan 1970 00:01:45 GMT", 100);
    jar.set(HOST, b"c=1", 100);
    for (now, expected) in [(104, Some(&b"a=1; b=1; c=1"[..])), (105, Some(b"a=1; c=1")), (110, Some(b"c=1"))]
    {
        assert_eq!(jar.header(HOST, now).as_deref(), expected, "{now}");
    }
    for age in ["0", "-1", "-99999999999999999999"] {
        jar.set(HOST, b"c=1", 100);
        assert!(jar.set(HOST, format!("c=gone; Max-Age={age}").as_bytes(), 110));
        assert_eq!(jar.header(HOST, 110), None);
    }
    // One that was set for the whole domain is another one.
    jar.set(HOST, b"c=1; Domain=example.org", 100);
    jar.set(HOST, b"c=1; Max-Age=0", 100);
    assert_eq!(sent(&jar, HOST), "c=1");
    jar.set(HOST, b"d=1; Max-Age=99999999999999999999", 100);
    assert_eq!(sent(&jar, HOST), "c=1; d=1");
}

#[test]
fn what_is_secure_stays_so() {
    let plain = Site { secure: false, ..HOST };
    let mut jar = jar();
    assert!(!jar.set(plain, b"a=1; Secure", 100));
    assert!(jar.set(HOST, b"a=1; Secure; Path=/a", 100));
    assert_eq!((sent(&jar, HOST), sent(&jar, plain)), ("a=1".into(), String::new()));
    assert!(!jar.set(plain, b"a=2; Path=/a/b", 100));
    assert!(jar.set(plain, b"a=2; Path=/", 100));
    assert_eq!(sent(&jar, plain), "a=2");
    for (header, taken) in [
        ("__Secure-x=1", false),
        ("__secure-x=1; Secure", true),
        ("__Host-x=1; Secure; Path=/", true),
        ("__Host-x=1; Secure", false),
        ("__Host-x=1; Secure; Path=/; Domain=www.example.org", false),
        ("__HOST-x=1; Path=/", false),
    ] {
        assert_eq!(jar.set(HOST, header.as_bytes(), 100), taken, "{header}");
    }
}

#[test]
fn a_jar_is_bounded() {
    let mut jar = jar();
    for number in 0..200 {
        jar.set(HOST, format!("c{number}=1; Domain=example.org").as_bytes(), 100);
    }
    assert_eq!(jar.iter().count(), 180);
    assert!(jar.iter().all(|cookie| cookie.name != b"c19") && jar.iter().any(|cookie| cookie.name == b"c20"));
    for number in 0..4000 {
        let host = format!("h{number}.example.org");
        jar.set(Site { host: &host, ..HOST }, b"a=1", 100);
        jar.set(Site { host: &host, ..HOST }, b"b=1; Max-Age=0", 100);
    }
    assert_eq!(jar.iter().count(), 3000);
    assert!(jar.iter().all(|cookie| cookie.domain != "h999.example.org"));
}

#[test]
fn nothing_that_is_set_breaks_the_header() {
    let mut jar = jar();
    for header in [&b"a=1\r\nx: y"[..], b"a\n=1", b"a=\0", b"a=\x7f"] {
        assert!(!jar.set(HOST, header, 100));
    }
    assert!(jar.set(HOST, b"a=\"1, 2\" \xff", 100));
    assert_eq!(jar.header(HOST, 100).unwrap(), b"a=\"1, 2\" \xff");
}
