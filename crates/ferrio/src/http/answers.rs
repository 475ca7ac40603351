//! A `Response` as bytes: whole where it is, piece by piece where it is made so, never more than the client takes.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use ferrio_http::h1::Misuse;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};

use crate::http::body::{Body, Kind};
use crate::http::errors::BodyError;
use crate::http::exchange::Exchange;
use crate::http::piece::Piece;

/// A whole body that is longer goes out in parts of this size, so that no client has more than one of them kept for it.
const PART: usize = 256 * 1024;

/// What waits to be sent of an answer that is made piece by piece, above which it is.
const BATCH: usize = 16 * 1024;

/// What an answer leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The connection as it was before the request.
    Connection,
    /// Half an answer: nobody is to take it for whole.
    Wreck,
    /// Nothing: it was a WebSocket, or its client is gone.
    Nothing,
}

/// Writes an answer that is whole and not long, as most are: a future that holds it would be moved about for nothing.
pub(super) fn at_once(exchange: &Exchange, response: &Response<Body>) -> Option<Left> {
    let Kind::Whole(data) = &response.body().kind else { return None };
    if data.len() > PART {
        return None;
    }
    Some(match whole(exchange, response.status(), response.headers(), data) {
        Ok(()) => Left::Connection,
        Err(misuse) => unfit(exchange, &misuse),
    })
}

/// Writes any other answer.
pub(super) async fn answer(exchange: &Rc<Exchange>, response: Response<Body>) -> Left {
    let (parts, mut body) = response.into_parts();
    if let Kind::Switch(switch) = body.kind {
        let Err(misuse) = head(exchange, &parts, None) else {
            exchange.flush();
            switch.hand_over(exchange).await;
            return Left::Nothing;
        };
        return unfit(exchange, &misuse);
    }
    match head(exchange, &parts, body.length) {
        Err(misuse) => unfit(exchange, &misuse),
        Ok(false) => Left::Connection,
        Ok(true) => match pieces(exchange, &mut body).await {
            Ok(left) => left,
            Err(misuse) => {
                exchange.log(&misuse);
                Left::Wreck
            }
        },
    }
}

fn whole(exchange: &Exchange, status: StatusCode, headers: &HeaderMap, data: &[u8]) -> Result<(), Misuse> {
    let (mut http, mut out) = (exchange.http.borrow_mut(), exchange.out.borrow_mut());
    http.answer(status.as_u16(), fields(headers), data, &exchange.shared.defaults(), &mut out)
}

/// An answer that cannot be sent: its client is told of a failure instead, if nothing was sent of it.
fn unfit(exchange: &Exchange, misuse: &Misuse) -> Left {
    exchange.log(&format_args!("the answer cannot be sent: {misuse}"));
    let told = whole(exchange, StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new(), b"");
    if told.is_ok() { Left::Connection } else { Left::Wreck }
}

/// Writes the head; whether a body is to follow.
fn head(exchange: &Exchange, parts: &Parts, length: Option<u64>) -> Result<bool, Misuse> {
    let (mut http, mut out) = (exchange.http.borrow_mut(), exchange.out.borrow_mut());
    let length = length.filter(|_| !parts.headers.contains_key(http::header::CONTENT_LENGTH));
    let text = length.map(|length| length.to_string());
    let own = text.iter().map(|text| (&b"content-length"[..], text.as_bytes()));
    let status = parts.status.as_u16();
    http.respond(status, fields(&parts.headers).chain(own), &exchange.shared.defaults(), &mut out)?;
    if status == 101 {
        return Ok(false);
    }
    let follows = http.frame(0, true, &mut out)?.send;
    if !follows {
        http.body(b"", false, &mut out)?;
    }
    Ok(follows)
}

/// Sends the body as it is made.
async fn pieces(exchange: &Exchange, body: &mut Body) -> Result<Left, Misuse> {
    loop {
        let piece = match next(exchange, body).await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => {
                exchange.log(&format_args!("the body cannot be made: {error}"));
                return Ok(Left::Wreck);
            }
            None => return Ok(Left::Wreck),
        };
        match piece {
            Piece::Data(data) => send(exchange, &data).await?,
            Piece::Trailers(trailers) => {
                let mut http = exchange.http.borrow_mut();
                http.trailers(fields(&trailers), &mut exchange.out.borrow_mut())?;
                return Ok(Left::Connection);
            }
            Piece::End => {
                exchange.http.borrow_mut().body(b"", false, &mut exchange.out.borrow_mut())?;
                return Ok(Left::Connection);
            }
        }
    }
}

/// The next piece; none where the client went away, or what makes it panicked.
async fn next(exchange: &Exchange, body: &mut Body) -> Option<Result<Piece, BodyError>> {
    poll_fn(|context| {
        match exchange.caught(catch_unwind(AssertUnwindSafe(|| body.poll_piece(context)))) {
            None => return Poll::Ready(None),
            Some(Poll::Ready(piece)) => return Poll::Ready(Some(piece)),
            Some(Poll::Pending) => {}
        }
        exchange.flush();
        exchange.attend(context);
        if exchange.is_gone() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Sends a piece, in parts where it is long.
async fn send(exchange: &Exchange, data: &Bytes) -> Result<(), Misuse> {
    for part in data.chunks(PART) {
        exchange.http.borrow_mut().body(part, true, &mut exchange.out.borrow_mut())?;
        if exchange.out.borrow().len() > BATCH {
            exchange.flush();
            exchange.room().await;
        }
    }
    Ok(())
}

fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}
