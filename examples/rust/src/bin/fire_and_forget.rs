//! Fire and forget, done right: tasks that nobody awaits are kept, logged, and drained at the end.
//!
//! What it teaches: a task whose handle is dropped runs on, but nobody hears of its error, and the end of `main` cancels it.
//! `Background` keeps the handles, logs what became of each, and gives those that are left some time.
//!
//! ```text
//! cargo run --package ferrio-examples --bin fire_and_forget
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ferrio::JoinHandle;

/// Tasks in the background. Each logs its own end.
#[derive(Default)]
struct Background {
    tasks: RefCell<Vec<JoinHandle<()>>>,
    running: Rc<RefCell<Vec<String>>>,
}

impl Background {
    /// Starts it, and goes on at once.
    fn start(&self, name: &str, work: impl Future<Output = Result<(), String>> + 'static) {
        self.running.borrow_mut().push(name.to_owned());
        let (own_name, running) = (name.to_owned(), self.running.clone());
        let task = ferrio::create_task(async move {
            match work.await {
                Ok(()) => println!("INFO: {own_name} is done"),
                Err(error) => println!("ERROR: {own_name} failed: {error}"),
            }
            running.borrow_mut().retain(|other| *other != own_name);
        });
        self.tasks.borrow_mut().push(task.named(name));
    }

    /// Waits for those that are left, then cancels what takes too long.
    async fn drain(&self, patience: Duration) {
        let mut left = self.running.borrow().clone();
        left.sort();
        println!("INFO: waiting for {}", left.join(", "));
        let tasks = self.tasks.take();
        let deadline = ferrio::get_running_loop().time() + patience;
        for task in tasks {
            let (name, info) = (task.name(), task.info());
            if ferrio::timeout_at(deadline, task).await.is_err() {
                info.cancel();
                println!("WARNING: {name} was cancelled");
            }
        }
    }
}

#[ferrio::main]
async fn main() {
    let background = Background::default();
    background.start("mail", send("the welcome mail", 50));
    background.start("invoice", send("the invoice", 200));
    background.start("report", send("the report", 3_600_000));
    background.start("statistics", break_down());
    println!("the answer is on its way, nobody waits for mail");
    ferrio::sleep(Duration::from_millis(100)).await; // the program goes on with something else
    println!("main has nothing more to do");
    background.drain(Duration::from_millis(400)).await;
    println!("the end");
}

async fn send(what: &str, milliseconds: u64) -> Result<(), String> {
    ferrio::sleep(Duration::from_millis(milliseconds)).await;
    println!("sent {what}");
    Ok(())
}

#[expect(clippy::unused_async, reason = "it fails before it could await anything")]
async fn break_down() -> Result<(), String> {
    Err("no statistics today".into())
}
