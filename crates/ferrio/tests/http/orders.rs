//! WebSockets of a server that end in every order, drawn by seeds: what was sent in order comes, and the connection ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use ferrio::http::{self, Body, Request, Server, Upgrade, UpgradeError, WebSocket};
use ferrio::timeout;

use crate::support::{Client, HANDSHAKE, milliseconds};

const SEEDS: u64 = 300;
const TOGETHER: u64 = 30;
const PATIENCE: Duration = Duration::from_secs(60);

/// Draws numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % end
    }

    pub(crate) fn of<T: Copy>(&mut self, from: &[T]) -> T {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap();
        from[place]
    }
}

/// How a server's side ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Closes,
    ClosesAndDrops,
    Drops,
    DropsLate,
    Listens,
    Aborts,
}

/// How a client does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    Answers,
    First,
    Reads,
    Half,
    Aborts,
}

#[derive(Debug)]
struct Plan {
    sizes: Vec<usize>,
    hears: bool,
    ends: Ends,
    leaves: Leaves,
    sends: Vec<usize>,
    slow: bool,
    late: u64,
}

fn plan(seed: u64) -> Plan {
    let mut dice = Dice::new(seed);
    let count = dice.below(5);
    let sizes = (0..count).map(|_| dice.of(&[0, 10, 1000, 70_000, 1_500_000])).collect();
    let ends = dice.of(&[
        Ends::Closes,
        Ends::ClosesAndDrops,
        Ends::Drops,
        Ends::DropsLate,
        Ends::Listens,
        Ends::Aborts,
    ]);
    let mut leaves = dice.of(&[
        Leaves::Answers,
        Leaves::First,
        Leaves::Reads,
        Leaves::Half,
        Leaves::Aborts,
        Leaves::Answers,
    ]);
    // Somebody has to begin.
    if ends == Ends::Listens && matches!(leaves, Leaves::Answers | Leaves::Reads) {
        leaves = Leaves::First;
    }
    if ends == Ends::Closes && leaves == Leaves::Reads {
        leaves = Leaves::Answers;
    }
    let count = dice.below(4);
    let sends: Vec<_> = (0..count).map(|_| dice.of(&[0, 5, 300, 200_000])).collect();
    Plan {
        sizes,
        hears: dice.below(3) == 0,
        ends,
        leaves,
        sends,
        slow: dice.below(3) == 0,
        late: dice.below(4),
    }
}

async fn talk(mut socket: WebSocket, plan: Rc<Plan>, place: Rc<RefCell<usize>>) {
    for &size in &plan.sizes {
        if plan.hears && timeout(milliseconds(2), socket.recv()).await == Ok(None) {
            return;
        }
        if socket.send_binary(&vec![u8::try_from(size % 251).unwrap(); size]).await.is_err() {
            return;
        }
        *place.borrow_mut() += 1;
    }
    match plan.ends {
        Ends::Closes => {
            if socket.close(4321, "over").await.is_ok() {
                while socket.recv().await.is_some() {}
            }
        }
        Ends::ClosesAndDrops => drop(socket.close(4321, "over").await),
        Ends::Drops => {}
        Ends::DropsLate => {
            let sender = socket.sender();
            ferrio::sleep(milliseconds(plan.late)).await;
            drop(socket);
            assert!(sender.send_text("late").await.is_err());
        }
        Ends::Listens => while socket.recv().await.is_some() {},
        Ends::Aborts => socket.abort(),
    }
}

/// The payloads of whole frames, and the code of a close.
fn heard(mut data: &[u8]) -> (Vec<usize>, Option<u16>) {
    let mut sizes = Vec::new();
    while let [first, second, ..] = *data {
        let (at, size) = match second {
            126 if data.len() >= 4 => (4, usize::from(u16::from_be_bytes([data[2], data[3]]))),
            127 if data.len() >= 10 => {
                (10, usize::try_from(u64::from_be_bytes(data[2..10].try_into().unwrap())).unwrap())
            }
            126 | 127 => break,
            size => (2, usize::from(size)),
        };
        if data.len() < at + size {
            break;
        }
        if first == 0x88 {
            return (sizes, Some(if size < 2 { 1005 } else { u16::from_be_bytes([data[2], data[3]]) }));
        }
        if first == 0x82 {
            assert!(data[at..at + size].iter().all(|&byte| usize::from(byte) == size % 251));
            sizes.push(size);
        }
        data = &data[at + size..];
    }
    (sizes, None)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xff];
    frame.extend((payload.len() as u64).to_be_bytes());
    if payload.len() < 126 {
        frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn visit(server: &Server, seed: u64, plan: &Plan) -> (Vec<usize>, Option<u16>) {
    let mut client = Client::of(server).await;
    client.send(HANDSHAKE.replace("GET / ", &format!("GET /{seed} ")) + "\r\n");
    client.head().await;
    for &size in &plan.sends {
        client.send(frame(0x82, &vec![1; size]));
    }
    ferrio::sleep(milliseconds(plan.late)).await;
    let mut data = Vec::new();
    match plan.leaves {
        Leaves::First => client.send(frame(0x88, &1000_u16.to_be_bytes())),
        Leaves::Half => client.writer.write_eof().unwrap_or_default(),
        Leaves::Aborts => {
            client.writer.abort();
            return (Vec::new(), None);
        }
        _ => {}
    }
    let mut answered = plan.leaves != Leaves::Answers;
    loop {
        if plan.slow {
            ferrio::sleep(milliseconds(1)).await;
        }
        match client.reader.read(if plan.slow { 100_000 } else { 1 << 20 }).await {
            Ok(more) if !more.is_empty() => data.extend(more),
            _ => break,
        }
        if !answered && let (_, Some(code)) = heard(&data) {
            client.send(frame(0x88, &code.to_be_bytes()));
            answered = true;
        }
    }
    heard(&data)
}

#[test]
fn what_was_sent_comes_and_every_connection_ends() {
    ferrio::run(async {
        let sent: Rc<RefCell<HashMap<u64, Rc<RefCell<usize>>>>> = Rc::default();
        let all = sent.clone();
        let service = async move |request: Request<Body>| {
            let seed: u64 = request.uri().path()[1..].parse().unwrap();
            let (response, socket) = Upgrade::new().deflate(false).upgrade(request)?;
            let place = all.borrow_mut().entry(seed).or_default().clone();
            ferrio::create_task(async move {
                if let Ok(socket) = socket.await {
                    talk(socket, Rc::new(plan(seed)), place).await;
                }
            })
            .detach();
            Ok::<_, UpgradeError>(response)
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        for first in (0..SEEDS).step_by(usize::try_from(TOGETHER).unwrap()) {
            ferrio::gather((first..first + TOGETHER).map(|seed| {
                let (server, sent) = (&server, &sent);
                async move {
                    let plan = plan(seed);
                    let visit = timeout(PATIENCE, visit(server, seed, &plan)).await;
                    let (sizes, code) = visit.unwrap_or_else(|_| panic!("{seed} never ends: {plan:?}"));
                    assert!(plan.sizes.starts_with(&sizes), "{seed}: {sizes:?} {plan:?}");
                    let whole =
                        matches!(plan.leaves, Leaves::Answers | Leaves::Reads | Leaves::First | Leaves::Half)
                            && plan.ends != Ends::Aborts;
                    if whole {
                        let count = *sent.borrow()[&seed].borrow();
                        assert!(sizes.len() >= count, "{seed}: {sizes:?} {count} {code:?} {plan:?}");
                        let closes = matches!(plan.leaves, Leaves::Answers | Leaves::Reads | Leaves::First);
                        assert!(!closes || code.is_some(), "{seed}: {sizes:?} {count} {code:?} {plan:?}");
                    }
                }
            }))
            .await;
        }
        timeout(PATIENCE, server.wait_closed()).await.expect("all end");
    });
}
