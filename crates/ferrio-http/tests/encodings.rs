//! Codings: what is flushed comes at once, whatever the cuts; bombs, rubbish and ends that are missing.
//! The vectors are of CPython's zlib, of Google's brotli and of zstandard, each flushed after 700 bytes.

use ferrio_http::encodings::{Decoder, Fault, Step, accepted};

/// The coding, and a text in two parts.
const VECTORS: [(&str, &str, &str); 5] = [
    (
        "gzip",
        concat!(
            "1f8b08000000000002038cd0b90d80301045c19c2ab6043e37e5385884250b10de80f21139c1cb279a920fb7d6cecd92",
            "853f61b1a7b0db2f4f512d47f5b235e54322a823a82768206824682268266821684599ac1c9d0ba50bad0bb50bbd0bc5",
            "0bcdebaffe050000ffff",
        ),
        concat!(
            "8dd4310d00301003314e39fedc0ae0877acf64457757643fb29ffd9dec47f623fb91fdc87e643fb21fd947f6917d161b",
            "b28fec23fbc83eb28fecfbd93f2a7e1078e6050000",
        ),
    ),
    (
        "deflate",
        concat!(
            "78da8cd0b90d80301045c19c2ab6043e37e5385884250b10de80f21139c1cb279a920fb7d6cecd92853f61b1a7b0db2f",
            "4f512d47f5b235e54322a823a82768206824682268266821684599ac1c9d0ba50bad0bb50bbd0bc50bcdebaffe050000",
            "ffff",
        ),
        concat!(
            "8dd4310d00301003314e39fedc0ae0877acf64457757643fb29ffd9dec47f623fb91fdc87e643fb21fd947f6917d161b",
            "b28fec23fbc83eb28fecfbd93fb5680b17",
        ),
    ),
    (
        "deflate",
        concat!(
            "8cd0b90d80301045c19c2ab6043e37e5385884250b10de80f21139c1cb279a920fb7d6cecd92853f61b1a7b0db2f4f51",
            "2d47f5b235e54322a823a82768206824682268266821684599ac1c9d0ba50bad0bb50bbd0bc50bcdebaffe050000ffff",
        ),
        concat!(
            "8dd4310d00301003314e39fedc0ae0877acf64457757643fb29ffd9dec47f623fb91fdc87e643fb21fd947f6917d161b",
            "b28fec23fbc83eb28fecfbd93f",
        ),
    ),
    (
        "br",
        concat!(
            "8b5d01001c09368e72ab1a3ba78343d200dbe919166f0da2603617617200d0aed2b234a3c00b3c86fdbb49723c525d32",
            "e61d84568fb98ccec860b2d85cdc3cbc7c0f98fd0e9c2eb797b74fb4",
        ),
        "9132805fdc606c5eca209b18a28a0020b85f70badc1e1f5f3f7fee379c2eb7c7c7d7cf5f0a",
    ),
    (
        "zstd",
        concat!(
            "28b52ffd04586c0300b4036c696e652030206f66206120746578742074686174207265706561747320697473656c660a",
            "6c696e6520313233343536373839313131313131313112007e4b8bbe7d0edf3eccde3e426f9f93b70f83b78fb8db07da",
            "ade7029205a404e405240b4809c80b4816906211a9ca",
        ),
        concat!(
            "e50100b06531323232323232323232323333333333333333333316400100071ee0011ee0011ee0011ee0011ee0011ee0",
            "011ee0011ee0011ee0018fbff52020dd1918d3",
        ),
    ),
];

fn text() -> Vec<u8> {
    (0..40).flat_map(|line| format!("line {line} of a text that repeats itself\n").into_bytes()).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Those that are built.
fn vectors() -> impl Iterator<Item = (&'static str, Vec<u8>, Vec<u8>)> {
    VECTORS
        .iter()
        .filter(|(coding, ..)| accepted().split(", ").any(|one| one == *coding))
        .map(|(coding, first, second)| (*coding, bytes(first), bytes(second)))
}

/// Everything that comes of the input, asked for in pieces of `most`.
fn decode(decoder: &mut Decoder, mut input: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    loop {
        let before = out.len();
        let Step { used, full } = decoder.decode(input, most, &mut out)?;
        assert!(out.len() - before <= most);
        input = &input[used..];
        if input.is_empty() && !full {
            return Ok(out);
        }
        assert!(full || used > 0, "no progress");
    }
}

#[test]
fn what_was_flushed_comes_at_once() {
    for (coding, first, second) in vectors() {
        let mut decoder = Decoder::new(coding.as_bytes()).unwrap();
        assert_eq!(decode(&mut decoder, &first, 4096).unwrap(), &text()[..700], "{coding}");
        assert!(decoder.finish().is_err());
        assert_eq!(decode(&mut decoder, &second, 4096).unwrap(), &text()[700..], "{coding}");
        assert_eq!(decoder.finish(), Ok(()));
    }
}

#[test]
fn cuts_and_small_pieces_change_nothing() {
    for (coding, first, second) in vectors() {
        let whole = [first, second].concat();
        for most in [1, 7, 4096] {
            for size in [1, 2, 3, 50] {
                let mut decoder = Decoder::new(coding.as_bytes()).unwrap();
                let pieces: Result<Vec<_>, _> =
                    whole.chunks(size).map(|chunk| decode(&mut decoder, chunk, most)).collect();
                assert_eq!(pieces.unwrap().concat(), text(), "{coding} {most} {size}");
                assert_eq!(decoder.finish(), Ok(()));
            }
        }
        for end in 1..whole.len() {
            let mut decoder = Decoder::new(coding.as_bytes()).unwrap();
            decode(&mut decoder, &whole[..end], 4096).unwrap();
            assert!(matches!(decoder.finish(), Err(Fault::Cut(_))), "{coding} {end}");
        }
    }
}

#[test]
fn a_bomb_is_taken_in_pieces_and_up_to_the_limit() {
    let bombs = [
        ("br", "9bffff3ff82700e2b14020f7fe07"),
        (
            "zstd",
            concat!(
                "28b52ffd8058000040005400001000000100fbff39c00202001000020010000200100002001000020010000200100002",
                "001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100002",
                "001000020010000200100002001000020010000200100002001000020010000200100002001000020010000200100003",
                "001000",
            ),
        ),
    ];
    for (coding, packed) in bombs {
        let Some(decoder) = Decoder::new(coding.as_bytes()) else { continue };
        let mut whole = Decoder::new(coding.as_bytes()).unwrap();
        assert_eq!(decode(&mut whole, &bytes(packed), 65_536).unwrap().len(), 4 << 20);
        let mut decoder = decoder.with_limit(100_000);
        assert_eq!(decode(&mut decoder, &bytes(packed), 65_536), Err(Fault::TooLong(100_000)));
    }
}

#[test]
fn a_body_as_long_as_the_limit_is_taken() {
    for (coding, first, second) in vectors() {
        let whole = [first, second].concat();
        let mut decoder = Decoder::new(coding.as_bytes()).unwrap().with_limit(text().len() as u64);
        assert_eq!(decode(&mut decoder, &whole, 100).unwrap(), text());
        let mut decoder = Decoder::new(coding.as_bytes()).unwrap().with_limit(text().len() as u64 - 1);
        assert_eq!(decode(&mut decoder, &whole, 100), Err(Fault::TooLong(text().len() as u64 - 1)));
    }
}

#[test]
fn a_window_beyond_the_web_s_is_refused() {
    let Some(mut decoder) = Decoder::new(b"zstd") else { return };
    let packed = bytes("28b52ffd00881100006869");
    assert_eq!(decode(&mut decoder, &packed, 100), Err(Fault::Broken("zstd")));
}

#[test]
fn members_follow_each_other_and_rubbish_is_ignored() {
    let (_, first, second) = vectors().next().unwrap();
    let member = [first, second].concat();
    for (behind, times) in [(&b""[..], 2), (b"\0\0\0\x1f", 2), (b"rubbish", 1)] {
        let input = [&member.repeat(times), behind].concat();
        for size in [1, 5, 4096] {
            let mut decoder = Decoder::new(b"GZIP ").unwrap();
            let pieces: Vec<_> =
                input.chunks(size).map(|chunk| decode(&mut decoder, chunk, 100).unwrap()).collect();
            assert_eq!(pieces.concat(), text().repeat(times));
            assert_eq!(decoder.finish(), Ok(()));
        }
    }
}

#[test]
fn changed_bytes_are_noticed_or_harmless() {
    for (coding, first, second) in vectors() {
        let whole = [first, second].concat();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let mut decoder = Decoder::new(coding.as_bytes()).unwrap().with_limit(1 << 20);
            let _ = decode(&mut decoder, &changed, 1000);
        }
    }
}

#[test]
fn only_one_known_coding_is_decoded() {
    for coding in ["identity", "", "gzip, gzip", "compress"] {
        assert!(Decoder::new(coding.as_bytes()).is_none(), "{coding}");
    }
    for coding in ["gzip", "x-gzip", "deflate", " Deflate\t"] {
        assert!(Decoder::new(coding.as_bytes()).is_some(), "{coding}");
    }
}
