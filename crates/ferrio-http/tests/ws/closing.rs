//! The closing handshake (RFC 6455, 7), in every order.

use ferrio_http::ws::{Event, Misuse, State, code};

use super::peer::{Seen, client, events, frame, masked, server};

#[test]
fn a_close_is_answered_with_its_own_code_and_reason() {
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16]
    {
        let payload = [&code.to_be_bytes()[..], "tschüß".as_bytes()].concat();
        let mut connection = server();
        let (seen, out) = events(&mut connection, &masked(0x88, &payload));
        assert_eq!((seen, out), (vec![Seen::Close(code, "tschüß".into())], frame(0x88, &payload)));
        assert_eq!(connection.state(), State::Closed);
        assert_eq!(connection.end_of_input(), Event::Closed);
    }
    let (seen, out) = events(&mut server(), &masked(0x88, b""));
    assert_eq!((seen, out), (vec![Seen::Close(code::NO_STATUS, String::new())], frame(0x88, b"")));
    let longest = [&1000_u16.to_be_bytes()[..], &[b'r'; 123]].concat();
    assert_eq!(events(&mut server(), &masked(0x88, &longest)).1, frame(0x88, &longest));
}

#[test]
fn bad_closes_fail() {
    let payloads: [(&[u8], u16); 4] = [
        (b"\x03", code::PROTOCOL_ERROR),
        (b"\x03\xE8\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80", code::INVALID_PAYLOAD),
        (b"\x03\xE8\xFF", code::INVALID_PAYLOAD),
        (b"\x03\xE8\xC3", code::INVALID_PAYLOAD),
    ];
    for (payload, code) in payloads {
        assert_eq!(events(&mut server(), &masked(0x88, payload)).0, [Seen::Failed(code)], "{payload:?}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16] {
        let failed = [Seen::Failed(code::PROTOCOL_ERROR)];
        assert_eq!(events(&mut client(), &frame(0x88, &code.to_be_bytes())).0, failed, "{code}");
    }
}

#[test]
fn nothing_is_read_after_a_close() {
    let input =
        [masked(0x81, b"one"), masked(0x88, b"\x03\xE8"), masked(0x81, b"two"), vec![0xFF; 9]].concat();
    let (seen, out) = events(&mut server(), &input);
    assert_eq!(seen, [Seen::Text("one".into()), Seen::Close(1000, String::new())]);
    assert_eq!(out, frame(0x88, b"\x03\xE8"));
}

#[test]
fn nothing_is_sent_after_a_close() {
    let (mut connection, mut out) = (server(), Vec::new());
    connection.close(code::NORMAL, "", &mut out).unwrap();
    let closed = out.len();
    assert_eq!(connection.send_text("x", &mut out), Err(Misuse::Closing));
    assert_eq!(connection.send_binary(b"x", &mut out), Err(Misuse::Closing));
    assert_eq!(connection.ping(b"x", &mut out), Err(Misuse::Closing));
    assert_eq!(connection.pong(b"x", &mut out), Err(Misuse::Closing));
    assert_eq!(connection.close(code::NORMAL, "", &mut out), Err(Misuse::Closing));
    // The peer did not know yet. What it sent is read, but not answered.
    let input = [masked(0x89, b"?"), masked(0x81, b"late"), masked(0x88, b"\x03\xE8")].concat();
    let (seen, answers) = events(&mut connection, &input);
    assert_eq!(
        seen,
        [Seen::Ping(b"?".to_vec()), Seen::Text("late".into()), Seen::Close(1000, String::new())]
    );
    assert!(answers.is_empty() && out.len() == closed);
    assert_eq!(connection.state(), State::Closed);
}

#[test]
fn a_peer_that_breaks_a_rule_after_our_close_hears_no_more() {
    let (mut connection, mut out) = (server(), Vec::new());
    connection.close(code::NORMAL, "", &mut out).unwrap();
    let (seen, answers) = events(&mut connection, &frame(0x81, b"unmasked"));
    assert_eq!((seen, answers), (vec![Seen::Failed(code::PROTOCOL_ERROR)], vec![]));
}

#[test]
fn a_transport_that_ends_without_a_close_is_a_failure() {
    let mut connection = server();
    assert_eq!(events(&mut connection, &masked(0x01, b"half")).0, []);
    let Event::Failed(failed) = connection.end_of_input() else { panic!("nobody closed") };
    assert_eq!(failed.code, code::ABNORMAL);
    assert_eq!(connection.send_text("x", &mut Vec::new()), Err(Misuse::Closing));
}
