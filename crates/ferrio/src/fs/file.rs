//! `File`, with its cursor, and how one is opened. The engine's `fs::File` does the work; here are the names, and the wait of a
//! virtual clock.

use std::fmt;
use std::fs::Metadata;
use std::io::{self, SeekFrom};
use std::path::Path;

use ferrio_engine::fs as engine;

use crate::fs::{Lines, outside, text};

/// How a [`File`] is to be opened; as the standard library's.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-options-{}", std::process::id()));
/// use ferrio::fs::OpenOptions;
///
/// ferrio::run(async {
///     let mut log = OpenOptions::new().create(true).append(true).open(&path).await?;
///     log.write_all("one line\n").await?;
///     log.write_all("another\n").await?;
///     assert_eq!(ferrio::fs::read_to_string(&path).await?, "one line\nanother\n");
///     ferrio::fs::remove_file(&path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
    appends: bool,
}

impl OpenOptions {
    /// Nothing is allowed yet.
    #[must_use]
    pub fn new() -> Self {
        OpenOptions { options: std::fs::OpenOptions::new(), appends: false }
    }

    /// To read.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.options.read(yes);
        self
    }

    /// To write.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.options.write(yes);
        self
    }

    /// To write at the end, wherever that is by then.
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.options.append(yes);
        self.appends = yes;
        self
    }

    /// A file that is there loses what it holds.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.options.truncate(yes);
        self
    }

    /// A file that is not there is made.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.options.create(yes);
        self
    }

    /// The file is made; one that is there is an error.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.options.create_new(yes);
        self
    }

    /// Who may do what with a file that is made, before the system's mask. 0o666 unless it is said.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.options, mode);
        self
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for options that go ill together.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let opened = engine::File::open_with(self.options.clone(), self.appends, path.as_ref().to_owned());
        outside("fs::OpenOptions::open", opened).await.map(File)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A file that is open, with a cursor. Dropping it closes it.
///
/// A read that is dropped half-way has moved nothing. A write that is dropped half-way goes on to its end, and what follows on
/// the same `File` waits for it. Of what cannot be sought, such as a pipe, what a dropped read got is there for the next one.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-file-{}", std::process::id()));
/// use std::io::SeekFrom;
/// use ferrio::fs::File;
///
/// ferrio::run(async {
///     let mut file = File::create_new(&path).await?;
///     file.write_all("0123456789").await?;
///     file.seek(SeekFrom::Start(4)).await?;
///     let mut some = [0; 3];
///     file.read_exact(&mut some).await?;
///     assert_eq!(&some, b"456");
///     assert_eq!(file.read_at(&mut some, 0).await?, 3);
///     assert_eq!(&some, b"012");
///     ferrio::fs::remove_file(&path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct File(engine::File);

impl File {
    /// Opens the file at `path` to be read.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        outside("fs::File::open", engine::File::open(path)).await.map(File)
    }

    /// Opens the file at `path` to be written, made if it is not there, empty in any case.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes the file at `path`, to be read and written.
    ///
    /// # Errors
    /// The system's: `AlreadyExists`, for one.
    ///
    /// # Panics
    /// Where no loop runs.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).await
    }

    /// How a file is opened otherwise.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Reads some of what follows into `buffer`, at least one byte. Zero means the end of the file.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        outside("File::read", self.0.read(buffer)).await
    }

    /// Fills `buffer` with what follows.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before; the system's.
    pub async fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = self.read(buffer).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// Appends all that follows to `data`, and says how much that was.
    ///
    /// # Errors
    /// The system's.
    pub async fn read_to_end(&mut self, data: &mut Vec<u8>) -> io::Result<usize> {
        outside("File::read_to_end", self.0.read_to_end(data)).await
    }

    /// All that follows, as text.
    ///
    /// # Errors
    /// The system's; `InvalidData` for what is not UTF-8.
    pub async fn read_to_string(&mut self) -> io::Result<String> {
        let mut data = Vec::new();
        self.read_to_end(&mut data).await?;
        text(data)
    }

    /// Reads some of what begins at `offset` into `buffer`; the cursor stays. Zero means the end of the file.
    ///
    /// # Errors
    /// The system's.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        outside("File::read_at", self.0.read_at(buffer, offset)).await
    }

    /// Writes all of `data` where the cursor is. A `Vec` is taken as it is, anything else is copied first.
    ///
    /// # Errors
    /// The system's, also that of a write whose future was dropped.
    pub async fn write_all(&mut self, data: impl Into<Vec<u8>>) -> io::Result<()> {
        outside("File::write_all", self.0.write_all(data.into())).await
    }

    /// Writes all of `data` at `offset`; the cursor stays.
    ///
    /// # Errors
    /// The system's.
    pub async fn write_at(&self, data: impl Into<Vec<u8>>, offset: u64) -> io::Result<()> {
        outside("File::write_at", self.0.write_at(data.into(), offset)).await
    }

    /// Moves the cursor, and says where it is then.
    ///
    /// # Errors
    /// `InvalidInput` for a place before the file's beginning; the system's.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        outside("File::seek", self.0.seek(to)).await
    }

    /// Waits for writes whose futures were dropped; the others have ended.
    ///
    /// # Errors
    /// How such a write failed.
    pub async fn flush(&mut self) -> io::Result<()> {
        outside("File::flush", self.0.flush()).await
    }

    /// Waits until the disk has what was written, and what the system knows of the file.
    ///
    /// # Errors
    /// The system's; as `flush`.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        outside("File::sync_all", self.0.sync(true)).await
    }

    /// As `sync_all`, without what is not needed to read the file again: its times, for one.
    ///
    /// # Errors
    /// As `sync_all`.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        outside("File::sync_data", self.0.sync(false)).await
    }

    /// Cuts the file, or fills it up with zeros. The cursor stays.
    ///
    /// # Errors
    /// The system's; as `flush`.
    pub async fn set_len(&mut self, size: u64) -> io::Result<()> {
        outside("File::set_len", self.0.set_len(size)).await
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    /// The system's.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let file = self.0.inner().clone();
        outside("File::metadata", engine::on_thread(move || file.metadata())).await
    }

    /// The lines that follow.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("ferrio-doc-lines-{}", std::process::id()));
    /// ferrio::run(async {
    ///     ferrio::fs::write(&path, "one\r\ntwo\n\nlast").await?;
    ///     let mut lines = ferrio::fs::File::open(&path).await?.lines();
    ///     let mut found = Vec::new();
    ///     while let Some(line) = lines.next_line().await? {
    ///         found.push(line);
    ///     }
    ///     assert_eq!(found, ["one", "two", "", "last"]);
    ///     ferrio::fs::remove_file(&path).await
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }
}

impl From<std::fs::File> for File {
    /// Goes on where `file` is.
    fn from(file: std::fs::File) -> File {
        File(file.into())
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(self.0.inner()).finish()
    }
}
