//! `Basic` credentials (RFC 7617), which are base64 and keep nothing secret by themselves.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of `Authorization` or `Proxy-Authorization` for a name and a password, in UTF-8.
///
/// ```
/// assert_eq!(ferrio_http::proxies::basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// ```
#[must_use]
pub fn basic(name: &str, password: &str) -> String {
    let mut text = String::from("Basic ");
    for three in format!("{name}:{password}").as_bytes().chunks(3) {
        let bits =
            three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = if at > three.len() { None } else { ALPHABET.get(bits >> (18 - 6 * at) & 63) };
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}
