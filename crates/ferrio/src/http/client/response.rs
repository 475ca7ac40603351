//! `Response`: the head of an answer, and its body as it comes, decoded.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ferrio_http::encodings::Decoder;
use ferrio_http::h1::Length;
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, Version, header};

use crate::http::body::Body;
use crate::http::client::address::Address;
use crate::http::client::errors::{Error, Phase, Why};
use crate::http::client::exchange::Incoming;
use crate::http::client::settings::Settings;
use crate::http::client::shared::{sooner, within};

/// How much is decoded at once.
const PART: usize = 64 * 1024;

/// An answer, whose body is read as it is asked for. When it is dropped before its end its connection is closed, unless all of it has
/// come.
///
/// ```
/// use ferrio::http::{self, Client, Response};
///
/// ferrio::run(async {
///     let server = http::start_server(async |_| Response::new("hello"), "127.0.0.1", 0).await?;
///     let mut response = Client::new().get(&format!("http://127.0.0.1:{}/", server.port())).send().await?;
///     assert_eq!(response.status(), 200);
///     assert_eq!(response.headers()["content-length"], "5");
///     while let Some(chunk) = response.chunk().await? {
///         assert_eq!(chunk, "hello");
///     }
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Response {
    head: Parts,
    method: Method,
    address: Address,
    incoming: Incoming,
    decoder: Option<Decoder>,
    /// What came and is not decoded yet.
    packed: Bytes,
    /// The decoder may have more without more input.
    full: bool,
    ended: bool,
    /// How many bytes of the body were given away, and may be.
    given: u64,
    most: Option<u64>,
    read: Option<Duration>,
    deadline: Option<Duration>,
}

impl Response {
    pub(super) fn new(
        head: Parts,
        length: Length,
        mut incoming: Incoming,
        (method, address): (Method, Address),
        settings: &Settings,
        deadline: Option<Duration>,
    ) -> Self {
        let mut head = head;
        let mut decoder = None;
        if length == Length::Known(0) {
            incoming.settle();
        } else if settings.decodes
            && let Some(coding) = head.headers.get(header::CONTENT_ENCODING)
        {
            decoder = Decoder::new(coding.as_bytes());
        }
        if decoder.is_some() {
            // They are about what was sent, which nobody sees.
            head.headers.remove(header::CONTENT_ENCODING);
            head.headers.remove(header::CONTENT_LENGTH);
        }
        let limit = settings.most.unwrap_or(u64::MAX);
        Response {
            head,
            method,
            address,
            incoming,
            decoder: decoder.map(|decoder| decoder.with_limit(limit)),
            packed: Bytes::new(),
            full: false,
            ended: false,
            given: 0,
            most: settings.most,
            read: settings.times.read,
            deadline,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The version that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The headers; of a body that is decoded without its coding and length.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Where the answer comes from, after redirects.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.uri.to_string()
    }

    /// Where a link in this answer leads; none where that is neither `http` nor `https`. A fragment is left out.
    ///
    /// ```
    /// use ferrio::http::{self, Client, Response};
    ///
    /// ferrio::run(async {
    ///     let server = http::start_server(async |_| Response::new(""), "127.0.0.1", 0).await?;
    ///     let base = format!("http://127.0.0.1:{}", server.port());
    ///     let response = Client::new().get(format!("{base}/a/b?c")).send().await?;
    ///     assert_eq!(response.resolve("../d#e"), Some(format!("{base}/d")));
    ///     assert_eq!(response.resolve("mailto:me"), None);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn resolve(&self, link: &str) -> Option<String> {
        ferrio_http::redirects::resolve(&self.url(), link.as_bytes()).ok()
    }

    /// The next part of the body, or `None` at its end. It may be dropped at any time: nothing is lost by that.
    ///
    /// # Errors
    /// When the body is cut off, breaks the protocol or its coding, is too long or takes too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let deadline = sooner(self.read, self.deadline);
        let next = within(deadline, pin!(poll_fn(|context| self.poll_chunk(context)))).await;
        match next {
            Some(Ok(chunk)) => Ok(chunk),
            Some(Err(error)) => Err(self.failed(Why::Other(error.into()))),
            None => Err(self.failed(Why::Timeout)),
        }
    }

    /// All that is left of the body.
    ///
    /// # Errors
    /// As `chunk`.
    pub async fn bytes(&mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut whole = BytesMut::from(&first[..]);
        let mut next = Some(second);
        while let Some(chunk) = next {
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    /// All that is left of the body, as text. What is no UTF-8 in it becomes U+FFFD.
    ///
    /// # Errors
    /// As `chunk`.
    pub async fn text(&mut self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8(bytes.into())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The trailers, once the body was read to its end, if it has any.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.incoming.trailers.as_ref()
    }

    /// The answer, unless its status is 400 or more.
    ///
    /// # Errors
    /// With that status.
    ///
    /// ```
    /// use ferrio::http::{self, Client, StatusCode};
    ///
    /// ferrio::run(async {
    ///     let server = http::start_server(async |_| StatusCode::NOT_FOUND, "127.0.0.1", 0).await?;
    ///     let url = format!("http://127.0.0.1:{}/x?token=1", server.port());
    ///     let error = Client::new().get(&url).send().await?.error_for_status().unwrap_err();
    ///     assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    ///     assert!(error.to_string().ends_with("/x: the answer is 404 Not Found"));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.head.status;
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(self);
        }
        Err(Error::new(&self.method, Some(&self.address), Phase::Status, Why::Status(status)))
    }

    /// The body alone: to be sent on, as an answer or in another request.
    ///
    /// ```
    /// use ferrio::http::{self, Client, Response};
    ///
    /// ferrio::run(async {
    ///     let behind = http::start_server(async |_| Response::new("from behind"), "127.0.0.1", 0).await?;
    ///     let (client, url) = (Client::new(), format!("http://127.0.0.1:{}/", behind.port()));
    ///     let front = async || Ok::<_, std::io::Error>(client.get(&url).send().await?.into_body());
    ///     assert_eq!(front().await?.text(100).await?, "from behind");
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn into_body(mut self) -> Body {
        Body::stream(async move |mut sender| {
            while let Some(chunk) = self.chunk().await? {
                sender.send(chunk).await?;
            }
            Ok(())
        })
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if let Some(part) = self.unpack()? {
                return Poll::Ready(Ok(Some(part)));
            }
            if self.ended {
                if let Some(decoder) = &self.decoder {
                    decoder.finish().map_err(invalid)?;
                }
                return Poll::Ready(Ok(None));
            }
            match ready!(self.incoming.poll_data(context))? {
                None => self.ended = true,
                Some(data) if self.decoder.is_some() => self.packed = data,
                Some(data) => {
                    self.given += data.len() as u64;
                    if self.most.is_some_and(|most| self.given > most) {
                        return Poll::Ready(Err(invalid("the body is longer than `max_body_size`")));
                    }
                    return Poll::Ready(Ok(Some(data)));
                }
            }
        }
    }

    /// A part that can be decoded of what is there.
    fn unpack(&mut self) -> io::Result<Option<Bytes>> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        while !self.packed.is_empty() || self.full {
            let mut out = Vec::new();
            let step = decoder.decode(&self.packed, PART, &mut out).map_err(invalid)?;
            let _used = self.packed.split_to(step.used);
            self.full = step.full;
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }

    fn failed(&self, why: Why) -> Error {
        Error::new(&self.method, Some(&self.address), Phase::Body, why)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.head.status)
            .field("url", &self.address.shown())
            .finish_non_exhaustive()
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
