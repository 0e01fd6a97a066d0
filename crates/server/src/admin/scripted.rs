//! A node for tests that has nothing but its administration socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::Pin;

use super::{Answer, Ask, socket};

/// Answers one connection after the other, for as long as the test's process runs.
pub(crate) fn serve(dir: &Path, answer: impl Fn(Ask) -> Pin<Box<dyn Future<Output = Answer>>> + Send + 'static) {
    let listener = UnixListener::bind(socket(dir)).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                let answer = runtime.block_on(answer(serde_json::from_str(&line).unwrap()));
                line.clear();
                if writeln!(stream.get_mut(), "{}", serde_json::to_string(&answer).unwrap()).is_err() {
                    break;
                }
            }
        }
    });
}
