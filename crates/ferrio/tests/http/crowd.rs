//! Servers that end amid their clients, drawn by seeds: every answer is whole and in order, no request that is on its way is lost,
//! and everything ends.

use std::time::{Duration, Instant};

use ferrio::http::{self, Body, Request, Response};
use ferrio::timeout;

use crate::orders::Dice;
use crate::support::{Client, milliseconds};

const SEEDS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(60);
/// Who asks again within this time finds the connection there.
const QUIET: Duration = Duration::from_millis(40);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    ShutsDown,
    Twice,
    GivesUpAndRepeats,
    Closes,
    Drops,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Kept,
    Cut,
    Ahead,
    Slow,
    Resets,
}

/// A body that the path asks for: so many bytes, in so many pieces (none: whole), each after so many milliseconds, the request's read
/// or not, all of it after some more.
async fn service(mut request: Request<Body>) -> Response<Body> {
    let path = request.uri().path()[1..].to_owned();
    let numbers: Vec<u64> = path.split('/').map(|text| text.parse().unwrap()).collect();
    let [size, pieces, wait, reads, late] = numbers[..] else { panic!("{path}") };
    if reads == 1 {
        let _gone = request.body_mut().bytes(1 << 20).await;
    }
    if late > 0 {
        ferrio::sleep(milliseconds(late)).await;
    }
    let data = vec![u8::try_from(size % 251).unwrap(); usize::try_from(size).unwrap()];
    if pieces == 0 {
        return Response::new(Body::from(data));
    }
    Response::new(Body::stream(async move |mut sender| {
        let step = data.len() / usize::try_from(pieces).unwrap() + 1;
        for piece in data.chunks(step) {
            sender.send(piece.to_vec()).await?;
            ferrio::sleep(milliseconds(wait)).await;
        }
        Ok(())
    }))
}

struct Asked {
    size: u64,
    bytes: Vec<u8>,
}

fn asked(dice: &mut Dice) -> Asked {
    let size = dice.of(&[0, 1, 100, 5000, 70_000, 400_000]);
    let (pieces, wait) = (dice.of(&[0, 0, 1, 3, 5]), dice.of(&[0, 0, 1, 5, 30]));
    let path = format!("/{size}/{pieces}/{wait}/{}/{}", dice.below(2), dice.of(&[0, 0, 0, 2, 10]));
    let mut bytes = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    if dice.below(3) == 0 {
        let length = dice.of(&[0, 10, 3000, 100_000]);
        bytes = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
    }
    Asked { size, bytes }
}

/// An answer's body; whether it was the last; nothing where none came.
async fn answer(client: &mut Client, slow: bool) -> Option<(Vec<u8>, bool)> {
    let head = match client.reader.read_until(b"\r\n\r\n").await {
        Ok(head) => String::from_utf8(head).unwrap(),
        Err(ferrio::ReadError::Incomplete { partial, .. }) if partial.is_empty() => return None,
        Err(ferrio::ReadError::Io(_)) => return None,
        Err(error) => panic!("half a head: {error:?}"),
    };
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let last = head.contains("\r\nconnection: close\r\n");
    if slow {
        ferrio::sleep(milliseconds(5)).await;
    }
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        return Some((client.reader.read_exact(length.parse().unwrap()).await.expect("a whole body"), last));
    }
    let mut body = Vec::new();
    loop {
        let line = client.reader.read_until(b"\r\n").await.expect("a whole body");
        let text = std::str::from_utf8(&line).unwrap().trim();
        let size = usize::from_str_radix(text, 16).unwrap();
        let data = client.reader.read_exact(size + 2).await.expect("a whole body");
        if size == 0 {
            return Some((body, last));
        }
        body.extend(&data[..size]);
    }
}

async fn visit(port: u16, mut dice: Dice, strict: bool) {
    let asks = dice.of(&[Asks::Kept, Asks::Kept, Asks::Cut, Asks::Ahead, Asks::Slow, Asks::Resets]);
    let Ok((reader, writer)) = ferrio::open_connection("127.0.0.1", port).await else { return };
    let mut client = Client { reader, writer };
    let mut before: Option<Instant> = None;
    loop {
        let count = if asks == Asks::Ahead { 1 + dice.below(3) } else { 1 };
        let requests: Vec<_> = (0..count).map(|_| asked(&mut dice)).collect();
        let begun = Instant::now();
        for request in &requests {
            let middle = usize::try_from(1 + dice.below(request.bytes.len() as u64 - 1)).unwrap();
            client.send(&request.bytes[..middle]);
            if asks == Asks::Cut {
                ferrio::sleep(milliseconds(dice.below(8))).await;
            }
            client.send(&request.bytes[middle..]);
        }
        if asks == Asks::Resets && dice.below(4) == 0 {
            return client.writer.abort();
        }
        for request in &requests {
            let Some((body, last)) = answer(&mut client, asks == Asks::Slow).await else {
                let lost = before.map(|before| before.elapsed());
                assert!(
                    !strict || lost.is_none_or(|since| since > QUIET),
                    "{asks:?} lost one, {lost:?} after another"
                );
                return;
            };
            assert_eq!(body.len() as u64, request.size);
            assert!(body.iter().all(|&byte| u64::from(byte) == request.size % 251));
            if last {
                return;
            }
            before = Some(begun);
        }
        ferrio::sleep(milliseconds(dice.below(3))).await;
    }
}

#[test]
fn servers_that_end_amid_their_clients_lose_nothing() {
    for seed in 1..=SEEDS {
        ferrio::run(async {
            let mut dice = Dice::new(seed);
            let ends =
                dice.of(&[Ends::ShutsDown, Ends::Twice, Ends::GivesUpAndRepeats, Ends::Closes, Ends::Drops]);
            let strict = !matches!(ends, Ends::Closes | Ends::Drops);
            let mut server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
            let port = server.port();
            let clients =
                (0..=dice.below(12)).map(|number| visit(port, Dice::new(seed * 1000 + number), strict));
            let clients: Vec<_> = clients.map(ferrio::create_task).collect();
            ferrio::sleep(milliseconds(dice.below(60))).await;
            let end = async {
                match ends {
                    Ends::ShutsDown => {}
                    Ends::Twice => assert!(server.shut_down(PATIENCE).await),
                    Ends::GivesUpAndRepeats => {
                        let _late = timeout(milliseconds(dice.below(70)), server.shut_down(PATIENCE)).await;
                    }
                    Ends::Closes => server.close(),
                    Ends::Drops => return drop(server),
                }
                assert!(server.shut_down(PATIENCE).await);
            };
            timeout(PATIENCE, end).await.unwrap_or_else(|_| panic!("{seed} {ends:?} never ends"));
            let all = timeout(PATIENCE, ferrio::gather(clients)).await;
            assert!(all.is_ok(), "{seed} {ends:?}: a client never ends");
        });
    }
}
