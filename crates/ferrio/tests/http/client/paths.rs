//! Where requests go: redirects, cookies, proxies.

use std::cell::RefCell;
use std::rc::Rc;

use ferrio::http::client::{Jar, Proxy, ProxyRules, is_top_level};
use ferrio::http::{self, Body, Client, Request, Response, StatusCode};

use super::raw;

/// Answers by the path: `/to/STATUS/LOCATION` redirects, anything else is told of as it came.
async fn guide(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut response = Response::new(Body::empty());
    if let Some((status, location)) = path.strip_prefix("/to/").and_then(|rest| rest.split_once('/')) {
        *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).unwrap();
        let location = location.replace("%23", "#").replace('~', "://");
        response.headers_mut().insert("location", location.parse().unwrap());
        response.headers_mut().append("set-cookie", format!("from{status}=1; Path=/").parse().unwrap());
        return response;
    }
    let mut request = request;
    let body = request.body_mut().text(1000).await.unwrap();
    let header =
        |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
    let said = format!(
        "{} {} auth={} cookie={} type={} body={body}",
        request.method(),
        request.uri(),
        header("authorization"),
        header("cookie"),
        header("content-type"),
    );
    *response.body_mut() = said.into();
    response
}

#[test]
fn redirects_change_what_they_should_and_no_more() {
    ferrio::run(async {
        let server = http::start_server(guide, "127.0.0.1", 0).await.unwrap();
        let other = http::start_server(guide, "127.0.0.1", 0).await.unwrap();
        let base = format!("http://127.0.0.1:{}", server.port());
        let client = Client::new();
        let ask = async |method: &str, path: &str| {
            let method = http::Method::from_bytes(method.as_bytes()).unwrap();
            let request = client.request(method, format!("{base}{path}"));
            let request =
                request.basic_auth("a", "b").header("cookie", "own=1").header("content-type", "t/x");
            let mut response = request.body("data").send().await.unwrap();
            (response.text().await.unwrap(), response.url())
        };
        let elsewhere = format!("/to/302/http~127.0.0.1:{}/there", other.port());
        for (method, path, expected) in [
            ("POST", "/to/302//x?y", "GET /x auth=Basic YTpi cookie=own=1 type=- body="),
            ("POST", "/to/303//x", "GET /x auth=Basic YTpi cookie=own=1 type=- body="),
            ("PUT", "/to/301//x", "PUT /x auth=Basic YTpi cookie=own=1 type=t/x body=data"),
            ("POST", "/to/307//x", "POST /x auth=Basic YTpi cookie=own=1 type=t/x body=data"),
            ("POST", "/to/308/x", "POST /to/308/x"),
            ("GET", "/to/307//to/307//x%23y", "GET /x auth=Basic YTpi cookie=own=1 type=t/x body=data"),
            ("GET", &elsewhere, "GET /there auth=- cookie=- type=t/x body=data"),
        ] {
            if path == "/to/308/x" {
                continue; // Leads to itself: below.
            }
            let (text, _) = ask(method, path.split('?').next().unwrap()).await;
            assert_eq!(text, expected, "{method} {path}");
        }
        assert_eq!(ask("GET", "/to/302//end").await.1, format!("{base}/end"));
        let request = |path: &str| client.post(format!("{base}{path}"));
        let error = request("/to/308/x").send().await.unwrap_err();
        assert!(error.is_redirect() && error.to_string().contains("more of them than"), "{error}");
        let error = request("/to/302/ftp~a/").send().await.unwrap_err();
        assert!(error.is_redirect() && error.to_string().contains("Location is no address"), "{error}");
        let made = Body::stream(async |mut sender| sender.send("x").await);
        let error = request("/to/307//x").body(made).send().await.unwrap_err();
        assert!(error.is_redirect() && error.to_string().contains("cannot be sent again"), "{error}");
        let mut answer =
            Client::builder().redirects(0).build().get(format!("{base}/to/302//x")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (302, 0));
        assert_eq!(client.connections().0, 0);
    });
}

#[test]
fn cookies_are_kept_where_there_is_a_jar() {
    ferrio::run(async {
        let server = http::start_server(guide, "127.0.0.1", 0).await.unwrap();
        let base = format!("http://127.0.0.1:{}", server.port());
        let client = Client::builder().cookies(Jar::new(is_top_level)).build();
        let text =
            client.get(format!("{base}/to/302//to/307//x")).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "GET /x auth=- cookie=from302=1; from307=1 type=- body=");
        let request = client.get(format!("{base}/y")).header("cookie", "own=1");
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(" cookie=own=1; from302=1; from307=1 "), "{text}");
        let without =
            Client::new().get(format!("{base}/to/302//x")).send().await.unwrap().text().await.unwrap();
        assert!(without.contains(" cookie=- "));
    });
}

/// A proxy that notes the heads it is given and answers by itself.
async fn proxy(heads: Rc<RefCell<Vec<String>>>) -> ferrio::Server {
    raw(move |_, mut reader, mut writer| {
        let heads = heads.clone();
        async move {
            while let Ok(head) = reader.read_until(b"\r\n\r\n").await {
                let head = String::from_utf8(head).unwrap();
                let refused = head.starts_with("CONNECT refused");
                heads.borrow_mut().push(head);
                let status = if refused { "403 Forbidden" } else { "200 OK" };
                writer.write(format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nproxy").as_bytes());
            }
        }
    })
    .await
    .0
}

#[test]
fn what_is_plain_goes_by_a_proxy_whole() {
    ferrio::run(async {
        let heads = Rc::default();
        let server = proxy(Rc::clone(&heads)).await;
        let address = format!("http://me:secret@127.0.0.1:{}", server.port());
        let rules = ProxyRules::all(Proxy::parse(&address).unwrap()).except("direct.invalid");
        let client = Client::builder().proxies(rules).build();
        for host in ["a.invalid", "b.invalid:8080"] {
            let text = client.get(format!("http://{host}/x?y")).send().await.unwrap().text().await.unwrap();
            assert_eq!(text, "proxy");
            let head = heads.borrow_mut().pop().unwrap();
            let expected = format!("GET http://{host}/x?y HTTP/1.1\r\nhost: {host}\r\n");
            assert!(head.starts_with(&expected), "{head}");
            assert!(head.contains("\r\nproxy-authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
        }
        // One connection serves whatever host.
        assert_eq!(client.connections(), (0, 1));
        assert!(client.get("http://direct.invalid/").send().await.unwrap_err().is_connect());
    });
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    ferrio::run(async {
        let heads = Rc::default();
        let server = proxy(Rc::clone(&heads)).await;
        let address = format!("http://me:secret@127.0.0.1:{}", server.port());
        let client = Client::builder().proxy(Proxy::parse(&address).unwrap()).build();
        let error = client.get("https://refused.invalid/").send().await.unwrap_err();
        assert!(error.is_connect());
        assert!(error.to_string().ends_with("connecting: by the proxy 127.0.0.1: it answers 403"), "{error}");
        let head = heads.borrow_mut().pop().unwrap();
        assert!(
            head.starts_with("CONNECT refused.invalid:443 HTTP/1.1\r\nhost: refused.invalid:443\r\n"),
            "{head}"
        );
        // What becomes a WebSocket goes through a tunnel, though it is plain.
        let error = client.websocket("ws://refused.invalid/").connect().await.unwrap_err();
        assert!(error.is_connect() && error.to_string().contains("it answers 403"), "{error}");
        assert!(heads.borrow_mut().pop().unwrap().starts_with("CONNECT refused.invalid:80 HTTP/1.1\r\n"));
        let (server, _) = raw(|_, _, mut writer| async move { writer.write(b"HTTP/1.1 400 Bad") }).await;
        let address = format!("socks5://me:secret@127.0.0.1:{}", server.port());
        let client = Client::builder().proxy(Proxy::parse(&address).unwrap()).build();
        let error = client.get("http://a.invalid/").send().await.unwrap_err();
        assert!(error.is_connect() && error.to_string().ends_with("does not speak SOCKS 5"), "{error}");
        assert_eq!(client.connections(), (0, 0));
    });
}

#[test]
fn socks_leads_to_whom_it_is_asked_for() {
    ferrio::run(async {
        let (server, _) = raw(|_, mut reader, mut writer| async move {
            let greeting = reader.read_exact(4).await.unwrap();
            assert_eq!(greeting, [5, 2, 0, 2]);
            writer.write(&[5, 2]);
            assert_eq!(reader.read_exact(8).await.unwrap(), b"\x01\x02me\x03abc");
            writer.write(&[1, 0]);
            let asked = reader.read_exact(4 + 1 + 9 + 2).await.unwrap();
            assert_eq!(asked, b"\x05\x01\0\x03\x09a.invalid\x1f\x90");
            writer.write(b"\x05\0\0\x01\0\0\0\0\0\0");
            while let Ok(head) = reader.read_until(b"\r\n\r\n").await {
                assert!(head.starts_with(b"GET /x HTTP/1.1\r\nhost: a.invalid:8080\r\n"));
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsocks");
            }
        })
        .await;
        let address = format!("socks5h://me:abc@127.0.0.1:{}", server.port());
        let client = Client::builder().proxy(Proxy::parse(&address).unwrap()).build();
        for _ in 0..2 {
            let text = client.get("http://a.invalid:8080/x").send().await.unwrap().text().await.unwrap();
            assert_eq!(text, "socks");
        }
        assert_eq!(client.connections(), (0, 1));
    });
}
