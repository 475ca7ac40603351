//! Connections that have become idle: each is opened and makes one round trip, then all are held until standard input
//! ends, as `Window::print` holds them. What they cost the server in memory is read from outside meanwhile.

use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::exchange::Exchange;
use super::failure::{Named, Outcome, failed};
use super::options::Options;
use super::target::{Target, close_hard};
use super::window::print_and_hold;

const SCRATCH: usize = 1 << 16;

pub(crate) fn run(options: &Options) -> Outcome {
    let (target, exchange) = (Target::parse(&options.to)?, Exchange::new(options)?);
    let (mut held, mut scratch) = (Vec::with_capacity(options.connections), vec![0; SCRATCH]);
    for _ in 0..options.connections {
        let socket = target.dial(None)?;
        exchange.open(&socket)?;
        send(&socket, &exchange.request, SendFlags::NOSIGNAL).named("send")?;
        let mut got = 0;
        while exchange.reply.length(&scratch[..got])?.is_none_or(|whole| got < whole) {
            match recv(&socket, &mut scratch[got..], RecvFlags::empty()).named("a reply")? {
                (_, 0) => return failed("the server closed a connection"),
                (_, length) => got += length,
            }
        }
        held.push(socket);
    }
    print_and_hold(&format!(r#"{{"count": {}}}"#, held.len()))?;
    held.into_iter().for_each(close_hard);
    Ok(())
}
