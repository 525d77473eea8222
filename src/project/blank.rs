//! When a field is left out of what is printed and hashed: Go's `omitempty`.

use std::collections::BTreeMap;

/// Whether a value is the zero value that Compose leaves out of its output.
pub trait Blank {
    /// True for the empty text, list and map, for zero, `false` and an absent option.
    fn is_blank(&self) -> bool;
}

impl<T> Blank for Option<T> {
    fn is_blank(&self) -> bool {
        self.is_none()
    }
}

impl<T> Blank for Vec<T> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Blank for BTreeMap<K, V> {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl Blank for String {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl Blank for bool {
    fn is_blank(&self) -> bool {
        !self
    }
}

macro_rules! zero_is_blank {
    ($($number:ty),*) => {$(
        impl Blank for $number {
            fn is_blank(&self) -> bool {
                *self == <$number>::default()
            }
        }
    )*};
}

zero_is_blank!(u16, u32, u64, i32, i64, f32);
