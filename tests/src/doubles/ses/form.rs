//! A query request: what is read is taken out, so that what is left over at the end is what the double does not know.

use std::collections::BTreeMap;

use super::super::wire::Refusal;

/// The parameters of a request.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// The parameters in a form body, without the two that every request has.
    pub(super) fn parse(body: &[u8]) -> Self {
        let parameters = form_urlencoded::parse(body).into_owned();
        Self(parameters.filter(|(name, _)| name != "Action" && name != "Version").collect())
    }

    /// A parameter that may be absent.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// A parameter that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional(name).ok_or_else(|| missing(name))
    }

    /// A list of values.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        (1..).map_while(|index| self.optional(&format!("{name}.member.{index}"))).collect()
    }

    /// A list of names with values.
    pub(super) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let pair = |index| {
            let key = self.optional(&format!("{name}.member.{index}.Name"))?;
            Some((key, self.optional(&format!("{name}.member.{index}.Value"))?))
        };
        (1..).map_while(pair).collect()
    }

    /// A text with its character set, as the recipient would see it: without a character set SES sends seven bits, and
    /// what does not fit them arrives as question marks.
    ///
    /// # Errors
    /// When the character set is none that the double knows.
    pub(super) fn content(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let charset = self.optional(&format!("{name}.Charset")).unwrap_or_else(|| "US-ASCII".to_owned());
        let Some(text) = self.optional(&format!("{name}.Data")) else { return Ok(None) };
        match charset.to_ascii_uppercase().as_str() {
            "UTF-8" => Ok(Some(text)),
            "US-ASCII" => Ok(Some(text.replace(|c: char| !c.is_ascii(), "?"))),
            _ => Err(Refusal::new("InvalidParameterValue", format!("Unsupported character set: {charset}"))),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When a parameter has not been read.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Refusal::new("InvalidParameterValue", format!("The double does not know the parameter {name}.")))
            }
        }
    }
}

/// The refusal of a request that lacks a parameter.
pub(super) fn missing(name: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    );
    Refusal::new("ValidationError", message)
}
