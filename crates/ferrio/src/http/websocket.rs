//! `WebSocket`: messages over a connection that was a request. Reads from the connection's flow when it is asked to, and writes to
//! it at once.
//!
//! Invariant: no borrow of the protocol or of the buffer is held while anything waits.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use ferrio_engine::Time;
use ferrio_http::ws::{Config, Connection, Event, Misuse, State, code};

use crate::futures::Promise;
use crate::http::alarm::{self, Alarm};
use crate::streams::{Link, PeerAddress};

/// A message of a WebSocket.
///
/// ```
/// use ferrio::http::Message;
///
/// assert_ne!(Message::Text("hi".into()), Message::Binary(b"hi".to_vec()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

/// A WebSocket, which [`upgrade`](crate::http::upgrade) gives a server, and [`Client::websocket`](crate::http::Client::websocket) a
/// client. It can all that a [`WebSocketSender`] can, and receives. When it is
/// dropped it is closed, with 1000 if it was open.
///
/// ```
/// use ferrio::http::{Message, WebSocket, code};
///
/// /// Adds numbers up until it is told to stop.
/// async fn add(mut socket: WebSocket) -> std::io::Result<()> {
///     let mut sum = 0;
///     while let Some(message) = socket.recv().await {
///         match message {
///             Message::Text(text) if text == "stop" => socket.close(code::NORMAL, "as you wish").await?,
///             Message::Text(text) => {
///                 sum += text.parse::<i64>().unwrap_or(0);
///                 socket.send_text(&sum.to_string()).await?;
///             }
///             Message::Binary(_) => socket.close(code::UNSUPPORTED, "texts alone").await?,
///         }
///     }
///     println!("closed: {:?}", socket.closed());
///     Ok(())
/// }
/// ```
pub struct WebSocket {
    sender: WebSocketSender,
    heart: Heart,
    /// A ping was answered when there was no room to: nothing more is read before there is.
    crowded: bool,
    subprotocol: Option<String>,
}

/// The sending side of a [`WebSocket`], of which there may be many.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use ferrio::http::WebSocketSender;
///
/// async fn tell_all(members: &RefCell<Vec<WebSocketSender>>, text: &str) {
///     let all = members.borrow().clone();
///     ferrio::gather(all.iter().map(|member| member.send_text(text))).await;
/// }
/// ```
#[derive(Clone)]
pub struct WebSocketSender(Rc<Side>);

/// What it goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) ping_interval: Option<Duration>,
    pub(super) ping_timeout: Duration,
}

/// What all handles have.
pub(super) struct Side {
    link: Rc<Link>,
    protocol: RefCell<Connection>,
    out: RefCell<Vec<u8>>,
    /// How it was closed, once the peer has said so or is gone.
    closed: RefCell<Option<(u16, String)>>,
    whose: Whose,
    /// The connection's task waits for this to be dropped.
    gone: Cell<Option<Promise<()>>>,
}

/// On which side a WebSocket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Clients,
    /// The connection ends in order once the WebSocket is gone: whoever handed it over sees to that.
    Servers,
}

/// Whether the peer lives.
struct Heart {
    interval: Option<Duration>,
    timeout: Duration,
    /// Something came since it was looked at last.
    heard: bool,
    /// Since when the peer is silent, or has not answered the ping that is out.
    since: Option<Time>,
    asked: bool,
    alarm: Alarm,
}

/// What one look at the input gives.
enum Look {
    Message(Message),
    /// Something that only the protocol is about.
    Onward,
    More,
    Closed(u16, String),
    /// The peer broke a rule, and may still be sending.
    Broken(u16, String),
}

impl WebSocket {
    pub(super) fn new(
        link: Rc<Link>,
        protocol: Connection,
        settings: &Settings,
        gone: Promise<()>,
        whose: Whose,
    ) -> Self {
        let heart = Heart {
            interval: settings.ping_interval,
            timeout: settings.ping_timeout,
            heard: true,
            since: None,
            asked: false,
            alarm: Alarm::default(),
        };
        let protocol = RefCell::new(protocol);
        let side = Side {
            link,
            protocol,
            out: RefCell::default(),
            closed: RefCell::default(),
            whose,
            gone: Cell::new(Some(gone)),
        };
        WebSocket { sender: WebSocketSender(Rc::new(side)), heart, crowded: false, subprotocol: None }
    }

    /// With the subprotocol that the server chose.
    pub(super) fn speaking(mut self, subprotocol: Option<&str>) -> Self {
        self.subprotocol = subprotocol.map(str::to_owned);
        self
    }

    /// The next message, or `None` when the WebSocket is closed: [`WebSocketSender::closed`] says how.
    ///
    /// Pings are answered meanwhile. It may be dropped at any time: what was not given away stays to be received.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// The subprotocol that the server chose, on a client's side.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// One more handle to send with.
    #[must_use]
    pub fn sender(&self) -> WebSocketSender {
        self.sender.clone()
    }

    pub(super) fn closer(&self) -> Closer {
        Closer(Rc::downgrade(&self.sender.0))
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let side = &self.sender.0;
        let (flow, wire) = (&side.link.flow, &*side.link.wire);
        while side.closed.borrow().is_none() {
            let waits = if self.crowded {
                // A peer that sends pings and takes no answer is to send no more, or all answers would be kept for it.
                self.crowded = flow.poll_writing(|| !flow.is_full() || flow.is_lost(), context).is_pending();
                self.crowded
            } else {
                let (used, look) = side.look();
                self.heart.heard |= used > 0;
                match look {
                    Look::Message(message) => return Poll::Ready(Some(message)),
                    Look::Onward => {
                        self.crowded = flow.is_full();
                        false
                    }
                    Look::Closed(code, reason) => {
                        side.end(code, reason);
                        false
                    }
                    Look::Broken(code, reason) => {
                        *side.closed.borrow_mut() = Some((code, reason));
                        side.leave();
                        false
                    }
                    Look::More if flow.has_ended() => {
                        side.end_of_input();
                        false
                    }
                    Look::More => match flow.poll_more(wire, flow.unread(), context) {
                        // Nothing more can come, though nobody has said yet that the connection is lost.
                        Poll::Ready(Err(_)) => {
                            side.end_of_input();
                            false
                        }
                        more => more.is_pending(),
                    },
                }
            };
            if !waits {
                continue;
            }
            match self.heart.beat(context) {
                Beat::Rest => return Poll::Pending,
                Beat::Ask => drop(side.write(|protocol, out| protocol.ping(b"", out))),
                Beat::Stop => {
                    wire.abort();
                    side.end(code::ABNORMAL, "the peer did not answer a ping".to_owned());
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Deref for WebSocket {
    type Target = WebSocketSender;

    fn deref(&self) -> &WebSocketSender {
        &self.sender
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        let _closing = self.sender.0.write(|protocol, out| protocol.close(code::NORMAL, "", out));
        self.sender.0.leave();
    }
}

impl WebSocketSender {
    /// Sends a text, and waits while there is more to be sent than should be.
    ///
    /// # Errors
    /// `BrokenPipe` once the WebSocket closes; why the connection was lost.
    pub async fn send_text(&self, text: &str) -> io::Result<()> {
        self.0.write(|protocol, out| protocol.send_text(text, out))?;
        self.drain().await
    }

    /// Sends bytes. As `send_text`.
    ///
    /// # Errors
    /// As `send_text`.
    pub async fn send_binary(&self, data: &[u8]) -> io::Result<()> {
        self.0.write(|protocol, out| protocol.send_binary(data, out))?;
        self.drain().await
    }

    /// Sends a ping of at most 125 bytes, which the peer answers.
    ///
    /// # Errors
    /// As `send_text`; `InvalidInput` for a longer one.
    pub async fn ping(&self, payload: &[u8]) -> io::Result<()> {
        self.0.write(|protocol, out| protocol.ping(payload, out))?;
        self.drain().await
    }

    /// Begins to close, with a code and at most 123 bytes of a reason: names of codes are in [`code`](crate::http::code). `recv`
    /// ends once the peer has answered.
    ///
    /// # Errors
    /// As `send_text`; `InvalidInput` for a code that may not be sent and for a longer reason.
    pub async fn close(&self, code: u16, reason: &str) -> io::Result<()> {
        self.0.write(|protocol, out| protocol.close(code, reason, out))?;
        self.drain().await
    }

    /// Ends the connection at once, without a word.
    pub fn abort(&self) {
        self.0.link.wire.abort();
    }

    /// With which code and reason it was closed, once `recv` has given `None`. 1006: without any.
    #[must_use]
    pub fn closed(&self) -> Option<(u16, String)> {
        self.0.closed.borrow().clone()
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn write_buffer_size(&self) -> usize {
        self.0.link.wire.unsent()
    }

    /// Whose the other end is.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer_address(&self) -> io::Result<PeerAddress> {
        self.0.link.peer_address()
    }

    async fn drain(&self) -> io::Result<()> {
        let flow = &self.0.link.flow;
        poll_fn(|context| flow.poll_writing(|| !flow.is_full() || flow.is_lost(), context)).await;
        flow.check_writing()
    }
}

impl Side {
    /// How much of the input was used, and what it is.
    fn look(&self) -> (usize, Look) {
        let mut out = self.out.borrow_mut();
        let (used, look) = self.link.flow.peek_mut(|input| {
            let (used, event) = self.protocol.borrow_mut().advance(input, &mut out);
            let look = match event {
                Event::Text(text) => Look::Message(Message::Text(text.into_owned())),
                Event::Binary(data) => Look::Message(Message::Binary(data.into_owned())),
                Event::Ping(_) | Event::Pong(_) => Look::Onward,
                Event::Close { code, reason } => Look::Closed(code, reason.to_owned()),
                Event::Failed(failed) => Look::Broken(failed.code, failed.reason.to_owned()),
                Event::NeedMore => Look::More,
                Event::Closed => Look::Closed(code::ABNORMAL, String::new()),
            };
            (used, look)
        });
        if used > 0 {
            self.link.flow.consume(&*self.link.wire, used);
        }
        self.send(&mut out);
        (used, look)
    }

    fn write(
        &self,
        write: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>,
    ) -> io::Result<()> {
        let mut out = self.out.borrow_mut();
        let written = write(&mut self.protocol.borrow_mut(), &mut out);
        self.send(&mut out);
        written.map_err(|misuse| {
            let kind = if misuse == Misuse::Closing {
                io::ErrorKind::BrokenPipe
            } else {
                io::ErrorKind::InvalidInput
            };
            io::Error::new(kind, misuse)
        })
    }

    /// An idle WebSocket keeps no buffer.
    fn send(&self, out: &mut Vec<u8>) {
        if !out.is_empty() {
            self.link.wire.write(out);
            *out = Vec::new();
        }
    }

    /// The peer is gone.
    fn end_of_input(&self) {
        let (code, reason) = match self.protocol.borrow_mut().end_of_input() {
            Event::Failed(failed) => (failed.code, failed.reason),
            _ => (code::ABNORMAL, ""),
        };
        self.end(code, reason.to_owned());
    }

    /// There is no more to do here.
    fn leave(&self) {
        drop(self.gone.take());
        if self.whose == Whose::Clients {
            self.link.wire.close();
        }
    }

    /// The peer has said its last.
    fn end(&self, code: u16, reason: String) {
        *self.closed.borrow_mut() = Some((code, reason));
        self.link.wire.close();
    }
}

/// What a server closes a WebSocket by that others have.
pub(super) struct Closer(Weak<Side>);

impl Closer {
    pub(super) fn close(&self, code: u16, reason: &str) {
        if let Some(side) = self.0.upgrade().filter(|side| side.protocol.borrow().state() == State::Open) {
            let _closing = side.write(|protocol, out| protocol.close(code, reason, out));
        }
    }
}

/// What is to be done for a peer that is silent.
enum Beat {
    Rest,
    Ask,
    Stop,
}

impl Heart {
    fn beat(&mut self, context: &mut Context<'_>) -> Beat {
        let Some(interval) = self.interval else { return Beat::Rest };
        let now = alarm::now();
        if std::mem::take(&mut self.heard) {
            self.since = None;
            self.asked = false;
        }
        let limit = if self.asked { self.timeout } else { interval };
        let due = self.since.get_or_insert(now).after(limit);
        if now < due {
            self.alarm.ring_by(due, now, context);
            return Beat::Rest;
        }
        if self.asked {
            return Beat::Stop;
        }
        self.asked = true;
        self.since = Some(now);
        Beat::Ask
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("state", &self.sender.0.protocol.borrow().state())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WebSocketSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketSender").field("unsent", &self.write_buffer_size()).finish_non_exhaustive()
    }
}
