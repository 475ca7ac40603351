//! `IntoResponse`: what a service may give.

use std::io;

use http::{HeaderValue, Response, StatusCode, header};

use crate::http::body::Body;
use crate::http::errors::BodyError;

/// What a service may give: a [`Response`] whose body can become a [`Body`], or a `Result` of two such things.
///
/// An [`io::Error`] is logged, and its client told 500 and nothing else.
///
/// ```
/// use ferrio::http::{Body, IntoResponse, Response, StatusCode};
///
/// struct NotFound;
///
/// impl IntoResponse for NotFound {
///     fn into_response(self) -> Response<Body> {
///         StatusCode::NOT_FOUND.into_response()
///     }
/// }
///
/// let answer: Result<Response<&str>, NotFound> = Err(NotFound);
/// assert_eq!(answer.into_response().status(), 404);
/// ```
pub trait IntoResponse {
    /// The answer.
    fn into_response(self) -> Response<Body>;
}

impl<B: Into<Body>> IntoResponse for Response<B> {
    fn into_response(self) -> Response<Body> {
        self.map(Into::into)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response<Body> {
        match self {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// An answer without a body.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response<Body> {
        match self {
            BodyError::Io(error) => error.into_response(),
            error => text(error.status(), error.to_string()),
        }
    }
}

impl IntoResponse for io::Error {
    fn into_response(self) -> Response<Body> {
        eprintln!("ferrio: a service failed: {self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// An answer in words.
pub(super) fn text(status: u16, words: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(words.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
