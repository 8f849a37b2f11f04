//! JSON of which only some fields matter: whatever is there, it is read without an error.

use std::{borrow::Cow, fmt, ops::Deref};

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A key of an object, in the body's own memory unless it is written with escapes.
#[derive(Debug)]
pub struct Key<'de>(Cow<'de, str>);

/// Any JSON value: its type, and for an object the relevant fields.
#[derive(Default)]
pub(super) struct Node<F> {
    pub(super) scalar: Scalar,
    pub(super) fields: F,
}

/// The type of a value, and the value of a leaf.
#[derive(Default)]
pub(super) enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Object,
    #[default]
    Other,
}

/// The fields of one kind of object. Takes the value of `key`, or says that it does not want it.
pub(super) trait Fields: Default {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// Declares the fields of one kind of object, and under which keys they are.
macro_rules! fields {
    ($name:ident { $($field:ident: $type:ty = $key:literal),* $(,)? }) => {
        #[derive(Default)]
        struct $name { $($field: $type),* }

        impl $crate::envelope::lenient::Fields for $name {
            fn take<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}

pub(super) use fields;

/// A value of which no fields are relevant.
pub(super) type Leaf = Node<Nothing>;

/// No fields.
#[derive(Default)]
pub(super) struct Nothing;

impl Fields for Nothing {
    fn take<'de, A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

// === impl Key ===

impl<'de> Key<'de> {
    /// The text in the body.
    #[must_use]
    pub fn borrowed(&self) -> Option<&'de str> {
        match self.0 {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }
}

impl Deref for Key<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

// === impl Node ===

impl Leaf {
    /// The text, if it is one.
    pub(super) fn text(self) -> Option<String> {
        match self.scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, or an integer as one.
    pub(super) fn text_or_number(self) -> Option<String> {
        match self.scalar {
            Scalar::Integer(number) => Some(number.to_string()),
            _ => self.text(),
        }
    }

    /// Epoch milliseconds, however the number is spelled.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let milliseconds = match &self.scalar {
            Scalar::Integer(number) => *number,
            #[allow(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, jiff checks"
            )]
            Scalar::Float(number) => *number as i64,
            Scalar::Text(text) => text.parse().ok()?,
            Scalar::Object | Scalar::Other => return None,
        };
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

impl<F> From<Scalar> for Node<F>
where
    F: Default,
{
    fn from(scalar: Scalar) -> Self {
        let fields = F::default();
        Self { scalar, fields }
    }
}

impl<'de, F: Fields> Deserialize<'de> for Node<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lenient<F>(F);

        impl<'de, F: Fields> Visitor<'de> for Lenient<F> {
            type Value = Node<F>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node<F>, E> {
                Ok(Scalar::Text(text.to_owned()).into())
            }

            fn visit_i64<E>(self, number: i64) -> Result<Node<F>, E> {
                Ok(Scalar::Integer(number).into())
            }

            fn visit_u64<E>(self, number: u64) -> Result<Node<F>, E> {
                Ok(i64::try_from(number)
                    .map_or(Scalar::Other, Scalar::Integer)
                    .into())
            }

            fn visit_f64<E>(self, number: f64) -> Result<Node<F>, E> {
                Ok(Scalar::Float(number).into())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node<F>, E> {
                Ok(Scalar::Other.into())
            }

            fn visit_unit<E>(self) -> Result<Node<F>, E> {
                Ok(Scalar::Other.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<F>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<F>, A::Error> {
                let mut fields = self.0;
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    if !fields.take(&key, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let scalar = Scalar::Object;
                Ok(Node { scalar, fields })
            }
        }

        deserializer.deserialize_any(Lenient(F::default()))
    }
}
