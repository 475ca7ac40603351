//! Files: functions that do a whole thing (`read`, `write`, `read_dir`, …), and `File` for the rest.
//!
//! Each operation is one hop to a thread that may block. On Linux, opening and reading what the system has in memory takes
//! no hop at all; the engine's `futures/fs` has the code and the measurement. Nothing is held back: a `write_all` that has
//! ended is with the system. A virtual clock waits for operations, as for all that only the real world can end.

mod file;
mod lines;

use std::ffi::{OsStr, OsString};
use std::fs::{FileType, Metadata, Permissions};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrio_engine::fs as engine;

use crate::events::LoopState;
use crate::threads::Outside;

pub use file::{File, OpenOptions};
pub use lines::Lines;

/// All that the file at `path` holds.
///
/// # Errors
/// The system's: `NotFound`, for one.
///
/// # Panics
/// Where no loop runs, as everything in this module.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-read-{}", std::process::id()));
/// ferrio::run(async {
///     ferrio::fs::write(&path, "some text").await?;
///     assert_eq!(ferrio::fs::read(&path).await?, b"some text");
///     ferrio::fs::remove_file(&path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    outside("fs::read", engine::read(path)).await
}

/// As [`read`], as text.
///
/// # Errors
/// The system's; `InvalidData` for what is not UTF-8.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-text-{}", std::process::id()));
/// ferrio::run(async {
///     ferrio::fs::write(&path, "some text").await?;
///     assert_eq!(ferrio::fs::read_to_string(&path).await?, "some text");
///     ferrio::fs::remove_file(&path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    text(outside("fs::read_to_string", engine::read(path)).await?)
}

/// Has the file at `path` hold `contents` and nothing else. A `Vec` is taken as it is, anything else is copied first.
///
/// # Errors
/// The system's. A file that was begun stays.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("ferrio-doc-write-{}", std::process::id()));
/// ferrio::run(async {
///     ferrio::fs::write(&path, vec![7; 4096]).await?;
///     assert_eq!(ferrio::fs::metadata(&path).await?.len(), 4096);
///     ferrio::fs::remove_file(&path).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn write(path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) -> io::Result<()> {
    let contents = contents.into();
    hop("fs::write", path, move |path| std::fs::write(path, contents)).await
}

/// Copies a file and its permissions, and says how many bytes it has.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("ferrio-doc-copy-{}", std::process::id()));
/// use ferrio::fs;
///
/// ferrio::run(async {
///     fs::create_dir_all(&folder).await?;
///     fs::write(folder.join("one"), "text").await?;
///     assert_eq!(fs::copy(folder.join("one"), folder.join("other")).await?, 4);
///     fs::remove_dir_all(&folder).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let to = to.as_ref().to_owned();
    hop("fs::copy", from, move |from| std::fs::copy(from, to)).await
}

/// Gives a file or folder another name, in the place of a file which has it already.
///
/// # Errors
/// The system's: `CrossesDevices` where the two are on different file systems.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("ferrio-doc-rename-{}", std::process::id()));
/// use ferrio::fs;
///
/// ferrio::run(async {
///     fs::create_dir_all(&folder).await?;
///     fs::write(folder.join("draft"), "text").await?;
///     fs::rename(folder.join("draft"), folder.join("final")).await?;
///     assert!(!fs::try_exists(folder.join("draft")).await?);
///     fs::remove_dir_all(&folder).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let to = to.as_ref().to_owned();
    hop("fs::rename", from, move |from| std::fs::rename(from, to)).await
}

/// Removes a file.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let error = ferrio::fs::remove_file("/nowhere/at/all").await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// });
/// ```
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    hop("fs::remove_file", path, std::fs::remove_file).await
}

/// Makes a folder, in one that is there.
///
/// # Errors
/// The system's: `AlreadyExists`, for one.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let error = ferrio::fs::create_dir("/").await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
/// });
/// ```
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    hop("fs::create_dir", path, std::fs::create_dir).await
}

/// Makes a folder and those around it which are missing. One that is there is no error.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("ferrio-doc-folders-{}", std::process::id()));
/// use ferrio::fs;
///
/// ferrio::run(async {
///     fs::create_dir_all(folder.join("a/b/c")).await?;
///     assert!(fs::metadata(folder.join("a/b")).await?.is_dir());
///     fs::remove_dir_all(&folder).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    hop("fs::create_dir_all", path, std::fs::create_dir_all).await
}

/// Removes a folder that is empty.
///
/// # Errors
/// The system's: `DirectoryNotEmpty`, for one.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert!(ferrio::fs::remove_dir("/nowhere/at/all").await.is_err());
/// });
/// ```
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    hop("fs::remove_dir", path, std::fs::remove_dir).await
}

/// Removes a folder and all that is in it.
///
/// # Errors
/// The system's. What was removed by then is gone.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert!(ferrio::fs::remove_dir_all("/nowhere/at/all").await.is_err());
/// });
/// ```
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    hop("fs::remove_dir_all", path, std::fs::remove_dir_all).await
}

/// What the system knows of a file: its size, its kind, its times. Follows links.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert!(ferrio::fs::metadata("/").await.unwrap().is_dir());
/// });
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    hop("fs::metadata", path, std::fs::metadata).await
}

/// As [`metadata`], of a link itself.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert!(!ferrio::fs::symlink_metadata("/").await.unwrap().is_symlink());
/// });
/// ```
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    hop("fs::symlink_metadata", path, std::fs::symlink_metadata).await
}

/// Whether there is something at `path`. A link that leads nowhere is nothing.
///
/// # Errors
/// When the system does not say: it does not let us look, for one.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert!(ferrio::fs::try_exists("/").await.unwrap());
/// });
/// ```
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    hop("fs::try_exists", path, std::fs::exists).await
}

/// The path without links and dots, from the root.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     assert_eq!(ferrio::fs::canonicalize("/./").await.unwrap(), std::path::Path::new("/"));
/// });
/// ```
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    hop("fs::canonicalize", path, std::fs::canonicalize).await
}

/// What may be done with the file at `path`, and by whom.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// ferrio::run(async {
///     let permissions = ferrio::fs::metadata("/").await.unwrap().permissions();
///     assert!(ferrio::fs::set_permissions("/nowhere/at/all", permissions).await.is_err());
/// });
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    hop("fs::set_permissions", path, move |path| std::fs::set_permissions(path, permissions)).await
}

/// What is in a folder, in the system's order; all of it is read in one hop.
///
/// # Errors
/// The system's.
///
/// # Panics
/// Where no loop runs.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("ferrio-doc-folder-{}", std::process::id()));
/// use ferrio::fs;
///
/// ferrio::run(async {
///     fs::create_dir_all(folder.join("inner")).await?;
///     fs::write(folder.join("file"), "").await?;
///     let mut entries = fs::read_dir(&folder).await?;
///     entries.sort_by(|one, other| one.file_name().cmp(other.file_name()));
///     assert_eq!(entries[0].file_name(), "file");
///     assert!(entries[1].file_type().is_dir());
///     fs::remove_dir_all(&folder).await
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<Vec<DirEntry>> {
    hop("fs::read_dir", path, |path| {
        let folder: Arc<Path> = path.into();
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            Ok(DirEntry { folder: folder.clone(), name: entry.file_name(), kind: entry.file_type()? })
        };
        std::fs::read_dir(&folder)?.map(entry).collect()
    })
    .await
}

/// Something in a folder. See [`read_dir`].
///
/// ```
/// ferrio::run(async {
///     let entries = ferrio::fs::read_dir("/").await?;
///     assert!(entries.iter().all(|entry| entry.path().starts_with("/")));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct DirEntry {
    folder: Arc<Path>,
    name: OsString,
    kind: FileType,
}

impl DirEntry {
    /// The folder's path, and the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The name in the folder.
    #[must_use]
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// Whether it is a file, a folder, a link or something else.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.kind
    }

    /// What else the system knows. Of a link, itself.
    ///
    /// # Errors
    /// The system's: it may be gone by now.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        symlink_metadata(self.path()).await
    }
}

fn text(data: Vec<u8>) -> io::Result<String> {
    String::from_utf8(data).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// One hop for what `call` does with `path`.
async fn hop<P: AsRef<Path>, T: Send + 'static>(
    what: &str,
    path: P,
    call: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.as_ref().to_owned();
    outside(what, engine::on_thread(move || call(path))).await
}

/// Waits for what a virtual clock has to wait for.
async fn outside<T>(what: &str, operation: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let _outside = Outside::of(LoopState::require(what));
    operation.await
}
