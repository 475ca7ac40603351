//! `Message`: what the compiler is to say, and of what.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// See the module.
pub(crate) struct Message {
    pub(crate) span: Span,
    pub(crate) text: String,
}

impl Message {
    pub(crate) fn new(span: Span, text: impl Into<String>) -> Self {
        Message { span, text: text.into() }
    }

    /// `compile_error! { "text" }`, where `span` is.
    pub(crate) fn tokens(self) -> TokenStream {
        let mut text = Literal::string(&self.text);
        text.set_span(self.span);
        let mut group = Group::new(Delimiter::Brace, TokenTree::Literal(text).into());
        group.set_span(self.span);
        let mut bang = Punct::new('!', Spacing::Alone);
        bang.set_span(self.span);
        let name = Ident::new("compile_error", self.span);
        [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(group)].into_iter().collect()
    }
}
