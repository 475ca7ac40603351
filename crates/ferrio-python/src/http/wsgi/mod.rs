//! WSGI applications (PEP 3333) for the server: `ferrio._support.wsgi` has what waits, streams and iterates.
//!
//! ```text
//!   WsgiApp ──environ──▶ WsgiCall (a coroutine) ──work, on a thread──▶ app(environ, start_response)
//!                          ├─ an answer of one block ──▶ the exchange's own answer, natively, or two messages
//!                          └─ more ──────────────────▶ Python code, on that thread and on the loop
//! ```
//!
//! * `app`: what the requests of an application share; `environ`: a request as WSGI has it
//! * `call`: one request: what the application is called with, and what it says; `running`: the coroutine's steps
//!
//! A request without a body that nothing stands in front of has no scope: its environment is made of its head.

pub(crate) mod app;
pub(crate) mod call;
mod environ;
mod running;
