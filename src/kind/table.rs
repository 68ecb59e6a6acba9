use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::{Behaviour, Capture, Check, Effect, Wait, api, erased::Bound, lb, manual, registry, run};
use crate::model::{Class, Step};

/// One line of the table of kinds.
pub struct Kind {
    /// `lb.route`.
    pub name: &'static str,
    /// One line for `explain`.
    pub about: &'static str,
    /// How it behaves.
    pub class: Class,
    /// Whether its steps may declare `reads` and `writes` (`run.*`).
    pub declares_access: bool,
    /// Decodes a step's `with:`.
    pub decode: fn(&Step) -> Result<Behaviour, DecodeError>,
    /// The schema of its `with:`.
    pub spec_schema: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of its outputs.
    pub output_schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Every kind of this version, by name.
pub const KINDS: &[Kind] = &[
    check::<api::ApiCheck>(),
    effect::<lb::LbRoute>(),
    wait::<manual::ManualConfirm>(),
    capture::<registry::RegistryExport>(),
    effect::<registry::RegistryImport>(),
    effect::<registry::RegistryReadOnly>(),
    effect::<registry::RegistryReplicate>(),
    check::<registry::RegistryVerify>(),
    check::<run::RunCheck>(),
    effect::<run::RunCommand>(),
];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The names of all kinds of this version.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// Why a step's `with:` could not be decoded; the path is below `/with`.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct DecodeError {
    /// Where, as serde_path_to_error prints it (`backends.v2[0]`).
    pub path: serde_path_to_error::Path,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

/// Decodes a step's `with:`.
pub(super) fn decode<S: DeserializeOwned>(step: &Step) -> Result<S, DecodeError> {
    serde_path_to_error::deserialize(&step.with).map_err(|error| DecodeError {
        path: error.path().clone(),
        source: error.into_inner(),
    })
}

const fn effect<E: Effect>() -> Kind {
    Kind {
        name: E::NAME,
        about: E::ABOUT,
        class: Class::Effect,
        declares_access: is_run(E::NAME),
        decode: |step| {
            let spec: E::Spec = decode(step)?;
            Ok(Behaviour::Effect(Box::new(Bound::<E, _>::new(spec, step.clone()))))
        },
        spec_schema: SchemaGenerator::subschema_for::<E::Spec>,
        output_schema: SchemaGenerator::subschema_for::<E::Output>,
    }
}

const fn check<C: Check>() -> Kind
where
    C::Output: Send,
{
    Kind {
        name: C::NAME,
        about: C::ABOUT,
        class: Class::Check,
        declares_access: is_run(C::NAME),
        decode: |step| {
            let spec: C::Spec = decode(step)?;
            Ok(Behaviour::Check(Box::new(Bound::<C, _>::new(spec, step.clone()))))
        },
        spec_schema: SchemaGenerator::subschema_for::<C::Spec>,
        output_schema: SchemaGenerator::subschema_for::<C::Output>,
    }
}

const fn capture<C: Capture>() -> Kind {
    Kind {
        name: C::NAME,
        about: C::ABOUT,
        class: Class::Capture,
        declares_access: false,
        decode: |step| {
            let spec: C::Spec = decode(step)?;
            Ok(Behaviour::Capture(Box::new(Bound::<C, _>::new(spec, step.clone()))))
        },
        spec_schema: SchemaGenerator::subschema_for::<C::Spec>,
        output_schema: SchemaGenerator::subschema_for::<C::Output>,
    }
}

const fn wait<W: Wait>() -> Kind
where
    W::Output: Send,
{
    Kind {
        name: W::NAME,
        about: W::ABOUT,
        class: Class::Wait,
        declares_access: false,
        decode: |step| {
            let spec: W::Spec = decode(step)?;
            Ok(Behaviour::Wait(Box::new(Bound::<W, _>::new(spec, step.clone()))))
        },
        spec_schema: SchemaGenerator::subschema_for::<W::Spec>,
        output_schema: SchemaGenerator::subschema_for::<W::Output>,
    }
}

/// Whether a name begins with `run.`: the family whose author declares what it touches.
const fn is_run(name: &str) -> bool {
    let name = name.as_bytes();
    name.len() > 4 && name[0] == b'r' && name[1] == b'u' && name[2] == b'n' && name[3] == b'.'
}
