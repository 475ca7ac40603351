//! Files: what is in the page cache and what is not, cursors, appending, what cannot be sought, and writes that are dropped.
#![cfg(not(miri))] // Under its isolation there are no files.

use std::future::{Future, poll_fn};
use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;

use ferrio::fs::{self, File, OpenOptions};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferrio-fs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Polls `future` once, and drops it. Gives what it gave, if its thread was as quick as that.
async fn begin_and_drop<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Below, at and above what is read without a thread.
#[test]
fn files_of_any_size_are_read_whole() {
    let folder = Folder::new("sizes");
    for size in [0, 1, 4096, 65_536, 262_143, 262_144, 262_145, 1 << 20] {
        let (path, data) = (folder.join("file"), numbers(size));
        std::fs::write(&path, &data).unwrap();
        let (whole, rest) = ferrio::run(async {
            let mut rest = Vec::new();
            File::open(&path).await.unwrap().read_to_end(&mut rest).await.unwrap();
            (fs::read(&path).await.unwrap(), rest)
        });
        assert!(whole == data && rest == data, "{size} bytes");
    }
}

/// The system does not say how long these are, and knows no reading without waiting.
#[test]
#[cfg(target_os = "linux")]
fn what_has_no_size_is_read_whole() {
    let (whole, rest) = ferrio::run(async {
        let mut rest = Vec::new();
        File::open("/proc/version").await.unwrap().read_to_end(&mut rest).await.unwrap();
        (fs::read("/proc/version").await.unwrap(), rest)
    });
    let expected = std::fs::read("/proc/version").unwrap();
    assert!(!expected.is_empty());
    assert_eq!((&whole, &rest), (&expected, &expected));
}

/// Memory's own file system knows no reading without waiting, either.
#[test]
#[cfg(target_os = "linux")]
fn files_in_memory_are_read() {
    let path = PathBuf::from(format!("/dev/shm/ferrio-fs-{}", std::process::id()));
    if std::fs::write(&path, numbers(10_000)).is_err() {
        return;
    }
    let read = ferrio::run(fs::read(&path));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read.unwrap(), numbers(10_000));
}

#[test]
fn errors_are_the_systems() {
    let folder = Folder::new("errors");
    ferrio::run(async {
        assert_eq!(fs::read(folder.join("none")).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(File::open(folder.join("none")).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read(&folder.0).await.unwrap_err().kind(), io::ErrorKind::IsADirectory);
        fs::write(folder.join("bytes"), [0xff]).await.unwrap();
        let error = fs::read_to_string(folder.join("bytes")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut read_only = File::open(folder.join("bytes")).await.unwrap();
        assert!(read_only.write_all("x").await.is_err());
        assert!(read_only.flush().await.is_ok(), "it is told once");
        let error = read_only.seek(SeekFrom::Current(-1)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn a_cursor_moves_with_reads_and_writes() {
    let folder = Folder::new("cursor");
    ferrio::run(async {
        let mut file = File::create_new(folder.join("file")).await.unwrap();
        file.write_all(numbers(100)).await.unwrap();
        file.write_at("at fifty", 50).await.unwrap();
        file.write_all("after").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(-5)).await.unwrap(), 100);
        assert_eq!(file.read_to_string().await.unwrap(), "after");
        assert_eq!(file.seek(SeekFrom::End(-55)).await.unwrap(), 50);
        let mut some = [0; 8];
        file.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"at fifty");
        assert_eq!(file.read_at(&mut some, 3).await.unwrap(), 8);
        assert_eq!(some, numbers(11)[3..]);
        assert_eq!(file.read_at(&mut some, 105).await.unwrap(), 0, "the end");
        assert_eq!(file.read_at(&mut some, 1000).await.unwrap(), 0, "beyond the end");
        file.set_len(58).await.unwrap();
        assert_eq!(file.read(&mut some).await.unwrap(), 0);
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 58);
    });
}

#[test]
fn appending_moves_the_cursor_to_the_end() {
    let folder = Folder::new("append");
    let path = folder.join("log");
    ferrio::run(async {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let mut one = options.open(&path).await.unwrap();
        let mut other = options.open(&path).await.unwrap();
        one.write_all("one ").await.unwrap();
        other.write_all("other ").await.unwrap();
        one.write_all("one").await.unwrap();
        assert_eq!(one.seek(SeekFrom::Current(0)).await.unwrap(), 13);
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "one other one");
        assert_eq!(other.read_to_string().await.unwrap(), "one");
    });
}

#[test]
fn a_file_of_the_standard_librarys_goes_on_where_it_is() {
    let folder = Folder::new("from");
    std::fs::write(folder.join("file"), "0123456789").unwrap();
    let mut file = std::fs::File::open(folder.join("file")).unwrap();
    io::Read::read_exact(&mut file, &mut [0; 4]).unwrap();
    assert_eq!(ferrio::run(File::from(file).read_to_string()).unwrap(), "456789");
}

/// Whether or not it was under way on its thread, what follows comes after it.
#[test]
fn a_write_that_is_dropped_goes_on_and_is_not_overtaken() {
    let folder = Folder::new("dropped");
    for size in [1, 1 << 20] {
        let read = ferrio::run(async {
            let mut file = File::create(folder.join("file")).await.unwrap();
            begin_and_drop(file.write_all(vec![b'a'; size])).await;
            file.write_all("b").await.unwrap();
            begin_and_drop(file.write_all("c")).await;
            file.flush().await.unwrap();
            fs::read(folder.join("file")).await.unwrap()
        });
        assert!(read.len() == size + 2 && read.ends_with(b"abc"), "{} bytes", read.len());
    }
}

#[test]
fn the_error_of_a_write_that_was_dropped_is_told_later() {
    let folder = Folder::new("late");
    std::fs::write(folder.join("file"), "").unwrap();
    ferrio::run(async {
        let mut file = File::open(folder.join("file")).await.unwrap();
        let result = match begin_and_drop(file.write_all("x")).await {
            Some(result) => result,
            None => file.flush().await,
        };
        assert!(result.is_err());
        assert!(file.flush().await.is_ok());
    });
}

/// A FIFO is opened when somebody writes to it, and what a dropped read took from it is there for the next.
#[test]
fn a_pipe_with_a_name_is_read_as_it_is_written() {
    let folder = Folder::new("fifo");
    let path = folder.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (go, wait) = std::sync::mpsc::channel();
    let writing = path.clone();
    let writer = std::thread::spawn(move || {
        let mut fifo = std::fs::File::create(writing).unwrap();
        wait.recv().unwrap();
        fifo.write_all(b"first, ").unwrap();
        wait.recv().unwrap();
        fifo.write_all(b"rest").unwrap();
    });
    let text = ferrio::run(async {
        let mut file = File::open(&path).await.unwrap();
        assert!(begin_and_drop(file.read(&mut [0; 64])).await.is_none());
        go.send(()).unwrap();
        let mut first = [0; 7];
        file.read_exact(&mut first).await.unwrap();
        go.send(()).unwrap();
        [String::from_utf8(first.to_vec()).unwrap(), file.read_to_string().await.unwrap()].concat()
    });
    writer.join().unwrap();
    assert_eq!(text, "first, rest");
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "whole").unwrap()
    });
    assert_eq!(ferrio::run(fs::read_to_string(&path)).unwrap(), "whole");
    writer.join().unwrap();
}

#[test]
fn lines_of_every_length_and_end() {
    let folder = Folder::new("lines");
    let long = "x".repeat(200_000);
    let text = format!("one\n\r\ntwo\r\n{long}\n\u{e9}\nlast");
    std::fs::write(folder.join("file"), text).unwrap();
    let lines = ferrio::run(async {
        let mut lines = File::open(folder.join("file")).await.unwrap().lines();
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            found.push(line);
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        found
    });
    assert_eq!(lines, ["one", "", "two", &long, "\u{e9}", "last"]);
}

#[test]
fn folders_are_made_listed_and_removed() {
    let folder = Folder::new("folders");
    ferrio::run(async {
        fs::create_dir_all(folder.join("a/b")).await.unwrap();
        fs::create_dir_all(folder.join("a/b")).await.unwrap();
        fs::write(folder.join("a/one"), "1").await.unwrap();
        assert_eq!(fs::copy(folder.join("a/one"), folder.join("a/two")).await.unwrap(), 1);
        fs::rename(folder.join("a/two"), folder.join("a/three")).await.unwrap();
        let mut entries = fs::read_dir(folder.join("a")).await.unwrap();
        entries.sort_by_key(fs::DirEntry::path);
        let names: Vec<_> = entries.iter().map(|entry| entry.file_name().to_str().unwrap()).collect();
        assert_eq!(names, ["b", "one", "three"]);
        assert!(entries[0].file_type().is_dir() && entries[2].file_type().is_file());
        assert_eq!(entries[1].metadata().await.unwrap().len(), 1);
        assert!(fs::remove_dir(folder.join("a")).await.is_err());
        fs::remove_file(folder.join("a/one")).await.unwrap();
        fs::remove_dir_all(folder.join("a")).await.unwrap();
        assert!(!fs::try_exists(folder.join("a")).await.unwrap());
        assert!(fs::canonicalize(Path::new("/../")).await.unwrap() == Path::new("/"));
    });
}

/// A reader of files from memory lets others run as often as one that waits for a disk.
#[test]
fn reading_from_the_cache_gives_way() {
    let folder = Folder::new("fair");
    std::fs::write(folder.join("file"), "text").unwrap();
    ferrio::run(async {
        let other = ferrio::create_task(async {
            for _ in 0..5 {
                ferrio::yield_now().await;
            }
        });
        let path = folder.join("file");
        for _ in 0..50 {
            fs::read(&path).await.unwrap();
        }
        assert!(other.is_finished());
    });
}

#[test]
fn a_virtual_clock_waits_for_files() {
    let folder = Folder::new("clock");
    ferrio::Runner::builder().virtual_clock(true).build().unwrap().run(async {
        let alarm = ferrio::create_task(ferrio::sleep(std::time::Duration::from_secs(3600)));
        fs::write(folder.join("file"), "text").await.unwrap();
        fs::metadata(folder.join("file")).await.unwrap();
        assert!(!alarm.is_finished());
    });
}

#[test]
#[should_panic(expected = "fs::read: no running event loop")]
fn without_a_loop_there_is_nobody_to_wait() {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _never = pin!(fs::read("/")).poll(&mut context);
}
