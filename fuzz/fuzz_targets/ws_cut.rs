//! The same bytes whole and in pieces, whose lengths the first bytes say: both roles say the same of both.
#![no_main]

#[path = "../../crates/ferrio-http/tests/ws/peer.rs"]
#[allow(dead_code)]
mod peer;

use ferrio_http::ws::{Config, Role};
use libfuzzer_sys::fuzz_target;
use peer::{Seen, deflating, events, events_cut};

const CONFIG: Config = Config { max_message_size: 5000, compress_from: 1, compression_level: 3 };

fuzz_target!(|input: &[u8]| {
    let Some((lengths, input)) = input.split_first_chunk::<4>() else { return };
    let mut lengths = lengths.iter().cycle().map(|&length| 1 + usize::from(length));
    let mut next = || lengths.next().unwrap_or(1);
    let (seen, out) = events(&mut deflating(Role::Server, CONFIG), input);
    assert_eq!(events_cut(&mut deflating(Role::Server, CONFIG), input, &mut next), (seen, out));
    // A client's answers are masked by chance.
    let said = |(seen, out): (Vec<Seen>, Vec<u8>)| (seen, out.len());
    let whole = said(events(&mut deflating(Role::Client, CONFIG), input));
    assert_eq!(said(events_cut(&mut deflating(Role::Client, CONFIG), input, &mut next)), whole);
});
