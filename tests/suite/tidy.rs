//! What the code's layout promises: read from the files themselves, so that no promise stands on paper alone.
//!
//! To add a rule: a test that collects every place that breaks it, and a message that says what to do there.

#![expect(clippy::expect_used, reason = "a test that cannot read the sources has nothing to go on with")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod deployer;
mod docs;
mod events;
mod mutants;
mod parameters;
mod permissions;
mod releases;
mod sam;
mod settings;
mod sources;
mod stack;
mod watching;
mod workflows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::contract;
use tests::functions::ROUTES;
use tests::template::TEMPLATE;

#[test]
fn the_contract_and_the_template_have_the_same_routes() {
    // HTP-04
    let deployed: BTreeSet<_> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let contract: BTreeSet<_> = contract::operations().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(contract, deployed, "describe in openapi.yaml what template.yaml serves, and no more");
    assert!(deployed.len() >= 11, "the template's routes are found");
}

#[test]
fn every_function_is_one_folder_and_one_resource() {
    // ARCHITECTURE.md, "Code map"
    for function in functions() {
        for file in ["Cargo.toml", "src/lib.rs", "src/main.rs"] {
            assert!(
                root().join("functions").join(&function).join(file).is_file(),
                "functions/{function} wants a {file}"
            );
        }
        let manifest = read(&format!("functions/{function}/Cargo.toml"));
        assert!(
            manifest.contains(&format!("name = \"{function}\"")),
            "name the package of functions/{function} {function}"
        );
    }
    let of_template: Vec<_> = resources("AWS::Serverless::Function").map(|(id, _)| function_of(id)).collect();
    assert_eq!(of_template.len(), functions().len(), "each folder is one function of template.yaml");
    assert_eq!(
        of_template.into_iter().collect::<BTreeSet<_>>(),
        functions(),
        "give each folder a function in template.yaml"
    );
    for (id, resource) in resources("AWS::Serverless::Function") {
        let function = function_of(id);
        let code = format!("target/lambda/{function}/");
        assert_eq!(resource["Properties"]["CodeUri"], code, "{id}: cargo lambda puts the binary there");
        let name = id.strip_suffix("Function").unwrap();
        assert_eq!(resource["Properties"]["Role"], format!("{name}Role.Arn"), "{id}: IAM-01, a role of its own");
    }
}

#[test]
fn cargo_lambda_serves_the_routes_too() {
    // ARCHITECTURE.md, "Code map"
    let manifest = read("Cargo.toml");
    let Some((_, watch)) = manifest.split_once("[workspace.metadata.lambda.watch.router]") else { return };
    for (method, path, function) in ROUTES.iter() {
        let named = watch
            .lines()
            .any(|line| line.contains(&format!("\"{path}\"")) && line.contains(&format!("\"{function}\"")));
        assert!(named, "route {method} {path} to {function} at the end of Cargo.toml, for `cargo lambda watch`");
    }
}

// ---- Helpers ----

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// A file's text.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all folders with a function.
fn functions() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("functions")).expect("the functions");
    let folders = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("a name")).collect()
}

/// Path and text of every Rust file under a folder, by path.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap_or_else(|error| panic!("{folder}: {error}")) {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                files.push((path, text));
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no Rust file under {folder}");
    files
}

/// The same without what only tests compile.
fn production(folder: &str) -> Vec<(String, String)> {
    let mut files = sources(folder);
    files.retain(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    for (_, text) in &mut files {
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        text.truncate(end);
    }
    files
}

/// Returns logical id and resource of every resource of a type, by id.
fn resources(kind: &str) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let all: BTreeMap<_, _> = TEMPLATE["Resources"].as_object().expect("resources").iter().collect();
    let of_kind = move |(id, resource): (&'static String, &'static Value)| {
        (resource["Type"] == *kind).then_some((id.as_str(), resource))
    };
    all.into_iter().filter_map(of_kind).collect::<Vec<_>>().into_iter()
}

/// The folder of a function: `SendWelcomeEmailFunction` is `send-welcome-email`.
fn function_of(logical_id: &str) -> String {
    let name = logical_id.strip_suffix("Function").or(logical_id.strip_suffix("Role")).unwrap_or(logical_id);
    let mut folder = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !folder.is_empty() {
            folder.push('-');
        }
        folder.extend(letter.to_lowercase());
    }
    folder
}
