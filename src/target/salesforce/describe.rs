//! What an org is and what is in it.

use std::collections::BTreeMap;

use super::session::Request;
use super::{Salesforce, either, query, wire};
use crate::model::limits;
use crate::model::names::ObjectName;
use crate::model::schema::{FieldSchema, LoadSchema, ObjectSchema, OrgFacts};
use crate::model::sign_in::Grant;
use crate::model::wording::nearest;
use crate::target::{Fault, FaultClass};

/// Which org this is and as whom we are signed in. What the org will not say is left empty; only a
/// refused session is a fault.
pub(super) async fn facts(org: &Salesforce) -> Result<OrgFacts, Fault> {
    let token = org.session.token();
    let soql = "SELECT Id, Name, IsSandbox FROM Organization LIMIT 1";
    let organization = match either(query::page(org, soql, false).await) {
        Ok(page) => page.records.into_iter().next().unwrap_or_default(),
        Err(fault) => tolerate(fault, serde_json::Map::new())?,
    };
    let request = Request::get("ask who we are", "/services/oauth2/userinfo".to_owned());
    let user = match either(org.session.fetch::<wire::UserInfo>(&request).await) {
        Ok(user) => user,
        Err(fault) => tolerate(fault, wire::UserInfo::default())?,
    };
    let text = |name: &str| organization.get(name).and_then(|value| value.as_str());
    let (org_id, user_id) = token.identity.clone().unwrap_or_default();
    Ok(OrgFacts {
        id: text("Id").map(str::to_owned).or(user.organization_id).unwrap_or(org_id),
        name: text("Name").unwrap_or_default().to_owned(),
        user_id: user.user_id.unwrap_or(user_id),
        username: user.preferred_username.or_else(|| configured_user(org)).unwrap_or_default(),
        sandbox: organization.get("IsSandbox").and_then(serde_json::Value::as_bool),
        origin: token.origin.origin().ascii_serialization(),
    })
}

/// A missing permission leaves a fact unknown; a dead session or service stops us.
fn tolerate<T>(fault: Fault, without: T) -> Result<T, Fault> {
    match (fault.class, fault.status) {
        (FaultClass::Unavailable | FaultClass::Limit | FaultClass::Disk, _) | (_, Some(401)) => {
            Err(fault)
        }
        _ => {
            tracing::debug!(code = fault.code, "a fact about the org stays unknown");
            Ok(without)
        }
    }
}

fn configured_user(org: &Salesforce) -> Option<String> {
    match &org.session.sign_in().grant {
        Grant::JwtBearer { username, .. } | Grant::Password { username, .. } => {
            Some(username.clone())
        }
        Grant::Token(_) | Grant::ClientCredentials { .. } | Grant::Refresh { .. } => None,
    }
}

/// Every object that the user can see, without fields.
pub(super) async fn objects(org: &Salesforce) -> Result<Vec<ObjectSchema>, Fault> {
    let request = Request::get("list the objects", format!("{}/sobjects", org.base));
    let global: wire::Global = either(org.session.fetch(&request).await)?;
    Ok(global.sobjects.into_iter().map(ObjectSchema::from).collect())
}

/// One object with its fields, by the name that the user gave it.
pub(super) async fn object(org: &Salesforce, name: &str) -> Result<ObjectSchema, Fault> {
    match described(org, name).await {
        Err(fault) if fault.class == FaultClass::Gone => Err(no_object(org, name, fault).await),
        described => described,
    }
}

async fn described(org: &Salesforce, name: &str) -> Result<ObjectSchema, Fault> {
    let object: wire::Object = either(org.session.fetch(&question(org, name)).await)?;
    Ok(object.into())
}

/// One object with all that the org says about it.
pub(super) async fn as_sent(org: &Salesforce, name: &str) -> Result<serde_json::Value, Fault> {
    match either(org.session.fetch(&question(org, name)).await) {
        Err(fault) if fault.class == FaultClass::Gone => Err(no_object(org, name, fault).await),
        described => described,
    }
}

fn question(org: &Salesforce, name: &str) -> Request {
    let path = format!("{}/sobjects/{name}/describe", org.base);
    Request::get(format!("describe `{name}`"), path)
}

/// Says which object was probably meant, if the org lists one that is near.
async fn no_object(org: &Salesforce, name: &str, mut fault: Fault) -> Fault {
    let all = objects(org).await.unwrap_or_default();
    let near = nearest(name, all.iter().map(|object| object.name.as_str()));
    fault.message = format!("the org has no object `{name}`, or this user may not see it");
    fault.hints = near.map(|near| format!("did you mean `{near}`?")).into_iter().collect();
    fault.hints.push("`longshore objects` lists those that this user can see".to_owned());
    if near.is_none() {
        let hint =
            "names are API names: custom ones end in `__c`, packaged ones begin with a namespace";
        fault.hints.push(hint.to_owned());
    }
    fault
}

/// What is needed to check a load offline.
pub(super) async fn load_schema(
    org: &Salesforce,
    name: &ObjectName,
    header: &[String],
) -> Result<LoadSchema, Fault> {
    let schema = object(org, name.as_str()).await?;
    let all = objects(org).await?;
    let key_prefixes = all
        .into_iter()
        .filter_map(|object| Some((object.name.to_ascii_lowercase(), object.key_prefix?)))
        .collect();
    let mut related = BTreeMap::new();
    for target in related_names(&schema, header) {
        match described(org, &target).await {
            Ok(found) => drop(related.insert(target.to_ascii_lowercase(), found)),
            // Not visible to this user: the column will be refused for that, by name.
            Err(fault) if fault.class == FaultClass::Gone => (),
            Err(fault) => return Err(fault),
        }
    }
    Ok(LoadSchema { object: schema, related, key_prefixes })
}

/// The objects behind columns such as `Assignee.Username` and `User:Owner.Username`, each once.
fn related_names(object: &ObjectSchema, header: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in header {
        let Some((path, _)) = column.split_once('.') else { continue };
        let (given, relationship) = match path.split_once(':') {
            Some((given, relationship)) => (Some(given.trim()), relationship.trim()),
            None => (None, path.trim()),
        };
        let Some(field) = object.relationship(relationship) else { continue };
        for target in targets(field, given) {
            if !names.iter().any(|name| name.eq_ignore_ascii_case(target)) {
                names.push(target.clone());
            }
        }
    }
    names
}

fn targets<'a>(field: &'a FieldSchema, given: Option<&str>) -> Vec<&'a String> {
    let all = &field.reference_to;
    match given {
        Some(given) => all.iter().filter(|name| name.eq_ignore_ascii_case(given)).collect(),
        None if all.len() <= limits::RELATED_MAX => all.iter().collect(),
        None => Vec::new(),
    }
}
