//! `Exchange`: one connection, as its task and the body of its request share it: the protocol's state, what is to be sent, and who
//! waits for what comes.
//!
//! Invariants: the connection's task is the only one that waits for what comes (`driver`), and tells a body that another task reads.
//! What is appended to `out` is sent before the task waits. No borrow is held while anything of the program's runs.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ferrio_engine::Time;
use ferrio_http::h1::Refusal;
use ferrio_http::h1::server::{Connection, Event};
use http::{Method, Request, Uri};

use crate::awaiting::Awaiting;
use crate::http::alarm::{self, Alarm};
use crate::http::clients::{ON_THEIR_WAY, Shared, Told};
use crate::http::requests;
use crate::streams::Link;

/// Answers that are not sent yet, above which they are: pipelined ones leave together until then.
pub(super) const MOST_OUT: usize = 64 * 1024;

/// How long a peer that still sends may take to see what it was told last.
const LINGER: Duration = Duration::from_secs(2);

/// How long a peer may take to receive what it was sent last.
const LAST: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Exchange {
    pub(super) shared: Rc<Shared>,
    pub(super) link: Rc<Link>,
    pub(super) http: RefCell<Connection>,
    pub(super) out: RefCell<Vec<u8>>,
    /// How many requests were answered.
    pub(super) number: Cell<u64>,
    /// All of the request's body was read, or there is none.
    pub(super) body_read: Cell<bool>,
    /// The peer is not to lose the end of what it is told, though it still sends.
    pub(super) lingers: Cell<bool>,
    /// What the request asks for, for the log.
    asked: RefCell<(Method, Uri)>,
    driver: Awaiting,
    /// Another task, which waits for the body.
    reader: Awaiting,
    clock: RefCell<Patience>,
}

/// How long the client has taken, and when the task is to look at that.
#[derive(Default)]
struct Patience {
    since: Option<Time>,
    /// Whether a head has begun to come since then.
    begun: bool,
    alarm: Alarm,
}

/// What one look at the input gives.
#[allow(clippy::large_enum_variant, reason = "taken apart as soon as it is made")]
enum Look {
    Request(Request<()>, bool),
    Refuse(Refusal),
    More,
    Over,
}

impl Exchange {
    pub(super) fn new(shared: Rc<Shared>, link: Rc<Link>) -> Self {
        Exchange {
            http: RefCell::new(Connection::new(shared.settings.limits)),
            shared,
            link,
            out: RefCell::default(),
            number: Cell::new(0),
            body_read: Cell::new(true),
            lingers: Cell::new(false),
            asked: RefCell::default(),
            driver: Awaiting::default(),
            reader: Awaiting::default(),
            // As if a head had begun: the first one has no time between requests.
            clock: RefCell::new(Patience { begun: true, ..Patience::default() }),
        }
    }

    /// The next request and whether it has no body, or the end of them.
    pub(super) fn poll_request(&self, context: &mut Context<'_>) -> Poll<Option<(Request<()>, bool)>> {
        self.attend(context);
        match self.look() {
            Look::Request(request, is_empty) => {
                self.body_read.set(is_empty);
                return Poll::Ready(Some((request, is_empty)));
            }
            Look::Refuse(refusal) => self.refuse(refusal),
            Look::Over => {}
            Look::More if self.link.flow.has_ended() => {
                let end = self.http.borrow_mut().end_of_input();
                if let Event::Refuse(refusal) = end {
                    self.refuse(refusal);
                }
            }
            Look::More => {
                self.flush();
                let Some(refusal) = self.is_late(context) else { return Poll::Pending };
                if !self.http.borrow().is_idle() {
                    self.refuse(refusal);
                }
            }
        }
        Poll::Ready(None)
    }

    /// Answers a request that is refused; nothing more is read.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let defaults = self.shared.defaults();
        self.http.borrow_mut().refuse(refusal, &defaults, &mut self.out.borrow_mut());
        self.lingers.set(true);
    }

    /// Sends what is to be sent.
    pub(super) fn flush(&self) {
        let mut out = self.out.borrow_mut();
        if out.is_empty() {
            return;
        }
        self.link.wire.write(&out);
        if out.capacity() > MOST_OUT {
            *out = Vec::new();
        } else {
            out.clear();
        }
    }

    /// The connection's task runs, and is told of what comes from now on.
    pub(super) fn attend(&self, context: &Context<'_>) {
        self.link.flow.watch(context);
        self.drive(context);
        self.reader.wake();
        self.heed_closing();
    }

    /// Where the server closes, the next answer says that it is the last.
    pub(super) fn heed_closing(&self) {
        if self.shared.closing.get() {
            self.http.borrow_mut().shut_down();
        } else if self.shared.retiring.get() {
            self.http.borrow_mut().retire();
        }
    }

    /// The connection's task runs, and is told when the server closes.
    pub(super) fn drive(&self, context: &Context<'_>) {
        self.driver.put(context.waker());
    }

    /// Has a client that waits for it send its body.
    pub(super) fn allow_body(&self) {
        let waits = self.http.borrow_mut().continue_(&mut self.out.borrow_mut());
        if waits {
            self.flush();
        }
    }

    /// More of a body is to come.
    pub(super) fn await_body(&self, context: &Context<'_>) {
        self.link.flow.want(&*self.link.wire);
        if !self.driver.is(context.waker()) {
            self.reader.put(context.waker());
        }
    }

    /// Whether there is nobody any more to answer.
    pub(super) fn is_gone(&self) -> bool {
        self.link.flow.has_ended()
    }

    /// The answer is whole.
    pub(super) fn answered(&self) {
        self.number.set(self.number.get() + 1);
        if !self.body_read.get() {
            self.lingers.set(true);
        }
        let mut clock = self.clock.borrow_mut();
        clock.since = None;
        clock.begun = false;
    }

    /// Waits while there is more to be sent than should be.
    pub(super) async fn room(&self) {
        let flow = &self.link.flow;
        poll_fn(|context| {
            self.attend(context);
            flow.poll_writing(|| !flow.is_full() || flow.is_lost(), context)
        })
        .await;
    }

    /// Ends the connection in order.
    pub(super) async fn finish(&self) {
        self.flush();
        let (flow, wire) = (&self.link.flow, &*self.link.wire);
        let lingers = self.lingers.get() || flow.unread() > 0;
        // A socket that is closed with something unread resets the connection, and what the peer was told is lost with it.
        if lingers && wire.write_eof().is_ok() {
            let _late = crate::timeout(LINGER, async {
                while !flow.has_ended() {
                    flow.consume(wire, flow.unread());
                    let _lost = poll_fn(|context| flow.poll_more(wire, 0, context)).await;
                }
            })
            .await;
        }
        self.part().await;
    }

    /// Closes the connection. A peer that does not take what it was sent last is not waited for any longer than there is to.
    async fn part(&self) {
        let wire = &self.link.wire;
        wire.close();
        if wire.unsent() > 0
            && crate::timeout(LAST, poll_fn(|context| self.link.poll_flush(context))).await.is_err()
        {
            wire.abort();
        }
    }

    /// Tells the operator of a panic, and gives nothing.
    pub(super) fn caught<T>(&self, called: Result<T, Box<dyn Any + Send>>) -> Option<T> {
        called
            .inspect_err(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                self.log(&format_args!("the service panicked: {}", text.unwrap_or("with no text")));
            })
            .ok()
    }

    /// Tells the operator what went wrong.
    pub(super) fn log(&self, what: &dyn std::fmt::Display) {
        let asked = self.asked.borrow();
        eprintln!("ferrio: {} {}: {what}", asked.0, asked.1);
    }

    fn look(&self) -> Look {
        let mut http = self.http.borrow_mut();
        let (used, look) = self.link.flow.peek(|input| {
            let (used, event) = http.advance(input);
            let look = match event {
                Event::Request(head) => {
                    let is_empty = head.length == ferrio_http::h1::Length::Known(0);
                    match requests::request(&head, input.get(..used).unwrap_or(input)) {
                        Ok(request) => Look::Request(request, is_empty),
                        Err(refusal) => Look::Refuse(refusal),
                    }
                }
                Event::Refuse(refusal) => Look::Refuse(refusal),
                Event::NeedMore => Look::More,
                _ => Look::Over,
            };
            (used, look)
        });
        drop(http);
        if used > 0 {
            self.link.flow.consume(&*self.link.wire, used);
        }
        if let Look::Request(request, _) = &look {
            *self.asked.borrow_mut() = (request.method().clone(), request.uri().clone());
        }
        if matches!(look, Look::More) {
            self.link.flow.want(&*self.link.wire);
        }
        look
    }

    /// Whether the client takes too long with its next request; else the task is told when it does.
    fn is_late(&self, context: &mut Context<'_>) -> Option<Refusal> {
        let now = alarm::now();
        let mut clock = self.clock.borrow_mut();
        if !clock.begun && !self.http.borrow().is_idle() {
            clock.begun = true;
            clock.since = None;
        }
        let limit = match clock.begun {
            true => self.shared.settings.head_timeout,
            false if self.http.borrow().has_promised() => ON_THEIR_WAY,
            false => self.shared.settings.keep_alive,
        };
        let due = clock.since.get_or_insert(now).after(limit);
        if due <= now {
            return Some(Refusal::LATE);
        }
        clock.alarm.ring_by(due, now, context);
        None
    }
}

impl Told for Exchange {
    fn tell(&self) {
        self.heed_closing();
        self.driver.tell();
    }
}
