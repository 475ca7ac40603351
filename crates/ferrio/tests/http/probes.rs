//! The table of tests/http/probes.tsv, over real sockets: odd, broken and malicious requests.

use ferrio::http::{self, Body, BodyError, Request, Response};
use ferrio::timeout;

use crate::support::{Client, milliseconds};

#[path = "../../../ferrio-http/tests/h1/table.rs"]
mod table;

#[test]
fn every_probe_is_answered_as_the_table_says() {
    ferrio::run(async {
        let service = async |mut request: Request<Body>| {
            request.body_mut().bytes(1 << 20).await?;
            Ok::<_, BodyError>(Response::new("ok"))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let probes = table::table();
        assert!(probes.len() > 200);
        // Some at a time: each has a silence to wait for.
        for some in probes.chunks(40) {
            ferrio::gather(some.iter().map(async |probe| {
                let mut client = Client::of(&server).await;
                for step in &probe.steps {
                    client.send(step);
                    ferrio::sleep(milliseconds(20)).await;
                }
                let (said, closed) = listen(&mut client).await;
                let (statuses, _) = probe.done.split_once('+').unwrap_or((probe.done, ""));
                let expected: Vec<_> = statuses.split(',').filter(|status| *status != "wait").collect();
                assert_eq!(said, expected, "{}", probe.name);
                let refused = said.last().is_some_and(|status| status.as_str() >= "400");
                let old = probe.steps[0].windows(10).any(|window| window == b" HTTP/1.0\r");
                let ends = refused || probe.done.ends_with("+close") || old;
                assert_eq!(closed, ends, "{}", probe.name);
            }))
            .await;
        }
    });
}

/// The statuses that come, but for 100, and whether the connection ends after them.
async fn listen(client: &mut Client) -> (Vec<String>, bool) {
    let mut all = Vec::new();
    let closed = loop {
        match timeout(milliseconds(300), client.reader.read(1 << 16)).await {
            Err(_) => break false,
            Ok(Ok(data)) if !data.is_empty() => all.extend(data),
            Ok(_) => break true,
        }
    };
    let text = String::from_utf8_lossy(&all).into_owned();
    let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|part| part.get(..3));
    let statuses =
        statuses.filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()) && *status != "100");
    (statuses.map(str::to_owned).collect(), closed)
}
