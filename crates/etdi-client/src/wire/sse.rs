//! Server-sent events: the raw text of a response is the data of one event.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use rmcp::model::RequestId;
use sse_stream::{Error, Sse, SseStream};

use super::raw::{Captured, RawResponses};

/// Parses an event stream. An event may have at most `max` bytes.
pub(super) fn events<S, E>(bytes: S, max: usize) -> BoxStream<'static, Result<Sse, Error>>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut size = EventSize::default();
    let bounded = bytes.map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        if size.add(&chunk) > max {
            return Err(io::Error::other(EventTooLarge { max }));
        }
        Ok(chunk)
    });
    SseStream::from_bytes_stream(bounded.boxed()).boxed()
}

/// Offers the data of every event to the raw responses, before the reader of the stream gets it.
/// The reader gets a judged response in the form that rmcp reads. `posted` is the request that the
/// stream answers: an error on the stream answers it, whatever its id.
pub(super) fn tapped(
    events: BoxStream<'static, Result<Sse, Error>>,
    raws: Arc<RawResponses>,
    posted: Option<RequestId>,
) -> BoxStream<'static, Result<Sse, Error>> {
    events
        .map(move |event| match event {
            Ok(mut event) => {
                let kept = event.data.as_ref().and_then(|data| match &posted {
                    Some(id) => raws.offer_body(data.as_bytes(), id),
                    None => raws.offer(data.as_bytes()),
                });
                if let Some(data) =
                    kept.and_then(|kept| serde_json::to_string(&kept.message()).ok())
                {
                    event.data = Some(data);
                }
                Ok(event)
            }
            Err(error) => {
                match &error {
                    Error::Utf8Parse(_) => raws.fail(&Captured::NotUtf8),
                    Error::Body(source) if is_too_large(source.as_ref()) => {
                        raws.fail(&Captured::TooLarge);
                    }
                    _ => {}
                }
                Err(error)
            }
        })
        .boxed()
}

#[derive(Debug, thiserror::Error)]
#[error("an event of the server's stream is larger than {max} bytes")]
struct EventTooLarge {
    max: usize,
}

/// Returns whether an error tells of an event that is too large. rmcp's own limiter says so only in
/// its message.
fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let ours = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<EventTooLarge>);
    ours || error.to_string().contains("exceeded the maximum size")
}

/// The number of bytes since the last blank line.
#[derive(Default)]
struct EventSize {
    event: usize,
    line: usize,
    after_cr: bool,
}

impl EventSize {
    /// Adds a chunk. Returns the largest size that an event reached in it.
    fn add(&mut self, chunk: &[u8]) -> usize {
        let mut most = 0;
        for byte in chunk {
            let second_of_crlf = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if second_of_crlf => {}
                b'\n' | b'\r' => {
                    if self.line == 0 {
                        self.event = 0;
                    }
                    self.line = 0;
                }
                _ => {
                    self.line += 1;
                    self.event += 1;
                    most = most.max(self.event);
                }
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_event_starts_anew_after_a_blank_line() {
        let mut size = EventSize::default();
        assert_eq!(size.add(b"data: 1234\r\n"), 10);
        assert_eq!(size.add(b"id: 7\n"), 15);
        assert_eq!(size.add(b"\n"), 0);
        assert_eq!(size.add(b"data: 12\n\ndata: 1"), 8);
        assert_eq!(size.add(b"23"), 9);
    }
}
