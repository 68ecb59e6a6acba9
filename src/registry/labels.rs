use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};

/// Labels of 3.x: names, some with a value. In 2.6 those without are `labels[]`, those with are `properties{}`.
///
/// A label that is also a property has the property's value, as 3.x's importer decides (reference: apicurio.md §4.3).
///
/// Sorted by name. A slice, since a `BTreeMap` of two labels takes half a KiB, and there may be one for each version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[Label]>);

/// A name, and a value if it has one.
type Label = (Box<str>, Option<Box<str>>);

impl Labels {
    /// One map of 2.6's two fields.
    pub fn merged(labels: Vec<Box<str>>, properties: Labels) -> Self {
        let mut all: BTreeMap<_, _> = labels.into_iter().map(|label| (label, None)).collect();
        all.extend(properties.0);
        Self::from(all)
    }

    /// Names and values; no value and an empty one are the same to the equality contract, but not to an importer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Equal under the contract: no value and an empty value are the same, no map and an empty map are the same.
    pub fn same(&self, other: &Self) -> bool {
        let plain = |(name, value): (_, Option<_>)| (name, value.unwrap_or(""));
        self.0 == other.0 || self.iter().map(plain).eq(other.iter().map(plain))
    }

    /// For 2.6: names without a value.
    pub(super) fn without_value(&self) -> Option<Vec<&str>> {
        let names: Vec<_> = self
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        (!names.is_empty()).then_some(names)
    }

    /// For 2.6: all names, those without a value with an empty one.
    pub(super) fn all_with_value(&self) -> Option<BTreeMap<&str, &str>> {
        let pairs: BTreeMap<_, _> = self.iter().map(|(name, value)| (name, value.unwrap_or(""))).collect();
        (!pairs.is_empty()).then_some(pairs)
    }

    /// For 2.6: names with a value.
    pub(super) fn with_value(&self) -> Option<BTreeMap<&str, &str>> {
        let pairs: BTreeMap<_, _> = self.iter().filter_map(|(name, value)| Some((name, value?))).collect();
        (!pairs.is_empty()).then_some(pairs)
    }
}

impl From<BTreeMap<Box<str>, Option<Box<str>>>> for Labels {
    fn from(map: BTreeMap<Box<str>, Option<Box<str>>>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl Serialize for Labels {
    /// As a map.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, (name, value)) in self.iter().enumerate() {
            let separator = if n == 0 { "" } else { ", " };
            match value.unwrap_or("") {
                "" => write!(f, "{separator}{name}")?,
                value => write!(f, "{separator}{name}: {value}")?,
            }
        }
        f.write_str("}")
    }
}

impl<'de> Deserialize<'de> for Labels {
    /// From a map or null; a name that comes twice is refused, since which one a server keeps is chance.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MapOrNull)
    }
}

struct MapOrNull;

impl<'de> Visitor<'de> for MapOrNull {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts or null")
    }

    fn visit_unit<E>(self) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_none<E>(self) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Labels, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<Box<str>, Option<Box<str>>>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the name `{name}` comes twice")));
            }
            map.insert(name, value);
        }
        Ok(Labels::from(map))
    }
}
