//! The listener for those who watch over a node: `/metrics`, `/healthz` and `/readyz`.
//!
//! One connection, one request, five seconds. It has no secrets and no TLS; it belongs on an address that only the watchers reach.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::metrics::{Format, Metrics};

/// Connections at one time; others wait. Those who watch are few.
const CONNECTIONS_MAX: usize = 32;

/// How long a connection may take for all: its request and the answer.
const CONNECTION_MAX: Duration = Duration::from_secs(5);

/// Bytes of a request's head, at most; ours has a line and what a client adds by itself.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Header fields of a request, at most.
const HEADERS_MAX: usize = 32;

/// Whether all is well, or what is not, in a sentence. It must not wait for anything.
pub type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What is answered.
pub struct Answers {
    /// To `/metrics`.
    pub metrics: Arc<Metrics>,
    /// To `/healthz`: the node can do its work, or should be started again.
    pub healthy: Check,
    /// To `/readyz`: clients may be sent to this node.
    pub ready: Check,
}

/// Answers until the node ends.
pub async fn serve(listener: TcpListener, answers: Arc<Answers>, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let Some((accepted, place)) = shutdown.run_until_cancelled(accept).await else { return };
        match accepted {
            Ok((stream, _)) => {
                let (answers, shutdown) = (answers.clone(), shutdown.clone());
                tokio::spawn(async move {
                    let _ = shutdown.run_until_cancelled(timeout(CONNECTION_MAX, converse(stream, &answers))).await;
                    drop(place);
                });
            }
            Err(cause) => {
                warn!("a watcher could not be let in: {cause}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, answers: &Answers) {
    let service = service_fn(|request: Request<Incoming>| {
        let format = Format::wanted(request.headers());
        ready(Ok::<_, Infallible>(answers.to(request.method(), request.uri().path(), format)))
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).half_close(true).max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    http.timer(TokioTimer::new()).header_read_timeout(CONNECTION_MAX);
    if let Err(cause) = http.serve_connection(TokioIo::new(stream), service).await {
        debug!("a watcher's connection ended: {cause}");
    }
}

impl Answers {
    fn to(&self, method: &Method, path: &str, format: Format) -> Response<Full<Bytes>> {
        if !["/metrics", "/healthz", "/readyz"].contains(&path) {
            return text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n".to_owned());
        }
        if ![Method::GET, Method::HEAD].contains(method) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "it can be read only: GET\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/healthz" => checked((self.healthy)()),
            "/readyz" => checked((self.ready)()),
            _ => answer(StatusCode::OK, format.content_type(), self.metrics.text_in(format)),
        }
    }
}

fn checked(outcome: Result<(), String>) -> Response<Full<Bytes>> {
    match outcome {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
