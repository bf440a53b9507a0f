//! Load on an HTTP/1.1 server from one thread, so that the server is what is measured: requests with the same body on
//! kept-alive connections, one outstanding on each, for a time.
//!
//!     http_load HOST:PORT PATH CONTENT-TYPE CONNECTIONS SECONDS < BODY
//!
//! At the end one JSON line: requests, seconds, and the time from request to answer. An answer other than 200 ends it.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const HEAD_END: &[u8] = b"\r\n\r\n";

struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    sent: Instant,
}

impl Connection {
    fn open(address: &str) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, received: Vec::new(), sent: Instant::now() })
    }

    fn send(&mut self, request: &[u8]) -> std::io::Result<()> {
        self.sent = Instant::now();
        self.socket.write_all(request)
    }

    /// Reads one answer, which has a content-length.
    fn await_answer(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        self.received.clear();
        loop {
            let count = self.socket.read(buffer)?;
            if count == 0 {
                return Err("the server closed a connection".into());
            }
            self.received.extend_from_slice(&buffer[..count]);
            if let Some(length) = answer_length(&self.received)?
                && self.received.len() >= length
            {
                return Ok(());
            }
        }
    }
}

/// The length of head and body once the head is whole.
fn answer_length(received: &[u8]) -> Result<Option<usize>, Box<dyn Error>> {
    let Some(head_end) = received.windows(HEAD_END.len()).position(|found| found == HEAD_END) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..head_end])?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("answered: {}", String::from_utf8_lossy(received)).into());
    }
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some(head_end + HEAD_END.len() + value.trim().parse::<usize>()?));
        }
    }
    Err(format!("no content-length: {head}").into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, content_type, connections, seconds] = arguments.as_slice() else {
        return Err("usage: http_load HOST:PORT PATH CONTENT-TYPE CONNECTIONS SECONDS < BODY".into());
    };
    let duration = Duration::from_secs_f64(seconds.parse()?);
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);

    // The oldest request is answered first, and its connection goes to the back with the next one.
    let mut waiting = VecDeque::new();
    for _ in 0..connections.parse::<usize>()? {
        waiting.push_back(Connection::open(address)?);
    }
    let started = Instant::now();
    for connection in &mut waiting {
        connection.send(&request)?;
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut micros: Vec<u32> = Vec::new();
    while let Some(mut connection) = waiting.pop_front() {
        connection.await_answer(&mut buffer)?;
        micros.push(connection.sent.elapsed().as_micros().try_into().unwrap_or(u32::MAX));
        if started.elapsed() < duration {
            connection.send(&request)?;
            waiting.push_back(connection);
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or(0);
    println!(
        "{{\"requests\":{},\"seconds\":{elapsed:.3},\"answer_us\":{{\"p50\":{},\"p99\":{},\"max\":{}}}}}",
        micros.len(),
        at(0.5),
        at(0.99),
        micros.last().copied().unwrap_or(0)
    );
    Ok(())
}
