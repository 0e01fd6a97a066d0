use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct Watched {
    address: SocketAddr,
    ready: Arc<AtomicBool>,
    shutdown: CancellationToken,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn watched() -> Watched {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ready, shutdown) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
    let is_ready = ready.clone();
    let answers = Answers {
        metrics: Arc::new(Metrics::new()),
        healthy: Box::new(|| Ok(())),
        ready: Box::new(move || if is_ready.load(Ordering::SeqCst) { Ok(()) } else { Err("shard 3 has no home".to_owned()) }),
    };
    tokio::spawn(serve(listener, Arc::new(answers), shutdown.clone()));
    Watched { address, ready, shutdown }
}

impl Watched {
    /// Everything that is answered to these bytes, without the date.
    async fn said(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A server that has enough closes while we still write; what it said before counts.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap().replace('\r', "");
        answer.lines().filter(|line| !line.starts_with("date: ")).map(|line| format!("{line}\n")).collect()
    }

    async fn check(&self, request: &str, expected: Expect) {
        expected.assert_eq(&self.said(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await);
    }
}

#[tokio::test]
async fn health_and_readiness_are_told_with_the_reason() {
    let watched = watched().await;
    watched
        .check(
            "GET /healthz",
            expect![[r#"
        HTTP/1.1 200 OK
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 3

        ok
    "#]],
        )
        .await;
    watched
        .check(
            "GET /readyz",
            expect![[r#"
        HTTP/1.1 503 Service Unavailable
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 20

        shard 3 has no home
    "#]],
        )
        .await;
    watched.ready.store(true, Ordering::SeqCst);
    watched
        .check(
            "GET /readyz?verbose",
            expect![[r#"
        HTTP/1.1 200 OK
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 3

        ok
    "#]],
        )
        .await;
    watched
        .check(
            "HEAD /readyz",
            expect![[r#"
        HTTP/1.1 200 OK
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 3

    "#]],
        )
        .await;
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let watched = watched().await;
    let said = watched.said(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 OK\n"), "{said}");
    assert!(said.contains("\ncontent-type: text/plain; version=0.0.4; charset=utf-8\n"), "{said}");
    assert!(said.contains("\nconclave_sessions 0\n") && !said.contains("# EOF"), "{said}");
    assert!(said.contains("\n# TYPE conclave_commits_total counter\nconclave_commits_total 0\n"), "{said}");
    assert!(said.contains("\n# TYPE conclave_build_info gauge\nconclave_build_info{version="), "{said}");
    let kinds = said.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').nth(1));
    assert!(kinds.into_iter().all(|kind| ["counter", "gauge", "histogram"].contains(&kind)), "{said}");

    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let said = watched.said(format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n").as_bytes()).await;
    assert!(said.contains("\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\n"), "{said}");
    assert!(said.contains("\nconclave_sessions 0\n") && said.ends_with("# EOF\n"), "{said}");
}

#[tokio::test]
async fn anything_else_is_refused() {
    let watched = watched().await;
    watched
        .check(
            "GET /",
            expect![[r#"
        HTTP/1.1 404 Not Found
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 41

        there are /metrics, /healthz and /readyz
    "#]],
        )
        .await;
    watched
        .check(
            "POST /metrics",
            expect![[r#"
        HTTP/1.1 405 Method Not Allowed
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        allow: GET, HEAD
        connection: close
        content-length: 25

        it can be read only: GET
    "#]],
        )
        .await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(2 * HEAD_BYTES_MAX));
    assert!(watched.said(head.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let fields = "X: x\r\n".repeat(HEADERS_MAX + 1);
    assert!(watched.said(format!("GET /healthz HTTP/1.1\r\n{fields}\r\n").as_bytes()).await.starts_with("HTTP/1.1 431 "));
    assert!(watched.said(b"\x16\x03\x01 no http \r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn one_that_says_nothing_does_not_keep_its_place() {
    let watched = watched().await;
    let start = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(TcpStream::connect(watched.address).await.unwrap());
    }
    // The last one waits until the others are shut out.
    let said = timeout(2 * CONNECTION_MAX, watched.said(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).await.unwrap();
    assert!(said.ends_with("\nok\n"), "{said}");
    assert!(start.elapsed() >= CONNECTION_MAX, "{:?}", start.elapsed());
}
