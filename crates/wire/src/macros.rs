//! The two shapes that repeat: a closed set of words, and a request body that knows its own field names.

/// A closed set of words, spelled as on the wire.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $word:ident = $text:tt,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name { $($(#[$word_meta])* #[serde(rename = $text)] $word,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];

            /// The wire spelling.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }

            /// Reads the wire spelling.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// A request body: every field may be absent, and the type knows which names it reads, which belong to the server and
/// which it passes over ([`crate::Body`]).
macro_rules! request {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }
        $(server_owned [$($owned:literal),* $(,)?])?
        $(ignored [$($ignored:literal),* $(,)?])?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(skip_serializing_if = "crate::body::is_default")] pub $field: $type,)*
        }

        impl $crate::Body for $name {
            const FIELDS: &'static [&'static str] = &[$(crate::body::field_name(stringify!($field)),)*];
            const SERVER_OWNED: &'static [&'static str] = &[$($($owned,)*)?];
            const IGNORED: &'static [&'static str] = &[$($($ignored,)*)?];
        }
    };
}
