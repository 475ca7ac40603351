//! `Door`: what differs between the stream transports of Python: a socket, and each end of a pipe.
//!
//! Their names and wording, what a raising callback does, and the table of their members, which has to be written out once
//! for each because CPython calls plain functions.

use std::ffi::CStr;

use ferrio_engine::transport::{Channel, Fault, ReadPipe, Socket, WritePipe};
use pyo3::intern;
use pyo3::prelude::*;

use crate::compat;
use crate::event_loop::exceptions::leaves_the_loop;
use crate::event_loop::support;
use crate::ffi::heap_type::{Place, try_state};
use crate::ffi::members::{Members, members};
use crate::ffi::raised;
use crate::net::protocols::fatal;
use crate::net::transports::Stream;

/// What differs between the kinds of stream transports on the Python side.
pub(crate) trait Door: Channel + 'static {
    const NAME: &'static CStr;
    const READ_FAILED: &'static str;
    const WRITE_FAILED: &'static str;
    /// What a write after the end is logged with.
    const WRITE_AFTER_LOSS: &'static str;

    /// What errors call `writelines`.
    const WRITELINES: &'static str = if compat::KEEPS_PIECES { "writelines" } else { "write" };

    fn place() -> &'static Place;
    fn members() -> Members;

    /// The descriptor's number of the transport `this`.
    fn number(this: &Bound<'_, PyAny>) -> i32;

    /// The Python object that has the descriptor of the transport `this`, if one has.
    fn owner<'py>(this: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>>;

    /// Parts with it.
    fn part(this: &Bound<'_, PyAny>);

    /// The channel is about to be closed: keep what `get_extra_info()` may be asked for later.
    fn remember_ends(this: &Bound<'_, PyAny>);

    /// A callback raised while data was delivered: sockets are closed by it, pipes are not.
    fn callback_failed(
        this: &Bound<'_, PyAny>,
        error: PyErr,
        callback: &str,
    ) -> Result<(), Fault<PyErr, Py<PyAny>>>;
}

/// What every stream transport has.
macro_rules! common {
    ($channel:ty) => {
        members! { Stream<$channel>;
            bare {
                c"close" c"Close, after what was written." => close,
                c"is_closing" c"Whether it is closing or closed." => is_closing,
                c"get_protocol" c"The protocol." => get_protocol,
                c"_abandon" c"Close the descriptor and nothing else, for good." => abandon,
                c"_disown" c"Close the descriptor and nothing else." => disown,
            }
            methods {
                c"set_protocol" c"Set the protocol." => set_protocol,
                c"_fatal_error" c"Report an error and close at once." => fatal_error,
            }
            attributes {
                c"_gone" => is_gone;
                c"_abandoned" => is_abandoned;
                c"_polling" => is_polling;
                c"_loop" => event_loop_attribute;
                c"_protocol" => get_protocol;
                c"_owner" => quiet_owner_attribute;
                c"_quiet_owner" => quiet_owner_attribute, set_quiet_owner_attribute;
                c"_stored_extra" => extra_attribute, set_extra_attribute;
                c"_fileno" => number_attribute;
                c"_quiet_number" => quiet_number_attribute;
                c"_closing" => is_closing;
            }
        }
    };
}

/// What is read has these.
macro_rules! reading {
    ($channel:ty) => {
        common!($channel).and(members! { Stream<$channel>;
            bare {
                c"is_reading" c"Whether it receives data." => is_reading,
                c"pause_reading" c"Receive no data until resume_reading()." => pause_reading,
                c"resume_reading" c"Receive data again." => resume_reading,
            }
            methods {}
            attributes {
                c"_paused" => reading_paused_attribute;
            }
        })
    };
}

/// What is written has these.
macro_rules! writing {
    ($channel:ty) => {
        common!($channel).and(members! { Stream<$channel>;
            light {
                c"write" c"Write data; what does not fit now is written later." => write,
            }
            bare {
                c"write_eof" c"Write no more, after what was written." => write_eof,
                c"can_write_eof" c"True." => can_write_eof,
                c"abort" c"Close at once." => abort,
                c"get_write_buffer_limits" c"The marks of flow control: low, high." => get_limits,
                c"get_write_buffer_size" c"How many bytes wait to be written." => buffer_size,
            }
            methods {
                c"writelines" c"Write several pieces of data." => writelines,
                c"set_write_buffer_limits" c"Set the marks of flow control." => set_limits,
            }
            attributes {
                c"_protocol_paused" => paused_attribute;
                c"_conn_lost" => losses_attribute;
                c"_buffer" => buffer_attribute;
                c"_buffer_size" => buffer_size;
                c"_high_water" => high_attribute;
                c"_low_water" => low_attribute;
            }
        })
    };
}

/// A socket has both, and what TLS and sendfile reach for.
macro_rules! duplex {
    ($channel:ty) => {
        reading!($channel).and(writing!($channel)).and(members! { Stream<$channel>;
            bare {
                c"_share" c"Send what is held, and hold nothing again." => share,
                c"_settle" c"Send what is held." => settle_now,
                c"_make_empty_waiter" c"A future that is done when all is written." => make_empty_waiter,
                c"_reset_empty_waiter" c"Undo _make_empty_waiter()." => reset_empty_waiter,
            }
            methods {
                c"_force_close" c"Close at once, for the reason given." => force_close,
            }
            attributes {
                c"_server" => server_attribute;
                c"_own_end" => own_end_attribute;
                c"_peer_end" => peer_end_attribute;
                c"_sock_fd" => number_attribute;
                c"_eof" => ended_attribute;
                c"_empty_waiter" => empty_waiter_attribute;
            }
        })
    };
}

macro_rules! door {
    ($channel:ty, $name:literal, $kind:literal, $after:literal, $failed:path, $table:ident) => {
        impl Door for $channel {
            const NAME: &'static CStr = $name;
            const READ_FAILED: &'static str = concat!("Fatal read error on ", $kind, " transport");
            const WRITE_FAILED: &'static str = concat!("Fatal write error on ", $kind, " transport");
            const WRITE_AFTER_LOSS: &'static str = $after;

            fn place() -> &'static Place {
                static PLACE: Place = Place::new();
                &PLACE
            }

            fn members() -> Members {
                $table!($channel)
            }

            fn number(this: &Bound<'_, PyAny>) -> i32 {
                try_state::<Stream<Self>>(this).map_or(-1, |state| state.number())
            }

            fn owner<'py>(this: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
                try_state::<Stream<Self>>(this).and_then(|state| state.kept().owner(this.py()))
            }

            fn part(this: &Bound<'_, PyAny>) {
                drop(try_state::<Stream<Self>>(this).and_then(|state| state.kept().end_of_use()));
            }

            fn remember_ends(this: &Bound<'_, PyAny>) {
                if let Some(state) = try_state::<Stream<Self>>(this) {
                    state.learn_ends();
                }
            }

            fn callback_failed(
                this: &Bound<'_, PyAny>,
                error: PyErr,
                callback: &str,
            ) -> Result<(), Fault<PyErr, Py<PyAny>>> {
                $failed(this, error, callback)
            }
        }
    };
}

door!(Socket, c"ferrio._ferrio.SocketTransport", "socket", "socket.send() raised exception.", closes, duplex);
door!(ReadPipe, c"ferrio._ferrio.ReadPipeTransport", "pipe", "", reported, reading);
door!(
    WritePipe,
    c"ferrio._ferrio.WritePipeTransport",
    "pipe",
    "pipe closed by peer or os.write(pipe, data) raised exception.",
    reported,
    writing
);

/// A socket is closed by what its protocol raises.
fn closes(this: &Bound<'_, PyAny>, error: PyErr, callback: &str) -> Result<(), Fault<PyErr, Py<PyAny>>> {
    Err(fatal(this, error, &format!("Fatal error: protocol.{callback}() call failed.")))
}

/// What a pipe's protocol raises is reported, and the pipe goes on.
fn reported(this: &Bound<'_, PyAny>, error: PyErr, callback: &str) -> Result<(), Fault<PyErr, Py<PyAny>>> {
    let py = this.py();
    if leaves_the_loop(py, &error) {
        return Err(Fault::Escape(error));
    }
    let report = support::helper(py, intern!(py, "pipe_callback_failed"))
        .and_then(|helper| helper.call1((this, callback, raised::value(py, &error))));
    report.map(drop).map_err(Fault::Escape)
}
