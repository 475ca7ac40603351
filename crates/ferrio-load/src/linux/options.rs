//! The command line after the mode: `key=value`, each with a default. Knows no mode; a mode takes what it needs.

use std::str::FromStr;

use super::failure::{Named, Outcome, failed};

/// All times in seconds.
#[derive(Debug)]
pub(crate) struct Options {
    /// Whom to talk to, `tcp:PORT`, `udp:PORT` or `unix:PATH`; of `serve`, what to be.
    pub(crate) to: String,
    /// Which bare server `serve` is.
    pub(crate) kind: String,
    pub(crate) connections: usize,
    pub(crate) size: usize,
    /// Of a round trip: bytes, lines, http, post, websocket or frame (exchange.rs).
    pub(crate) form: String,
    /// Where an HTTP request goes.
    pub(crate) path: String,
    /// Of form=frame, what is sent: bytes in hexadecimal.
    pub(crate) message: String,
    pub(crate) warmup: f64,
    pub(crate) seconds: f64,
    /// Requests a second over all connections; 0: as fast as the answers come.
    pub(crate) rate: f64,
    /// Whose CPU time is measured, all together; `server=12,13`.
    pub(crate) servers: Vec<i32>,
    /// Who started this process, which does not outlive it.
    pub(crate) parent: i32,
    pub(crate) cpu: Option<usize>,
    /// The CPU to which `distance` is measured.
    pub(crate) other: Option<usize>,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Options {
            to: String::new(),
            kind: String::new(),
            connections: 1,
            size: 1024,
            form: "bytes".to_owned(),
            path: "/".to_owned(),
            message: String::new(),
            warmup: 0.0,
            seconds: 0.5,
            rate: 0.0,
            servers: vec![0],
            parent: 0,
            cpu: None,
            other: None,
        };
        for argument in arguments {
            let Some((key, value)) = argument.split_once('=') else {
                return failed(format!("an argument without '=': {argument}"));
            };
            options.set(key, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Outcome {
        match key {
            "to" => value.clone_into(&mut self.to),
            "kind" => value.clone_into(&mut self.kind),
            "connections" => self.connections = number(key, value)?,
            "size" => self.size = number(key, value)?,
            "form" => value.clone_into(&mut self.form),
            "path" => value.clone_into(&mut self.path),
            "message" => value.clone_into(&mut self.message),
            "warmup" => self.warmup = number(key, value)?,
            "seconds" => self.seconds = number(key, value)?,
            "rate" => self.rate = number(key, value)?,
            "server" => {
                self.servers = value.split(',').map(|each| number(key, each)).collect::<Outcome<_>>()?;
            }
            "parent" => self.parent = number(key, value)?,
            "cpu" => self.cpu = Some(number(key, value)?),
            "other" => self.other = Some(number(key, value)?),
            _ => return failed(format!("an unknown option: {key}")),
        }
        Ok(())
    }
}

fn number<T: FromStr<Err: std::fmt::Display>>(key: &str, value: &str) -> Outcome<T> {
    value.parse().named(&format!("{key}={value}"))
}
