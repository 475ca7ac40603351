//! `Lines`: a file's text, line by line, read in chunks.

use std::io;

use crate::fs::{File, text};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A file, line by line. See [`File::lines`].
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-line-{}", std::process::id()));
/// # std::fs::write(&path, "one\ntwo\n")?;
/// ferrio::run(async {
///     let mut lines = ferrio::fs::File::open(&path).await?.lines();
///     assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
///     std::io::Result::Ok(())
/// })?;
/// # std::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Lines {
    file: File,
    /// What was read; the lines before `begin` were given away.
    chunk: Vec<u8>,
    begin: usize,
    /// The line that began in an earlier chunk.
    line: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(file: File) -> Self {
        Lines { file, chunk: Vec::new(), begin: 0, line: Vec::new() }
    }

    /// The next line, without its end, which is `\n` or `\r\n`; `None` after the last one. Dropped, it loses nothing.
    ///
    /// # Errors
    /// The system's; `InvalidData` for a line that is not UTF-8, after which the next one may be asked for.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let rest = &self.chunk[self.begin..];
            if let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
                self.line.extend_from_slice(&rest[..length]);
                self.begin += length + 1;
                let mut line = std::mem::take(&mut self.line);
                line.pop_if(|byte| *byte == b'\r');
                return text(line).map(Some);
            }
            self.line.extend_from_slice(rest);
            self.begin = 0;
            self.chunk.clear();
            let mut chunk = vec![0; CHUNK];
            let count = self.file.read(&mut chunk).await?;
            chunk.truncate(count);
            self.chunk = chunk;
            if count == 0 {
                let line = std::mem::take(&mut self.line);
                return if line.is_empty() { Ok(None) } else { text(line).map(Some) };
            }
        }
    }
}
