//! Loops beside and within each other: what one knows of its tasks is no other one's, though they have the same numbers.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use ferrio::{JoinHandle, Runner, create_task, finally, run, sleep, timeout, yield_now};

/// A loop with so many tasks that wait.
fn runner_with_tasks(count: usize) -> Runner {
    let runner = Runner::new().unwrap();
    runner.run(async {
        (0..count).for_each(|_| create_task(pending::<()>()).detach());
        yield_now().await;
    });
    runner
}

#[test]
fn a_loop_that_closes_within_another_takes_no_marks_of_its_tasks() {
    let inner = runner_with_tasks(5);
    run(async {
        let names = ["one", "two", "three", "four", "five"];
        let tasks = names.map(|name| create_task(pending::<()>()).named(name));
        yield_now().await;
        assert!(tasks.iter().all(JoinHandle::cancel));
        drop(inner);
        assert_eq!(tasks.each_ref().map(JoinHandle::name), names);
        for task in tasks {
            let ended = timeout(Duration::from_secs(10), task).await.expect("the wish is kept");
            assert!(ended.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_loop_that_closes_within_another_leaves_its_cleanups_alone() {
    let inner = runner_with_tasks(9);
    let is_clean = Rc::new(Cell::new(false));
    let cleans_up = is_clean.clone();
    run(async {
        let task = create_task(finally(pending::<()>(), async move {
            sleep(Duration::from_millis(1)).await;
            cleans_up.set(true);
        }));
        yield_now().await;
        task.cancel();
        yield_now().await;
        yield_now().await;
        drop(inner);
    });
    assert!(is_clean.get());
}

#[test]
fn a_task_has_no_name_of_another_loops() {
    let other = Runner::new().unwrap();
    let mut task = None;
    other.run(async { task = Some(create_task(pending::<()>()).named("theirs")) });
    let task = task.unwrap();
    run(async {
        let _ours = create_task(pending::<()>()).named("ours");
        assert_eq!(task.name(), "Task-2");
    });
    assert_eq!(other.run(async { task.name() }), "theirs");
    drop(other);
    run(async {
        let _ours = create_task(pending::<()>()).named("ours");
        assert_eq!(task.await.unwrap_err().to_string(), "theirs was cancelled");
    });
}
