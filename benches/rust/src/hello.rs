//! The hello server on hyper 1: its service and its options, the same on every runtime. What reads and writes is the runtime's.

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::Timer;
use hyper::server::conn::http1::Builder;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response};

/// With hyper's own limits, which take the runtime's timer.
pub fn http1(timer: impl Timer + Send + Sync + 'static) -> Builder {
    let mut builder = Builder::new();
    builder.timer(timer);
    builder
}

/// Answers everything alike.
pub fn service() -> impl HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible, Future: Send> + Send
{
    service_fn(answer)
}

fn answer(_: Request<Incoming>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::from("Hello, World!"))))
}
