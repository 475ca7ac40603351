//! How long a reply is that tells its length by itself: an HTTP answer by its head or its chunks, a WebSocket frame by
//! its first bytes. Knows no socket; asked again with more bytes while it says `None`.

use super::failure::{Outcome, failed};

/// The length of the reply that these bytes begin with; `None` while they do not tell.
pub(crate) type LengthOf = fn(&[u8]) -> Outcome<Option<usize>>;

/// Of an HTTP answer, which has to have status 200.
pub(crate) fn answer_length(bytes: &[u8]) -> Outcome<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = bytes[..end].to_ascii_lowercase();
    if !head.starts_with(b"http/1.1 200 ") {
        return failed(format!("an answer that is not 200: {}", String::from_utf8_lossy(&head)));
    }
    let body = end + 4;
    let value = |name: &[u8]| head.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name));
    if let Some(coding) = value(b"transfer-encoding:") {
        return match coding.trim_ascii() {
            b"chunked" => Ok(chunks_length(&bytes[body..])?.map(|length| body + length)),
            _ => failed("an answer in a transfer coding that is not chunked"),
        };
    }
    match value(b"content-length:").and_then(|value| number(value.trim_ascii(), 10)) {
        Some(length) => Ok(Some(body + length)),
        None => failed("an answer with neither Content-Length nor chunks"),
    }
}

/// Of an unmasked WebSocket frame of at most 65,535 bytes.
pub(crate) fn frame_length(bytes: &[u8]) -> Outcome<Option<usize>> {
    match *bytes {
        [_, length @ ..=125, ..] => Ok(Some(2 + usize::from(length))),
        [_, 126, high, low, ..] => Ok(Some(4 + usize::from(u16::from_be_bytes([high, low])))),
        [_] | [] | [_, 126, ..] => Ok(None),
        _ => failed("a frame that is masked, or too long"),
    }
}

/// Of a chunked body without trailers.
fn chunks_length(body: &[u8]) -> Outcome<Option<usize>> {
    let mut place = 0;
    loop {
        let Some(rest) = body.get(place..) else { return Ok(None) };
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
        let Some(size) = number(&rest[..line], 16) else { return failed("a chunk without a size") };
        place += line + 2 + size + 2;
        if size == 0 {
            return Ok((place <= body.len()).then_some(place));
        }
    }
}

/// Those digits and nothing else.
pub(crate) fn number(digits: &[u8], radix: u32) -> Option<usize> {
    std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text, radix).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        assert_eq!(answer_length(&answer[..30]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn an_answer_is_as_long_as_its_chunks_say_wherever_it_is_cut() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len()));
        for cut in 0..answer.len() {
            assert_eq!(answer_length(&answer[..cut]).unwrap(), None);
        }
        assert!(answer_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n").is_err());
        assert!(answer_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n").is_err());
    }

    #[test]
    fn a_frame_is_as_long_as_its_first_bytes_say() {
        assert_eq!(frame_length(b"\xc1\x05ab").unwrap(), Some(7));
        assert_eq!(frame_length(b"\x82\x7e\x01\x00").unwrap(), Some(260));
        assert_eq!((frame_length(b"\x82").unwrap(), frame_length(b"\x82\x7e\x01").unwrap()), (None, None));
        assert!(frame_length(b"\x82\x85").is_err());
    }
}
