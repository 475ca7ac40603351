//! A small game for several players over WebSocket: collect the coins. The twin of `examples/python/game`, with its page.
//!
//! What it teaches: the server alone decides. Clients send which way they steer and nothing else; one task moves the world on at a
//! fixed rate, whatever the network does, and every third tick the state goes to all. A state replaces the one before it, so nobody
//! needs a queue: each client has one place for the newest, and who reads slowly sees fewer of them.
//!
//! ```text
//! cargo run --package ferrio-examples --bin game_server -- --port 8000
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use ferrio::Event;
use ferrio::http::{
    self, Body, IntoResponse, Message, Request, Response, StatusCode, Upgrade, WebSocket, WebSocketSender,
    code,
};
use ferrio_examples::{is_foreign, page, port, refused, serve};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../python/game/page.html");
const TICKS_PER_SECOND: u32 = 30;
const TICKS_PER_STATE: u64 = 3;
const WIDTH: i64 = 800;
const HEIGHT: i64 = 500;
/// Radii.
const PLAYER: i64 = 16;
const COIN: i64 = 9;
/// The way in one tick, straight and diagonal.
const STEP: i64 = 8;
const DIAGONAL: i64 = 6;
const COINS: usize = 6;
const MOST_PLAYERS: u64 = 12;
const LONGEST_NAME: usize = 12;
/// In one second, from one client: more than anybody's fingers make.
const MOST_MESSAGES: u32 = 60;

struct Player {
    name: String,
    colour: u64,
    at: (i64, i64),
    steer: (i64, i64),
    score: u64,
}

/// The field with its players and coins. Everything is wholly inside. Knows nothing of networks or time.
struct World {
    tick: u64,
    players: BTreeMap<u64, Player>,
    coins: Vec<(i64, i64)>,
    next_player: u64,
    random: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world =
            World { tick: 0, players: BTreeMap::new(), coins: Vec::new(), next_player: 1, random: seed | 1 };
        world.coins = (0..COINS).map(|_| world.place(COIN)).collect();
        world
    }

    /// The number of the new player. Fails with a reason that the user can act on.
    fn join(&mut self, name: &str) -> Result<u64, &'static str> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err("Please choose a name.");
        }
        if name.chars().count() > LONGEST_NAME {
            return Err("This name is too long: at most 12 characters.");
        }
        let is_free = |colour: &u64| self.players.values().all(|player| player.colour != *colour);
        let Some(colour) = (0..MOST_PLAYERS).find(is_free) else {
            return Err("The field is full: please try again later.");
        };
        let (number, at) = (self.next_player, self.place(PLAYER));
        self.next_player += 1;
        self.players.insert(number, Player { name, colour, at, steer: (0, 0), score: 0 });
        Ok(number)
    }

    /// One tick: all move, then take what they touch; who has been here longer goes first.
    fn step(&mut self) {
        self.tick += 1;
        let mut taken = Vec::new();
        for player in self.players.values_mut() {
            let (x, y) = player.steer;
            let way = if x != 0 && y != 0 { DIAGONAL } else { STEP };
            let (old_x, old_y) = player.at;
            player.at = (
                (old_x + x * way).clamp(PLAYER, WIDTH - PLAYER),
                (old_y + y * way).clamp(PLAYER, HEIGHT - PLAYER),
            );
            for (index, coin) in self.coins.iter().enumerate() {
                let (far_x, far_y) = (player.at.0 - coin.0, player.at.1 - coin.1);
                if far_x.pow(2) + far_y.pow(2) <= (PLAYER + COIN).pow(2) && !taken.contains(&index) {
                    player.score += 1;
                    taken.push(index);
                }
            }
        }
        for index in taken {
            let place = self.place(COIN);
            self.coins[index] = place;
        }
    }

    fn state(&self) -> String {
        let players = self.players.iter().map(|(number, player)| {
            let (x, y) = player.at;
            json!({"id": number, "name": player.name, "colour": player.colour, "x": x, "y": y, "score": player.score})
        });
        let players: Vec<_> = players.collect();
        json!({"type": "state", "tick": self.tick, "players": players, "coins": self.coins}).to_string()
    }

    /// By xorshift, which is random enough for coins.
    fn place(&mut self, radius: i64) -> (i64, i64) {
        let mut next = |size: i64| {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            radius + (self.random >> 33).cast_signed() % (size - 2 * radius + 1)
        };
        (next(WIDTH), next(HEIGHT))
    }
}

/// One connection: somebody who watches, and plays once `player` is set.
struct Client {
    socket: WebSocketSender,
    player: Cell<Option<u64>>,
    state: RefCell<Rc<str>>,
    fresh: Event,
    /// The second, and how many messages came in it.
    rate: Cell<(u64, u32)>,
}

impl Client {
    fn floods(&self) -> bool {
        let now = ferrio::get_running_loop().time().as_secs();
        let (second, count) = self.rate.get();
        let count = if second == now { count + 1 } else { 1 };
        self.rate.set((now, count));
        count > MOST_MESSAGES
    }

    /// A state that has not been sent yet was replaced.
    async fn write(&self) {
        loop {
            self.fresh.wait().await;
            self.fresh.clear();
            let state = self.state.borrow().clone();
            if self.socket.send_text(&state).await.is_err() {
                return;
            }
        }
    }
}

/// The world, and those connected to it.
struct Game {
    world: RefCell<World>,
    clients: RefCell<Vec<Weak<Client>>>,
}

impl Game {
    async fn run(&self) {
        // From when each tick was due, so that lateness does not add up.
        let mut ticks = ferrio::interval(Duration::from_secs(1) / TICKS_PER_SECOND);
        loop {
            ticks.tick().await;
            let mut world = self.world.borrow_mut();
            world.step();
            if world.tick.is_multiple_of(TICKS_PER_STATE) {
                let state: Rc<str> = world.state().into(); // once for all
                self.clients.borrow_mut().retain(|client| client.strong_count() > 0);
                for client in self.clients.borrow().iter().filter_map(Weak::upgrade) {
                    client.state.replace(state.clone());
                    client.fresh.set();
                }
            }
        }
    }

    /// One connection, from the handshake to the end.
    async fn play(&self, mut socket: WebSocket) {
        let client = Rc::new(Client {
            socket: socket.sender(),
            player: Cell::new(None),
            state: RefCell::new("".into()),
            fresh: Event::new(),
            rate: Cell::default(),
        });
        self.clients.borrow_mut().push(Rc::downgrade(&client));
        let reads = async {
            while let Some(message) = socket.recv().await {
                let understood = match message {
                    Message::Text(text) => self.understand(&client, &text).await,
                    Message::Binary(_) => Err("not a message of this game"),
                };
                if let Err(reason) = understood {
                    let _gone = client.socket.close(code::POLICY, reason).await;
                }
            }
        };
        ferrio::race!(reads, client.write()).await;
        if let Some(player) = client.player.take() {
            self.world.borrow_mut().players.remove(&player);
        }
    }

    /// Fails where a client sends what no page of ours would.
    async fn understand(&self, client: &Client, text: &str) -> Result<(), &'static str> {
        if client.floods() {
            return Err("too many messages");
        }
        let message: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
        let way = |axis: &str| message[axis].as_i64().filter(|way| (-1..=1).contains(way));
        match (message["type"].as_str(), client.player.get()) {
            (Some("join"), None) => {
                let joined = self.world.borrow_mut().join(message["name"].as_str().unwrap_or_default());
                client.player.set(joined.ok());
                let answer = match joined {
                    Ok(number) => json!({"type": "welcome", "id": number}),
                    Err(reason) => json!({"type": "refused", "reason": reason}),
                };
                client.socket.send_text(&answer.to_string()).await.map_err(|_| "it left")
            }
            (Some("steer"), Some(number)) => {
                let (Some(x), Some(y)) = (way("x"), way("y")) else { return Err("not a way to steer") };
                if let Some(player) = self.world.borrow_mut().players.get_mut(&number) {
                    player.steer = (x, y);
                }
                Ok(())
            }
            (Some("leave"), Some(number)) => {
                client.player.set(None);
                self.world.borrow_mut().players.remove(&number);
                Ok(())
            }
            _ => Err("not a message of this game"),
        }
    }
}

fn answer(game: &Rc<Game>, request: Request<Body>) -> Response<Body> {
    match request.uri().path() {
        "/" => page(PAGE),
        "/play" if is_foreign(request.headers()) => {
            refused(StatusCode::FORBIDDEN, "This game is for its own page only.")
        }
        "/play" => match Upgrade::new().max_message_size(1024).upgrade(request) {
            Err(error) => error.into_response(),
            Ok((response, socket)) => {
                let game = game.clone();
                ferrio::create_task(async move {
                    if let Ok(socket) = socket.await {
                        game.play(socket).await;
                    }
                })
                .detach();
                response
            }
        },
        _ => refused(StatusCode::NOT_FOUND, "There is no such page."),
    }
}

#[ferrio::main]
async fn main() -> io::Result<()> {
    let seed = u64::from(std::process::id()) * 0x9e37_79b9;
    let game = Rc::new(Game { world: RefCell::new(World::new(seed)), clients: RefCell::default() });
    let ticks = game.clone();
    ferrio::create_task(async move { ticks.run().await }).named("ticks").detach();
    let service = async move |request: Request<Body>| answer(&game, request);
    serve(http::start_server(service, "127.0.0.1", port()?).await?, Duration::from_secs(1)).await
}
