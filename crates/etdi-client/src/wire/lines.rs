//! Reads the messages that a server writes to its standard output, one on each line.
//!
//! Many servers also write their log there. A line that is not a JSON-RPC message is skipped and
//! counted, in any encoding, because the clients of the official SDKs skip it as well.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use rmcp::RoleClient;
use rmcp::model::ServerJsonRpcMessage;
use rmcp::service::RxJsonRpcMessage;
use tokio::io::AsyncRead;
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, Decoder, FramedRead};

use super::raw::{Captured, MAX_RESPONSE, RawResponses};

/// The reader of a server's standard output.
pub(super) struct Lines<R> {
    lines: FramedRead<R, LineCodec>,
    raws: Arc<RawResponses>,
    skipped: Arc<Skipped>,
}

/// The number of lines that were skipped.
#[derive(Debug, Default)]
pub(super) struct Skipped(AtomicU64);

impl Skipped {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(output: R, raws: Arc<RawResponses>, skipped: Arc<Skipped>) -> Self {
        Self { lines: FramedRead::new(output, LineCodec::default()), raws, skipped }
    }

    /// Returns the next message. `None` at the end of the output.
    pub(super) async fn next(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = match self.lines.next().await? {
                Ok(line) => line,
                Err(error) => {
                    tracing::debug!("cannot read the server's output: {error}");
                    return None;
                }
            };
            match line {
                Line::TooLong => self.raws.fail(&Captured::TooLarge),
                Line::Text(text) if text.trim_ascii().is_empty() => {}
                Line::Text(text) => match self.message(&text) {
                    Some(message) => return Some(message),
                    None => self.skip(),
                },
            }
        }
    }

    fn message(&self, line: &[u8]) -> Option<ServerJsonRpcMessage> {
        match self.raws.offer(line) {
            Some(kept) => Some(kept.message()),
            None => serde_json::from_slice(without_mark(line)).ok(),
        }
    }

    fn skip(&self) {
        self.skipped.0.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("skipped a line of the server's output that is not a JSON-RPC message");
    }
}

/// Returns the text without a byte order mark (RFC 8259, section 8.1).
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

enum Line {
    Text(Bytes),
    /// More than [`MAX_RESPONSE`] bytes. The reader goes on behind the line.
    TooLong,
}

/// A line is an item even if it is too long: `FramedRead` ends after an error.
struct LineCodec(AnyDelimiterCodec);

impl Default for LineCodec {
    fn default() -> Self {
        let (ends, between) = (b"\n".to_vec(), b"\n".to_vec());
        Self(AnyDelimiterCodec::new_with_max_length(ends, between, MAX_RESPONSE))
    }
}

impl LineCodec {
    fn line(
        found: Result<Option<Bytes>, AnyDelimiterCodecError>,
    ) -> Result<Option<Line>, io::Error> {
        match found {
            Ok(None) => Ok(None),
            Ok(Some(text)) => {
                let end = text.strip_suffix(b"\r").unwrap_or(&text).len();
                // The line feed of a log in UTF-16 ends with a zero byte, before the next message.
                let start = text.iter().take_while(|byte| **byte == 0).count().min(end);
                Ok(Some(Line::Text(text.slice(start..end))))
            }
            Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => Ok(Some(Line::TooLong)),
            Err(AnyDelimiterCodecError::Io(error)) => Err(error),
        }
    }
}

impl Decoder for LineCodec {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        Self::line(self.0.decode(buffer))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        Self::line(self.0.decode_eof(buffer))
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ListToolsRequest, RequestId};

    use super::*;

    const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    fn lines(output: &'static [u8]) -> Lines<&'static [u8]> {
        Lines::new(output, Arc::default(), Arc::default())
    }

    #[tokio::test]
    async fn a_line_that_is_not_a_message_is_skipped_and_counted() {
        let utf16: Vec<u8> = "{\"log\": 1}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (noise, count) in [
            (b"Server running on stdio\n".to_vec(), 1),
            (b"caf\xe9\n\xff\xfe\n".to_vec(), 2),
            (b"{\"level\":\"info\",\"id\":1}\n[1, 2]\n7\nnull\n".to_vec(), 4),
            (b"{\"half\": \n".to_vec(), 1),
            (utf16, 1),
            (b"\n \r\n".to_vec(), 0),
        ] {
            let output = [noise.as_slice(), PING, b"\n"].concat();
            let mut lines = lines(output.leak());
            let next = lines.next().await;
            assert!(matches!(next, Some(ServerJsonRpcMessage::Request(_))), "{next:?}");
            assert_eq!(lines.skipped.count(), count, "{noise:?}");
        }
    }

    #[tokio::test]
    async fn the_last_line_needs_no_line_feed() {
        let mut lines = lines(PING);
        assert!(lines.next().await.is_some());
        assert!(lines.next().await.is_none());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_fails_the_listing_and_the_reader_goes_on() {
        let output = [vec![b'x'; MAX_RESPONSE + 1], b"\n".to_vec(), PING.to_vec()].concat();
        let mut lines = lines(output.leak());
        let id = RequestId::Number(2);
        let list = ClientRequest::ListToolsRequest(ListToolsRequest::default());
        lines.raws.expect(&ClientJsonRpcMessage::request(list, id.clone()));
        assert!(lines.next().await.is_some());
        assert_eq!(lines.raws.take(&id), Some(Captured::TooLarge));
    }
}
