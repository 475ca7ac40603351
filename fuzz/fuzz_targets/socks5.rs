//! A proxy's bytes, whole and one by one: the same comes of both, and the handshake ends where it says.
#![no_main]

use ferrio_http::proxies::{Socks5, SocksError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for credentials in [None, Some(("name", "password"))] {
        let talk = |size: usize| -> (Result<(usize, bool), SocksError>, Vec<u8>) {
            let mut handshake = Socks5::new("example.org", 443, credentials).unwrap();
            let (mut out, mut at) = (Vec::new(), 0);
            let mut done = false;
            for end in (0..=input.len()).step_by(size).chain([input.len()]) {
                match handshake.advance(&input[at..end.max(at)], &mut out) {
                    Ok((used, over)) => {
                        assert!(!done || used == 0, "nothing is used behind the end");
                        at += used;
                        done = over;
                    }
                    Err(error) => return (Err(error), out),
                }
            }
            (Ok((at, done)), out)
        };
        assert_eq!(talk(1), talk(input.len().max(1)));
    }
});
