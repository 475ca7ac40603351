//! `#[ferrio::main]` and `#[ferrio::test]`. The crate `ferrio` hands them on; its documentation is where to look.
//!
//! No parser of Rust is needed for that, which would take longer to compile than all of ferrio: of a function only its head is
//! looked at (`function`), and of the options their names (`options`). What is written stays as it is: the function becomes one
//! within a function of its name, so that messages of the compiler point to what was written.

mod function;
mod message;
mod options;

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::function::Function;
use crate::message::Message;
use crate::options::{Known, Options};

/// Has `async fn main` run on a loop of its own.
///
/// `watchdog = "1s"` has a thread tell of a task that keeps the loop from running others for so long. `crate = "name"` says what
/// the crate `ferrio` is called here, where it is not called so.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    let known = Known { attribute: "ferrio::main", flags: &[], values: &["watchdog", "crate"] };
    expand(&known, options, item, &TokenStream::new())
}

/// Makes a test of an `async fn`, which runs on a loop of its own.
///
/// With `virtual_clock` time jumps to the next timer where nothing else is left to do. `watchdog` and `crate` as with `main`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let known =
        Known { attribute: "ferrio::test", flags: &["virtual_clock"], values: &["watchdog", "crate"] };
    expand(&known, options, item, &parsed("#[::core::prelude::v1::test]"))
}

fn expand(known: &Known, options: TokenStream, item: TokenStream, attribute: &TokenStream) -> TokenStream {
    let (options, complaint) = match Options::parse(known, options) {
        Ok(options) => (options, None),
        Err(message) => (Options::default(), Some(message)),
    };
    let mut expanded = attribute.clone();
    match Function::parse(known.attribute, item.clone()) {
        Ok(function) => expanded.extend(wrapped(&function, &options)),
        // As it stands: what else is wrong with it is the compiler's to say.
        Err(message) => return [message.tokens(), item].into_iter().collect(),
    }
    expanded.extend(complaint.map(Message::tokens));
    expanded
}

/// The function, not async, whose body is the one that was written and a call of it on a loop.
fn wrapped(function: &Function, options: &Options) -> TokenStream {
    let krate = options.krate.as_deref().unwrap_or("::ferrio");
    let mut runner = format!("{krate}::Runner::builder()");
    if options.virtual_clock {
        runner.push_str(".virtual_clock(true)");
    }
    if let Some(limit) = options.watchdog {
        runner = format!("{runner}.watchdog(::core::time::Duration::from_nanos({limit}))");
    }
    let run = if options.is_plain() {
        format!("{krate}::run")
    } else {
        format!("{runner}.build().expect(\"no event loop\").run")
    };
    let mut body = parsed("#[allow(clippy::unused_async, clippy::items_after_statements)]");
    body.extend(function.inner.clone());
    let call = [TokenTree::Ident(Ident::new(&function.name, Span::mixed_site())), empty_call()];
    body.extend(parsed(&run));
    body.extend([TokenTree::Group(Group::new(Delimiter::Parenthesis, call.into_iter().collect()))]);
    let mut outer = function.outer.clone();
    outer.extend([TokenTree::Group(Group::new(Delimiter::Brace, body))]);
    outer
}

fn empty_call() -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::Parenthesis, TokenStream::new()))
}

/// Rust of ours. Cannot fail: what comes from outside was looked at.
fn parsed(rust: &str) -> TokenStream {
    rust.parse().unwrap_or_default()
}
