//! The Python door of ferrio: the extension module `ferrio._ferrio`.
//!
//! The export list and nothing else. What each file owns is in its head; raw CPython is in `ffi` only.

#![deny(unsafe_code)]
#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "every row of a `members!` table has one signature"
)]

mod alarm;
mod awaited_by;
mod base_events;
mod children;
mod clients;
mod completions;
mod datagrams;
mod doors;
mod events;
mod exceptions;
mod ffi;
mod futures;
mod gather;
mod locks;
mod loop_time;
mod nesting;
mod operations;
mod outcome;
mod packets;
mod protocols;
mod queues;
mod rare;
mod resolver;
mod run;
mod rust_futures;
mod scratch;
mod selector_events;
mod server;
mod sleep;
mod sockets;
mod sslproto;
mod step;
mod streams;
mod support;
mod task_factory;
mod taskgroups;
mod tasks;
mod threads;
mod timeouts;
mod transports;
mod virtual_time;
mod wait;
mod wait_for;
mod waiters;

/// How this was built, for reports; scripts/dist.sh names its builds.
const BUILD: &str = match option_env!("FERRIO_BUILD") {
    Some(build) => build,
    None if cfg!(debug_assertions) => "debug",
    None => "release",
};

/// ferrio's native part; `import ferrio` is the way in.
#[pyo3::pymodule(gil_used = true)]
mod _ferrio {
    use pyo3::prelude::*;
    use pyo3::types::PyType;

    use crate::alarm::Alarm;
    use crate::base_events::BaseLoop;
    use ferrio_engine::transport::{ReadPipe, Socket, WritePipe};

    use crate::children::ChildDone;
    use crate::completions::Completions;
    use crate::datagrams::DatagramTransport;
    use crate::events::{Handle, TimerHandle};
    use crate::ffi::bound_method::BoundMethod;
    use crate::ffi::coroutine_method::CoroutineMethod;
    use crate::ffi::function::Function;
    use crate::ffi::heap_type::{create, set_metaclass, type_object};
    use crate::futures::{Future, FutureIterator};
    use crate::gather::{Gathering, ensure_future, gather};
    use crate::locks::wait::Wait;
    use crate::locks::{Condition, Event, Finished, Lock, Semaphore};
    use crate::operations::Operation;
    use crate::queues::Queue;
    use crate::server::Listener;
    use crate::sleep::{Sleep, sleep};
    use crate::sslproto::SslTransport;
    use crate::step::Wakeup;
    use crate::streams::draining::Draining;
    use crate::streams::protocol::StreamReaderProtocol;
    use crate::streams::reader::StreamReader;
    use crate::streams::reading::Reading;
    use crate::streams::writer::StreamWriter;
    use crate::taskgroups::TaskGroup;
    use crate::tasks::{Task, create_task, eager_task_factory};
    use crate::threads::{Job, WorkQueue};
    use crate::timeouts::{Timeout, TimeoutStep, timeout, timeout_at};
    use crate::transports::Stream;
    use crate::wait::{Shield, Waiting, shield, wait};
    use crate::wait_for::{WaitFor, wait_for};

    #[pymodule_export]
    use crate::clients::Clients;
    #[pymodule_export]
    use crate::ffi::registry::all;
    #[pymodule_export]
    use crate::resolver::literal_address;
    #[pymodule_export]
    use crate::rust_futures::{rust_round_trip, rust_sleep};
    #[pymodule_export]
    use crate::sslproto::proof::direct_tls;

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
        module.add("StreamReader", type_object::<StreamReader>(py)?)?;
        module.add("StreamWriter", type_object::<StreamWriter>(py)?)?;
        module.add("StreamReaderProtocol", type_object::<StreamReaderProtocol>(py)?)?;
        create::<Wait>(&py.get_type::<PyAny>(), &[])?;
        create::<Finished>(&py.get_type::<PyAny>(), &[])?;
        create::<Lock>(&py.get_type::<PyAny>(), &[])?;
        create::<Condition>(&py.get_type::<PyAny>(), &[])?;
        module.add("Condition", type_object::<Condition>(py)?)?;
        create::<Event>(&py.get_type::<PyAny>(), &[])?;
        create::<Semaphore>(&py.get_type::<PyAny>(), &[])?;
        create::<Queue>(&py.get_type::<PyAny>(), &[])?;
        module.add("Lock", type_object::<Lock>(py)?)?;
        module.add("Event", type_object::<Event>(py)?)?;
        module.add("Semaphore", type_object::<Semaphore>(py)?)?;
        module.add("Queue", type_object::<Queue>(py)?)?;
        create::<Gathering>(&base("Future")?, &[])?;
        create::<ChildDone>(&py.get_type::<PyAny>(), &[])?;
        create::<Function>(&py.get_type::<PyAny>(), &[])?;
        create::<Sleep>(&py.get_type::<PyAny>(), &[])?;
        create::<WaitFor>(&py.get_type::<PyAny>(), &[])?;
        create::<Timeout>(&py.get_type::<PyAny>(), &[])?;
        create::<Alarm>(&py.get_type::<PyAny>(), &[])?;
        create::<TimeoutStep>(&py.get_type::<PyAny>(), &[])?;
        create::<Waiting>(&py.get_type::<PyAny>(), &[])?;
        create::<Shield>(&py.get_type::<PyAny>(), &[])?;
        create::<TaskGroup>(&py.get_type::<PyAny>(), &[])?;
        let coroutines = [
            type_object::<Operation>(py)?,
            type_object::<Wait>(py)?,
            type_object::<Finished>(py)?,
            type_object::<Reading>(py)?,
            type_object::<Draining>(py)?,
            type_object::<Sleep>(py)?,
            type_object::<WaitFor>(py)?,
            type_object::<TimeoutStep>(py)?,
        ];
        mark_coroutine_methods(py)?;
        let abstract_coroutine = py.import("collections.abc")?.getattr("Coroutine")?;
        for class in coroutines {
            abstract_coroutine.call_method1("register", (class,))?;
        }
        module.add("sleep", Function::create(py, "sleep", true, sleep)?)?;
        module.add("wait_for", Function::create(py, "wait_for", true, wait_for)?)?;
        module.add("gather", Function::create(py, "gather", false, gather)?)?;
        module.add("create_task", Function::create(py, "create_task", false, create_task)?)?;
        module.add("ensure_future", Function::create(py, "ensure_future", false, ensure_future)?)?;
        let eager = Function::create(py, "eager_task_factory", false, eager_task_factory)?;
        module.add("eager_task_factory", eager)?;
        module.add("timeout", Function::create(py, "timeout", false, timeout)?)?;
        module.add("timeout_at", Function::create(py, "timeout_at", false, timeout_at)?)?;
        module.add("shield", Function::create(py, "shield", false, shield)?)?;
        module.add("wait", Function::create(py, "wait", true, wait)?)?;
        create::<Completions>(&py.get_type::<PyAny>(), &[])?;
        module.add("Completions", type_object::<Completions>(py)?)?;
        module.add("Timeout", type_object::<Timeout>(py)?)?;
        module.add("TaskGroup", type_object::<TaskGroup>(py)?)?;
        create::<DatagramTransport>(&flow_control, &[&base("DatagramTransport")?])?;
        module.add("DatagramTransport", type_object::<DatagramTransport>(py)?)?;
        create::<Stream<Socket>>(&flow_control, &[])?;
        create::<SslTransport>(&flow_control, &[])?;
        module.add("SSLTransport", type_object::<SslTransport>(py)?)?;
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
        module.add("__build__", super::BUILD)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// The methods that pass for coroutine functions.
    fn mark_coroutine_methods(py: Python<'_>) -> PyResult<()> {
        // Not those of which a program does millions: `ffi::coroutine_method` says why.
        let coroutine_methods: [(_, &[&str]); 8] = [
            (type_object::<BaseLoop>(py)?, &["sock_recv", "sock_recv_into", "sock_sendall"]),
            (type_object::<Condition>(py)?, &["wait"]),
            (type_object::<Lock>(py)?, &["__aenter__", "__aexit__"]),
            (type_object::<Queue>(py)?, &["join"]),
            (type_object::<Semaphore>(py)?, &["__aenter__", "__aexit__"]),
            (type_object::<StreamReader>(py)?, &["read", "readexactly", "readline", "readuntil"]),
            (type_object::<StreamWriter>(py)?, &["drain"]),
            (type_object::<Timeout>(py)?, &["__aenter__", "__aexit__"]),
        ];
        create::<BoundMethod>(&py.get_type::<PyAny>(), &[])?;
        create::<CoroutineMethod>(&py.get_type::<PyAny>(), &[])?;
        for (class, names) in &coroutine_methods {
            CoroutineMethod::mark(class, names)?;
        }
        Ok(())
    }
}
