//! A body in one of the codings, in pieces: no more is made than asked for, each call gets on, and cuts change nothing.
#![no_main]

use ferrio_http::encodings::{Decoder, Fault};
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let [which, size, input @ ..] = input else { return };
    let coding = ["gzip", "deflate", "br", "zstd"][usize::from(which % 4)];
    let whole = decode(coding, input, input.len().max(1), 65_536);
    let pieces = decode(coding, input, 1 + usize::from(*size), 1 + usize::from(*size) * 16);
    assert_eq!(whole.1, pieces.1);
    // Of what is broken, more or less comes out first.
    if whole.1.is_ok() {
        assert_eq!(whole.0, pieces.0);
    }
});

fn decode(coding: &str, input: &[u8], size: usize, most: usize) -> (Vec<u8>, Result<(), Fault>) {
    let mut decoder = Decoder::new(coding.as_bytes()).unwrap().with_limit(LIMIT);
    let mut out = Vec::new();
    for mut piece in input.chunks(size) {
        loop {
            let before = out.len();
            match decoder.decode(piece, most, &mut out) {
                Ok(step) => {
                    assert!(out.len() - before <= most && out.len() as u64 <= LIMIT);
                    assert!(step.used > 0 || step.full || piece.is_empty(), "no progress");
                    piece = &piece[step.used..];
                    if piece.is_empty() && !step.full {
                        break;
                    }
                }
                Err(fault) => return (out, Err(fault)),
            }
        }
    }
    let end = decoder.finish();
    (out, end)
}
