//! One request and its answer on one connection: the head goes out, the body as it is made, while the answer is awaited.
//!
//! ```text
//!   write head ──▶ [ send the body piece by piece ] ──┐
//!        └──────▶ await the head of the answer ───────┴──▶ Incoming: the answer's body, while the rest of ours is sent
//! ```
//!
//! Invariant: no borrow of the protocol is held while anything of the program's runs, or while anything waits.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ferrio_http::h1::Length;
use ferrio_http::h1::client::Event;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

use crate::http::body::{Body, Kind};
use crate::http::client::shared::{Lease, Live, poll_once};
use crate::http::piece::Piece;
use crate::http::requests;

/// A whole body of more than this goes in parts, which wait for the server.
const PART: usize = 256 * 1024;

/// What is yet to be sent.
type Sending = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// What a request says of itself.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) target: &'a str,
    pub(super) host: &'a HeaderValue,
    pub(super) headers: &'a HeaderMap,
    /// In the place of those among the headers.
    pub(super) cookie: Option<&'a [u8]>,
    pub(super) proxy_authorization: Option<&'a str>,
}

/// Why there is no answer.
pub(super) struct Failed {
    pub(super) error: io::Error,
    /// The server has said nothing at all: an old connection may have been closed just then.
    pub(super) silent: bool,
    /// It was the program's body that failed.
    pub(super) ours: bool,
}

/// The body of an answer, which comes by a lease until it is whole.
pub(super) struct Incoming {
    lease: Option<Lease>,
    sending: Option<Sending>,
    pub(super) trailers: Option<HeaderMap>,
}

/// What one look at the input gives.
enum Look {
    Head(Box<Response<()>>, Length),
    Interim,
    Data(Bytes),
    End(HeaderMap),
    More,
    Switched,
    Broken(&'static str),
}

/// Sends a request on a lease that has its connection, and awaits the head of its answer.
pub(super) async fn exchange(
    lease: Lease,
    asked: &Asked<'_>,
    body: Body,
) -> Result<(Response<()>, Length, Incoming), Failed> {
    let failed = |error| Failed { error, silent: false, ours: true };
    let Some(live) = lease.live.clone() else {
        return Err(failed(io::ErrorKind::NotConnected.into()));
    };
    let mut sending = begin(&live, asked, body).map_err(failed)?;
    let mut silent = true;
    let (response, length) = poll_fn(|context| {
        if let Some(Err(error)) = poll_once(&mut sending, context)
            && !live.link.flow.is_lost()
        {
            return Poll::Ready(Err(Failed { error, silent: false, ours: true }));
        }
        live.poll_head(context, &mut silent).map_err(|error| Failed { error, silent, ours: false })
    })
    .await?;
    Ok((response, length, Incoming { lease: Some(lease), sending, trailers: None }))
}

/// Writes the head, and all of a body that is there. The rest is to be polled.
fn begin(live: &Rc<Live>, asked: &Asked<'_>, body: Body) -> io::Result<Option<Sending>> {
    let length = match (&body.kind, body.length) {
        (Kind::Whole(data), _) => Length::Known(data.len() as u64),
        (_, Some(length)) => Length::Known(length),
        _ => Length::Chunked,
    };
    // What frames the message is said by the protocol.
    let own = |name: &HeaderName| {
        name != http::header::CONTENT_LENGTH
            && name != http::header::TRANSFER_ENCODING
            && name != http::header::HOST
            && (name != http::header::COOKIE || asked.cookie.is_none())
    };
    let cookie = asked.cookie.map(|value| (&b"cookie"[..], value));
    let proxy = asked.proxy_authorization.map(|value| (&b"proxy-authorization"[..], value.as_bytes()));
    let host = asked.headers.get(http::header::HOST).unwrap_or(asked.host);
    let headers = asked.headers.iter().filter(|(name, _)| own(name));
    let fields = headers.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let fields = [(&b"host"[..], host.as_bytes())].into_iter().chain(fields).chain(cookie).chain(proxy);
    let mut out = Vec::with_capacity(512);
    let mut http = live.http.borrow_mut();
    let (method, target) = (asked.method.as_str().as_bytes(), asked.target.as_bytes());
    http.request(method, target, fields, length, &mut out).map_err(unfit)?;
    if let Kind::Whole(data) = &body.kind
        && data.len() <= PART
    {
        if !data.is_empty() {
            http.body(data, false, &mut out).map_err(unfit)?;
        }
        live.link.wire.write(&out);
        return Ok(None);
    }
    live.link.wire.write(&out);
    let live = live.clone();
    Ok(Some(Box::pin(async move { send(&live, body).await })))
}

async fn send(live: &Live, mut body: Body) -> io::Result<()> {
    loop {
        let piece = poll_fn(|context| body.poll_piece(context)).await?;
        match piece {
            Piece::Data(data) => {
                for part in data.chunks(PART) {
                    live.write(|http, out| http.body(part, true, out))?;
                    if live.room().await.is_err() {
                        // The server takes no more, which is no fault of the body's: it may have answered before.
                        return Ok(());
                    }
                }
            }
            Piece::Trailers(trailers) => {
                let fields =
                    trailers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
                return live.write(|http, out| http.trailers(fields, out));
            }
            Piece::End => return live.write(|http, out| http.body(b"", false, out)),
        }
    }
}

impl Live {
    fn write(
        &self,
        write: impl FnOnce(
            &mut ferrio_http::h1::client::Connection,
            &mut Vec<u8>,
        ) -> Result<(), ferrio_http::h1::Misuse>,
    ) -> io::Result<()> {
        let mut out = Vec::new();
        write(&mut self.http.borrow_mut(), &mut out).map_err(unfit)?;
        self.link.wire.write(&out);
        Ok(())
    }

    async fn room(&self) -> io::Result<()> {
        let flow = &self.link.flow;
        poll_fn(|context| flow.poll_writing(|| !flow.is_full() || flow.is_lost(), context)).await;
        flow.check_writing()
    }

    /// The head of the final answer. `silent` stays true while nothing has come.
    fn poll_head(
        &self,
        context: &mut Context<'_>,
        silent: &mut bool,
    ) -> Poll<io::Result<(Response<()>, Length)>> {
        loop {
            *silent &= self.link.flow.unread() == 0;
            match ready!(self.poll_look(context))? {
                Look::Head(response, length) => return Poll::Ready(Ok((*response, length))),
                Look::Interim | Look::More => {}
                Look::Broken(what) => return Poll::Ready(Err(broken(what))),
                Look::Data(_) | Look::End(_) | Look::Switched => {
                    return Poll::Ready(Err(broken("the connection is in use")));
                }
            }
        }
    }

    /// What there is next, or the end.
    fn poll_look(&self, context: &mut Context<'_>) -> Poll<io::Result<Look>> {
        let flow = &self.link.flow;
        match self.look() {
            Look::More if flow.has_ended() => {
                if let Some(error) = flow.failure() {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(look_at(self.http.borrow_mut().end_of_input(), b"")))
            }
            Look::More => {
                ready!(flow.poll_more(&*self.link.wire, flow.unread(), context))?;
                Poll::Ready(Ok(Look::More))
            }
            look => Poll::Ready(Ok(look)),
        }
    }

    fn look(&self) -> Look {
        let flow = &self.link.flow;
        let mut http = self.http.borrow_mut();
        let (used, look) = flow.peek(|input| {
            let (used, event) = http.advance(input);
            (used, look_at(event, input.get(..used).unwrap_or_default()))
        });
        drop(http);
        flow.consume(&*self.link.wire, used);
        look
    }
}

fn look_at(event: Event<'_, '_>, input: &[u8]) -> Look {
    match event {
        Event::Informational(_) => Look::Interim,
        Event::Response(head) => Look::Head(Box::new(requests::response(&head, input)), head.length),
        Event::Data(data) => Look::Data(Bytes::copy_from_slice(data)),
        Event::End(trailers) => Look::End(requests::headers(&trailers, None)),
        Event::NeedMore => Look::More,
        Event::Upgraded => Look::Switched,
        Event::Closed => Look::Broken("the connection is closed"),
        Event::Broken(what) => Look::Broken(what),
    }
}

impl Incoming {
    /// The next part as it came, or none at the end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let Some(live) = self.lease.as_ref().and_then(|lease| lease.live.clone()) else {
            return Poll::Ready(Ok(None));
        };
        if let Some(Err(error)) = poll_once(&mut self.sending, context)
            && !live.link.flow.is_lost()
        {
            self.lease = None;
            return Poll::Ready(Err(error));
        }
        loop {
            let error = match ready!(live.poll_look(context)) {
                Ok(Look::Data(data)) => return Poll::Ready(Ok(Some(data))),
                Ok(Look::More) => continue,
                Ok(Look::End(trailers)) => {
                    self.trailers = (!trailers.is_empty()).then_some(trailers);
                    self.over();
                    return Poll::Ready(Ok(None));
                }
                Ok(Look::Broken(what)) => broken(what),
                Ok(Look::Head(..) | Look::Interim | Look::Switched) => broken("no body, but another answer"),
                Err(error) => error,
            };
            self.lease = None;
            return Poll::Ready(Err(error));
        }
    }

    /// Gives the connection back if what has come already is all there is: of an answer without a body, or one that nobody reads.
    pub(super) fn settle(&mut self) {
        while let Some(live) = self.lease.as_ref().and_then(|lease| lease.live.clone()) {
            match live.look() {
                Look::Data(_) => {}
                Look::End(_) => return self.over(),
                _ => return,
            }
        }
    }

    /// The connection, after the answer has switched it to another protocol.
    pub(super) fn into_lease(mut self) -> Option<Lease> {
        self.lease.take()
    }

    fn over(&mut self) {
        // A body that is not whole yet when its answer is: the connection cannot be used again, and the lease sees to that.
        self.sending = None;
        self.lease = None;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.settle();
    }
}

fn unfit(misuse: ferrio_http::h1::Misuse) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, misuse)
}

fn broken(what: &'static str) -> io::Error {
    let ended = what.starts_with("the connection");
    let kind = if ended { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
    io::Error::new(kind, what)
}
