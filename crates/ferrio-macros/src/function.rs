//! `Function`: the head of a function without arguments, told apart as far as needed.
//!
//! ```text
//! #[attributes] pub   async   fn name  ()   -> Output   { body }
//! └─────── outer ───┘         └─────── outer ────────┘           what the function becomes, without `async`
//!                     └────────────────── inner ─────────────┘   what it was, within it
//! ```

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

use crate::message::Message;

/// See the module.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) outer: TokenStream,
    pub(crate) inner: TokenStream,
}

impl Function {
    pub(crate) fn parse(attribute: &str, item: TokenStream) -> Result<Function, Message> {
        let tokens: Vec<TokenTree> = item.into_iter().collect();
        let of_item = tokens.first().map_or_else(Span::call_site, TokenTree::span);
        let keyword = tokens.iter().position(|token| is_word(token, "fn"));
        let Some(keyword) = keyword.filter(|_| matches!(tokens.last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)) else {
            return Err(Message::new(of_item, format!("#[{attribute}] is for functions: `async fn name() {{ … }}`")));
        };
        let Some(TokenTree::Ident(name)) = tokens.get(keyword + 1) else {
            return Err(Message::new(of_item, format!("#[{attribute}] is for functions that have a name")));
        };
        let Some(is_async) = tokens[..keyword].iter().position(|token| is_word(token, "async")) else {
            let text = format!("#[{attribute}] is for async functions: write `async fn {name}`");
            return Err(Message::new(tokens[keyword].span(), text));
        };
        let arguments = match tokens.get(keyword + 2) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => group,
            other => {
                let span = other.map_or(of_item, TokenTree::span);
                let text = format!(
                    "#[{attribute}]: `{name}` must not be generic: nobody says for which types it is called"
                );
                return Err(Message::new(span, text));
            }
        };
        if !arguments.stream().is_empty() {
            let text =
                format!("#[{attribute}]: `{name}` must not take arguments: nobody is there to give them");
            return Err(Message::new(arguments.span(), text));
        }
        let (before, signature) = (&tokens[..is_async], &tokens[keyword..tokens.len() - 1]);
        Ok(Function {
            name: name.to_string(),
            outer: before.iter().chain(&tokens[is_async + 1..keyword]).chain(signature).cloned().collect(),
            inner: tokens[is_async..].iter().cloned().collect(),
        })
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found.to_string() == word)
}
