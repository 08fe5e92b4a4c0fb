//! Values that a scenario file writes as words: object kinds, statuses, versions, probabilities.
//!
//! With serde's `with`: [`one`], [`option`] and [`list`] of any [`Word`].

use super::diagnose::nearest;
use super::fault::machine::Dma;
use super::fault::wire::Packet;
use des::Ratio;
use nic_model::regs::block::Named;
use nic_model::regs::cmd::{CommandCode, CommandStatus};
use provider::ndk::{CallKind, NdkVersion, ObjectKind, Status};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A value with a spelling.
pub(super) trait Word: Sized {
    /// What it is, with an article: "an object kind".
    const WHAT: &'static str;

    /// The value spelled so, if there is one.
    fn parse(word: &str) -> Option<Self>;

    /// The spelling.
    fn spell(&self) -> String;

    /// What may be written instead of `word`, for the error message.
    fn allowed(word: &str) -> String;

    /// All spellings, for the schema; none if they are too many to be listed.
    fn spellings() -> Vec<String>;

    /// What matches all spellings and little else, for the schema, if they are not listed.
    const PATTERN: &'static str = ".+";
}

/// The kinds that a create function makes; an adapter is opened, not created.
pub(super) fn created_kinds() -> impl Iterator<Item = ObjectKind> {
    ObjectKind::ALL.into_iter().filter(|&kind| kind != ObjectKind::Adapter)
}

impl Word for ObjectKind {
    const WHAT: &'static str = "a kind of object";

    fn parse(word: &str) -> Option<Self> {
        created_kinds().find(|kind| kind.name() == word)
    }

    fn spell(&self) -> String {
        self.name().to_owned()
    }

    fn allowed(_: &str) -> String {
        format!("allowed: {}", created_kinds().map(ObjectKind::name).collect::<Vec<_>>().join(", "))
    }

    fn spellings() -> Vec<String> {
        created_kinds().map(|kind| kind.spell()).collect()
    }
}

impl Word for Status {
    const WHAT: &'static str = "a status";

    fn parse(word: &str) -> Option<Self> {
        Self::from_name(word)
    }

    fn spell(&self) -> String {
        self.to_string()
    }

    fn allowed(word: &str) -> String {
        let bare = word.strip_prefix("STATUS_").unwrap_or(word).to_uppercase();
        match nearest(&bare, Self::NAMED.iter().map(|&(_, name)| name)) {
            Some(name) => format!("did you mean STATUS_{name}?"),
            None => "write a status of NDKPI, such as STATUS_INSUFFICIENT_RESOURCES or STATUS_NO_MEMORY".to_owned(),
        }
    }

    fn spellings() -> Vec<String> {
        Self::NAMED.iter().flat_map(|&(_, name)| [format!("STATUS_{name}"), name.to_owned()]).collect()
    }
}

/// The functions that a row of `[[fault.request]]` may be about: those that complete later, and posts of receives.
pub(super) fn requests() -> impl Iterator<Item = CallKind> {
    let posts = |kind: CallKind| matches!(kind, CallKind::Receive | CallKind::SrqReceive);
    CallKind::ALL.iter().copied().filter(move |&kind| kind.is_asynchronous_request() || posts(kind))
}

/// Functions have the names of ndkpi.h; where several tables share one, the first letter of the table's object tells.
pub(super) fn function_name(kind: CallKind) -> &'static str {
    if kind == CallKind::SrqReceive { "NdkSrqReceive" } else { kind.name() }
}

impl Word for CallKind {
    const WHAT: &'static str = "a function that a fault can strike";

    fn parse(word: &str) -> Option<Self> {
        requests().find(|&kind| function_name(kind) == word)
    }

    fn spell(&self) -> String {
        function_name(*self).to_owned()
    }

    fn allowed(word: &str) -> String {
        let names: Vec<_> = requests().map(function_name).collect();
        match nearest(word, names.iter().copied()) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("allowed: {}; creations stand in [[fault.create]]", names.join(", ")),
        }
    }

    fn spellings() -> Vec<String> {
        requests().map(|kind| kind.spell()).collect()
    }
}

impl Word for Packet {
    const WHAT: &'static str = "a kind of packet";

    fn parse(word: &str) -> Option<Self> {
        Self::from_name(word)
    }

    fn spell(&self) -> String {
        self.name().to_owned()
    }

    fn allowed(_: &str) -> String {
        format!("allowed: {}", Self::names().collect::<Vec<_>>().join(", "))
    }

    fn spellings() -> Vec<String> {
        Self::names().map(str::to_owned).collect()
    }
}

impl Word for Dma {
    const WHAT: &'static str = "a purpose of DMA";

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, dma)| *dma)
    }

    fn spell(&self) -> String {
        self.name().to_owned()
    }

    fn allowed(_: &str) -> String {
        format!("allowed: {}", Self::ALL.map(|(name, _)| name).join(", "))
    }

    fn spellings() -> Vec<String> {
        Self::ALL.map(|(name, _)| name.to_owned()).to_vec()
    }
}

/// A value of one of the device's tables by its name there.
fn named(table: &[Named], word: &str) -> Option<u64> {
    table.iter().find(|named| named.name == word).map(|named| named.value)
}

fn names_of(table: &[Named], word: &str) -> String {
    let all = table.iter().map(|named| named.name).collect::<Vec<_>>().join(", ");
    match nearest(&word.to_uppercase(), table.iter().map(|named| named.name)) {
        Some(meant) => format!("did you mean {meant}? Allowed: {all}"),
        None => format!("allowed: {all}"),
    }
}

impl Word for CommandCode {
    const WHAT: &'static str = "a command of the device";

    fn parse(word: &str) -> Option<Self> {
        named(Self::NAMED, word).map(|value| Self(value as u16))
    }

    fn spell(&self) -> String {
        format!("{self:?}")
    }

    fn allowed(word: &str) -> String {
        names_of(Self::NAMED, word)
    }

    fn spellings() -> Vec<String> {
        Self::NAMED.iter().map(|named| named.name.to_owned()).collect()
    }
}

impl Word for CommandStatus {
    const WHAT: &'static str = "a failure of a command";

    fn parse(word: &str) -> Option<Self> {
        named(&Self::NAMED[1..], word).map(|value| Self(value as u8))
    }

    fn spell(&self) -> String {
        format!("{self:?}")
    }

    fn allowed(word: &str) -> String {
        names_of(&Self::NAMED[1..], word)
    }

    fn spellings() -> Vec<String> {
        Self::NAMED[1..].iter().map(|named| named.name.to_owned()).collect()
    }
}

const VERSIONS: [NdkVersion; 4] = [NdkVersion::V1_1, NdkVersion::V1_2, NdkVersion::V2_0, NdkVersion::V2_1];

impl Word for NdkVersion {
    const WHAT: &'static str = "an NDK version";

    fn parse(word: &str) -> Option<Self> {
        VERSIONS.into_iter().find(|version| version.to_string() == word)
    }

    fn spell(&self) -> String {
        self.to_string()
    }

    fn allowed(_: &str) -> String {
        format!("allowed: {}", VERSIONS.map(|version| format!("\"{version}\"")).join(", "))
    }

    fn spellings() -> Vec<String> {
        VERSIONS.iter().map(Self::spell).collect()
    }
}

impl Word for Ratio {
    const WHAT: &'static str = "a probability";
    const PATTERN: &'static str = "^ *[0-9]+ */ *[0-9]+ *$";

    fn parse(word: &str) -> Option<Self> {
        let (numerator, denominator) = word.split_once('/')?;
        Self::new(numerator.trim().parse().ok()?, denominator.trim().parse().ok()?)
    }

    fn spell(&self) -> String {
        format!("{}/{}", self.numerator, self.denominator)
    }

    fn allowed(_: &str) -> String {
        "write it as a fraction of at most one, such as \"1/1000\"".to_owned()
    }

    fn spellings() -> Vec<String> {
        Vec::new()
    }
}

/// Stands for a word in the schema of scenario files.
pub(super) struct Spelled<W>(PhantomData<W>);

impl<W: Word> JsonSchema for Spelled<W> {
    fn schema_name() -> Cow<'static, str> {
        let words = W::WHAT.split(' ').skip(1);
        words.collect::<Vec<_>>().join("-").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        match W::spellings() {
            words if words.is_empty() => json_schema!({ "type": "string", "pattern": W::PATTERN }),
            words => json_schema!({ "type": "string", "enum": words }),
        }
    }
}

fn read<W: Word, E: de::Error>(word: &str) -> Result<W, E> {
    // The second line is the remedy, see `problem`.
    W::parse(word).ok_or_else(|| E::custom(format!("`{word}` is not {}\n{}", W::WHAT, W::allowed(word))))
}

/// A word of its own, so that an error inside a list points at the item.
struct Item<W>(W);

impl<'de, W: Word> Deserialize<'de> for Item<W> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(&String::deserialize(from)?).map(Self)
    }
}

/// One word.
pub(super) mod one {
    use super::*;

    pub(in crate::spec) fn serialize<W: Word, S: Serializer>(value: &W, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.spell())
    }

    pub(in crate::spec) fn deserialize<'de, W: Word, D: Deserializer<'de>>(from: D) -> Result<W, D::Error> {
        Item::deserialize(from).map(|item| item.0)
    }
}

/// A word or none.
pub(super) mod option {
    use super::*;

    pub(in crate::spec) fn serialize<W: Word, S: Serializer>(value: &Option<W>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_some(&value.spell()),
            None => to.serialize_none(),
        }
    }

    pub(in crate::spec) fn deserialize<'de, W: Word, D: Deserializer<'de>>(from: D) -> Result<Option<W>, D::Error> {
        Ok(Option::deserialize(from)?.map(|item: Item<W>| item.0))
    }
}

/// A list of words.
pub(super) mod list {
    use super::*;

    pub(in crate::spec) fn serialize<W: Word, S: Serializer>(values: &[W], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(Word::spell))
    }

    pub(in crate::spec) fn deserialize<'de, W: Word, D: Deserializer<'de>>(from: D) -> Result<Vec<W>, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().map(|item: Item<W>| item.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reversible<W: Word + PartialEq + std::fmt::Debug>(values: impl IntoIterator<Item = W>) {
        for value in values {
            assert_eq!(W::parse(&value.spell()), Some(value));
        }
    }

    #[test]
    fn every_word_is_read_back() {
        reversible(created_kinds());
        reversible(requests());
        reversible(Packet::names().filter_map(Packet::from_name));
        reversible(Status::NAMED.iter().map(|&(status, _)| status));
        reversible(Dma::ALL.map(|(_, dma)| dma));
        reversible(CommandCode::NAMED.iter().map(|named| CommandCode(named.value as u16)));
        reversible(CommandStatus::NAMED.iter().skip(1).map(|named| CommandStatus(named.value as u8)));
        reversible(VERSIONS);
        reversible([Ratio::ZERO, Ratio::new(1, 1_000).expect("a probability")]);
    }

    #[test]
    fn what_is_no_word_is_refused() {
        assert_eq!(ObjectKind::parse("adapter"), None);
        assert_eq!(Status::parse("STATUS_OUT_OF_LUCK"), None);
        assert_eq!(NdkVersion::parse("3.0"), None);
        for word in ["2/1", "1/0", "0.001", "1/", "-1/2", ""] {
            assert_eq!(Ratio::parse(word), None, "{word}");
        }
    }
}
