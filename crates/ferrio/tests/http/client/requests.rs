//! What is sent: heads, bodies whole and streamed, forms; what is refused before.

use std::io::{Read, Write};
use std::time::Duration;

use ferrio::http::client::{Multipart, Part};
use ferrio::http::{self, Body, Client, Request, Response};
use ferrio::timeout;

use super::{raw, url};

/// Sends back what it was sent: the head's lines, then the body.
async fn mirror() -> http::Server {
    let service = async |mut request: Request<Body>| {
        let mut said = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            said.extend([name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes()), "\n"]);
        }
        let body = request.body_mut().bytes(64 << 20).await?;
        Ok::<_, http::BodyError>(Response::new(Body::from([said.as_bytes(), b"\n", &body].concat())))
    };
    http::start_server(service, "127.0.0.1", 0).await.unwrap()
}

fn at(server: &http::Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}

#[test]
fn heads_have_defaults_and_what_the_program_says() {
    ferrio::run(async {
        let server = mirror().await;
        let client = Client::builder().user_agent("test/1").default_header("x-a", "1").build();
        let text = client.get(at(&server, "/a?b#c")).header("x-a", "2").header("x-b", "3").header("x-b", "4");
        let text = text.send().await.unwrap().text().await.unwrap();
        let expected = format!(
            "GET /a?b\nhost: 127.0.0.1:{}\nx-a: 2\nx-b: 3\nx-b: 4\nuser-agent: test/1\naccept: */*\n\
             accept-encoding: ",
            server.port()
        );
        assert!(text.starts_with(&expected), "{text}");
        let request = client.delete(at(&server, "/").replace("//", "//me:p%40ss@")).send();
        let text = request.await.unwrap().text().await.unwrap();
        assert!(text.contains("\nauthorization: Basic bWU6cEBzcw==\n"), "{text}");
        let text = client.head(at(&server, "/")).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "");
        let text = client.put(at(&server, "/")).bearer_auth("t").send().await.unwrap().text().await.unwrap();
        assert!(
            text.contains("\nauthorization: Bearer t\n") && text.contains("\ncontent-length: 0\n"),
            "{text}"
        );
    });
}

#[test]
fn bodies_go_whole_in_parts_and_as_they_are_made() {
    ferrio::run(async {
        let server = mirror().await;
        let (client, url) = (Client::new(), at(&server, "/"));
        for size in [0, 1, 65_536, 300_000, 5_000_000] {
            let data: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
            let answer = client.post(&url).body(data.clone()).send().await.unwrap().bytes().await.unwrap();
            assert!(answer.ends_with(&data) && answer.len() > data.len(), "{size}");
        }
        let made = Body::stream(async |mut sender| {
            for number in 0..1000 {
                sender.send(format!("{number:04}")).await?;
                if number % 100 == 0 {
                    ferrio::yield_now().await;
                }
            }
            Ok(())
        });
        let text = client.post(&url).body(made).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("\ntransfer-encoding: chunked\n") && text.ends_with("0999"));
        let (file, metadata) = Body::file("Cargo.toml").await.unwrap();
        let text = client.put(&url).body(file).send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!("\ncontent-length: {}\n", metadata.len())));
        assert_eq!(client.connections(), (0, 1));
    });
}

#[test]
fn forms_have_a_length_where_their_parts_have() {
    ferrio::run(async {
        let server = mirror().await;
        let (client, url) = (Client::new(), at(&server, "/"));
        let form = Multipart::new().text("a\"b", "ä").file("f", "Cargo.toml").await.unwrap();
        let text = client.post(&url).multipart(form).send().await.unwrap().text().await.unwrap();
        assert!(
            text.contains("\ncontent-length: ") && text.contains("name=\"a%22b\"\r\n\r\nä\r\n"),
            "{text}"
        );
        assert!(text.trim_end().ends_with("--"));
        let made = Body::stream(async |mut sender| sender.send("streamed").await);
        let form = Multipart::new().part(&Part::text("s"), made).unwrap();
        let text = client.post(&url).multipart(form).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("\ntransfer-encoding: chunked\n") && text.contains("\r\n\r\nstreamed\r\n--"));
        let part = Part { headers: &[("x", "a\nb")], ..Part::text("s") };
        assert!(Multipart::new().part(&part, "x").is_err());
    });
}

#[test]
fn what_cannot_be_sent_is_told_of_and_not_sent() {
    ferrio::run(async {
        let (server, count) = raw(|_, _, _| async {}).await;
        let (client, good) = (Client::new(), url(&server, "/"));
        for (request, text) in [
            (
                client.get("a.example"),
                "GET ?: making the request: an address begins with http:// or https://",
            ),
            (client.get("http://ä.example/"), "GET ?: making the request: a host has letters"),
            (client.get(&good).header("a b", "c"), "a header's name is no token"),
            (client.get(&good).header("a", "b\r\nc: d"), "its value has control bytes"),
            (client.get(&good).bearer_auth("a\nb"), "the credentials have control bytes"),
        ] {
            let error = request.send().await.unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            assert!(!error.is_connect());
        }
        assert_eq!(count.get(), 0);
        let failing = Body::stream(async |_| Err(std::io::Error::other("no more")));
        let error = client.post(&good).body(failing).send().await.unwrap_err();
        assert!(error.to_string().ends_with("waiting for the answer: no more"), "{error}");
        assert_eq!(client.connections(), (0, 0));
    });
}

#[test]
fn an_answer_that_comes_before_the_body_is_sent_is_read() {
    ferrio::run(async {
        let (server, _) = raw(|_, mut reader, mut writer| async move {
            reader.read_until(b"\r\n\r\n").await.unwrap();
            writer
                .write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
            writer.drain().await.unwrap();
            let _rest = timeout(Duration::from_secs(5), reader.read_to_end()).await;
        })
        .await;
        let endless = Body::stream(async |mut sender| {
            loop {
                sender.send(vec![0; 65_536]).await?;
            }
        });
        let client = Client::new();
        let mut response = client.post(url(&server, "/")).body(endless).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (413, "no"));
        assert_eq!(client.connections(), (0, 0));
    });
}

/// A server that answers and hangs up, though most of the body is still to come: its system resets the connection, and writing
/// fails before the answer was looked at, or after.
#[test]
fn an_answer_before_a_reset_is_read() {
    const COUNT: usize = 60;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(COUNT) {
            let mut stream = stream.unwrap();
            let _head = stream.read(&mut [0; 1000]).unwrap();
            let head = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
            stream.write_all(format!("{head}no").as_bytes()).unwrap();
        }
    });
    ferrio::run(async {
        let client = Client::new();
        for number in 0..COUNT {
            let made = Body::stream(async |mut sender| {
                for _ in 0..400 {
                    sender.send(vec![0; 20_000]).await?;
                    ferrio::sleep(Duration::from_micros(50)).await;
                }
                Ok(())
            });
            let body = if number % 2 == 0 { made } else { vec![0; 3_000_000].into() };
            let mut response = client.post(&url).body(body).send().await.unwrap();
            assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (413, "no"));
            assert_eq!(client.connections(), (0, 0));
        }
    });
    server.join().unwrap();
}

#[test]
fn both_ways_at_once() {
    ferrio::run(async {
        let service = async |mut request: Request<Body>| {
            Response::new(Body::stream(async move |mut sender| {
                while let Some(chunk) = request.body_mut().next_chunk().await? {
                    sender.send(chunk).await?;
                }
                Ok(())
            }))
        };
        let server = http::start_server(service, "127.0.0.1", 0).await.unwrap();
        let (mut sender, body) = Body::channel();
        let client = Client::new();
        let opening = ferrio::create_task({
            let request = client.post(at(&server, "/")).body(body);
            async move { request.send().await }
        });
        sender.send("one").await.unwrap();
        let mut response = opening.await.unwrap().unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
        for word in ["two", "three"] {
            let (sent, chunk) = ferrio::gather!(sender.send(word), response.chunk()).await;
            sent.unwrap();
            assert_eq!(chunk.unwrap().unwrap(), word);
        }
        drop(sender);
        assert!(response.chunk().await.unwrap().is_none());
    });
}
