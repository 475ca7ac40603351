//! The task of one connection: requests, one after another, each handed to the service; then the end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use ferrio_http::h1::Refusal;
use http::{Request, Response, StatusCode};

use crate::http::answers::{self, Left};
use crate::http::body::{Body, Kind};
use crate::http::clients::Shared;
use crate::http::exchange::{Exchange, MOST_OUT};
use crate::http::incoming::Incoming;
use crate::http::response::IntoResponse;
use crate::streams::{StreamReader, StreamWriter};

/// How a service's call ended.
#[allow(clippy::large_enum_variant, reason = "taken apart as soon as it is made")]
enum Called {
    Answered(Response<Body>),
    Panicked,
    /// The client went away.
    Dropped,
}

/// What is called for each connection of a server.
pub(super) fn callback<S, R>(
    shared: Rc<Shared>,
    service: S,
) -> impl AsyncFn(StreamReader, StreamWriter) + 'static
where
    S: AsyncFn(Request<Body>) -> R + 'static,
    R: IntoResponse + 'static,
{
    async move |reader: StreamReader, _writer: StreamWriter| {
        reader.0.wire.gather();
        let exchange = Rc::new(Exchange::new(shared.clone(), reader.0));
        let _entry = Shared::enter(&shared, &exchange);
        serve(&exchange, &service).await;
    }
}

/// Serves until one side ends the connection.
async fn serve<S, R>(exchange: &Rc<Exchange>, service: &S)
where
    S: AsyncFn(Request<Body>) -> R,
    R: IntoResponse,
{
    if exchange.shared.is_full() {
        exchange.refuse(Refusal { status: 503, reason: "there are too many connections" });
        return exchange.finish().await;
    }
    while let Some((head, is_empty)) = poll_fn(|context| exchange.poll_request(context)).await {
        let request = head.map(|()| Body::new(Kind::Incoming(Incoming::new(exchange.clone(), is_empty))));
        let response = match call(exchange, async { service(request).await.into_response() }).await {
            Called::Answered(response) => response,
            Called::Panicked => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Called::Dropped => break,
        };
        exchange.heed_closing();
        let left = match answers::at_once(exchange, &response) {
            Some(left) => left,
            None => answers::answer(exchange, response).await,
        };
        match left {
            Left::Connection => {}
            Left::Wreck => return exchange.link.wire.abort(),
            Left::Nothing => return,
        }
        exchange.answered();
        // A client that asks on and takes no answer waits, or all of them would be kept for it.
        if exchange.out.borrow().len() > MOST_OUT || exchange.link.flow.is_full() {
            exchange.flush();
            exchange.room().await;
        }
    }
    exchange.finish().await;
}

async fn call(exchange: &Exchange, call: impl Future<Output = Response<Body>>) -> Called {
    let mut call = pin!(call);
    poll_fn(|context| {
        match exchange.caught(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)))) {
            None => return Poll::Ready(Called::Panicked),
            Some(Poll::Ready(response)) => return Poll::Ready(Called::Answered(response)),
            Some(Poll::Pending) => {}
        }
        exchange.flush();
        exchange.attend(context);
        if exchange.is_gone() { Poll::Ready(Called::Dropped) } else { Poll::Pending }
    })
    .await
}
