//! Other people's traits, each behind the feature of its name: `futures-io`, `tokio` and `hyper`. The three say the same of a
//! connection, which `Link` does once; here are the names.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "hyper")]
pub use hyper::{Executor, Timer};
