//! Watching descriptors: steady and once, both directions, what is closed and reused behind the loop's back, and what
//! cannot be watched at all.
#![cfg(not(miri))]

mod common;

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Door, Word};
use ferrio_engine::Direction;
use ferrio_engine::reactor::POLLER_VARIABLE;
use ferrio_engine::task::yield_now;

fn counter() -> (Arc<AtomicUsize>, impl FnMut(&Door) + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let inner = count.clone();
    let call = move |_: &Door| {
        inner.fetch_add(1, Ordering::SeqCst);
    };
    (count, call)
}

fn count(counter: &AtomicUsize) -> usize {
    counter.swap(0, Ordering::SeqCst)
}

/// A turn that asks the poller even though it was asked a moment ago.
fn turn(door: &Door) {
    door.engine.poll_next_turn();
    door.turn(Duration::ZERO);
}

/// A pipe whose reading end has the number `fd`, which is free. Other tests open descriptors at the same time, so the
/// number is asked for, not hoped for.
fn pipe_at(fd: RawFd) -> (PipeReader, PipeWriter) {
    use std::os::fd::{FromRawFd, OwnedFd};
    let (reader, writer) = io::pipe().unwrap();
    // SAFETY: `fd` was closed just now on a range that only this test uses, so nobody else owns it.
    let mut at = unsafe { OwnedFd::from_raw_fd(fd) };
    rustix::io::dup2(&reader, &mut at).unwrap();
    (at.into(), writer)
}

#[test]
fn the_variable_chooses_the_poller() {
    let forced = std::env::var(POLLER_VARIABLE).is_ok_and(|name| name == "poll");
    let native = if cfg!(target_os = "linux") { "epoll" } else { "kqueue" };
    assert_eq!(Door::new().engine.core().reactor.name(), if forced { "poll" } else { native });
}

#[test]
fn a_steady_watch_fires_at_each_turn_while_ready() {
    let door = Door::new();
    let (mut reader, mut writer) = io::pipe().unwrap();
    let (fired, call) = counter();
    assert!(!door.engine.core().reactor.is_watching());
    assert!(door.watch(reader.as_raw_fd(), Direction::Read, false, call).unwrap().is_none());
    assert!(door.engine.core().reactor.is_watching());
    turn(&door);
    assert_eq!(count(&fired), 0);
    writer.write_all(b"x").unwrap();
    for _ in 0..3 {
        turn(&door);
        assert_eq!(count(&fired), 1);
    }
    reader.read_exact(&mut [0]).unwrap();
    turn(&door);
    assert_eq!(count(&fired), 0);
    assert!(door.engine.unwatch(reader.as_raw_fd(), Direction::Read).unwrap().is_some());
    assert!(!door.engine.core().reactor.is_watching());
    assert!(door.engine.unwatch(reader.as_raw_fd(), Direction::Read).unwrap().is_none());
    writer.write_all(b"x").unwrap();
    turn(&door);
    assert_eq!(count(&fired), 0);
}

#[test]
fn a_watch_once_fires_once_until_asked_again() {
    let door = Door::new();
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"x").unwrap();
    for _ in 0..3 {
        let (fired, call) = counter();
        door.watch(reader.as_raw_fd(), Direction::Read, true, call).unwrap();
        turn(&door);
        turn(&door);
        assert_eq!(count(&fired), 1);
        // The word keeps its place, so that who comes next learns whom to tell.
        assert!(door.engine.release(reader.as_raw_fd(), Direction::Read, |_| false).is_none());
        assert!(door.engine.release(reader.as_raw_fd(), Direction::Read, |_| true).is_some());
        assert!(door.engine.watcher(reader.as_raw_fd(), Direction::Read).is_none());
    }
}

#[test]
fn both_directions_of_one_descriptor_are_apart() {
    let door = Door::new();
    let (one, mut other) = UnixStream::pair().unwrap();
    let fd = one.as_raw_fd();
    let ((reads, read), (writes, write)) = (counter(), counter());
    door.watch(fd, Direction::Read, false, read).unwrap();
    door.watch(fd, Direction::Write, true, write).unwrap();
    turn(&door);
    assert_eq!((count(&reads), count(&writes)), (0, 1));
    other.write_all(b"x").unwrap();
    turn(&door);
    assert_eq!((count(&reads), count(&writes)), (1, 0));
    let (writes, write) = counter();
    door.watch(fd, Direction::Write, false, write).unwrap();
    drop(door.engine.unwatch(fd, Direction::Read).unwrap());
    turn(&door);
    assert_eq!((count(&reads), count(&writes)), (0, 1));
    drop(other);
    turn(&door);
    assert_eq!((count(&reads), count(&writes)), (0, 1));
}

#[test]
fn a_second_watch_takes_the_place_of_the_first() {
    let door = Door::new();
    let (reader, mut writer) = io::pipe().unwrap();
    let ((first, one), (second, two)) = (counter(), counter());
    let one = Word::new(one);
    door.engine.watch(reader.as_raw_fd(), Direction::Read, one.clone(), false).unwrap();
    assert!(door.watch(reader.as_raw_fd(), Direction::Read, false, two).unwrap().is_some());
    assert_eq!(one.count(), 1);
    writer.write_all(b"x").unwrap();
    turn(&door);
    assert_eq!((count(&first), count(&second)), (0, 1));
}

#[test]
fn a_closed_peer_is_readable_and_a_closed_reader_is_writable() {
    let door = Door::new();
    let (reader, writer) = io::pipe().unwrap();
    let (fired, call) = counter();
    door.watch(reader.as_raw_fd(), Direction::Read, false, call).unwrap();
    drop(writer);
    turn(&door);
    assert_eq!(count(&fired), 1);
    drop(door.engine.unwatch(reader.as_raw_fd(), Direction::Read).unwrap());
    let (reader, writer) = io::pipe().unwrap();
    let (fired, call) = counter();
    drop(reader);
    door.watch(writer.as_raw_fd(), Direction::Write, true, call).unwrap();
    turn(&door);
    assert_eq!(count(&fired), 1);
}

#[test]
fn a_descriptor_that_was_closed_and_reused_is_watched_anew() {
    const FIRST: RawFd = 240;
    for (offset, once) in [(0, false), (1, true)] {
        for unwatch in [true, false] {
            let fd = FIRST + offset * 2 + RawFd::from(unwatch);
            let door = Door::new();
            let (reader, writer) = pipe_at(fd);
            let (stale, call) = counter();
            door.watch(fd, Direction::Read, once, call).unwrap();
            turn(&door);
            drop((reader, writer));
            turn(&door);
            if unwatch {
                drop(door.engine.unwatch(fd, Direction::Read).unwrap());
            }
            let (reader, mut writer) = pipe_at(fd);
            let (fired, call) = counter();
            door.watch(fd, Direction::Read, once, call).unwrap();
            count(&stale);
            writer.write_all(b"x").unwrap();
            turn(&door);
            assert_eq!((count(&stale), count(&fired)), (0, 1), "once: {once}, unwatch: {unwatch}");
            drop(door.engine.unwatch(fd, Direction::Read).unwrap());
            turn(&door);
            assert_eq!(count(&fired), 0);
            drop(reader);
        }
    }
}

#[test]
fn a_number_that_is_closed_while_both_directions_are_watched_is_forsaken() {
    const FD: RawFd = 250;
    let closed = Some(rustix::io::Errno::BADF.raw_os_error());
    let door = Door::new();
    let (near, mut far) = UnixStream::pair().unwrap();
    let at = rustix::io::fcntl_dupfd_cloexec(&near, FD).unwrap();
    let fd = at.as_raw_fd();
    let (fired, call) = counter();
    door.watch(fd, Direction::Read, false, call).unwrap();
    door.watch(fd, Direction::Write, false, |_| {}).unwrap();
    drop(at);
    // The kernel has nothing to be told.
    let (again, call) = counter();
    assert!(door.watch(fd, Direction::Read, false, call).unwrap().is_some());
    assert_eq!(door.engine.unwatch(fd, Direction::Write).unwrap_err().raw_os_error(), closed);
    assert!(matches!(door.engine.forsake(fd), [Some(_), None]));
    assert_eq!(door.watch(fd, Direction::Read, false, |_| {}).unwrap_err().raw_os_error(), closed);
    far.write_all(b"x").unwrap();
    turn(&door);
    assert_eq!((count(&fired), count(&again)), (0, 0));
    assert!(!door.engine.core().reactor.is_watching());
}

#[test]
fn what_cannot_be_watched_is_an_error_and_changes_nothing() {
    let door = Door::new();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let (fired, call) = counter();
    let word = Word::new(call);
    let refused = door.engine.watch(file.as_raw_fd(), Direction::Read, word.clone(), false).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    for fd in [-1, 100_000] {
        let refused = door.engine.watch(fd, Direction::Read, word.clone(), false).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()), "{fd}");
        assert!(door.engine.unwatch(fd, Direction::Read).unwrap().is_none());
    }
    turn(&door);
    assert_eq!((count(&fired), word.count()), (0, 1));
    assert!(door.engine.watcher(file.as_raw_fd(), Direction::Read).is_none());
}

#[test]
fn many_descriptors_fire_each_for_itself() {
    let door = Door::new();
    let pipes: Vec<_> = (0..40).map(|_| io::pipe().unwrap()).collect();
    let counters: Vec<_> = pipes
        .iter()
        .map(|(reader, _)| {
            let (fired, call) = counter();
            door.watch(reader.as_raw_fd(), Direction::Read, false, call).unwrap();
            fired
        })
        .collect();
    for (_, writer) in pipes.iter().step_by(3) {
        (&*writer).write_all(b"x").unwrap();
    }
    turn(&door);
    for (n, fired) in counters.iter().enumerate() {
        assert_eq!(count(fired), usize::from(n % 3 == 0), "pipe {n}");
    }
}

/// While callbacks are ready the poller is asked only now and then; it must be asked, on whatever clock.
#[test]
fn busy_callbacks_do_not_starve_descriptors() {
    for door in [Door::new(), Door::with_virtual_clock()] {
        let (reader, mut writer) = io::pipe().unwrap();
        let (fired, call) = counter();
        turn(&door);
        door.watch(reader.as_raw_fd(), Direction::Read, true, call).unwrap();
        writer.write_all(b"x").unwrap();
        let inner = fired.clone();
        let polls = door.block_on(async move {
            let mut turns = 0;
            while inner.load(Ordering::SeqCst) == 0 && turns < 1_000_000 {
                yield_now().await;
                turns += 1;
            }
            turns
        });
        assert_eq!(count(&fired), 1, "not seen in {polls} turns");
    }
}
