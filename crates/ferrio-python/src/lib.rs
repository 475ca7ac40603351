//! The Python door of ferrio: the extension module `ferrio._ferrio`.
//!
//! The export list and nothing else. What each file owns is in its head; raw CPython is in `ffi` only.

#![deny(unsafe_code)]
#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "every row of a `members!` table has one signature"
)]

mod base_events;
mod datagrams;
mod doors;
mod events;
mod exceptions;
mod ffi;
mod futures;
mod loop_time;
mod nesting;
mod operations;
mod outcome;
mod packets;
mod protocols;
mod rare;
mod run;
mod rust_futures;
mod scratch;
mod selector_events;
mod server;
mod sockets;
mod step;
mod streams;
mod support;
mod task_factory;
mod tasks;
mod threads;
mod transports;
mod virtual_time;
mod waiters;

/// ferrio's native part; `import ferrio` is the way in.
#[pyo3::pymodule(gil_used = true)]
mod _ferrio {
    use pyo3::prelude::*;
    use pyo3::types::PyType;

    use crate::base_events::BaseLoop;
    use ferrio_engine::transport::{ReadPipe, Socket, WritePipe};

    use crate::datagrams::DatagramTransport;
    use crate::events::{Handle, TimerHandle};
    use crate::ffi::heap_type::{create, set_metaclass, type_object};
    use crate::futures::{Future, FutureIterator};
    use crate::operations::Operation;
    use crate::server::Listener;
    use crate::step::Wakeup;
    use crate::streams::draining::Draining;
    use crate::streams::protocol::StreamReaderProtocol;
    use crate::streams::reader::StreamReader;
    use crate::streams::reading::Reading;
    use crate::streams::writer::StreamWriter;
    use crate::tasks::Task;
    use crate::threads::{Job, WorkQueue};
    use crate::transports::Stream;

    #[pymodule_export]
    use crate::ffi::registry::all;
    #[pymodule_export]
    use crate::rust_futures::{rust_round_trip, rust_sleep};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        let asyncio = py.import("asyncio")?;
        let base = |name: &str| -> PyResult<Bound<'_, PyType>> { Ok(asyncio.getattr(name)?.cast_into()?) };
        // What asyncio's own transports that write are: loop.sendfile() insists on it.
        let flow_control = asyncio.getattr("transports")?.getattr("_FlowControlMixin")?.cast_into()?;
        create::<Handle>(&base("Handle")?, &[])?;
        create::<TimerHandle>(&base("TimerHandle")?, &[])?;
        create::<BaseLoop>(&py.get_type::<PyAny>(), &[])?;
        create::<Future>(&base("Future")?, &[])?;
        create::<Task>(&base("Task")?, &[])?;
        // So that every future and every task counts as one of ours: `ferrio.futures` has the rule.
        let abstract_class = py.import("abc")?.getattr("ABCMeta")?.cast_into()?;
        set_metaclass::<Future>(&abstract_class);
        set_metaclass::<Task>(&abstract_class);
        create::<FutureIterator>(&py.get_type::<PyAny>(), &[])?;
        create::<Wakeup>(&py.get_type::<PyAny>(), &[])?;
        create::<WorkQueue>(&py.get_type::<PyAny>(), &[])?;
        create::<Job>(&py.get_type::<PyAny>(), &[])?;
        module.add("WorkQueue", type_object::<WorkQueue>(py)?)?;
        create::<Listener>(&py.get_type::<PyAny>(), &[])?;
        create::<Operation>(&py.get_type::<PyAny>(), &[])?;
        create::<StreamReader>(&py.get_type::<PyAny>(), &[])?;
        create::<StreamWriter>(&py.get_type::<PyAny>(), &[])?;
        create::<StreamReaderProtocol>(&py.get_type::<PyAny>(), &[])?;
        create::<Reading>(&py.get_type::<PyAny>(), &[])?;
        create::<Draining>(&py.get_type::<PyAny>(), &[])?;
        let coroutine = py.import("collections.abc")?.getattr("Coroutine")?;
        for native in [type_object::<Operation>(py)?, type_object::<Reading>(py)?, type_object::<Draining>(py)?] {
            coroutine.call_method1("register", (native,))?;
        }
        module.add("StreamReader", type_object::<StreamReader>(py)?)?;
        module.add("StreamWriter", type_object::<StreamWriter>(py)?)?;
        module.add("StreamReaderProtocol", type_object::<StreamReaderProtocol>(py)?)?;
        create::<DatagramTransport>(&flow_control, &[&base("DatagramTransport")?])?;
        module.add("DatagramTransport", type_object::<DatagramTransport>(py)?)?;
        create::<Stream<Socket>>(&flow_control, &[])?;
        create::<Stream<ReadPipe>>(&base("ReadTransport")?, &[])?;
        create::<Stream<WritePipe>>(&flow_control, &[])?;
        module.add("SocketTransport", type_object::<Stream<Socket>>(py)?)?;
        module.add("ReadPipeTransport", type_object::<Stream<ReadPipe>>(py)?)?;
        module.add("WritePipeTransport", type_object::<Stream<WritePipe>>(py)?)?;
        module.add("Handle", type_object::<Handle>(py)?)?;
        module.add("TimerHandle", type_object::<TimerHandle>(py)?)?;
        module.add("Future", type_object::<Future>(py)?)?;
        module.add("Task", type_object::<Task>(py)?)?;
        module.add("BaseLoop", type_object::<BaseLoop>(py)?)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
