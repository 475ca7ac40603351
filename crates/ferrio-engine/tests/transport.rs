//! `Transport` on a channel without a descriptor: what it reads and writes, when it pauses its protocol, how it ends, and that
//! callbacks may call it back at any point. All of it runs under Miri.

mod common;
mod fakes;

use std::io::ErrorKind;

use common::{Random, times};
use fakes::{DUPLEX, End, READ_ONLY, WRITE_ONLY};
use ferrio_engine::transport::{Limits, Refused};

const PLENTY: usize = 1 << 20;

fn limited(room: usize, high: usize, low: usize) -> std::rc::Rc<End<DUPLEX>> {
    let end = End::<DUPLEX>::new(room);
    end.transport.set_limits((), Limits { high, low }).unwrap();
    end
}

#[test]
fn data_comes_after_connection_made_in_order_and_however_it_is_cut() {
    let end = End::<DUPLEX>::unstarted(PLENTY);
    end.comes("more than eight bytes");
    end.comes("!");
    assert!(end.run().is_empty(), "it has not begun");
    end.transport.start(());
    assert_eq!(end.run(), ["made", "more tha", "n eight ", "bytes", "!"]);
}

#[test]
fn reading_stops_between_pause_and_resume() {
    let end = End::<DUPLEX>::new(PLENTY);
    assert!(end.transport.pause_reading(()) && !end.transport.pause_reading(()));
    assert!(end.transport.is_paused() && !end.transport.is_reading() && !end.transport.is_polling());
    end.comes("data");
    assert!(end.run().is_empty());
    assert!(end.transport.resume_reading(()) && !end.transport.resume_reading(()));
    assert_eq!(end.run(), ["data"]);
}

#[test]
fn a_protocol_may_pause_before_it_begins_and_in_connection_made() {
    let end = End::<DUPLEX>::unstarted(PLENTY);
    end.comes("data");
    assert!(end.transport.pause_reading(()));
    end.transport.start(());
    assert_eq!(end.run(), ["made"]);
    assert!(end.transport.resume_reading(()));
    assert_eq!(end.run(), ["data"]);

    let end = End::<DUPLEX>::unstarted(PLENTY);
    end.comes("data");
    end.react(|_, end| {
        end.transport.pause_reading(());
        Ok(())
    });
    end.transport.start(());
    assert_eq!(end.run(), ["made"]);
}

#[test]
fn what_finds_no_room_is_written_when_there_is_some() {
    let end = End::<DUPLEX>::new(3);
    end.write("abcdef").unwrap();
    end.write("gh").unwrap();
    assert_eq!((end.wire().take_written().as_str(), end.transport.outgoing().size()), ("abc", 5));
    assert!(end.takes(4).is_empty());
    assert_eq!(end.wire().take_written(), "defg");
    assert!(end.script().watched[1].get());
    assert_eq!(end.takes(4), ["drained"]);
    assert_eq!(end.wire().take_written(), "h");
    assert!(!end.script().watched[1].get() && end.transport.outgoing().is_empty());
}

#[test]
fn several_pieces_leave_in_one_write() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.transport.write_all((), ["a", "", "b", "c"].map(|piece| piece.as_bytes().to_vec())).unwrap();
    assert_eq!((end.wire().take_written().as_str(), end.wire().writes.get()), ("abc", 1));
    assert!(
        end.transport.write_owned((), b"kept".to_vec()).unwrap().is_some(),
        "its memory can be used again"
    );
    end.wire().room.set(0);
    assert!(end.transport.write_owned((), b"x".to_vec()).unwrap().is_none());
}

#[test]
fn the_protocol_is_paused_above_the_high_mark_and_goes_on_at_the_low_one() {
    let end = limited(0, 4, 2);
    end.write("abcd").unwrap();
    assert!(end.run().is_empty() && !end.transport.marks().is_paused());
    end.write("e").unwrap();
    end.write("f").unwrap();
    assert_eq!(end.run(), ["pause"]);
    assert!(end.takes(3).is_empty());
    assert_eq!(end.takes(1), ["resume"]);
    assert_eq!(end.takes(PLENTY), ["drained"]);
    assert_eq!(end.wire().take_written(), "abcdef");
}

#[test]
fn marks_that_are_moved_below_what_waits_pause_at_once() {
    let end = limited(0, 100, 50);
    end.write("abcd").unwrap();
    end.transport.set_limits((), Limits { high: 3, low: 0 }).unwrap();
    assert_eq!(end.run(), ["pause"]);
    assert_eq!(end.takes(4), ["resume", "drained"]);
}

#[test]
fn the_end_of_the_stream_closes_unless_the_protocol_writes_on() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.comes("");
    assert_eq!(end.run(), ["eof", "lost"]);
    assert!(end.transport.is_gone() && end.transport.is_closing());

    let end = End::<DUPLEX>::new(PLENTY);
    end.script().half_open.set(true);
    end.comes("");
    assert_eq!(end.run(), ["eof"]);
    assert!(!end.transport.is_polling(), "the end would be read again and again");
    end.write("answer").unwrap();
    assert_eq!(end.wire().take_written(), "answer");
    end.transport.close(());
    assert_eq!(end.run(), ["lost"]);
}

#[test]
fn our_end_is_told_after_what_waits_and_nothing_is_written_behind_it() {
    let end = End::<DUPLEX>::new(2);
    end.write("abcd").unwrap();
    end.transport.write_eof(()).unwrap();
    assert!(end.transport.is_ended() && !end.wire().ended.get());
    assert_eq!(end.transport.may_write(), Err(Refused::AfterEof));
    assert_eq!(end.takes(PLENTY), ["drained"]);
    assert!(end.wire().ended.get() && end.wire().take_written() == "abcd");
    end.comes("late");
    end.comes("");
    assert_eq!(end.run(), ["late", "eof", "lost"]);
}

#[test]
fn closing_writes_what_waits_and_reads_nothing_more() {
    let end = End::<DUPLEX>::new(0);
    end.write("last words").unwrap();
    end.transport.close(());
    end.transport.close(());
    end.comes("ignored");
    assert!(end.run().is_empty() && end.transport.is_closing() && !end.transport.is_gone());
    assert_eq!(end.takes(PLENTY), ["drained", "lost"]);
    assert_eq!(end.wire().take_written(), "last words");
    assert!(!end.transport.resume_reading(()));
}

#[test]
fn aborting_drops_what_waits_and_counts_what_is_written_after() {
    let end = End::<DUPLEX>::new(0);
    end.write("never").unwrap();
    end.transport.lose((), Some("aborted".into()));
    end.transport.lose((), Some("too late".into()));
    assert_eq!(end.transport.losses(), 1);
    assert_eq!(end.transport.may_write(), Err(Refused::Lost(1)));
    assert_eq!(end.takes(PLENTY), ["lost: aborted"]);
    assert_eq!(end.transport.may_write(), Err(Refused::Lost(2)));
    assert_eq!(end.wire().take_written(), "");
}

#[test]
fn a_transport_that_is_closed_before_it_begins_is_made_and_lost() {
    let end = End::<DUPLEX>::unstarted(PLENTY);
    end.transport.start(());
    end.transport.close(());
    end.comes("ignored");
    assert_eq!(end.run(), ["made", "lost"]);
}

#[test]
fn errors_are_the_reason_of_the_end() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.fails_to_read(ErrorKind::ConnectionReset);
    assert_eq!(end.run(), ["lost: connection reset"]);

    let end = End::<DUPLEX>::new(PLENTY);
    end.wire().broken.set(Some(ErrorKind::BrokenPipe));
    end.write("at once").unwrap();
    assert_eq!(end.run(), ["lost: broken pipe"]);

    let end = End::<DUPLEX>::new(0);
    end.write("later").unwrap();
    end.wire().broken.set(Some(ErrorKind::BrokenPipe));
    assert_eq!(end.run(), ["not drained: broken pipe", "lost: broken pipe"]);

    let end = End::<DUPLEX>::new(PLENTY);
    end.wire().broken.set(Some(ErrorKind::Interrupted));
    end.write("again").unwrap();
    end.wire().broken.set(None);
    assert_eq!(end.run(), ["drained"]);
    assert_eq!(end.wire().take_written(), "again");
}

#[test]
fn what_leaves_the_loop_leaves_the_transport_as_it_is() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.react(|said, _| if said == "raise" { Err("raised") } else { Ok(()) });
    end.comes("raise");
    end.comes("go on");
    assert_eq!(end.try_run(), Err("raised"));
    assert_eq!(end.run(), ["raise", "go on"]);
    end.react(|said, _| if said == "lost" { Err("raised") } else { Ok(()) });
    end.transport.close(());
    assert_eq!(end.try_run(), Err("raised"));
    assert!(end.transport.is_gone() && end.transport.is_abandoned());
    assert_eq!(end.run(), ["lost"]);
}

#[test]
fn a_stream_that_is_only_read_ends_in_two_turns() {
    let end = End::<READ_ONLY>::new(PLENTY);
    end.react(|said, _| if said == "eof" { Err("raised") } else { Ok(()) });
    end.comes("data");
    end.comes("");
    assert_eq!(end.try_run(), Err("raised"));
    assert_eq!(
        end.run(),
        ["data", "eof", "lost"],
        "the first call may leave the loop, and the second comes all the same"
    );
}

#[test]
fn a_reader_that_goes_away_is_the_end_of_a_stream_that_is_only_written() {
    let end = End::<WRITE_ONLY>::new(PLENTY);
    end.write("all of it").unwrap();
    end.comes("");
    assert_eq!(end.run(), ["lost"]);

    let end = End::<WRITE_ONLY>::new(0);
    end.write("some of it").unwrap();
    end.comes("");
    assert_eq!(end.run(), ["lost: broken pipe"]);

    let end = End::<WRITE_ONLY>::new(0);
    end.write("all of it").unwrap();
    end.transport.write_eof(()).unwrap();
    assert_eq!(end.transport.may_write(), Err(Refused::Lost(0)));
    assert_eq!(end.takes(PLENTY), ["drained", "lost"]);
}

#[test]
fn callbacks_may_write_close_and_abort() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.react(|said, end| if said == "ping" { end.write("pong") } else { Ok(()) });
    end.comes("ping");
    assert_eq!(end.run(), ["ping"]);
    assert_eq!(end.wire().take_written(), "pong");

    for abort in [false, true] {
        for moment in ["made", "data", "eof", "pause", "resume", "drained"] {
            let end = End::<DUPLEX>::unstarted(0);
            end.react(move |said, end| {
                match abort {
                    _ if said != moment => {}
                    true => end.transport.lose((), None),
                    false => end.transport.close(()),
                }
                Ok(())
            });
            end.transport.set_limits((), Limits { high: 2, low: 0 }).unwrap();
            end.transport.start(());
            end.comes("data");
            end.run();
            if end.transport.may_write().is_ok() {
                end.write("abc").unwrap();
            }
            end.takes(2);
            end.takes(2);
            end.comes("");
            end.run();
            assert!(end.transport.is_gone(), "{moment} {abort}");
            assert!(end.script().watched.iter().all(|watched| !watched.get()), "{moment} {abort}");
        }
    }
}

#[test]
fn a_write_in_resume_writing_goes_behind_what_waits() {
    let end = limited(0, 3, 1);
    end.react(|said, end| if said == "resume" { end.write("more") } else { Ok(()) });
    end.write("abcd").unwrap();
    assert_eq!(end.takes(3), ["pause", "resume", "pause"]);
    end.react(|_, _| Ok(()));
    assert_eq!(end.takes(PLENTY), ["resume", "drained"]);
    assert_eq!(end.wire().take_written(), "abcdmore");
}

#[test]
fn what_making_a_chunk_writes_goes_behind_it() {
    let end = End::<DUPLEX>::new(2);
    let rest = || {
        end.write("behind")?;
        Ok(b"first ".to_vec())
    };
    end.transport.write((), b"first ", rest).unwrap();
    end.takes(PLENTY);
    assert_eq!(end.wire().take_written(), "first behind");
}

/// Has callbacks from the number `first` on write twice each, until one of them is held: the number of that. On a busy machine
/// some take longer than anything is held.
fn until_held(end: &End<DUPLEX>, first: u64) -> u64 {
    for callback in first..first + 10_000 {
        end.script().callback.set(Some(callback));
        end.write("head ").unwrap();
        end.write("body ").unwrap();
        if end.transport.holds_data() {
            return callback;
        }
    }
    panic!("nothing was held");
}

#[test]
#[cfg_attr(miri, ignore = "by its clock every callback takes longer than anything is held")]
fn who_writes_often_in_a_callback_is_held_in_the_next_one() {
    let end = End::<DUPLEX>::new(PLENTY);
    let held = until_held(&end, 1);
    assert!(held > 1, "nobody knew that it would write often");
    end.wire().written.take();
    let writes = end.wire().writes.get();
    end.script().callback.set(None);
    end.run();
    assert_eq!((end.wire().take_written().as_str(), end.wire().writes.get()), ("head body ", writes + 1));
    until_held(&end, held + 1);
    end.transport.share(());
    assert!(end.wire().take_written().ends_with("head body "));
    end.write("at once").unwrap();
    assert!(!end.transport.holds_data() && end.wire().take_written() == "at once");
}

#[test]
#[cfg_attr(miri, ignore = "by its clock every callback takes longer than anything is held")]
fn who_gathers_is_held_while_others_run_in_the_turn() {
    let end = End::<DUPLEX>::new(PLENTY);
    end.transport.gather();
    end.write("outside of callbacks ").unwrap();
    end.script().callback.set(Some(1));
    end.write("with nobody behind ").unwrap();
    assert_eq!(end.wire().take_written(), "outside of callbacks with nobody behind ");
    end.script().others.set(true);
    end.script().callback.set(Some(2));
    end.write("answer").unwrap();
    assert!(end.transport.holds_data() && end.wire().take_written().is_empty());
    end.script().callback.set(None);
    end.run();
    assert_eq!(end.wire().take_written(), "answer");
    end.transport.share(());
    end.script().callback.set(Some(3));
    end.write("at once").unwrap();
    assert_eq!(end.wire().take_written(), "at once");
}

#[test]
fn a_channel_that_was_disowned_is_watched_no_more() {
    let end = End::<DUPLEX>::new(0);
    end.transport.pause_reading(());
    end.transport.disown();
    end.transport.resume_reading(());
    end.write("nowhere").unwrap();
    assert!(end.transport.is_abandoned() && end.script().watched.iter().all(|watched| !watched.get()));
    end.transport.close(());
    end.transport.lose((), None);
    assert_eq!(end.run(), ["lost"]);

    let end = End::<DUPLEX>::new(0);
    end.transport.abandon();
    end.transport.close(());
    assert!(end.transport.is_gone() && end.run().is_empty(), "nobody is told");
}

/// Whatever happens in whatever order: what is written arrives in order and once; pauses and resumes alternate, each at
/// its mark; `connection_lost` comes once and is the last.
#[test]
fn any_order_of_events_keeps_the_rules() {
    for seed in 0..u64::try_from(times(300)).unwrap() {
        let mut random = Random::new(seed);
        let end = limited(random.below(20), random.below(20), 0);
        let (mut accepted, mut said, mut written) = (String::new(), Vec::new(), String::new());
        for step in 0..60 {
            match random.below(9) {
                0..=2 if end.transport.may_write().is_ok() => {
                    let data = format!("<{step}{}>", "x".repeat(random.below(12)));
                    accepted.push_str(&data);
                    end.write(&data).unwrap();
                }
                3 => end.comes("data"),
                4 => drop(end.transport.pause_reading(())),
                5 => drop(end.transport.resume_reading(())),
                6 if random.below(12) == 0 => end.transport.close(()),
                7 if random.below(24) == 0 => end.transport.lose((), None),
                _ => said.extend(end.takes(random.below(16))),
            }
            assert!(
                end.transport.marks().is_paused()
                    || end.transport.outgoing().size() <= end.transport.marks().limits().high
            );
            written.push_str(&end.wire().take_written());
        }
        let aborted = end.transport.losses() > 0 && !end.transport.is_gone();
        end.transport.close(());
        said.extend(end.takes(PLENTY));
        written.push_str(&end.wire().take_written());
        assert!(accepted.starts_with(&written), "seed {seed}: {accepted} {written}");
        assert!(aborted || end.transport.outgoing().is_empty(), "seed {seed}");
        assert_eq!(
            said.iter().position(|what| what == "lost"),
            Some(said.len() - 1),
            "seed {seed}: {said:?}"
        );
        let flow: Vec<_> = said.iter().filter(|what| *what == "pause" || *what == "resume").collect();
        assert!(
            flow.chunks(2).all(|pair| pair[0] == "pause" && pair.get(1).is_none_or(|next| *next == "resume"))
        );
    }
}
