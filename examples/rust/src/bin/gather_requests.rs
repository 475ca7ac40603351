//! Concurrent requests with `gather`.
//!
//! What it teaches: gather runs its futures together and gives their results in the order in which they were asked for, not in
//! which they came; and what happens when one of them fails. The requests are mocked: a request is mostly waiting, and that
//! is what `sleep` does.
//!
//! ```text
//! cargo run --package ferrio-examples --bin gather_requests
//! ```

use std::time::{Duration, Instant};

const ANSWERS_AFTER: [(&str, u64); 3] = [("/users", 300), ("/orders", 100), ("/prices", 200)]; // milliseconds

#[ferrio::main]
async fn main() {
    let begin = Instant::now();
    println!("in the order of asking:");
    for answer in ferrio::gather(ANSWERS_AFTER.map(|(path, _)| request(path))).await {
        println!("  {}", answer.unwrap_or_else(|error| error));
    }
    println!("all three took {:.2} s, as long as the slowest\n", begin.elapsed().as_secs_f64());

    // `try_gather!` would give the first error instead, and drop the other request.
    let (users, nothing) = ferrio::gather!(request("/users"), request("/nothing")).await;
    for answer in [users, nothing] {
        match answer {
            Ok(body) => println!("answered: {body}"),
            Err(error) => println!("failed: {error}"),
        }
    }
}

/// A mock of an HTTP request.
async fn request(path: &str) -> Result<String, String> {
    println!("GET {path}");
    let Some((_, after)) = ANSWERS_AFTER.iter().find(|(known, _)| *known == path) else {
        return Err(format!("404 for {path}"));
    };
    ferrio::sleep(Duration::from_millis(*after)).await;
    println!("200 for {path}");
    Ok(format!("the body of {path}"))
}
