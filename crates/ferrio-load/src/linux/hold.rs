//! Idle connections: every line on standard input is a number, the total to have open from then on.
//!
//! Asked in steps, so that the server accepts one step before the next and no backlog overflows (an overflow would cost
//! a one-second retransmission). End of input ends it. The source address moves on every 10,000 sockets (127.0.0.2,
//! .3, ...), because one address has about 28,000 ports towards one server port.

use std::io::stdin;
use std::net::Ipv4Addr;

use super::failure::{Named, Outcome, failed};
use super::options::Options;
use super::target::{Target, close_hard};

const SOCKETS_AN_ADDRESS: usize = 10_000;

pub(crate) fn run(options: &Options) -> Outcome {
    let target = Target::parse(&options.to)?;
    let mut held = Vec::with_capacity(options.connections);
    for line in stdin().lines() {
        let line = line.named("standard input")?;
        let total: usize = line.trim().parse().named(&line)?;
        if total > options.connections {
            return failed("asked to hold more than was announced");
        }
        while held.len() < total {
            held.push(target.dial(source(held.len()))?);
        }
    }
    held.into_iter().for_each(close_hard);
    Ok(())
}

fn source(number: usize) -> Option<Ipv4Addr> {
    let address =
        u8::try_from(number / SOCKETS_AN_ADDRESS).ok().filter(|address| (1..200).contains(address))?;
    Some(Ipv4Addr::new(127, 0, 0, address + 1))
}
