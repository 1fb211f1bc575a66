//! A route as the command line names it, and the names that follow from it.

/// Functions whose routes are a signed-in user's.
const FUNCTIONS: [&str; 2] = ["account", "credentials"];
/// What `template.yaml` lets browsers send.
const METHODS: [&str; 4] = ["GET", "POST", "PATCH", "DELETE"];

#[derive(Debug)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub function: String,
    /// The names in braces, in their order.
    pub parameters: Vec<String>,
    /// Such as `delete_devices_by_id`.
    pub file: String,
}

impl Route {
    /// Reads a route.
    ///
    /// # Errors
    /// What cannot be used, and what can.
    pub fn parse(method: &str, path: &str, function: &str) -> Result<Self, String> {
        if !METHODS.contains(&method) {
            return Err(format!("{method}: use one of {}", METHODS.join(", ")));
        }
        if !FUNCTIONS.contains(&function) {
            return Err(format!(
                "{function}: use one of {}; routes of others are written by hand",
                FUNCTIONS.join(", ")
            ));
        }
        let wrong =
            || format!("{path}: use /api/auth/ and names of lower-case letters and hyphens, such as {{id}} or my-name");
        let rest = path.strip_prefix("/api/auth/").ok_or_else(wrong)?;
        let mut parameters = Vec::new();
        let mut words = vec![method.to_lowercase()];
        for segment in rest.split('/') {
            let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let text = name.unwrap_or(segment);
            let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || (c == '-' && name.is_none()));
            if !is_name {
                return Err(wrong());
            }
            if let Some(name) = name {
                parameters.push(name.to_owned());
                words.push("by".to_owned());
            }
            words.extend(text.split('-').filter(|word| !word.is_empty()).map(str::to_owned));
        }
        let file = words.join("_");
        Ok(Self { method: method.to_owned(), path: path.to_owned(), function: function.to_owned(), parameters, file })
    }

    /// Returns the id of the operation, such as `deleteDevicesById`.
    pub fn operation(&self) -> String {
        let event = self.event();
        event.chars().take(1).map(|c| c.to_ascii_lowercase()).chain(event.chars().skip(1)).collect()
    }

    /// Returns the name of the event in `template.yaml`, such as `DeleteDevicesById`.
    pub fn event(&self) -> String {
        self.file.split('_').map(capitalised).collect()
    }

    /// Returns the name of the function in `template.yaml`.
    pub fn resource(&self) -> String {
        format!("{}Function", capitalised(&self.function))
    }

    /// Fills a template.
    pub fn fill(&self, template: &str) -> String {
        let example =
            self.parameters.iter().fold(self.path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "x"));
        // The longer names first: `@METHOD` is not the beginning of another one.
        template
            .replace("@LOWER_METHOD", &self.method.to_lowercase())
            .replace("@METHOD", &self.method)
            .replace("@EXAMPLE_PATH", &example)
            .replace("@PATH", &self.path)
            .replace("@FUNCTION", &self.function)
            .replace("@FILE", &self.file)
            .replace("@OPERATION", &self.operation())
    }
}

fn capitalised(word: &str) -> String {
    word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect()
}
