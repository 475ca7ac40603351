//! Connections as they are opened: directly, by a proxy that speaks HTTP or SOCKS 5, and encrypted where the address says so.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use ferrio_http::h1::client::{Connection, Event};
use ferrio_http::h1::{Length, Limits};
use ferrio_http::proxies::{Kind, Proxy, Socks5};

use crate::streams::Link;

#[cfg_attr(not(feature = "tls"), path = "plain.rs")]
mod encrypted;

pub(super) use encrypted::Tls;

/// What connections have in common that may stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) secure: bool,
    /// Empty where the proxy connects to whatever a request names.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) via: Option<Proxy>,
}

/// What one look at what came says: how much of it was used, and whether it is over.
type Look<T> = (usize, Option<io::Result<T>>);

/// Opens a connection to where `key` leads.
pub(super) async fn open(key: &Key, tls: Option<&Tls>) -> io::Result<Rc<Link>> {
    let Some(proxy) = &key.via else {
        return if key.secure {
            encrypted::open(&key.host, key.port, tls).await
        } else {
            Ok(crate::open_connection(&key.host, key.port).await?.0.0)
        };
    };
    let told =
        |error: io::Error| io::Error::new(error.kind(), format!("by the proxy {}: {error}", proxy.host));
    by_proxy(key, proxy, tls).await.map_err(told)
}

async fn by_proxy(key: &Key, proxy: &Proxy, tls: Option<&Tls>) -> io::Result<Rc<Link>> {
    let within = proxy.kind == Kind::Https;
    let link = if within {
        encrypted::open(&proxy.host, proxy.port, tls).await?
    } else {
        crate::open_connection(&proxy.host, proxy.port).await?.0.0
    };
    if key.host.is_empty() {
        // It reads requests itself.
        return Ok(link);
    }
    match proxy.kind {
        Kind::Socks5 => socks(&link, key, proxy).await?,
        Kind::Http | Kind::Https => tunnel(&link, key, proxy).await?,
    }
    if key.secure { encrypted::go_on(link, within, &key.host, tls).await } else { Ok(link) }
}

async fn socks(link: &Link, key: &Key, proxy: &Proxy) -> io::Result<()> {
    let credentials = proxy.credentials.as_ref().map(|(name, password)| (&name[..], &password[..]));
    let mut handshake = Socks5::new(&key.host, key.port, credentials).map_err(io::Error::other)?;
    let mut out = Vec::new();
    handshake.begin(&mut out);
    link.wire.write(&out);
    read(link, |input| {
        let mut out = Vec::new();
        match handshake.advance(input, &mut out) {
            Ok((used, done)) => {
                link.wire.write(&out);
                (used, done.then_some(Ok(())))
            }
            Err(error) => (0, Some(Err(io::Error::new(io::ErrorKind::ConnectionRefused, error)))),
        }
    })
    .await
}

async fn tunnel(link: &Link, key: &Key, proxy: &Proxy) -> io::Result<()> {
    let host = if key.host.contains(':') { format!("[{}]", key.host) } else { key.host.clone() };
    let target = format!("{host}:{}", key.port);
    let authorization = proxy.authorization();
    let secret = authorization.iter().map(|value| (&b"proxy-authorization"[..], value.as_bytes()));
    let headers = [(&b"host"[..], target.as_bytes())].into_iter().chain(secret);
    let (mut http, mut out) = (Connection::new(Limits::default()), Vec::new());
    http.request(b"CONNECT", target.as_bytes(), headers, Length::Known(0), &mut out)
        .map_err(io::Error::other)?;
    link.wire.write(&out);
    read(link, |input| {
        let (used, event) = http.advance(input);
        let over = match event {
            Event::Response(head) if (200..300).contains(&head.status) => Some(Ok(())),
            Event::Response(head) if head.status == 407 => {
                Some(Err("it wants credentials, or others".into()))
            }
            Event::Response(head) => Some(Err(format!("it answers {}", head.status))),
            Event::Broken(what) => Some(Err(what.into())),
            Event::Upgraded | Event::Closed | Event::Data(_) | Event::End(_) => {
                Some(Err("it does not answer".into()))
            }
            Event::Informational(_) | Event::NeedMore => None,
        };
        (used, over.map(|said: Result<(), String>| said.map_err(refused)))
    })
    .await
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

/// Has `look` look at what comes until it says that it is over.
async fn read<T>(link: &Link, mut look: impl FnMut(&[u8]) -> Look<T>) -> io::Result<T> {
    loop {
        let (used, over) = link.flow.peek(&mut look);
        link.flow.consume(&*link.wire, used);
        if let Some(result) = over {
            return result;
        }
        if used == 0 {
            if link.flow.has_ended() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended"));
            }
            let known = link.flow.unread();
            poll_fn(|context| link.flow.poll_more(&*link.wire, known, context)).await?;
        }
    }
}
