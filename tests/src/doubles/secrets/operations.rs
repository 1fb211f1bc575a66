//! The operations of Secrets Manager on the wire: inputs, their limits, outputs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::wire::{Refusal, input};
use super::secret::{CURRENT, Content, Secret, Version, invalid, no_such_version};
use super::{Secrets, arn};

/// The most bytes of a value.
const MOST_BYTES: usize = 65_536;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateSecret {
    name: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    /// Taken, as AWS does; no operation of the double tells it.
    #[serde(rename = "Description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_stages: Option<Vec<String>>,
    /// Proves a rotation function of another account; nothing to check here.
    #[serde(rename = "RotationToken")]
    _rotation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DescribeSecret {
    secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateSecretVersionStage {
    secret_id: String,
    version_stage: String,
    remove_from_version_id: Option<String>,
    move_to_version_id: Option<String>,
}

impl Secrets {
    /// Carries out a request; answers with the JSON of its output.
    pub(in super::super) fn answer(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let output = match operation {
            "CreateSecret" => self.create_secret(input(body)?)?,
            "GetSecretValue" => self.get_secret_value(&input(body)?)?,
            "PutSecretValue" => self.put_secret_value(input(body)?)?,
            "DescribeSecret" => self.describe_secret(&input(body)?)?,
            "UpdateSecretVersionStage" => self.update_secret_version_stage(&input(body)?)?,
            other => return Err(Refusal::unknown_operation(other)),
        };
        Ok(output.to_string())
    }

    fn create_secret(&self, wish: CreateSecret) -> Result<Value, Refusal> {
        check_name(&wish.name)?;
        let token = token(wish.client_request_token)?;
        let content = content(wish.secret_string, wish.secret_binary)?;
        let now = self.0.clock.now();
        self.0.vault.change(|vault| {
            if let Some(secret) = vault.get(&wish.name) {
                let version = secret.versions.get(&token);
                if version.is_some_and(|version| version.content == content) {
                    return Ok(json!({ "ARN": secret.arn, "Name": wish.name, "VersionId": token })); // a retry
                }
                let message = format!("The operation failed because the secret {} already exists.", wish.name);
                return Err(Refusal::new("ResourceExistsException", message));
            }
            let mut secret = Secret::new(arn(&wish.name), now);
            let mut output = json!({ "ARN": secret.arn, "Name": wish.name });
            if let Some(content) = content {
                secret.put(&token, content, &[CURRENT.to_owned()], now)?;
                output = json!({ "ARN": secret.arn, "Name": wish.name, "VersionId": token });
            }
            vault.insert(wish.name, secret);
            Ok(output)
        })
    }

    fn get_secret_value(&self, wish: &GetSecretValue) -> Result<Value, Refusal> {
        self.look(&wish.secret_id, |name, secret| {
            let (id, version) = find_version(secret, wish.version_id.as_deref(), wish.version_stage.as_deref())?;
            let mut output = json!({
                "ARN": secret.arn,
                "Name": name,
                "VersionId": id,
                "VersionStages": version.labels,
                "CreatedDate": seconds(version.created_at),
            });
            let content = version.content.as_ref();
            let text = content.and_then(|content| content.text.clone()).map(|text| ("SecretString", text));
            let binary = content.and_then(|content| content.binary.clone()).map(|binary| ("SecretBinary", binary));
            if let (Some(output), Some((field, value))) = (output.as_object_mut(), text.or(binary)) {
                output.insert(field.to_owned(), value.into());
            }
            Ok(output)
        })
    }

    fn put_secret_value(&self, wish: PutSecretValue) -> Result<Value, Refusal> {
        let token = token(wish.client_request_token)?;
        let content = content(wish.secret_string, wish.secret_binary)?
            .ok_or_else(|| invalid("You must provide either SecretString or SecretBinary."))?;
        let labels = wish.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
        check_labels(&labels)?;
        let now = self.0.clock.now();
        self.change(&wish.secret_id, |name, secret| {
            secret.put(&token, content, &labels, now)?;
            let labels = secret.versions.get(&token).map(|version| &version.labels);
            Ok(json!({ "ARN": secret.arn, "Name": name, "VersionId": token, "VersionStages": labels }))
        })
    }

    fn describe_secret(&self, wish: &DescribeSecret) -> Result<Value, Refusal> {
        self.look(&wish.secret_id, |name, secret| {
            let labelled = secret.versions.iter().filter(|(_, version)| !version.labels.is_empty());
            let stages: Map<String, Value> =
                labelled.map(|(id, version)| (id.clone(), json!(version.labels))).collect();
            Ok(json!({
                "ARN": secret.arn,
                "Name": name,
                "RotationEnabled": secret.rotation_enabled,
                "CreatedDate": seconds(secret.created_at),
                "LastChangedDate": seconds(secret.changed_at),
                "LastRotatedDate": secret.rotation_enabled.then(|| seconds(secret.changed_at)),
                "VersionIdsToStages": stages,
            }))
        })
    }

    fn update_secret_version_stage(&self, wish: &UpdateSecretVersionStage) -> Result<Value, Refusal> {
        let (from, to) = (wish.remove_from_version_id.as_deref(), wish.move_to_version_id.as_deref());
        if from.is_none() && to.is_none() {
            return Err(invalid("You must provide MoveToVersionId, RemoveFromVersionId or both."));
        }
        let now = self.0.clock.now();
        self.change(&wish.secret_id, |name, secret| {
            secret.move_label(&wish.version_stage, from, to, now)?;
            Ok(json!({ "ARN": secret.arn, "Name": name }))
        })
    }
}

/// The version by id, by label, or by both, which must agree; `AWSCURRENT` where nothing is said.
fn find_version<'a>(
    secret: &'a Secret,
    id: Option<&str>,
    label: Option<&str>,
) -> Result<(String, &'a Version), Refusal> {
    let wanted = match (id, label) {
        (Some(id), _) => id,
        (None, label) => {
            let label = label.unwrap_or(CURRENT);
            secret.id_labelled(label).ok_or_else(|| no_such_version("staging label", label))?
        }
    };
    let version = secret.versions.get(wanted).filter(|version| version.content.is_some());
    let Some(version) = version else {
        return Err(match label {
            Some(label) if id.is_none() => no_such_version("staging label", label),
            _ => no_such_version("VersionId", wanted),
        });
    };
    if label.is_some_and(|label| !version.labels.contains(label)) {
        return Err(Refusal::new(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        ));
    }
    Ok((wanted.to_owned(), version))
}

/// The token of a request, which becomes the version's id. The SDKs make one where the caller gives none.
fn token(token: Option<String>) -> Result<String, Refusal> {
    let token =
        token.ok_or_else(|| invalid("You must provide a ClientRequestToken value. We recommend a UUID-type value."))?;
    if !(32..=64).contains(&token.chars().count()) {
        return Err(invalid("ClientRequestToken must be 32-64 characters long."));
    }
    Ok(token)
}

fn content(text: Option<String>, binary: Option<String>) -> Result<Option<Content>, Refusal> {
    let bytes = match &binary {
        Some(binary) => {
            STANDARD.decode(binary).map_err(|error| Refusal::new("SerializationException", error.to_string()))?.len()
        }
        None => text.as_ref().map_or(0, String::len),
    };
    if text.is_some() && binary.is_some() {
        return Err(invalid(
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        ));
    }
    if bytes > MOST_BYTES {
        return Err(invalid(format!("The secret value is longer than {MOST_BYTES} bytes.")));
    }
    Ok((text.is_some() || binary.is_some()).then_some(Content { text, binary }))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    if (1..=512).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Refusal::new(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

fn check_labels(labels: &[String]) -> Result<(), Refusal> {
    if (1..=20).contains(&labels.len()) && labels.iter().all(|label| (1..=256).contains(&label.len())) {
        return Ok(());
    }
    Err(invalid("VersionStages must hold 1 to 20 labels of 1 to 256 characters."))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
