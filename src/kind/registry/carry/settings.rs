//! Role mappings and dynamic properties, which are in no export: set by the API, and looked at again.

use std::collections::BTreeSet;

use super::{Carried, Carry, number, some_of};
use crate::{
    kind::ApplyError,
    model::SystemName,
    registry::{Repair, SettingsDelta},
    resource::settings_carried,
    system::crash_point,
};

/// Whose settings are carried, and which of them.
pub(super) struct SettingsOf {
    pub(super) from: SystemName,
    pub(super) repair: BTreeSet<Repair>,
}

impl SettingsOf {
    /// Sets what differs; nothing is sent when nothing does. That it was done is noted for who looks with this export again.
    pub(super) async fn carry(&self, carry: &Carry<'_>, carried: &mut Carried) -> Result<(), ApplyError> {
        if self.repair.is_empty() {
            return Ok(());
        }
        self.set(carry, carried).await?;
        if let Some(sha256) = &carry.loaded.sha256 {
            let note = settings_carried(carry.writer.reader(), carry.world.spool());
            let mut all = note.read()?.unwrap_or_default();
            all.insert(sha256.clone());
            note.write(&all)?;
        }
        Ok(())
    }

    async fn set(&self, carry: &Carry<'_>, carried: &mut Carried) -> Result<(), ApplyError> {
        let delta = self.delta(carry).await?;
        for (mapping, there) in &delta.roles {
            crash_point("carry.settings");
            carry.writer.put_role(&carry.version, mapping, *there).await?;
        }
        for (name, value) in &delta.properties {
            crash_point("carry.settings");
            carry.writer.set_property(&carry.version, name, value).await?;
        }
        for line in &delta.left {
            carry.log.say(format!("not carried: {line}"));
        }
        carried.not_carried.clone_from(&delta.left);
        if delta.is_empty() {
            return Ok(());
        }
        let lines = delta.lines();
        carry.log.say(format!("set {}", some_of(&lines)));
        carried.repaired.extend(lines);
        let still = self.delta(carry).await?.lines();
        if still.is_empty() {
            return Ok(());
        }
        Err(ApplyError::NotDone(format!(
            "{} took these and does not show them: {}",
            carry.writer.reader().name(),
            some_of(&still)
        )))
    }

    /// How many are to be set.
    pub(super) async fn changes(&self, carry: &Carry<'_>) -> Result<u64, ApplyError> {
        if self.repair.is_empty() {
            return Ok(0);
        }
        Ok(number(self.delta(carry).await?.lines().len()))
    }

    async fn delta(&self, carry: &Carry<'_>) -> Result<SettingsDelta, ApplyError> {
        let from = carry.world.registry(&self.from)?;
        let version = from.version().await?;
        let source = from.settings(&version).await?;
        let target = carry.writer.reader().settings(&carry.version).await?;
        if self.repair.contains(&Repair::Roles) && source.roles.is_none() {
            carry
                .log
                .say(format!("{} keeps no role mappings: not applicable", self.from));
        }
        Ok(SettingsDelta::between(&source, &target, &self.repair))
    }
}
