//! The classes of stream transports and their tables of members. The tables are made once for each class, since CPython calls
//! plain functions.

use ferrio_engine::transport::{ReadPipe, Socket, WritePipe};

use super::StreamTransport;
use crate::ffi::heap_type::Place;
use crate::ffi::prelude::*;
use crate::net::base_transport::{
    PythonTransport, Writable, base_members, buffer_members, descriptor_members, read_members, write_members,
};
use crate::net::channels::WithOwner;
use crate::net::protocols::transport_class::TransportClass;

/// What every stream transport has.
macro_rules! common {
    ($channel:ty) => {
        base_members!(StreamTransport<$channel>).and(descriptor_members!(StreamTransport<$channel>)).and(
            members! { StreamTransport<$channel>;
                method c"_fatal_error" c"Report an error and close at once." => fatal_error;
                attribute c"_owner" => quiet_owner_attribute;
                attribute c"_quiet_owner" => quiet_owner_attribute, set_quiet_owner_attribute;
                attribute c"_fileno" => fileno_attribute;
                attribute c"_quiet_number" => quiet_fileno_attribute;
                shown c"_polling" => transport.is_polling();
            },
        )
    };
}

/// What a transport has that receives data.
macro_rules! reading {
    ($channel:ty) => {
        common!($channel).and(read_members!(StreamTransport<$channel>, transport)).and(
            members! { StreamTransport<$channel>;
                shown c"_paused" => transport.is_paused();
            },
        )
    };
}

/// What a transport has that sends data.
macro_rules! writing {
    ($channel:ty) => {
        common!($channel)
            .and(write_members!(StreamTransport<$channel>))
            .and(buffer_members!(StreamTransport<$channel>))
            .and(members! { StreamTransport<$channel>;
                light method c"write" c"Write data; what does not fit now is written later." => write;
                bare c"write_eof" c"Write no more, after what was written." => write_eof;
                bare c"can_write_eof" c"True." => can_write_eof;
                method c"writelines" c"Write several pieces of data." => writelines;
            })
            .and(members! { StreamTransport<$channel>;
                shown c"_protocol_paused" => transport.marks().is_paused();
            })
    };
}

/// What a socket has: both, and what TLS and sendfile need.
macro_rules! duplex {
    ($channel:ty) => {
        reading!($channel).and(writing!($channel)).and(members! { StreamTransport<$channel>;
            bare c"_share" c"Send what is held, and hold nothing again." => share;
            bare c"_settle" c"Send what is held." => settle_now;
            bare c"_make_empty_waiter" c"A future that is done when all is written." => make_empty_waiter;
            bare c"_reset_empty_waiter" c"Undo _make_empty_waiter()." => reset_empty_waiter;
            method c"_force_close" c"Close at once, for the reason given." => force_close;
            attribute c"_sockname" => sockname_attribute;
            attribute c"_peername" => peername_attribute;
            attribute c"_sock_fd" => fileno_attribute;
            shown c"_empty_waiter" => base().sparse.at($crate::net::protocols::EMPTY_WAITER);
            shown c"_server" => transport.protocol().server();
            shown c"_eof" => transport.is_ended();
        })
    };
}

macro_rules! class {
    ($channel:ty, $name:literal, $kind:literal, $after:literal, $table:ident) => {
        impl TransportClass for $channel {
            const NAME: &'static CStr = $name;
            const READ_FAILED: &'static str = concat!("Fatal read error on ", $kind, " transport");
            const WRITE_FAILED: &'static str = concat!("Fatal write error on ", $kind, " transport");
            const WRITE_AFTER_LOSS: &'static str = $after;

            type State = StreamTransport<Self>;

            fn place() -> &'static Place {
                static PLACE: Place = Place::new();
                &PLACE
            }

            fn members() -> Members {
                $table!($channel)
            }

            fn channel<'a>(this: &'a Bound<'_, PyAny>) -> Option<&'a WithOwner<Self>> {
                try_state::<StreamTransport<Self>>(this).map(StreamTransport::channel)
            }
        }
    };
}

class!(Socket, c"ferrio._ferrio.SocketTransport", "socket", "socket.send() raised exception.", duplex);
class!(ReadPipe, c"ferrio._ferrio.ReadPipeTransport", "pipe", "", reading);
class!(
    WritePipe,
    c"ferrio._ferrio.WritePipeTransport",
    "pipe",
    "pipe closed by peer or os.write(pipe, data) raised exception.",
    writing
);
