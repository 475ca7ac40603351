//! `Multipart`: fields and files, each with a body that is sent as it is made.

use std::fmt;
use std::io;
use std::path::Path;

use bytes::Bytes;
use ferrio_http::multipart::{Form, Part};

use crate::http::body::Body;

/// multipart/form-data: fields and files. Files are read as they are sent.
///
/// ```
/// use ferrio::http::{self, Body, Client, Request, Response};
/// use ferrio::http::client::Multipart;
///
/// ferrio::run(async {
///     let service = async |mut request: Request<Body>| request.body_mut().text(1 << 20).await.map(Response::new);
///     let server = http::start_server(service, "127.0.0.1", 0).await?;
///     let form = Multipart::new().text("title", "ferrio").file("manifest", "Cargo.toml").await?;
///     let url = format!("http://127.0.0.1:{}/", server.port());
///     let text = Client::new().post(&url).multipart(form).send().await?.text().await?;
///     assert!(text.contains("name=\"title\"\r\n\r\nferrio\r\n--"));
///     assert!(text.contains("name=\"manifest\"; filename=\"Cargo.toml\"\r\n"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[must_use = "a form is sent with `multipart`"]
#[derive(Default)]
pub struct Multipart {
    form: Form,
    bodies: Vec<Body>,
}

impl Multipart {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn text(self, name: &str, value: &str) -> Self {
        let mut form = self;
        // A name alone is always fit.
        let _fit = form.add(&Part::text(name), Body::from(value.to_owned()));
        form
    }

    /// Adds a file, under its own name, as bytes of no known kind.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn file(self, name: &str, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let (body, _) = Body::file(path).await?;
        self.part(&Part::file(name, &file_name, "application/octet-stream"), body)
    }

    /// Adds a part with a body of its own.
    ///
    /// # Errors
    /// `InvalidInput` when one of its headers may not be sent.
    pub fn part(mut self, part: &Part<'_>, body: impl Into<Body>) -> io::Result<Self> {
        self.add(part, body.into())?;
        Ok(self)
    }

    fn add(&mut self, part: &Part<'_>, body: Body) -> io::Result<()> {
        let unfit = |unfit| io::Error::new(io::ErrorKind::InvalidInput, unfit);
        self.form.add(part, body.length).map_err(unfit)?;
        self.bodies.push(body);
        Ok(())
    }

    /// The value of Content-Type, and the whole.
    pub(super) fn into_parts(self) -> (String, Body) {
        let Multipart { form, bodies } = self;
        let (content_type, length) = (form.content_type(), form.length());
        let mut body = Body::stream(async move |mut sender| {
            for (head, mut part) in form.heads().zip(bodies) {
                sender.send(Bytes::copy_from_slice(head)).await?;
                while let Some(chunk) = part.next_chunk().await? {
                    sender.send(chunk).await?;
                }
            }
            sender.send(form.tail()).await
        });
        body.length = length;
        (content_type, body)
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart").field("parts", &self.bodies.len()).finish_non_exhaustive()
    }
}
