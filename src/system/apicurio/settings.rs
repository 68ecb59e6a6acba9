//! What a registry keeps besides its content: role mappings and dynamic properties (`reference/apicurio.md` §1.8, §2.7).

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::SystemError,
    RegistryReader, RegistryWriter, ServerVersion,
    api::{Api, LIST, query},
    reader::core_url,
};
use crate::registry::{RoleMapping, Settings};

/// Mappings in one answer of a 3.x; 2.6 answers all at once.
const PAGE: usize = 500;

#[derive(Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    count: usize,
    role_mappings: Vec<RoleMapping>,
}

impl RegistryReader<'_> {
    /// Role mappings and dynamic properties. A registry that takes roles from elsewhere has none, which is no error: it answers
    /// 403.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn settings(&self, version: &ServerVersion) -> Result<Settings, SystemError> {
        let api = self.main()?;
        let (roles, properties) = tokio::try_join!(roles(api, version), properties(api, version))?;
        Ok(Settings { roles, properties })
    }
}

impl RegistryWriter<'_> {
    /// Gives a principal a role; `there`: it has another one. Whoever calls it looks before and after.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_role(
        &self,
        version: &ServerVersion,
        mapping: &RoleMapping,
        there: bool,
    ) -> Result<(), SystemError> {
        let api = self.api()?;
        let mut path = vec!["admin", "roleMappings"];
        if there {
            path.push(&mapping.principal_id);
            let body = json!({"role": mapping.role});
            api.act(Method::PUT, core_url(api, version, &path)?, Some(body)).await?;
            return Ok(());
        }
        let body = json!({
            "principalId": mapping.principal_id,
            "principalName": mapping.principal_name,
            "role": mapping.role,
        });
        api.act(Method::POST, core_url(api, version, &path)?, Some(body))
            .await?;
        Ok(())
    }
}

/// `None` where the registry says that it has no such thing.
fn if_kept<T>(answer: Result<T, SystemError>) -> Result<Option<T>, SystemError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SystemError::Status { status: 403 | 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn roles(api: &Api, version: &ServerVersion) -> Result<Option<BTreeMap<String, RoleMapping>>, SystemError> {
    let url = core_url(api, version, &["admin", "roleMappings"])?;
    let by_principal = |all: Vec<RoleMapping>| all.into_iter().map(|one| (one.principal_id.clone(), one)).collect();
    if version.is_v2() {
        return Ok(if_kept(api.json(url, LIST).await)?.map(by_principal));
    }
    let mut all = Vec::new();
    loop {
        let offset = all.len().to_string();
        let url = query(url.clone(), &[("limit", &PAGE.to_string()), ("offset", &offset)]);
        let Some(page) = if_kept(api.json::<Page>(url, LIST).await)? else {
            return Ok(None);
        };
        let last = page.role_mappings.len() < PAGE;
        all.extend(page.role_mappings);
        if last || all.len() >= page.count {
            return Ok(Some(by_principal(all)));
        }
    }
}

async fn properties(api: &Api, version: &ServerVersion) -> Result<BTreeMap<String, String>, SystemError> {
    let url = core_url(api, version, &["admin", "config", "properties"])?;
    let all: Option<Vec<Property>> = if_kept(api.json(url, LIST).await)?;
    let all = all.into_iter().flatten();
    Ok(all
        .map(|property| (property.name, property.value.unwrap_or_default()))
        .collect())
}
