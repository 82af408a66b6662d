//! The refusals of the strict reader.

/// The limits for a text.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The deepest nesting; the outermost object or array has depth 1.
    pub depth: usize,
    /// The most bytes of the text as received.
    pub bytes: usize,
}

impl Limits {
    /// One tool: depth 64, 256 KiB (wire format, section 2).
    pub const TOOL: Self = Self { depth: 64, bytes: 256 * 1024 };
    /// A whole response: 16 MiB (wire format, section 6). A tool is three levels below the
    /// outermost object.
    pub const RESPONSE: Self = Self { depth: 128, bytes: 16 * 1024 * 1024 };

    /// Returns the same limits with another depth.
    #[must_use]
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Returns the same limits with another number of bytes.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
}

/// The reason why a text was refused, and the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (at byte {offset})")]
#[non_exhaustive]
pub struct JsonError {
    /// The reason.
    pub kind: JsonErrorKind,
    /// Byte offset in the text as received, from 0.
    pub offset: usize,
}

/// The refusals of the strict reader (wire format, section 2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text has more bytes than the limit.
    #[error("the text is larger than {limit} bytes")]
    TooLarge {
        /// The limit that was passed, in bytes.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the text is not valid UTF-8")]
    InvalidUtf8,
    /// The text starts with a byte order mark.
    #[error("the text starts with a byte order mark")]
    ByteOrderMark,
    /// A `\uD800`…`\uDFFF` escape without its partner.
    #[error("a string holds a lone surrogate")]
    LoneSurrogate,
    /// One object names a member twice, compared after unescaping.
    #[error("the member \"{}\" appears twice in one object", crate::text::escaped(.0))]
    DuplicateMember(String),
    /// A member name that serde_json, the usual JSON library of Rust, keeps for itself. A reader
    /// with this library would see other values than the digest covers.
    #[error("the member \"{}\" has a name that JSON libraries keep for themselves", crate::text::escaped(.0))]
    ReservedMember(String),
    /// An integer token beyond ±(2^53−1).
    #[error("an integer is beyond ±(2^53−1), where JSON readers disagree")]
    IntegerOutOfRange,
    /// A number token too large for a double.
    #[error("a number is too large for a double")]
    NumberOverflow,
    /// Nesting beyond the limit.
    #[error("the text is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was passed, in levels.
        limit: usize,
    },
    /// Not JSON (RFC 8259).
    #[error("the text is not JSON: {0}")]
    Syntax(&'static str),
}
