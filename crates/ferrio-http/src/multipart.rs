//! multipart/form-data (RFC 7578), as browsers write it: what stands before, between and after the parts. Owns heads and the boundary;
//! bodies stay with whoever sends them, so that files are not read into memory.
//!
//! ```
//! use ferrio_http::multipart::{Form, Part};
//!
//! let mut form = Form::with_boundary("XYZ")?;
//! form.add(&Part::text("title"), Some(5))?;
//! form.add(&Part::file("upload", "cat.png", "image/png"), Some(3))?;
//! assert_eq!(form.content_type(), "multipart/form-data; boundary=XYZ");
//!
//! let mut sent = Vec::new();
//! for (head, body) in form.heads().zip([&b"A cat"[..], b"\x89PN"]) {
//!     sent.extend_from_slice(head);
//!     sent.extend_from_slice(body);
//! }
//! sent.extend_from_slice(&form.tail());
//! assert_eq!(form.length(), Some(sent.len() as u64));
//! assert!(sent.ends_with(b"Content-Type: image/png\r\n\r\n\x89PN\r\n--XYZ--\r\n"));
//! # Ok::<(), ferrio_http::multipart::Unfit>(())
//! ```

use std::fmt;

/// One part of a form, without its body.
///
/// ```
/// use ferrio_http::multipart::Part;
///
/// let part = Part { headers: &[("X-Kind", "draft")], ..Part::text("note") };
/// assert_eq!((part.name, part.file_name), ("note", None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Of the field.
    pub name: &'a str,
    /// Of the file, if it is one.
    pub file_name: Option<&'a str>,
    /// Of the body.
    pub content_type: Option<&'a str>,
    /// Others.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Part<'a> {
    /// A field.
    #[must_use]
    pub const fn text(name: &'a str) -> Self {
        Part { name, file_name: None, content_type: None, headers: &[] }
    }

    /// A file.
    #[must_use]
    pub const fn file(name: &'a str, file_name: &'a str, content_type: &'a str) -> Self {
        Part { name, file_name: Some(file_name), content_type: Some(content_type), headers: &[] }
    }
}

/// A header of a part, or a boundary, has bytes that may not stand there.
///
/// ```
/// use ferrio_http::multipart::{Form, Part};
///
/// let part = Part { content_type: Some("text/plain\r\nX: y"), ..Part::text("a") };
/// assert!(Form::new().add(&part, Some(0)).is_err());
/// assert!(Form::with_boundary("a b").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(&'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

/// See the module.
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    heads: Vec<Vec<u8>>,
    /// Of the bodies, while all are known.
    bodies: Option<u64>,
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

impl Form {
    /// An empty form, with a boundary that nobody can predict: no body can hold it on purpose.
    ///
    /// ```
    /// use ferrio_http::multipart::Form;
    ///
    /// assert_ne!(Form::new().content_type(), Form::new().content_type());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let mut random = [0; 16];
        // Where a system has no random numbers, the zeros that are left stand in no body by chance.
        let _ = getrandom::fill(&mut random);
        let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let boundary = digits.filter_map(|half| char::from_digit(u32::from(half), 16)).collect();
        Form { boundary, heads: Vec::new(), bodies: Some(0) }
    }

    /// An empty form with a boundary of the caller's, which stands in no body.
    ///
    /// # Errors
    ///
    /// When it is none: 1 to 70 letters, digits, and of `'()+_,-./:=?` what a header's value may have without quotes, `'+_-.`.
    pub fn with_boundary(boundary: &str) -> Result<Self, Unfit> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
        if !(1..=70).contains(&boundary.len()) || !boundary.bytes().all(fits) {
            return Err(Unfit("a boundary has 1 to 70 letters, digits, or of '+_-."));
        }
        Ok(Form { boundary: boundary.to_owned(), heads: Vec::new(), bodies: Some(0) })
    }

    /// Adds a part whose body has `length` bytes, if that is known.
    ///
    /// # Errors
    ///
    /// When a header has control bytes, or a name that is none or reads as the boundary. Names of fields and files may have any: they are escaped.
    pub fn add(&mut self, part: &Part<'_>, length: Option<u64>) -> Result<(), Unfit> {
        let between = if self.heads.is_empty() { "" } else { "\r\n" };
        let mut head = format!("{between}--{}\r\n", self.boundary);
        head.push_str("Content-Disposition: form-data; name=\"");
        escape(part.name, &mut head);
        if let Some(name) = part.file_name {
            head.push_str("\"; filename=\"");
            escape(name, &mut head);
        }
        head.push_str("\"\r\n");
        let content_type = part.content_type.map(|value| ("Content-Type", value));
        for (name, value) in content_type.iter().chain(part.headers) {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Unfit("the name of a part's header is no token"));
            }
            if name.strip_prefix("--").is_some_and(|rest| rest.starts_with(&self.boundary)) {
                return Err(Unfit("the name of a part's header begins as the boundary does"));
            }
            if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return Err(Unfit("a part's header has a line end or another control byte"));
            }
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.bodies = self.bodies.zip(length).and_then(|(sum, length)| sum.checked_add(length));
        self.heads.push(head.into_bytes());
        Ok(())
    }

    /// The value of `Content-Type` of the whole.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// What comes before each body, in the order in which parts were added.
    #[must_use]
    pub fn heads(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.heads.iter().map(|head| &head[..])
    }

    /// What comes after the last body.
    #[must_use]
    pub fn tail(&self) -> Vec<u8> {
        let between = if self.heads.is_empty() { "" } else { "\r\n" };
        format!("{between}--{}--\r\n", self.boundary).into_bytes()
    }

    /// The length of the whole, where each body's is known.
    ///
    /// ```
    /// use ferrio_http::multipart::{Form, Part};
    ///
    /// let mut form = Form::new();
    /// form.add(&Part::text("stream"), None).unwrap();
    /// assert_eq!(form.length(), None);
    /// ```
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        let heads: usize = self.heads.iter().map(Vec::len).sum();
        self.bodies?.checked_add((heads + self.tail().len()) as u64)
    }
}

/// As the HTML standard has it: quotes and line ends escaped, all else as it is, in UTF-8.
fn escape(name: &str, out: &mut String) {
    for letter in name.chars() {
        match letter {
            '"' => out.push_str("%22"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        let mut form = Form::with_boundary("b").unwrap();
        form.add(&Part::file("a\"; x=\"", "ä\r\nX: y\".txt", "text/plain"), Some(0)).unwrap();
        let head = form.heads().next().unwrap();
        let expected = "--b\r\nContent-Disposition: form-data; name=\"a%22; x=%22\"; \
                        filename=\"ä%0D%0AX: y%22.txt\"\r\nContent-Type: text/plain\r\n\r\n";
        assert_eq!(head, expected.as_bytes());
    }

    #[test]
    fn an_empty_form_and_headers_of_its_own() {
        assert_eq!(Form::with_boundary("b").unwrap().tail(), b"--b--\r\n");
        assert_eq!(Form::with_boundary("b").unwrap().length(), Some(7));
        for headers in [("a b", "c"), ("", "c"), ("a", "b\nc"), ("a", "b\0"), ("--b", "c"), ("--b--", "c")] {
            let part = Part { headers: &[headers], ..Part::text("x") };
            assert!(Form::with_boundary("b").unwrap().add(&part, Some(0)).is_err(), "{headers:?}");
        }
        let mut form = Form::with_boundary("b").unwrap();
        form.add(&Part { headers: &[("X-A", "ä\tb")], ..Part::text("x") }, Some(0)).unwrap();
        assert!(form.heads().next().unwrap().ends_with("name=\"x\"\r\nX-A: ä\tb\r\n\r\n".as_bytes()));
        for boundary in ["", "a;b", "a\"b", &"a".repeat(71)] {
            assert!(Form::with_boundary(boundary).is_err());
        }
    }
}
