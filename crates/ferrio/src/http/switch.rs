//! `Switch`: what an answer carries in place of a body where its connection becomes a WebSocket: the hand-over once the head is sent.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;

use ferrio_http::ws::handshake::Deflate;
use ferrio_http::ws::{Connection, Role, code};

use crate::futures::{Promise, create_future};
use crate::http::exchange::Exchange;
use crate::http::websocket::{Settings, WebSocket, Whose};

/// See the module.
pub(super) struct Switch {
    pub(super) promise: Promise<WebSocket>,
    pub(super) deflate: Option<Deflate>,
    pub(super) settings: Settings,
}

impl Switch {
    /// Gives the connection to whoever waits for the WebSocket, and waits until that is gone, with what it has sent last.
    pub(super) async fn hand_over(self, exchange: &Rc<Exchange>) {
        let protocol = Connection::new(Role::Server, self.settings.config, self.deflate);
        let (gone, mut held) = create_future();
        let socket = WebSocket::new(exchange.link.clone(), protocol, &self.settings, gone, Whose::Servers);
        let closer = socket.closer();
        self.promise.set_result(socket);
        let mut told = false;
        poll_fn(|context| {
            exchange.drive(context);
            if exchange.shared.closing.get() && !std::mem::replace(&mut told, true) {
                closer.close(code::RESTART, "the service restarts");
            }
            Pin::new(&mut held).poll(context).map(drop)
        })
        .await;
        // The peer may still be sending, and is to learn how the WebSocket ended.
        exchange.lingers.set(true);
        exchange.finish().await;
    }
}
