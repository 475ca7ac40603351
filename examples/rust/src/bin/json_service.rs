//! A JSON service with a database: orders that are made, listed and cancelled. The twin of `examples/python/fastapi_app`.
//!
//! What it teaches: work after the answer is a task; a library that blocks, here that of the database, works in a thread, and the
//! loop goes on; whatever is wrong with a request is an error that is an answer, handed on by `?`.
//!
//! ```text
//! cargo run --package ferrio-examples --bin json_service -- --port 8000    orders are kept in `orders.db`, or where ORDERS_DB says
//! ```

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferrio::http::{
    self, Body, BodyError, HeaderValue, IntoResponse, Method, Request, Response, StatusCode, header,
};
use ferrio_examples::{port, serve, typed};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

/// How long the imaginary mail server takes.
const MAIL: Duration = Duration::from_millis(200);
const LONGEST_REQUEST: usize = 10_000;

/// An answer that is not what was asked for.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        json(self.0, &json!({"detail": self.1}))
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Refused(status, error.to_string())
    }
}

/// Whoever asks learns no more than that.
impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        eprintln!("the database: {error}");
        Refused(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here".to_owned())
    }
}

/// The database, which is used in threads, one at a time.
#[derive(Clone)]
struct Database(Arc<Mutex<Connection>>);

impl Database {
    fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS orders (
                 id INTEGER PRIMARY KEY AUTOINCREMENT,
                 item TEXT NOT NULL,
                 amount INTEGER NOT NULL,
                 notified INTEGER NOT NULL DEFAULT 0
             )",
        )?;
        Ok(Database(Arc::new(Mutex::new(connection))))
    }

    async fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let connection = self.0.clone();
        ferrio::to_thread(move || call(&connection.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    async fn find(&self, number: i64) -> Result<Value, Refused> {
        let query = "SELECT id, item, amount, notified FROM orders WHERE id = ?";
        let found =
            self.with(move |connection| connection.query_row(query, [number], order).optional()).await?;
        found.ok_or_else(|| missing(number))
    }
}

async fn create(database: &Database, mut request: Request<Body>) -> Result<Response<Body>, Refused> {
    let text = request.body_mut().text(LONGEST_REQUEST).await?;
    let wrong = |what: &str| Refused(StatusCode::UNPROCESSABLE_ENTITY, what.to_owned());
    let new: Value = serde_json::from_str(&text).map_err(|error| wrong(&format!("no JSON: {error}")))?;
    let item = new["item"].as_str().unwrap_or_default().trim().to_owned();
    if !(1..=80).contains(&item.chars().count()) || item.chars().any(char::is_control) {
        return Err(wrong("item: a text of 1 to 80 characters"));
    }
    let amount = new.get("amount").map_or(Some(1), Value::as_i64);
    let amount =
        amount.filter(|amount| (1..=1000).contains(amount)).ok_or_else(|| wrong("amount: 1 to 1000"))?;
    let stored = database
        .with(move |connection| {
            connection.execute("INSERT INTO orders (item, amount) VALUES (?, ?)", params![item, amount])?;
            let query = "SELECT id, item, amount, notified FROM orders WHERE id = ?";
            connection.query_row(query, [connection.last_insert_rowid()], order)
        })
        .await?;
    // Runs when the answer is out.
    ferrio::create_task(notify(database.clone(), stored.clone())).named("notify").detach();
    let mut response = json(StatusCode::CREATED, &stored);
    let location = HeaderValue::from_str(&format!("/orders/{}", stored["id"]));
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    Ok(response)
}

async fn notify(database: Database, stored: Value) {
    ferrio::sleep(MAIL).await;
    let number = stored["id"].as_i64();
    let update = "UPDATE orders SET notified = 1 WHERE id = ?";
    match database.with(move |connection| connection.execute(update, [number])).await {
        Ok(0) => {} // cancelled in the meantime
        Ok(_) => println!("notified: {} x {}", stored["amount"], stored["item"].as_str().unwrap_or_default()),
        Err(error) => eprintln!("notified nobody of {}: {error}", stored["id"]),
    }
}

async fn list(database: &Database) -> Result<Response<Body>, Refused> {
    let orders: Vec<Value> = database
        .with(|connection| {
            let query = "SELECT id, item, amount, notified FROM orders ORDER BY id LIMIT 100";
            connection.prepare(query)?.query_map([], order)?.collect()
        })
        .await?;
    Ok(json(StatusCode::OK, &orders.into()))
}

async fn cancel(database: &Database, number: i64) -> Result<Response<Body>, Refused> {
    let deleted = database
        .with(move |connection| connection.execute("DELETE FROM orders WHERE id = ?", [number]))
        .await?;
    if deleted == 0 { Err(missing(number)) } else { Ok(StatusCode::NO_CONTENT.into_response()) }
}

async fn answer(database: &Database, request: Request<Body>) -> Result<Response<Body>, Refused> {
    let path = request.uri().path();
    let number =
        path.strip_prefix("/orders/").and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    match (request.method(), path, number) {
        (&Method::POST, "/orders", _) => create(database, request).await,
        (&Method::GET, "/orders", _) => list(database).await,
        (&Method::GET, _, Some(number)) => Ok(json(StatusCode::OK, &database.find(number).await?)),
        (&Method::DELETE, _, Some(number)) => cancel(database, number).await,
        _ => Err(Refused(
            StatusCode::NOT_FOUND,
            "there are POST and GET /orders, GET and DELETE /orders/N".into(),
        )),
    }
}

fn order(row: &Row<'_>) -> rusqlite::Result<Value> {
    let (id, item, amount): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(json!({"id": id, "item": item, "amount": amount, "notified": row.get::<_, bool>(3)?}))
}

fn missing(number: i64) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no order {number}; GET /orders lists those there are"))
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = typed("application/json", value.to_string());
    *response.status_mut() = status;
    response
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let path = std::env::var("ORDERS_DB").unwrap_or_else(|_| "orders.db".to_owned());
    let database = Database::open(&path).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    let service = async move |request: Request<Body>| answer(&database, request).await;
    serve(http::start_server(service, "127.0.0.1", port()?).await?, Duration::from_secs(5)).await
}
