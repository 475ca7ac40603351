//! `Options`: what stands in the brackets of an attribute, `name` or `name = "value"`, with commas between.

use proc_macro::{Span, TokenStream, TokenTree};

use crate::message::Message;

/// What an attribute knows.
pub(crate) struct Known {
    pub(crate) attribute: &'static str,
    /// Options that stand alone.
    pub(crate) flags: &'static [&'static str],
    /// Options that have a value.
    pub(crate) values: &'static [&'static str],
}

/// See the module.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) virtual_clock: bool,
    /// In nanoseconds.
    pub(crate) watchdog: Option<u64>,
    pub(crate) krate: Option<String>,
}

/// What stands behind a name.
enum Value {
    /// Nothing, and no sign that there should be something.
    None,
    /// The sign alone.
    Missing,
    Is(TokenTree),
}

impl Options {
    /// Whether the loop is one as `ferrio::run` makes it.
    pub(crate) fn is_plain(&self) -> bool {
        !self.virtual_clock && self.watchdog.is_none()
    }

    pub(crate) fn parse(known: &Known, tokens: TokenStream) -> Result<Options, Message> {
        let mut options = Options::default();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let (name, span) = (token.to_string(), token.span());
            let has_value = tokens.next_if(|token| is_sign(token, '=')).is_some();
            let value = match (has_value, if has_value { tokens.next() } else { None }) {
                (_, Some(value)) => Value::Is(value),
                (true, None) => Value::Missing,
                (false, None) => Value::None,
            };
            options.set(known, &name, span, &value)?;
            match tokens.next() {
                Some(token) if !is_sign(&token, ',') => {
                    let text = format!("#[{}]: a comma is missing before `{token}`", known.attribute);
                    return Err(Message::new(token.span(), text));
                }
                _ => {}
            }
        }
        Ok(options)
    }

    fn set(&mut self, known: &Known, name: &str, span: Span, value: &Value) -> Result<(), Message> {
        let complain =
            |span, text: String| Err(Message::new(span, format!("#[{}]: {text}", known.attribute)));
        let is_flag = known.flags.contains(&name);
        if !is_flag && !known.values.contains(&name) {
            return complain(span, format!("`{name}` is no option; {}", known.list()));
        }
        match value {
            Value::None if is_flag => {
                self.virtual_clock = true;
                Ok(())
            }
            _ if is_flag => complain(span, format!("`{name}` has no value: it stands alone")),
            Value::Is(value) => match text_of(value) {
                Some(text) if name == "watchdog" => {
                    let Some(limit) = nanoseconds(&text) else {
                        let text = format!(
                            "watchdog: `{text}` is no time: a number and ms, s, m or h, as \"250ms\" or \"1s\""
                        );
                        return complain(value.span(), text);
                    };
                    self.watchdog = Some(limit);
                    Ok(())
                }
                Some(text) if is_path(&text) => {
                    self.krate = Some(text);
                    Ok(())
                }
                Some(text) => complain(value.span(), format!("{name}: `{text}` is no path of a crate")),
                None => complain(
                    value.span(),
                    format!("{name}: the value stands in quotes, as in {}", example(name)),
                ),
            },
            Value::None | Value::Missing => {
                complain(span, format!("`{name}` needs a value: {}", example(name)))
            }
        }
    }
}

impl Known {
    fn list(&self) -> String {
        let flags = self.flags.iter().map(|flag| format!("`{flag}`"));
        let all: Vec<_> =
            flags.chain(self.values.iter().map(|name| format!("`{}`", example(name)))).collect();
        format!("there are {}", all.join(", "))
    }
}

fn example(name: &str) -> &'static str {
    if name == "watchdog" { "watchdog = \"1s\"" } else { "crate = \"::name\"" }
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == sign)
}

/// What a plain string holds.
fn text_of(token: &TokenTree) -> Option<String> {
    let written = token.to_string();
    let text = written.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then(|| text.to_owned())
}

fn is_path(text: &str) -> bool {
    let path = text.strip_prefix("::").unwrap_or(text);
    let is_name = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first == '_' || first.is_alphabetic())
            && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
    };
    path.split("::").all(is_name)
}

fn nanoseconds(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let unit = match text[digits..].trim_start() {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit).filter(|&limit| limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let given = ["1s", "250ms", "2 m", "1h", "0s", "1", "s", "1.5s", "1 week", "99999999999999h", ""];
        let read = given.map(nanoseconds);
        let second = 1_000_000_000;
        let expected = [Some(second), Some(second / 4), Some(120 * second), Some(3600 * second)];
        assert_eq!(read[..4], expected);
        assert!(read[4..].iter().all(Option::is_none), "{read:?}");
    }

    #[test]
    fn paths() {
        assert!(["ferrio", "::ferrio", "crate::inner", "_f1"].into_iter().all(is_path));
        assert!(["", "::", "a::", "a b", "1a", "a();"].into_iter().all(|text| !is_path(text)));
    }
}
