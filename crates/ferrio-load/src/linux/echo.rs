//! Round trips over TCP, Unix and UDP sockets: as fast as the answers come, or at a fixed rate (`rate=`).
//!
//! As fast as they come, every connection has one message under way, a latency counts from the send, and a datagram that
//! got lost is sent again after 100 ms without any event. At a rate, it counts from the time the request was meant for
//! (pace.rs), requests are those meant for the window, and what is not answered at its end counts with its age by then;
//! the client does not sleep, because waking up would be in every latency.

use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::thread::sched_yield;

use super::connection::Connection;
use super::exchange::Exchange;
use super::failure::{Named, Outcome, failed};
use super::histogram::Histogram;
use super::options::Options;
use super::pace::Pace;
use super::target::{Target, close_hard};
use super::window::{Window, now};

const EVENTS: usize = 256;
const SCRATCH: usize = 1 << 20;
const SILENCE: u64 = 5_000_000_000;
const RESEND: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

struct Echo {
    poll: OwnedFd,
    is_datagram: bool,
    exchange: Exchange,
    scratch: Vec<u8>,
    connections: Vec<Connection>,
    latencies: Histogram,
    pace: Option<Pace>,
    window: Window,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut echo = Echo::connect(options)?;
    echo.measure()?;
    let latencies = &echo.latencies;
    let more = if latencies.is_empty() {
        String::new()
    } else {
        let quantile =
            |name, per_mille| format!(r#", "{name}": {}"#, in_microseconds(latencies.quantile(per_mille)));
        [("p50_us", 500), ("p99_us", 990), ("p999_us", 999)].map(|(name, each)| quantile(name, each)).concat()
    };
    echo.window.print(&more)?;
    echo.connections.into_iter().for_each(|connection| close_hard(connection.socket));
    Ok(())
}

impl Echo {
    fn connect(options: &Options) -> Outcome<Self> {
        let target = Target::parse(&options.to)?;
        if target.is_datagram() && options.rate > 0.0 {
            return failed("rate= is for connections: a lost datagram would stop its socket");
        }
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).named("epoll_create")?;
        let exchange = Exchange::new(options)?;
        let mut connections = Vec::with_capacity(options.connections);
        for place in 0..options.connections {
            let socket = target.dial(None)?;
            exchange.open(&socket)?;
            connections.push(Connection::new(socket, &poll, place as u64)?);
        }
        Ok(Echo {
            poll,
            is_datagram: target.is_datagram(),
            exchange,
            scratch: vec![0; SCRATCH],
            pace: (options.rate > 0.0).then(|| Pace::new(options.rate, connections.len(), now())),
            connections,
            latencies: Histogram::new(),
            window: Window::new(options),
        })
    }

    fn measure(&mut self) -> Outcome {
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; EVENTS];
        let timeout = if self.pace.is_some() { AT_ONCE } else { RESEND };
        let mut time = now();
        let mut heard = time;
        if self.pace.is_none() {
            self.ask_all(time)?;
        }
        while !self.window.is_over(time)? {
            self.ask_what_is_due(time)?;
            let (events, _) = epoll::wait(&self.poll, &mut buffer[..], Some(&timeout)).named("epoll_wait")?;
            time = now();
            if events.is_empty() {
                self.idle(time, heard)?;
            } else {
                heard = time;
            }
            for event in events {
                let flags = event.flags;
                self.handle(event.data.u64(), flags)?;
            }
        }
        self.count_unanswered(time);
        Ok(())
    }

    fn handle(&mut self, place: u64, flags: epoll::EventFlags) -> Outcome {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let Some(connection) = self.connections.get_mut(place) else {
            return failed("an event of no connection");
        };
        if flags.contains(epoll::EventFlags::OUT) {
            connection.push(&self.poll, &self.exchange)?;
        }
        if flags == epoll::EventFlags::OUT || !connection.pull(&mut self.scratch, &self.exchange)? {
            return Ok(());
        }
        let time = now();
        if let Some(opened) = self.window.opened() {
            self.window.count += 1;
            if self.pace.is_none() || connection.asked >= opened {
                self.latencies.record(time - connection.asked);
            }
        }
        match &mut self.pace {
            None => connection.ask(&self.poll, &self.exchange, time),
            Some(schedule) => match schedule.next(place) {
                Some(intended) => connection.ask(&self.poll, &self.exchange, intended),
                None => Ok(()),
            },
        }
    }

    fn ask_what_is_due(&mut self, time: u64) -> Outcome {
        let Some(pace) = &mut self.pace else { return Ok(()) };
        while let Some((place, intended)) = pace.due(time) {
            let connection = &mut self.connections[place];
            if connection.is_busy {
                pace.postpone(place, intended);
            } else {
                connection.ask(&self.poll, &self.exchange, intended)?;
            }
        }
        Ok(())
    }

    fn idle(&mut self, time: u64, heard: u64) -> Outcome {
        if time - heard > SILENCE {
            return failed("the server stopped answering");
        }
        if self.pace.is_some() {
            sched_yield();
        } else if self.is_datagram {
            self.ask_all(time)?;
        }
        Ok(())
    }

    fn ask_all(&mut self, time: u64) -> Outcome {
        let Echo { connections, poll, exchange, .. } = self;
        connections.iter_mut().try_for_each(|connection| connection.ask(poll, exchange, time))
    }

    /// At a rate, whatever was meant for the window and has no answer is at least as late as it is old.
    fn count_unanswered(&mut self, time: u64) {
        let (Some(pace), Some(opened)) = (&self.pace, self.window.opened()) else { return };
        let under_way = self.connections.iter().filter(|each| each.is_busy).map(|each| each.asked);
        for asked in under_way.chain(pace.unsent()).filter(|asked| (opened..=time).contains(asked)) {
            self.latencies.record(time - asked);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "printed with two places")]
fn in_microseconds(nanoseconds: u64) -> String {
    format!("{:.2}", nanoseconds as f64 * 1e-3)
}
