//! One HTTP request to a published port, without a client's own retries.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;

use super::PATIENCE;

/// What came back.
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Sends `GET /path`, or `POST /path` and a body on the next line.
///
/// # Errors
///
/// Nobody listens, the connection broke, or what came back is no HTTP.
pub fn exchange(port: u16, request: &str) -> Result<Answer> {
    let (head, body) = request.split_once('\n').unwrap_or((request, ""));
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{head} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let parts = status.zip(text.split_once("\r\n\r\n"));
    let (status, (_, body)) = parts.ok_or_else(|| Error::other(format!("no HTTP: {text:?}")))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}
