//! Every native type and function: what it derives from, and under which name Python sees it.
//!
//! All are made when the module is imported, once a process (`once`). Types that no Python code names are made here, too, since
//! objects of them exist.

use ferrio_engine::transport::{ReadPipe, Socket, WritePipe};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::event_loop::events::{Handle, TimerHandle};
use crate::event_loop::hooks::{self, Hooks};
use crate::event_loop::state::BaseLoop;
use crate::ffi::bound_function::BoundFunction;
use crate::ffi::bound_method::BoundMethod;
use crate::ffi::coroutine::{self, Coroutine, Steps};
use crate::ffi::coroutine_method::CoroutineMethod;
use crate::ffi::function::{Body, Function};
use crate::ffi::heap_type::{Native, create, create_with, set_metaclass, type_object};
use crate::ffi::word;
use crate::http::client;
use crate::http::client::answer::ClientAnswer;
use crate::http::client::connection::ClientConnection;
use crate::http::client::decoding::Decoding;
use crate::http::client::fetch::Fetch;
use crate::http::client::frames::Frames;
use crate::http::client::place::Place;
use crate::http::client::pool::Pool;
use crate::http::client::routes::Route;
use crate::http::client::session::Session;
use crate::http::client::socks::Socks;
use crate::http::client::waits::ClientWait;
use crate::http::connection::{self, HttpConnection};
use crate::http::exchange::Exchange;
use crate::http::receiving::Receive;
use crate::http::room::Sent;
use crate::http::serving::Serving;
use crate::http::wsgi::app::WsgiApp;
use crate::http::wsgi::call::WsgiCall;
use crate::net::connecting::Connecting;
use crate::net::datagrams::DatagramTransport;
use crate::net::operations::Operation;
use crate::net::protocols::delivery;
use crate::net::server::ListeningSocket;
use crate::net::sslproto::{self, SslTransport};
use crate::net::streams::draining::Draining;
use crate::net::streams::protocol::{self, StreamReaderProtocol};
use crate::net::streams::reader::StreamReader;
use crate::net::streams::reading::Reading;
use crate::net::streams::writer::StreamWriter;
use crate::net::transports::StreamTransport;
use crate::tasks::audit;
use crate::tasks::callback::WaiterCallback;
use crate::tasks::cancelling::OUTERS;
use crate::tasks::futures::{Future, FutureIterator};
use crate::tasks::outcome::OUTCOMES;
use crate::tasks::step;
use crate::tasks::task::Task;
use crate::tasks::task_factory::{create_task, eager_task_factory};
use crate::waiting::alarm::Alarm;
use crate::waiting::completions::Completions;
use crate::waiting::gather::{GatheringFuture, ensure_future, gather};
use crate::waiting::locks::wait::Wait;
use crate::waiting::locks::{Condition, Event, Finished, Lock, Semaphore};
use crate::waiting::queues::Queue;
use crate::waiting::sleep::{Sleep, sleep};
use crate::waiting::taskgroups::TaskGroup;
use crate::waiting::threads::{Job, WorkQueue};
use crate::waiting::timeouts::{Timeout, TimeoutStep, timeout, timeout_at};
use crate::waiting::wait::{Shield, Waiting, shield, wait};
use crate::waiting::wait_for::{self, WaitFor, wait_for};

/// Adds them to the module.
pub(crate) fn add_all(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let maker = TypeMaker {
        module,
        asyncio: py.import("asyncio")?,
        object: py.get_type::<PyAny>(),
        coroutine: py.import("collections.abc")?.getattr("Coroutine")?,
    };
    maker.make_loop()?;
    maker.make_tasks()?;
    maker.make_waits()?;
    maker.make_locks_and_queues()?;
    maker.make_streams()?;
    maker.make_transports()?;
    maker.make_http()?;
    maker.make_http_clients()?;
    maker.make_functions()?;
    maker.mark_coroutine_methods()?;
    fill_tables();
    Ok(())
}

/// What lower rooms find by a table.
fn fill_tables() {
    word::own::<Handle>();
    word::own::<TimerHandle>();
    word::own::<Task>();
    word::own::<Future>();
    OUTCOMES.add::<Future>();
    OUTCOMES.add::<Task>();
    OUTCOMES.add::<GatheringFuture>();
    OUTERS.add::<GatheringFuture>();
    hooks::fill(Hooks {
        callback_failed: step::callback_failed,
        inner_coroutine: wait_for::inner_coroutine,
        batch_ended: audit::check,
    });
    let clients = client::connection::delivery_to;
    delivery::enter([protocol::delivery_to, sslproto::delivery_to, connection::delivery_to, clients]);
}

struct TypeMaker<'a, 'py> {
    module: &'a Bound<'py, PyModule>,
    asyncio: Bound<'py, PyModule>,
    object: Bound<'py, PyType>,
    /// The abstract class.
    coroutine: Bound<'py, PyAny>,
}

impl<'py> TypeMaker<'_, 'py> {
    fn make_loop(&self) -> PyResult<()> {
        let members = || {
            BaseLoop::base_members()
                .and(BaseLoop::queue_members())
                .and(BaseLoop::time_members())
                .and(BaseLoop::task_members())
                .and(BaseLoop::selector_members())
                .and(BaseLoop::server_members())
                .and(BaseLoop::tls_members())
                .and(BaseLoop::datagram_members())
                .and(BaseLoop::operation_members())
                .and(BaseLoop::connecting_members())
        };
        create_with::<BaseLoop>(&self.object, &[], members)?;
        self.publish::<BaseLoop>()?;
        self.named::<Handle>(&self.base("Handle")?, &[])?;
        self.named::<TimerHandle>(&self.base("TimerHandle")?, &[])?;
        self.nameless::<ListeningSocket>()?;
        self.coroutine::<Operation>()?;
        self.coroutine::<Connecting>()?;
        self.named::<WorkQueue>(&self.object, &[])?;
        self.nameless::<Job>()
    }

    fn make_tasks(&self) -> PyResult<()> {
        let future = self.base("Future")?;
        self.named::<Future>(&future, &[])?;
        self.named::<Task>(&self.base("Task")?, &[])?;
        // So that every future and every task counts as one of ours: `ferrio.futures` has the rule.
        let abstract_class = self.module.py().import("abc")?.getattr("ABCMeta")?.cast_into()?;
        set_metaclass::<Future>(&abstract_class);
        set_metaclass::<Task>(&abstract_class);
        create::<GatheringFuture>(&future, &[])?;
        self.nameless::<FutureIterator>()?;
        self.nameless::<WaiterCallback>()
    }

    /// What waits for tasks, and for time.
    fn make_waits(&self) -> PyResult<()> {
        self.coroutine::<Sleep>()?;
        self.coroutine::<WaitFor>()?;
        self.coroutine::<TimeoutStep>()?;
        self.named::<Timeout>(&self.object, &[])?;
        self.nameless::<Alarm>()?;
        self.nameless::<Waiting>()?;
        self.nameless::<Shield>()?;
        self.named::<Completions>(&self.object, &[])?;
        self.named::<TaskGroup>(&self.object, &[])
    }

    fn make_locks_and_queues(&self) -> PyResult<()> {
        self.coroutine::<Wait>()?;
        self.coroutine::<Finished>()?;
        self.named::<Lock>(&self.object, &[])?;
        self.named::<Event>(&self.object, &[])?;
        self.named::<Condition>(&self.object, &[])?;
        self.named::<Semaphore>(&self.object, &[])?;
        self.named::<Queue>(&self.object, &[])
    }

    fn make_streams(&self) -> PyResult<()> {
        self.coroutine::<Reading>()?;
        self.coroutine::<Draining>()?;
        self.named::<StreamReader>(&self.object, &[])?;
        self.named::<StreamWriter>(&self.object, &[])?;
        self.named::<StreamReaderProtocol>(&self.object, &[])
    }

    fn make_transports(&self) -> PyResult<()> {
        // What asyncio's own transports that write are: loop.sendfile() insists on it.
        let flow_control = self.asyncio.getattr("transports")?.getattr("_FlowControlMixin")?.cast_into()?;
        self.named::<StreamTransport<Socket>>(&flow_control, &[])?;
        self.named::<StreamTransport<ReadPipe>>(&self.base("ReadTransport")?, &[])?;
        self.named::<StreamTransport<WritePipe>>(&flow_control, &[])?;
        self.named::<SslTransport>(&flow_control, &[])?;
        self.named::<DatagramTransport>(&flow_control, &[&self.base("DatagramTransport")?])
    }

    fn make_http(&self) -> PyResult<()> {
        self.nameless::<BoundFunction>()?;
        self.coroutine::<Exchange>()?;
        self.coroutine::<Receive>()?;
        self.coroutine::<Sent>()?;
        self.coroutine::<WsgiCall>()?;
        self.named::<WsgiApp>(&self.object, &[])?;
        self.named::<HttpConnection>(&self.base("Protocol")?, &[])?;
        self.named::<Serving>(&self.object, &[])
    }

    fn make_http_clients(&self) -> PyResult<()> {
        self.coroutine::<ClientWait>()?;
        self.coroutine::<Fetch>()?;
        self.named::<ClientConnection>(&self.base("Protocol")?, &[])?;
        self.named::<ClientAnswer>(&self.object, &[])?;
        self.named::<Pool>(&self.object, &[])?;
        self.named::<Session>(&self.object, &[])?;
        self.named::<Decoding>(&self.object, &[])?;
        self.named::<Frames>(&self.object, &[])?;
        self.named::<Socks>(&self.object, &[])?;
        self.nameless::<Place>()?;
        self.nameless::<Route>()
    }

    fn make_functions(&self) -> PyResult<()> {
        // Whether what it returns is to be awaited: then it passes for a coroutine function.
        let functions: [(_, _, Body); 10] = [
            ("sleep", true, sleep),
            ("wait", true, wait),
            ("wait_for", true, wait_for),
            ("create_task", false, create_task),
            ("eager_task_factory", false, eager_task_factory),
            ("ensure_future", false, ensure_future),
            ("gather", false, gather),
            ("shield", false, shield),
            ("timeout", false, timeout),
            ("timeout_at", false, timeout_at),
        ];
        self.nameless::<Function>()?;
        for (name, awaited, body) in functions {
            self.module.add(name, Function::create(self.module.py(), name, awaited, body)?)?;
        }
        Ok(())
    }

    /// The methods that pass for coroutine functions. Not those of which a program does millions: `ffi::coroutine_method`
    /// says why.
    fn mark_coroutine_methods(&self) -> PyResult<()> {
        const ENTER_AND_EXIT: &[&str] = &["__aenter__", "__aexit__"];
        self.nameless::<BoundMethod>()?;
        self.nameless::<CoroutineMethod>()?;
        self.mark::<BaseLoop>(&["sock_recv", "sock_recv_into", "sock_sendall"])?;
        self.mark::<Condition>(&["wait"])?;
        self.mark::<Lock>(ENTER_AND_EXIT)?;
        self.mark::<Queue>(&["join"])?;
        self.mark::<Semaphore>(ENTER_AND_EXIT)?;
        self.mark::<StreamReader>(&["read", "readexactly", "readline", "readuntil"])?;
        self.mark::<StreamWriter>(&["drain"])?;
        self.mark::<Timeout>(ENTER_AND_EXIT)
    }

    fn mark<T: Native>(&self, names: &[&str]) -> PyResult<()> {
        CoroutineMethod::mark(&type_object::<T>(self.module.py())?, names)
    }

    /// asyncio's class of that name.
    fn base(&self, name: &str) -> PyResult<Bound<'py, PyType>> {
        Ok(self.asyncio.getattr(name)?.cast_into()?)
    }

    /// A type that Python code derives from or calls: the module has it under the last part of its name.
    fn named<T: Native>(&self, base: &Bound<'py, PyType>, more: &[&Bound<'py, PyType>]) -> PyResult<()> {
        create::<T>(base, more)?;
        self.publish::<T>()
    }

    fn publish<T: Native>(&self) -> PyResult<()> {
        let class = type_object::<T>(self.module.py())?;
        self.module.add(class.name()?, class)
    }

    fn nameless<T: Native>(&self) -> PyResult<()> {
        create::<T>(&self.object, &[])
    }

    /// A type of coroutines, which is nameless.
    fn coroutine<S: Steps>(&self) -> PyResult<()> {
        self.nameless::<Coroutine<S>>()?;
        coroutine::enlist::<S>();
        self.coroutine.call_method1("register", (type_object::<Coroutine<S>>(self.module.py())?,)).map(drop)
    }
}
