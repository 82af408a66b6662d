//! The classes and kinds of changes.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use crate::hygiene::Rule;

/// The importance of a change, from lowest to highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Other words in a title or a description, without text that addresses a model.
    Wording,
    /// A change of structure that is not critical, or an unknown change.
    Notable,
    /// The tool may do more, or its text does more than describe the tool.
    Critical,
}

impl Display for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wording => "wording",
            Self::Notable => "notable",
            Self::Critical => "critical",
        })
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $explanation:literal;)*) => {
        /// The kind of a change. The ids are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ChangeKind {
            $($(#[$doc])* $name,)*
            /// Text that was not there before and that a hygiene rule matches.
            Text(Rule),
        }

        impl ChangeKind {
            /// Every kind except those for texts, which are the hygiene rules.
            pub const STRUCTURAL: &[Self] = &[$(Self::$name),*];

            /// Returns the stable id; for a text, the id of its rule.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                    Self::Text(rule) => rule.id(),
                }
            }

            /// Returns the explanation of the kind, in words.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => $explanation,)*
                    Self::Text(rule) => rule.explanation(),
                }
            }
        }
    };
}

kinds! {
    /// A new permission.
    PermissionAdded = "permission-added", "it asks for a permission that it did not ask for before";
    /// An optional permission became required.
    PermissionRequired = "permission-required", "an optional permission is required now";
    /// A permission that is not asked for any longer.
    PermissionRemoved = "permission-removed", "it does not ask for a permission any longer";
    /// A required permission became optional, or permissions changed places.
    PermissionChanged = "permission-changed", "a permission is asked for in another way";
    /// `destructiveHint`, `readOnlyHint` or `openWorldHint` became worse.
    HintWorse = "hint-worse", "the tool states that it may do more harm than before";
    /// Any other change of the annotations.
    Annotation = "annotation", "the tool's statement about its effects changed";
    /// A parameter became required.
    ParameterRequired = "parameter-required", "a parameter must be given that was not required before";
    /// A value that the schema fixes or presets: `default` or `const`.
    ValueFixed = "value-fixed", "a parameter is preset or fixed to a value that was not there before";
    /// A parameter that is copied into an HTTP header.
    ParameterHeader = "parameter-header", "a parameter is copied into an HTTP header";
    /// A new optional parameter.
    ParameterAdded = "parameter-added", "there is a new optional parameter";
    /// A parameter is gone.
    ParameterRemoved = "parameter-removed", "a parameter is gone";
    /// The input schema accepts more.
    SchemaWidened = "schema-widened", "the input schema accepts more";
    /// The input schema accepts less.
    SchemaNarrowed = "schema-narrowed", "the input schema accepts less";
    /// The input schema changed in another way.
    SchemaChanged = "schema-changed", "the input schema changed";
    /// The output schema changed.
    OutputSchema = "output-schema", "the output schema changed";
    /// Another provider, or a definition that is signed only before or only after the change.
    Signer = "signer", "another party stands behind the definition";
    /// Another issuer or client vouches for the definition.
    Issuer = "issuer", "another identity provider, or another client of it, vouches for the definition";
    /// Another tool id or another name.
    Identity = "identity", "the tool has another id or name";
    /// The definition listed its servers, and now lists others, or any server may serve it.
    ServersWidened = "servers-widened", "it may be served by other servers than before";
    /// A lower version.
    VersionLowered = "version-lowered", "the version is lower";
    /// A higher version.
    Version = "version", "the version is higher";
    /// Call proofs are not required any longer.
    ProofDropped = "proof-dropped", "calls do not need a proof any longer";
    /// Another member of the signed definition changed.
    Definition = "definition", "the signed definition changed";
    /// An icon changed.
    Icon = "icon", "an icon changed";
    /// A `_meta` member that ETDI does not define changed.
    ForeignMeta = "foreign-meta", "metadata that ETDI does not define changed";
    /// Two objects that are too large to be compared member by member, or a text that is not JSON.
    NotComparable = "not-comparable", "the change is too large to be compared member by member";
    /// A title or a description changed.
    Prose = "prose", "the wording changed";
    /// Any other change.
    Other = "other", "an unknown member changed";
}

impl Display for ChangeKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for ChangeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}
