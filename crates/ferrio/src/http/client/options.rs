//! `ClientBuilder`: what a client is told, with its defaults.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ferrio_http::cookies::Jar;
use ferrio_http::pool::Limits;
use ferrio_http::proxies::{Proxy, Rules};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::client::Client;
use crate::http::client::settings::{Settings, Times};
use crate::http::client::shared::Shared;

/// How a client is to be made. See [`Client::builder`].
///
/// ```
/// use std::time::Duration;
/// use ferrio::http::Client;
/// use ferrio::http::client::Jar;
///
/// let client = Client::builder()
///     .max_connections(Some(100))
///     .max_connections_per_host(Some(6))
///     .connect_timeout(Some(Duration::from_secs(5)))
///     .user_agent("my program/1.0")
///     .default_header("accept-language", "en")
///     .cookies(Jar::new(ferrio::http::client::is_top_level))
///     .trust_env(true)
///     .build();
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    settings: Settings,
    jar: Option<Jar>,
    from_environment: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        let mut headers = HeaderMap::new();
        let agent = concat!("ferrio/", env!("CARGO_PKG_VERSION"));
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        ClientBuilder {
            settings: Settings {
                limits: Limits::default(),
                // aiohttp's figures.
                times: Times {
                    pool: None,
                    connect: Some(Duration::from_secs(30)),
                    head: None,
                    read: None,
                    total: Some(Duration::from_secs(300)),
                },
                redirects: 10,
                decodes: true,
                most: None,
                headers,
                proxies: Rules::default(),
                tls: None,
            },
            jar: None,
            from_environment: false,
        }
    }
}

impl ClientBuilder {
    /// How many connections are in use at once; what is beyond waits. 100 by default.
    pub fn max_connections(mut self, limit: Option<usize>) -> Self {
        self.settings.limits.total = limit.map(|limit| limit.max(1));
        self
    }

    /// The same for each host. As many as in all by default.
    pub fn max_connections_per_host(mut self, limit: Option<usize>) -> Self {
        self.settings.limits.per_host = limit.map(|limit| limit.max(1));
        self
    }

    /// How long a connection is kept that nobody uses: 15 seconds by default.
    pub fn keep_alive(mut self, limit: Duration) -> Self {
        self.settings.limits.keep_alive = limit;
        self
    }

    /// How long a request may wait for one of the connections that there may be. As long as it takes by default.
    pub fn pool_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.times.pool = limit;
        self
    }

    /// How long a connection may take to be opened, TLS and proxies included: 30 seconds by default.
    pub fn connect_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.times.connect = limit;
        self
    }

    /// How long a server may take to answer, until the head of its answer is there. As long as it takes by default.
    pub fn head_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.times.head = limit;
        self
    }

    /// How long a server may be silent within a body. As long as it takes by default.
    pub fn read_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.times.read = limit;
        self
    }

    /// How long the whole may take, redirects and the body included: 5 minutes by default.
    pub fn timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.times.total = limit;
        self
    }

    /// How many redirects are followed: 10 by default. With 0, the redirect is the answer.
    pub fn redirects(mut self, most: usize) -> Self {
        self.settings.redirects = most;
        self
    }

    /// Whether bodies are asked for, and decoded, in the codings that are built in: gzip and deflate, br and zstd with the features of
    /// these names. They are by default.
    pub fn decompress(mut self, on: bool) -> Self {
        self.settings.decodes = on;
        self
    }

    /// How long a body may be, decoded. As long as it is by default.
    pub fn max_body_size(mut self, bytes: u64) -> Self {
        self.settings.most = Some(bytes);
        self
    }

    /// A header that every request has which has none of this name.
    ///
    /// # Panics
    /// When name or value may not be sent.
    pub fn default_header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(self.settings.headers.insert(name, value)),
            // Bad use.
            _ => panic!("default_header: {name:?} or its value may not be sent"),
        }
        self
    }

    /// What the client calls itself.
    ///
    /// # Panics
    /// As `default_header`.
    pub fn user_agent(self, name: &str) -> Self {
        self.default_header("user-agent", name)
    }

    /// Keeps cookies, in this jar. By default none are kept.
    pub fn cookies(mut self, jar: Jar) -> Self {
        self.jar = Some(jar);
        self
    }

    /// Sends everything by one proxy.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.proxies = Rules::all(proxy);
        self
    }

    /// Sends by proxies what these rules say.
    pub fn proxies(mut self, rules: Rules) -> Self {
        self.settings.proxies = rules;
        self
    }

    /// Whether the environment's variables say which proxies there are (`http_proxy`, `no_proxy`, ...). They do not by default. One
    /// that is no address is told of on the standard error, and counts for nothing.
    pub fn trust_env(mut self, on: bool) -> Self {
        self.from_environment = on;
        self
    }

    /// Whom to trust over TLS. By default whom the machine trusts, or Mozilla, by the features `native-roots` and `webpki-roots`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, context: crate::ssl::ClientContext) -> Self {
        self.settings.tls = Some(crate::http::client::sockets::Tls::new(context));
        self
    }

    /// The client.
    #[must_use]
    pub fn build(mut self) -> Client {
        if self.from_environment {
            match Rules::from_variables(|name| std::env::var(name).ok()) {
                Ok(rules) => self.settings.proxies = rules,
                Err(unfit) => eprintln!("ferrio: the environment's proxies count for nothing: {unfit}"),
            }
        }
        Client(Rc::new(Shared::new(self.settings, self.jar.map(RefCell::new))))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("limits", &self.settings.limits)
            .field("times", &self.settings.times)
            .finish_non_exhaustive()
    }
}
