//! One item of each kind, for the test of `cargo xtask api`.

mod inner {
    #[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
    #[non_exhaustive]
    pub struct Plain {
        pub a: u8,
        pub b: Option<std::collections::HashMap<String, Vec<u8>>>,
        c: u8,
    }

    impl Plain {
        pub const N: usize = 3;

        #[must_use]
        pub fn new(a: u8, f: impl Fn(u8) -> bool + Send) -> Self {
            let _ = f;
            Self { a, b: None, c: Self::private() }
        }

        pub async fn send(
            &mut self,
            _: &(dyn crate::Open<T = u8> + Send),
        ) -> Result<(), Box<dyn std::error::Error>> {
            Ok(())
        }

        fn private() -> u8 {
            1
        }
    }

    pub struct Unnamed;
}

pub use inner::Plain;

pub mod place {
    pub use crate::inner::Plain as Also;
}

pub use place as elsewhere;
pub use std::time::Duration;

#[non_exhaustive]
pub enum Kind<T: Clone = u8> {
    A,
    B(T, u8),
    C { x: T },
}

impl<T: Clone> Kind<T> {
    pub fn is_a(&self) -> bool {
        matches!(self, Self::A)
    }
}

pub trait Open {
    type T: Copy;
    fn required(&self) -> Self::T;
    fn provided<'a>(self: Box<Self>, text: &'a str) -> &'a str {
        text
    }
}

/// A trait with the method `get`, in the form to which `async_trait` expands it.
pub trait Asynchronous {
    fn get<'life0, 'life1, 'async_trait>(
        &'life0 self,
        name: &'life1 [&'life1 str],
    ) -> std::pin::Pin<Box<dyn Future<Output = Option<u8>> + Send + 'async_trait>>
    where
        Self: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait;
}

impl Open for Plain {
    type T = u8;
    fn required(&self) -> u8 {
        0
    }
}

impl From<Plain> for String {
    fn from(_: Plain) -> Self {
        Self::new()
    }
}

impl<T> From<Vec<T>> for Tuple {
    fn from(_: Vec<T>) -> Self {
        Self(1, std::ptr::null())
    }
}

pub struct Tuple(pub u8, *const u8);
pub struct Unit;
pub type Alias<T> = Result<T, std::fmt::Error>;

pub fn letters<'a, I: IntoIterator<Item = &'a str>>(
    words: I,
) -> impl Iterator<Item = char> + use<'a, I>
where
    I::IntoIter: Clone,
{
    words.into_iter().flat_map(str::chars)
}

pub fn unnamed() -> inner::Unnamed {
    inner::Unnamed
}

#[deprecated]
pub const TEXT: &str = "x";
pub static BYTES: [u8; 3] = [0; 3];

#[macro_export]
macro_rules! nothing {
    () => {};
}

#[cfg(test)]
pub fn for_tests_alone() {}

#[doc(hidden)]
pub fn not_documented() {}
