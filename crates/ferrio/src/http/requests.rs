//! A head that came as a `Request` or a `Response` of the crate `http`. Its bytes are copied once; values and the target are parts of that copy.

use bytes::Bytes;
use ferrio_http::h1::server::Head;
use ferrio_http::h1::{Headers, Refusal, Version as Spoken, client};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

/// The head of a request, whose bytes are in `input`.
pub(super) fn request(head: &Head<'_>, input: &[u8]) -> Result<Request<()>, Refusal> {
    const METHOD: Refusal = Refusal { status: 400, reason: "the method is no token" };
    const TARGET: Refusal = Refusal { status: 400, reason: "the target is no URI" };
    let copy = Copied { bytes: Bytes::copy_from_slice(input), start: input.as_ptr().addr() };
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method).map_err(|_| METHOD)?;
    *request.uri_mut() = Uri::from_maybe_shared(copy.part(head.target)).map_err(|_| TARGET)?;
    *request.version_mut() = version(head.version);
    *request.headers_mut() = headers(&head.headers, Some(&copy));
    Ok(request)
}

/// The head of an answer, whose bytes are in `input`.
pub(super) fn response(head: &client::Head<'_>, input: &[u8]) -> Response<()> {
    let copy = Copied { bytes: Bytes::copy_from_slice(input), start: input.as_ptr().addr() };
    let mut response = Response::new(());
    // The parser takes none that is no status.
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.version_mut() = version(head.version);
    *response.headers_mut() = headers(&head.headers, Some(&copy));
    response
}

/// Headers, or trailers. What the types cannot hold is left out: the parser takes no such name or value.
pub(super) fn headers(fields: &Headers<'_>, copy: Option<&Copied>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let value = match copy {
            Some(copy) => HeaderValue::from_maybe_shared(copy.part(value)),
            None => HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value)),
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            map.append(name, value);
        }
    }
    map
}

fn version(spoken: Spoken) -> Version {
    if spoken == Spoken::Http10 { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// A copy of bytes, and where those were.
pub(super) struct Copied {
    bytes: Bytes,
    start: usize,
}

impl Copied {
    /// The same part of the copy.
    fn part(&self, part: &[u8]) -> Bytes {
        let start = part.as_ptr().addr().wrapping_sub(self.start);
        match start.checked_add(part.len()) {
            Some(end) if end <= self.bytes.len() => self.bytes.slice(start..end),
            _ => Bytes::copy_from_slice(part),
        }
    }
}
