//! `RequestBuilder`: a request as it is put together. What cannot be sent is told of when it is to be.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ferrio_http::proxies::basic;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::http::body::Body;
use crate::http::client::errors::Error;
use crate::http::client::forms::Multipart;
use crate::http::client::response::Response;
use crate::http::client::sending;
use crate::http::client::shared::Shared;

/// A request to be sent. See [`Client::request`](crate::http::Client::request).
///
/// ```
/// use ferrio::http::{self, Body, Client, Request, Response};
///
/// ferrio::run(async {
///     let service = async |mut request: Request<Body>| {
///         let said = format!("{} {}", request.method(), request.uri());
///         Ok::<_, http::BodyError>(Response::new(format!("{said}: {}", request.body_mut().text(100).await?)))
///     };
///     let server = http::start_server(service, "127.0.0.1", 0).await?;
///     let url = format!("http://127.0.0.1:{}/search", server.port());
///     let request = Client::new()
///         .post(&url)
///         .query(&[("q", "two words"), ("page", "1")])
///         .header("accept", "text/plain")
///         .form(&[("name", "Ada & co")]);
///     let text = request.send().await?.text().await?;
///     assert_eq!(text, "POST /search?q=two+words&page=1: name=Ada+%26+co");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[must_use = "a request is not sent before `send`"]
pub struct RequestBuilder {
    pub(super) shared: Rc<Shared>,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// Of this request alone.
    pub(super) total: Option<Duration>,
    /// What was wrong first.
    pub(super) fault: Option<&'static str>,
}

impl RequestBuilder {
    pub(super) fn new(shared: &Rc<Shared>, method: Method, url: &str) -> Self {
        let (shared, url) = (shared.clone(), url.to_owned());
        let total = shared.settings.times.total;
        let (headers, body) = (HeaderMap::new(), Body::empty());
        RequestBuilder { shared, method, url, headers, body, total, fault: None }
    }

    /// Adds a header. One that the client has by default is replaced by the first of its name. How long the body is, the body itself says.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_ref())) {
            self.headers.append(name, value);
        } else {
            self.fault.get_or_insert("a header's name is no token, or its value has control bytes");
        }
        self
    }

    /// Adds headers.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Adds to the query of the address, escaped.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let fragment = self.url.find('#').map_or_else(String::new, |at| self.url.split_off(at));
        if !pairs.is_empty() {
            let between = match self.url.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            };
            self.url.push_str(between);
            self.url.push_str(&encoded(pairs));
        }
        self.url.push_str(&fragment);
        self
    }

    /// What is sent: bytes and text, or a body that is made piece by piece.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends fields as a form of HTML does.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(encoded(pairs))
    }

    /// Sends fields and files.
    pub fn multipart(self, form: Multipart) -> Self {
        let (content_type, body) = form.into_parts();
        self.header("content-type", content_type).body(body)
    }

    /// Says who we are by name and password.
    pub fn basic_auth(self, name: &str, password: &str) -> Self {
        self.secret(&basic(name, password))
    }

    /// Says who we are by a token.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.secret(&format!("Bearer {token}"))
    }

    /// How long the whole may take, in the place of the client's limit.
    pub fn timeout(mut self, limit: Option<Duration>) -> Self {
        self.total = limit;
        self
    }

    /// Sends it, and awaits the head of the answer. When it is dropped meanwhile its connection is closed.
    ///
    /// # Errors
    /// When there is no answer in time. A status is no error: see
    /// [`error_for_status`](crate::http::client::Response::error_for_status).
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn send(self) -> Result<Response, Error> {
        sending::send(self).await
    }

    fn secret(mut self, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(header::AUTHORIZATION, value);
            }
            Err(_) => drop(self.fault.get_or_insert("the credentials have control bytes")),
        }
        self
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").field("method", &self.method).finish_non_exhaustive()
    }
}

/// As `application/x-www-form-urlencoded`.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default().to_ascii_uppercase();
    let mut text = String::new();
    let put = |part: &str, text: &mut String| {
        for byte in part.bytes() {
            match byte {
                b' ' => text.push('+'),
                b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
                _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
                _ => {
                    text.push('%');
                    text.extend([byte >> 4, byte & 15].map(digit));
                }
            }
        }
    };
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        put(name, &mut text);
        text.push('=');
        put(value, &mut text);
    }
    text
}
