//! A request from its builder to its answer: redirects, cookies, proxies, and a second try where a connection had been closed.
//!
//! Rule: a request is sent again without being asked only where nobody can tell: its connection was an old one, the server said nothing
//! on it, its method may be repeated (RFC 9110, 9.2.2), and its body is still there.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ferrio_http::encodings;
use ferrio_http::h1::client::Connection;
use ferrio_http::h1::{Length, Limits};
use ferrio_http::proxies::{Kind, Proxy};
use ferrio_http::redirects::{Next, same_origin};
use http::{HeaderMap, HeaderValue, Method, Response as Head, header};

use crate::http::body::Body;
use crate::http::client::address::Address;
use crate::http::client::errors::{Error, Phase, Why};
use crate::http::client::exchange::{Asked, Incoming, exchange};
use crate::http::client::request::RequestBuilder;
use crate::http::client::response::Response;
use crate::http::client::shared::{Live, Shared, sooner, within};
use crate::http::client::sockets::{self, Key};

/// An answer whose body is still to come.
type Answered = (Head<()>, Length, Incoming);

/// A request on its way.
struct Going {
    shared: Rc<Shared>,
    method: Method,
    address: Address,
    headers: HeaderMap,
    phase: Cell<Phase>,
    /// Proxies are to hand on bytes, though they could read the request: what comes after it is no HTTP.
    tunnels: bool,
}

/// See the module.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, Error> {
    let deadline = sooner(request.total, None);
    let (mut going, body) = begin(request)?;
    let answered = {
        let following = pin!(going.follow(body));
        within(deadline, following).await
    };
    let answered = answered.ok_or_else(|| going.failed(Why::Timeout))??;
    let (head, length, incoming) = answered;
    let Going { shared, method, address, .. } = going;
    let head = head.into_parts().0;
    Ok(Response::new(head, length, incoming, (method, address), &shared.settings, deadline))
}

/// The same for a request that asks for another protocol: one answer, whatever it is, on a connection of its own.
pub(super) async fn switch(request: RequestBuilder) -> Result<(Answered, Address), Error> {
    let deadline = sooner(request.total, None);
    let (mut going, body) = begin(request)?;
    going.tunnels = true;
    let answered = {
        let asking = pin!(going.once(body));
        within(deadline, asking).await
    };
    let answered = answered.ok_or_else(|| going.failed(Why::Timeout))??;
    Ok((answered, going.address))
}

fn begin(request: RequestBuilder) -> Result<(Going, Body), Error> {
    let RequestBuilder { shared, method, url, mut headers, body, fault, .. } = request;
    let address = match (Address::parse(&url), fault) {
        (Ok(address), None) => address,
        (Ok(address), Some(text)) => {
            return Err(Error::new(&method, Some(&address), Phase::Build, Why::Text(text)));
        }
        (Err(text), _) => return Err(Error::new(&method, None, Phase::Build, Why::Text(text))),
    };
    for (name, value) in &shared.settings.headers {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if shared.settings.decodes {
        let accepted = HeaderValue::from_static(encodings::accepted());
        headers.entry(header::ACCEPT_ENCODING).or_insert(accepted);
    }
    if let Some(secret) = &address.authorization {
        headers.entry(header::AUTHORIZATION).or_insert_with(|| secret.clone());
    }
    let phase = Cell::new(Phase::Pool);
    Ok((Going { shared, method, address, headers, phase, tunnels: false }, body))
}

impl Going {
    /// Sends it, and again wherever redirects lead.
    async fn follow(&mut self, mut body: Body) -> Result<Answered, Error> {
        let mut left = self.shared.settings.redirects;
        loop {
            let again = body.duplicate();
            let answered = self.once(body).await?;
            let status = answered.0.status().as_u16();
            let location = answered.0.headers().get(header::LOCATION).filter(|_| left > 0);
            let Some((next, location)) = Next::after(status, self.method.as_str()).zip(location) else {
                if left == 0 && self.shared.settings.redirects > 0 && is_redirect(&answered.0) {
                    self.phase.set(Phase::Redirect);
                    return Err(self.failed(Why::Text("there are more of them than `redirects` allows")));
                }
                return Ok(answered);
            };
            left -= 1;
            let (phase, wrong) = (self.phase.replace(Phase::Redirect), |text| self.failed(Why::Text(text)));
            let to = self.address.follow(location).map_err(wrong)?;
            body = if next.keeps_body {
                again.ok_or_else(|| wrong("a body that is made piece by piece cannot be sent again"))?
            } else {
                Body::empty()
            };
            self.phase.set(phase);
            let same = same_origin(&self.address.uri.to_string(), &to.uri.to_string());
            let kept = |name: &header::HeaderName| next.keeps_header(name.as_str(), same);
            let headers = std::mem::take(&mut self.headers);
            self.headers = grouped(headers).filter(|(name, _)| kept(name)).collect();
            if let Some(secret) = &to.authorization {
                self.headers.insert(header::AUTHORIZATION, secret.clone());
            }
            if let Ok(method) = Method::from_bytes(next.method.as_bytes()) {
                self.method = method;
            }
            self.address = to;
        }
    }

    /// Sends it to where it goes now.
    async fn once(&self, mut body: Body) -> Result<Answered, Error> {
        let (shared, address) = (&self.shared, &self.address);
        let scheme = if address.secure { "https" } else { "http" };
        let via = shared.settings.proxies.find(scheme, &address.host, address.port).cloned();
        let read_by_proxy =
            !address.secure && !self.tunnels && via.as_ref().is_some_and(|proxy| proxy.kind != Kind::Socks5);
        let authorization = via.as_ref().filter(|_| read_by_proxy).and_then(Proxy::authorization);
        let key = Rc::new(if read_by_proxy {
            Key { secure: false, host: String::new(), port: 0, via }
        } else {
            Key { secure: address.secure, host: address.host.clone(), port: address.port, via }
        });
        let target = address.target(read_by_proxy);
        let cookie = self.cookie();
        let asked = Asked {
            method: &self.method,
            target: &target,
            host: &address.authority,
            headers: &self.headers,
            cookie: cookie.as_deref(),
            proxy_authorization: authorization.as_deref(),
        };
        loop {
            let again = body.duplicate().filter(|_| self.method.is_idempotent());
            let (sent, reused) = self.attempt(&key, &asked, body).await?;
            match sent {
                Ok(answered) => {
                    self.keep_cookies(answered.0.headers());
                    return Ok(answered);
                }
                Err(failed) => match again {
                    Some(again) if reused && failed.silent && !failed.ours => body = again,
                    _ => return Err(self.failed(Why::Other(failed.error.into()))),
                },
            }
        }
    }

    /// One try, and whether it was on a connection that was used before.
    async fn attempt(
        &self,
        key: &Rc<Key>,
        asked: &Asked<'_>,
        body: Body,
    ) -> Result<(Result<Answered, crate::http::client::exchange::Failed>, bool), Error> {
        let (shared, times) = (&self.shared, &self.shared.settings.times);
        let late = || self.failed(Why::Timeout);
        self.phase.set(Phase::Pool);
        let mut lease = within(sooner(times.pool, None), pin!(shared.lease(key))).await.ok_or_else(late)?;
        let reused = lease.live.is_some();
        if !reused {
            self.phase.set(Phase::Connect);
            // Apart, since it is large and rare: all requests would carry it about.
            let mut opening = Box::pin(sockets::open(key, shared.settings.tls.as_ref()));
            let link = within(sooner(times.connect, None), opening.as_mut()).await.ok_or_else(late)?;
            let link = link.map_err(|error: io::Error| self.failed(Why::Other(error.into())))?;
            let http = Connection::new(Limits { body: None, ..Limits::default() }).with_folds();
            lease.live = Some(Live::new(link, http));
        }
        self.phase.set(Phase::Head);
        let sent =
            within(sooner(times.head, None), pin!(exchange(lease, asked, body))).await.ok_or_else(late)?;
        Ok((sent, reused))
    }

    /// The program's own cookies and those of the jar.
    fn cookie(&self) -> Option<Vec<u8>> {
        let jar = self.shared.jar.as_ref()?;
        let kept = jar.borrow().header(self.address.site(), unix_time())?;
        let own = self.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let all: Vec<&[u8]> = own.chain([&kept[..]]).collect();
        Some(all.join(&b"; "[..]))
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        if let Some(jar) = &self.shared.jar {
            let (mut jar, now) = (jar.borrow_mut(), unix_time());
            for value in headers.get_all(header::SET_COOKIE) {
                jar.set(self.address.site(), value.as_bytes(), now);
            }
        }
    }

    fn failed(&self, why: Why) -> Error {
        Error::new(&self.method, Some(&self.address), self.phase.get(), why)
    }
}

fn is_redirect(head: &Head<()>) -> bool {
    Next::after(head.status().as_u16(), "GET").is_some() && head.headers().contains_key(header::LOCATION)
}

/// Each value with its name.
fn grouped(headers: HeaderMap) -> impl Iterator<Item = (header::HeaderName, HeaderValue)> {
    let mut last = None;
    headers.into_iter().filter_map(move |(name, value)| {
        last = name.or(last.take());
        Some((last.clone()?, value))
    })
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs())
}
