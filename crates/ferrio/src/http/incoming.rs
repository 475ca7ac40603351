//! A request's body: read from its connection when it is asked for, so that what nobody wants waits in the client.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use ferrio_http::h1::server::Event;

use crate::http::errors::BodyError;
use crate::http::exchange::Exchange;
use crate::http::piece::Piece;
use crate::http::requests;

/// See the module.
pub(super) struct Incoming {
    pub(super) exchange: Rc<Exchange>,
    /// Of its request: another one's body is not to be had by it.
    number: u64,
    ended: bool,
}

/// What one look at the connection says.
enum Look {
    Piece(Piece),
    More,
    Refused(BodyError),
}

impl Incoming {
    pub(super) fn new(exchange: Rc<Exchange>, is_empty: bool) -> Self {
        let number = exchange.number.get();
        Incoming { exchange, number, ended: is_empty }
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, BodyError>> {
        if self.ended {
            return Poll::Ready(Ok(Piece::End));
        }
        if self.exchange.number.get() != self.number {
            return Poll::Ready(Err(BodyError::Over));
        }
        self.exchange.allow_body();
        match self.look() {
            Look::Piece(piece) => {
                self.ended = !matches!(piece, Piece::Data(_));
                Poll::Ready(Ok(piece))
            }
            Look::Refused(error) => {
                self.ended = true;
                Poll::Ready(Err(error))
            }
            Look::More => {
                self.exchange.await_body(context);
                Poll::Pending
            }
        }
    }

    fn look(&self) -> Look {
        let exchange = &self.exchange;
        let mut http = exchange.http.borrow_mut();
        let (used, look) = exchange.link.flow.peek(|input| {
            let (used, event) = http.advance(input);
            (used, look_at(event))
        });
        exchange.link.flow.consume(&*exchange.link.wire, used);
        match look {
            Look::More if exchange.link.flow.has_ended() => look_at(http.end_of_input()),
            Look::Piece(Piece::Data(_)) | Look::More | Look::Refused(_) => look,
            Look::Piece(_) => {
                exchange.body_read.set(true);
                look
            }
        }
    }
}

fn look_at(event: Event<'_, '_>) -> Look {
    match event {
        Event::Data(data) => Look::Piece(Piece::Data(Bytes::copy_from_slice(data))),
        Event::End(trailers) if trailers.is_empty() => Look::Piece(Piece::End),
        Event::End(trailers) => Look::Piece(Piece::Trailers(requests::headers(&trailers, None))),
        Event::NeedMore => Look::More,
        Event::Refuse(refusal) => {
            Look::Refused(BodyError::Refused { status: refusal.status, reason: refusal.reason })
        }
        Event::Blocked => Look::Piece(Piece::End),
        Event::Request(_) | Event::Upgraded | Event::Closed => Look::Refused(BodyError::Over),
    }
}
