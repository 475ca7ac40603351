//! Destructors that panic, and those that run when thread-local values are gone already: neither ends the process or the loop.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use ferrio::{
    JoinHandle, Runner, TaskGroup, create_future, create_task, current_task, finally, run, shield, yield_now,
};

/// Panics when dropped, after it has counted that.
struct Panics(Arc<AtomicU32>);

impl Drop for Panics {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::panic::resume_unwind(Box::new("a destructor"));
    }
}

/// Ends at once, and still has what it was made with.
struct Ends<T>(T);

impl<T: Unpin> Future for Ends<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

async fn holds<T>(held: T) {
    pending::<()>().await;
    drop(held);
}

/// Leaves the name of the task that drops it.
struct Names(Rc<RefCell<Vec<String>>>);

impl Drop for Names {
    fn drop(&mut self) {
        self.0.borrow_mut().push(current_task().map_or_else(|| "nobody".into(), |task| task.name()));
    }
}

#[test]
fn destructors_run_in_the_task_whose_future_they_are_part_of() {
    let named = Rc::default();
    let one = || Names(Rc::clone(&named));
    run(async {
        let cancelled = create_task(holds(one()));
        let not_begun = create_task(holds(one()));
        let stays = one();
        let panics = create_task(async {
            let _stays = stays;
            yield_now().await;
            std::panic::resume_unwind(Box::new("expected"))
        });
        let ends = create_task(Ends(one()));
        not_begun.cancel();
        yield_now().await;
        cancelled.cancel();
        assert!(panics.await.unwrap_err().is_panic());
        ends.await.unwrap();
        assert_eq!([&cancelled, &not_begun].map(JoinHandle::is_finished), [true; 2]);
        assert_eq!(current_task().unwrap().number(), 1);
        let _left = create_task(holds(one()));
    });
    let runner = Runner::new().unwrap();
    runner.run(Ends(one()));
    assert_eq!(current_task(), None);
    assert_eq!(*named.borrow(), ["Task-3", "Task-5", "Task-4", "Task-2", "Task-6", "Task-1"]);
}

#[test]
fn a_task_that_is_cancelled_may_panic_when_it_is_dropped() {
    let dropped = Arc::new(AtomicU32::new(0));
    let held = || Panics(dropped.clone());
    run(async {
        let begun = create_task(holds(held()));
        yield_now().await;
        let not_begun = create_task(holds(held()));
        let cleans_up = create_task(finally(holds(held()), async {}));
        for task in [begun, not_begun, cleans_up] {
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        create_task(Ends(held())).await.unwrap();
        let child = holds(held());
        let failed = TaskGroup::run(async |group| {
            let child = async {
                child.await;
                Ok(())
            };
            group.create_task(child).detach();
            yield_now().await;
            Err::<(), _>("the body")
        });
        assert_eq!(failed.await.unwrap_err().into_first(), "the body");
        create_task(holds(held())).detach(); // is left to the end of the loop
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 6);
}

#[test]
fn an_output_that_nobody_takes_may_panic_when_it_is_dropped() {
    let dropped = Arc::new(AtomicU32::new(0));
    let held = || Panics(dropped.clone());
    run(async {
        let (now, later, group, panic) = (held(), held(), held(), held());
        create_task(async { now }).detach();
        let task = create_task(async { later });
        TaskGroup::<()>::run(async |tasks| {
            tasks.create_task(async { Ok(group) }).detach();
            Ok(())
        })
        .await
        .unwrap();
        drop(task);
        create_task(async { std::panic::resume_unwind(Box::new(panic)) }).detach();
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
}

#[test]
fn a_loop_that_closes_within_another_may_have_such_tasks() {
    let dropped = Arc::new(AtomicU32::new(0));
    let (inner, held) = (Runner::new().unwrap(), Panics(dropped.clone()));
    inner.run(async {
        create_task(holds(held)).detach();
        yield_now().await;
    });
    run(async { drop(inner) });
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

/// Calls `make` on a thread, and drops what it gives when the thread-local values of ferrio are gone: values that were made
/// first go last.
fn outlives_thread_locals<T: 'static>(make: impl FnOnce() -> T + Send + 'static) {
    thread_local!(static KEPT: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) });
    let thread = thread::spawn(|| {
        KEPT.set(None);
        let value = make();
        KEPT.set(Some(Box::new(value)));
    });
    thread.join().unwrap();
}

#[test]
fn a_task_may_be_woken_where_thread_local_values_end() {
    outlives_thread_locals(|| {
        let runner = Runner::new().unwrap();
        let (promise, promised) = create_future::<()>();
        runner.run(async {
            create_task(promised).detach();
            yield_now().await;
        });
        (promise, runner)
    });
}

struct Cancels(ferrio::JoinHandle<()>);

impl Drop for Cancels {
    fn drop(&mut self) {
        assert!(!self.0.cancel(), "no loop runs");
    }
}

#[test]
fn a_loop_may_close_where_thread_local_values_end() {
    outlives_thread_locals(|| {
        let runner = Runner::new().unwrap();
        let mut task = None;
        runner.run(async {
            create_task(finally(shield(pending::<()>()), async {})).detach();
            task = Some(create_task(ferrio::sleep(Duration::from_secs(1))).named("sleeps"));
            yield_now().await;
        });
        (task.map(Cancels), runner)
    });
}

#[test]
#[cfg_attr(miri, ignore = "Miri watches no socket")]
fn connections_may_close_where_thread_local_values_end() {
    outlives_thread_locals(|| {
        run(async {
            let server = ferrio::start_server(async |_, _| (), "127.0.0.1", 0).await.unwrap();
            let connection = ferrio::open_connection("127.0.0.1", server.port()).await.unwrap();
            (shield(async {}), server, connection)
        })
    });
}
