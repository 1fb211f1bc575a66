//! A secret's versions and their staging labels: transitions without I/O. A label is on one version at most.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::wire::Refusal;

/// The label of the version in use.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was in use before.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of the version that a rotation is making.
pub(super) const PENDING: &str = "AWSPENDING";

/// A secret with all its versions.
#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
    pub(super) rotation_enabled: bool,
    pub(super) versions: BTreeMap<String, Version>,
}

/// One version; a rotation that has only begun has given it no content yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) content: Option<Content>,
    pub(super) labels: BTreeSet<String>,
    pub(super) created_at: Timestamp,
}

/// What a version holds: a text, or bytes in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) binary: Option<String>,
}

impl Content {
    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self { text: Some(text.to_owned()), binary: None }
    }
}

impl Secret {
    /// A secret without a version.
    pub(super) fn new(arn: String, now: Timestamp) -> Self {
        Self { arn, created_at: now, changed_at: now, rotation_enabled: false, versions: BTreeMap::new() }
    }

    /// The version that a label is on.
    pub(super) fn labelled(&self, label: &str) -> Option<&Version> {
        self.versions.get(self.id_labelled(label)?)
    }

    /// The id of the version that a label is on.
    pub(super) fn id_labelled(&self, label: &str) -> Option<&str> {
        let (id, _) = self.versions.iter().find(|(_, version)| version.labels.contains(label))?;
        Some(id)
    }

    /// Puts a version under the id `token` and moves `labels` to it. The first version gets `AWSCURRENT` in any case.
    /// The same content once more changes nothing.
    ///
    /// # Errors
    /// `ResourceExistsException` when the version holds another content.
    pub(super) fn put(
        &mut self,
        token: &str,
        content: Content,
        labels: &[String],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match self.versions.get(token).and_then(|version| version.content.as_ref()) {
            Some(held) if *held == content => return Ok(()),
            Some(_) => {
                return Err(Refusal::new(
                    "ResourceExistsException",
                    format!(
                        "You can't use ClientRequestToken {token} because that value is already in use for a version of \
                         secret {}.",
                        self.arn
                    ),
                ));
            }
            None => {}
        }
        let is_first = self.versions.values().all(|version| version.content.is_none());
        let version = self.versions.entry(token.to_owned()).or_insert_with(|| Version::empty(now));
        version.content = Some(content);
        for label in labels {
            self.label(label, token);
        }
        if is_first {
            self.label(CURRENT, token);
        }
        self.changed_at = now;
        Ok(())
    }

    /// Moves a label between versions, or takes it off one.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when a version does not exist; `InvalidParameterException` when the label is on another
    /// version than `from` says, or when `AWSCURRENT` would be on none.
    pub(super) fn move_label(
        &mut self,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(missing) = [from, to].into_iter().flatten().find(|id| !self.versions.contains_key(*id)) {
            return Err(no_such_version("VersionId", missing));
        }
        self.check_removal(label, from, to)?;
        match to {
            Some(to) => self.label(label, to),
            None if label == CURRENT => {
                return Err(invalid(format!(
                    "You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
                )));
            }
            None => self.unlabel(label),
        }
        self.changed_at = now;
        Ok(())
    }

    /// Turns rotation on and sees to a version with `AWSPENDING`: the one of a rotation that has not ended, or an empty one
    /// with the id `token`. Answers with its id.
    pub(super) fn begin_rotation(&mut self, token: String, now: Timestamp) -> String {
        self.rotation_enabled = true;
        let current = self.id_labelled(CURRENT);
        if let Some(pending) = self.id_labelled(PENDING).filter(|pending| Some(*pending) != current) {
            return pending.to_owned();
        }
        self.versions.insert(token.clone(), Version::empty(now));
        self.label(PENDING, &token);
        token
    }

    /// `from` must name the version that the label is on, unless that is where it goes.
    fn check_removal(&self, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Refusal> {
        let holder = self.id_labelled(label);
        match (holder, from) {
            (Some(holder), None) if to != Some(holder) => Err(invalid(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version \
                 {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ))),
            (holder, Some(from)) if holder != Some(from) => {
                Err(invalid(format!("The staging label {label} isn't attached to version {from}.")))
            }
            _ => Ok(()),
        }
    }

    /// Puts a label on a version, off any other. The version that loses `AWSCURRENT` gets `AWSPREVIOUS`.
    fn label(&mut self, label: &str, to: &str) {
        let holder = self.id_labelled(label).map(str::to_owned);
        if holder.as_deref() == Some(to) {
            return;
        }
        self.unlabel(label);
        if let Some(version) = self.versions.get_mut(to) {
            version.labels.insert(label.to_owned());
        }
        if let Some(holder) = holder.filter(|_| label == CURRENT) {
            self.label(PREVIOUS, &holder);
        }
    }

    fn unlabel(&mut self, label: &str) {
        for version in self.versions.values_mut() {
            version.labels.remove(label);
        }
    }
}

impl Version {
    fn empty(now: Timestamp) -> Self {
        Self { content: None, labels: BTreeSet::new(), created_at: now }
    }
}

/// The refusal for a version that is not there; `what` is `VersionId` or `staging label`.
pub(super) fn no_such_version(what: &str, which: &str) -> Refusal {
    let message = format!("Secrets Manager can't find the specified secret value for {what}: {which}");
    Refusal::new("ResourceNotFoundException", message)
}

/// The refusal of a parameter.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}
