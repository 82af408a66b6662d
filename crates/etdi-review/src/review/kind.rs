//! The classes and kinds of changes.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use crate::hygiene::Rule;

/// How much a change matters, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Other words in a title or a description, and nothing in them that speaks to a model.
    Wording,
    /// A change of structure, one that is not understood, or text that honest tools have as well and
    /// that says more than a description does.
    Notable,
    /// The tool may do more, or its text does more than describe.
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
        /// What changed. The ids are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ChangeKind {
            $($(#[$doc])* $name,)*
            /// Text that was not there before and that a hygiene rule knows.
            Text(Rule),
        }

        impl ChangeKind {
            /// Every kind but those of texts, which are the hygiene rules.
            pub const STRUCTURAL: &[Self] = &[$(Self::$name),*];

            /// The stable id; of a text, the rule's.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                    Self::Text(rule) => rule.id(),
                }
            }

            /// The kind in words.
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
    /// A scope that was not asked for before.
    PermissionAdded = "permission-added", "it asks for a permission that it did not ask for before";
    /// An optional permission became required.
    PermissionRequired = "permission-required", "an optional permission is required now";
    /// A permission is no longer asked for.
    PermissionRemoved = "permission-removed", "it no longer asks for a permission";
    /// A required permission became optional, or permissions changed places.
    PermissionChanged = "permission-changed", "a permission is asked for in another way";
    /// `destructiveHint`, `readOnlyHint` or `openWorldHint` turned to the worse.
    HintWorse = "hint-worse", "it says of itself that it may do more harm than before";
    /// Any other change of the annotations.
    Annotation = "annotation", "what it says of its effects changed";
    /// A parameter that must be given.
    ParameterRequired = "parameter-required", "a parameter must be given that was not required before";
    /// A value that the schema fixes or presets: `default` or `const`.
    ValueFixed = "value-fixed", "a parameter is preset or fixed to a value that was not there before";
    /// A parameter that goes into an HTTP header.
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
    /// Another provider, or a definition that was signed on one side only.
    Signer = "signer", "another party answers for the definition";
    /// Another issuer or client vouches.
    Issuer = "issuer", "another identity provider, or another client of it, vouches for the definition";
    /// The tool id or the name is another.
    Identity = "identity", "the tool has another id or name";
    /// The definition was bound to servers, and counts on others now, or on any.
    ServersWidened = "servers-widened", "it may be served from elsewhere than before";
    /// A lower version.
    VersionLowered = "version-lowered", "the version is lower";
    /// A higher version.
    Version = "version", "the version is higher";
    /// Call proofs are no longer demanded.
    ProofDropped = "proof-dropped", "calls need no proof any more";
    /// Another member of the signed definition.
    Definition = "definition", "the signed definition changed";
    /// An icon.
    Icon = "icon", "an icon changed";
    /// Somebody else's `_meta`.
    ForeignMeta = "foreign-meta", "metadata that ETDI does not define changed";
    /// Two objects that are too large to be compared member by member, or no JSON.
    NotComparable = "not-comparable", "too much changed at once to be compared member by member";
    /// A title or a description.
    Prose = "prose", "other words";
    /// Anything else.
    Other = "other", "a member changed that is not understood here";
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
