//! `Listening`: one socket that listens. It hands on each connection that comes; what is done with it is the server's.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use ferrio_engine::Direction;
use ferrio_engine::transport::{Accepted, Descriptor, accept, is_worth_accepting};

use crate::events::LoopState;
use crate::tasks::create_task_on;
use crate::words::{Io, IoPlace, What};

/// So many connections are accepted in one turn, that a flood of them starves nobody. asyncio's default backlog.
const MOST_AT_ONCE: usize = 100;

/// How long a socket is left alone when the system has no room for more connections; asyncio's figure.
const RETRY: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Listening {
    state: Rc<LoopState>,
    place: IoPlace,
    descriptor: Descriptor,
    watched: Cell<bool>,
    serve: Rc<dyn Fn(OwnedFd)>,
}

impl Listening {
    /// Begins to hand on what comes to `socket`.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket.
    pub(super) fn start(
        state: &Rc<LoopState>,
        socket: OwnedFd,
        serve: Rc<dyn Fn(OwnedFd)>,
    ) -> io::Result<Rc<Self>> {
        let descriptor = Descriptor::owned(socket);
        let listening = state.ios.insert(|place| {
            Rc::new(Listening { state: state.clone(), place, descriptor, watched: Cell::new(false), serve })
        });
        match listening.watch() {
            Ok(()) => Ok(listening),
            Err(error) => {
                listening.close();
                Err(error)
            }
        }
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Ends it. Connections that nobody has accepted are reset by the system.
    pub(super) fn close(&self) {
        self.unwatch();
        self.descriptor.close();
        drop(self.state.ios.remove(self.place));
    }

    fn watch(&self) -> io::Result<()> {
        let word = self.place.word(What::Readable);
        self.state.engine.watch(self.descriptor.as_raw_fd(), Direction::Read, word, false)?;
        self.watched.set(true);
        Ok(())
    }

    fn unwatch(&self) {
        if self.watched.replace(false) {
            let _word = self.state.engine.unwatch(self.descriptor.as_raw_fd(), Direction::Read);
        }
    }

    /// The system has no room: every attempt would fail at once, and the poller go on telling of it.
    fn rest(&self, error: &io::Error) {
        eprintln!("ferrio: a server accepts no connections for {RETRY:?}: {error}");
        self.unwatch();
        let (state, place) = (self.state.clone(), self.place);
        create_task_on(&self.state, async move {
            crate::sleep(RETRY).await;
            state.engine.call_soon(place.word(What::Deferred));
        })
        .detach();
    }
}

impl Io for Listening {
    fn tell(&self, what: What) {
        if what == What::Deferred {
            if let Err(error) = self.watch() {
                self.rest(&error);
            }
            return;
        }
        for taken in 0..MOST_AT_ONCE {
            if !self.watched.get() || !is_worth_accepting(&self.descriptor, taken) {
                return;
            }
            match accept(&self.descriptor) {
                Ok(Accepted::Connection(socket, _)) => (self.serve)(socket),
                Ok(Accepted::Nobody) => return,
                Ok(Accepted::Exhausted(error)) | Err(error) => return self.rest(&error),
            }
        }
    }
}
