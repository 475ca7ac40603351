//! Any input, good or bad, gives the same events and the same answers wherever it is cut.

use ferrio_http::ws::{Config, Connection, Role};

use super::peer::{Random, deflating, events, events_cut, masked, server};

/// A conversation as a client could have it, with something wrong in most of them.
fn conversation(random: &mut Random, packer: &mut Connection) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..random.below(12) {
        let length = [0, 1, 5, 125, 126, 400, 3000][random.below(7)];
        let text = random.text(length);
        let whole = text.as_bytes();
        match random.below(8) {
            0 => input.extend(masked(0x89, &random.bytes(length.min(125)))),
            1 => {
                let at = random.below(whole.len() + 1);
                input.extend(masked(0x01, &whole[..at]));
                input.extend(masked(0x89, b"between"));
                input.extend(masked(0x80, &whole[at..]));
            }
            2 => packer.send_text(&text, &mut input).unwrap(),
            3 => packer.send_binary(&random.bytes(length), &mut input).unwrap(),
            4 if random.below(6) == 0 => input.extend(masked(0x88, b"\x03\xE8bye")),
            _ => input.extend(masked(0x81, whole)),
        }
    }
    if !input.is_empty() {
        for _ in 0..random.below(12) {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
    }
    input
}

#[test]
fn cuts_change_nothing() {
    let mut random = Random(1);
    let config = Config { max_message_size: 6000, ..Config::default() };
    let (mut failures, mut messages) = (0, 0);
    for _ in 0..400 {
        let input = conversation(&mut random, &mut deflating(Role::Client, config));
        let whole = events(&mut deflating(Role::Server, config), &input);
        for size in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(events_cut(&mut deflating(Role::Server, config), &input, || size), whole);
        }
        for _ in 0..4 {
            let cut = events_cut(&mut deflating(Role::Server, config), &input, || 1 + random.below(300));
            assert_eq!(cut, whole);
        }
        messages += whole.0.len();
        failures += usize::from(format!("{:?}", whole.0).contains("Failed"));
    }
    assert!(failures > 100 && messages > 1000, "{failures} {messages}: too few to prove something");
}

#[test]
fn each_single_cut_changes_nothing() {
    let input = [
        masked(0x81, "grüße".as_bytes()),
        masked(0x02, &[1; 130]),
        masked(0x89, b"ping"),
        masked(0x80, &[2; 3]),
        masked(0x88, b"\x03\xE8bye"),
    ]
    .concat();
    let whole = events(&mut server(), &input);
    assert_eq!(whole.0.len(), 4);
    for first in 1..input.len() {
        for second in (first + 1..input.len()).step_by(5) {
            let mut cuts = [first, second - first, usize::MAX].into_iter();
            assert_eq!(events_cut(&mut server(), &input, || cuts.next().unwrap()), whole);
        }
    }
}
