//! Reviews as JSON: the words of [`Display`](std::fmt::Display) are next to each id.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Change, Reason};

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Change", 7)?;
        fields.serialize_field("class", &self.class)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("old", &self.old)?;
        fields.serialize_field("new", &self.new)?;
        fields.serialize_field("old_text", &self.old_text())?;
        fields.serialize_field("new_text", &self.new_text())?;
        fields.serialize_field("reasons", &self.reasons)?;
        fields.end()
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Reason", 4)?;
        fields.serialize_field("class", &self.class)?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("explanation", self.kind.explanation())?;
        fields.serialize_field("detail", &self.detail)?;
        fields.end()
    }
}
