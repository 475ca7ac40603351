//! The rules of the chunked coding as it comes in: what is read, and what is refused.

use ferrio_http::h1::Limits;

use crate::support::{Said, served};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn chunks_that_follow_the_grammar_are_put_together() {
    for (input, body, trailers) in [
        ("0\r\n\r\n", "", ""),
        ("00\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("00000000000000a\r\nhelloworld\r\n0\r\n\r\n", "helloworld", ""),
        ("A\r\nhelloworld\r\n1\r\n!\r\n000\r\n\r\n", "helloworld!", ""),
        ("1;a\r\nx\r\n1;a=b\r\ny\r\n1;a;b=c;d=\"e\"\r\nz\r\n0;f\r\n\r\n", "xyz", ""),
        ("1;a=\";\\\"\\\\ \t\u{e9}\"\r\nx\r\n0\r\n\r\n", "x", ""),
        ("1; a = b ; c\r\nx\r\n0\r\n\r\n", "x", ""),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""),
        ("0\r\nX-Sum: 1\r\nY:\r\n\r\n", "", "X-Sum=1;Y=;"),
        (
            "0\r\nContent-Length: 9\r\nX: 1\r\nTRANSFER-ENCODING: gzip\r\nhost: b\r\nAuthorization: c\r\n\r\n",
            "",
            "X=1;",
        ),
    ] {
        let server = served(Limits::default(), format!("{HEAD}{input}").as_bytes());
        let mut expected = vec![Said::End(trailers.to_owned())];
        if !body.is_empty() {
            expected.insert(0, Said::Body(body.as_bytes().to_vec()));
        }
        assert_eq!(server.said[1..], expected, "{input:?}");
    }
}

#[test]
fn chunks_that_do_not_are_refused() {
    for input in [
        "\r\n",
        "g\r\n",
        "+1\r\n",
        "-1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1 \r\n",
        "\t1\r\n",
        "1_0\r\n",
        "1,\r\n",
        ";a\r\n",
        "00000000000000001\r\nx",
        "ffffffffffffffff0\r\n",
        "1\n",
        "1\rx",
        "1\r\r\n",
        "1;\r\n",
        "1;=b\r\n",
        "1;a=\r\n",
        "1;a=b c\r\n",
        "1;a=\"b\r\n",
        "1;a=\"b\"c\r\n",
        "1;a\n",
        "1;a\rb\r\n",
        "1;a=\"\0\"\r\n",
        "1;a=\"\n\"\r\n",
        "1 ;a\r\n",
        "1;a \r\n",
        "1;a[\r\n",
        "1;;a\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n",
        "1\r\nx\r\r",
        "1\r\nx0\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\nX\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: \0\r\n\r\n",
    ] {
        let server = served(Limits::default(), format!("{HEAD}{input}").as_bytes());
        assert!(matches!(server.said.last(), Some(Said::Stays("closed"))), "{input:?}: {:?}", server.said);
        assert_eq!(server.statuses(), [400], "{input:?}: {:?}", server.said);
    }
}

#[test]
fn the_largest_size_is_read_and_the_sum_does_not_overflow() {
    let server = served(Limits::default(), format!("{HEAD}1\r\nx\r\nffffffffffffffff\r\nabc").as_bytes());
    assert_eq!(server.said[1..], [Said::Body(b"xabc".to_vec())]);
    let limits = Limits { body: Some(u64::MAX - 1), ..Limits::default() };
    assert_eq!(served(limits, format!("{HEAD}1\r\nx\r\nffffffffffffffff\r\n").as_bytes()).statuses(), [413]);
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let limits = Limits { extensions: 10, trailers: 20, headers: 2, ..Limits::default() };
    let status = |input: &str| served(limits, format!("{HEAD}{input}").as_bytes()).statuses();
    assert_eq!(status("1;aaa\r\nx\r\n1;bbbb\r\ny\r\n0\r\n\r\n"), [200]);
    assert_eq!(status("1;aaaa\r\nx\r\n1;bbbbb\r\ny\r\n0\r\n\r\n"), [400]);
    assert_eq!(status(&format!("1;{}", "a".repeat(11))), [400]);
    assert_eq!(status("0\r\nX: 3456789012345\r\n\r\n"), [200]);
    assert_eq!(status("0\r\nX: 34567890123456\r\n\r\n"), [431]);
    assert_eq!(status("0\r\nA:\r\nB:\r\nC:\r\n\r\n"), [431]);
}
