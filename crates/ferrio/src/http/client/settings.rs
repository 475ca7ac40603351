//! What a client goes by, as its requests have it. Knows no defaults.

use std::time::Duration;

use ferrio_http::pool::Limits;
use ferrio_http::proxies::Rules;
use http::HeaderMap;

use crate::http::client::sockets::Tls;

/// What the builder has gathered.
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) times: Times,
    pub(super) redirects: usize,
    pub(super) decodes: bool,
    pub(super) most: Option<u64>,
    pub(super) headers: HeaderMap,
    pub(super) proxies: Rules,
    pub(super) tls: Option<Tls>,
}

/// How long each phase may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) pool: Option<Duration>,
    pub(super) connect: Option<Duration>,
    pub(super) head: Option<Duration>,
    pub(super) read: Option<Duration>,
    pub(super) total: Option<Duration>,
}
