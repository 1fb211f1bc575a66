//! GitHub's workflows and the checks: a workflow only calls scripts, which anyone can run without GitHub.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tests::template;

use super::{read, root};

/// The scripts of the checks.
const CHECKS: [&str; 8] = [
    "ops/check/api",
    "ops/check/budgets",
    "ops/check/client",
    "ops/check/dependencies",
    "ops/check/openapi",
    "ops/check/policies",
    "ops/check/sbom",
    "ops/check/template",
];
/// Who may own an action that a workflow uses.
const OWNERS: [&str; 2] = ["actions", "aws-actions"];

#[test]
fn a_workflow_only_calls_scripts_of_the_repository() {
    // SUP-01
    for (file, workflow) in workflows() {
        for step in steps(&workflow) {
            if let Some(command) = step["run"].as_str() {
                let script = command.split_whitespace().next().unwrap_or_default();
                let is_script =
                    (script.starts_with("ops/") || script == ".ci/run") && !command.contains(['\n', ';', '&', '|']);
                assert!(is_script, "{file}: move `{command}` to a script under ops/");
                assert!(root().join(script).exists(), "{file}: there is no {script}");
            }
        }
    }
    // `.ci/run` needs Rust and Python. The checks that need Node, or take long, are jobs of their own.
    let (ci, jobs) = (read(".ci/run"), read(".github/workflows/ci.yml"));
    for check in CHECKS.into_iter().filter(|check| *check != "ops/check/sbom") {
        assert!(ci.contains(check) || jobs.contains(check), "call {check} in .ci/run or a job");
    }
}

#[test]
fn a_workflow_has_few_rights_and_uses_actions_of_known_owners() {
    // SUP-01
    let security = read("SECURITY.md");
    for (file, workflow) in workflows() {
        let permissions = workflow["permissions"].as_object().expect("permissions");
        for (name, right) in permissions {
            let is_expected = match name.as_str() {
                "contents" => right == "read",
                "id-token" => right == "write" && file.ends_with("deploy.yml"),
                _ => false,
            };
            assert!(is_expected, "{file}: leave out {name}: {right}");
        }
        for step in steps(&workflow) {
            let Some(action) = step["uses"].as_str() else { continue };
            let (owner, _) = action.split_once('/').expect("an owner");
            assert!(OWNERS.contains(&owner), "{file}: whose is {action}?");
            let (_, version) = action.split_once('@').expect("a version");
            let is_commit = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                is_commit || security.contains("by tag"),
                "{file}: {action} is named by tag: say so in SECURITY.md"
            );
            if action.starts_with("actions/checkout@") {
                assert_eq!(step["with"]["persist-credentials"], false, "{file}: leave no token behind");
            }
        }
    }
}

#[test]
fn a_deployment_waits_for_approval_and_has_no_key_to_keep() {
    // SUP-03
    let deploy = template::read(&read(".github/workflows/deploy.yml"));
    let job = &deploy["jobs"]["deploy"];
    assert_eq!(job["environment"], "${{ inputs.stage }}", "the environment's reviewers approve");
    for (file, text) in files() {
        assert!(!text.contains("secrets."), "{file}: the role comes by OIDC, and nothing else is secret");
    }
}

#[test]
fn a_release_is_built_for_every_architecture_of_the_template() {
    // SUP-02
    let release = template::read(&read(".github/workflows/release.yml"));
    let built = &release["jobs"]["build"]["strategy"]["matrix"]["architecture"];
    assert_eq!(*built, template::TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]);
    let script = read("ops/build-release");
    for architecture in built.as_array().expect("architectures") {
        assert!(
            script.contains(&format!("    {}) flag=", architecture.as_str().unwrap())),
            "ops/build-release: {architecture}"
        );
    }
}

#[test]
fn every_check_can_be_run_and_names_the_versions_of_its_tools() {
    // SUP-01, SUP-02
    for check in CHECKS {
        let mode = fs::metadata(root().join(check)).expect("the script").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{check}: make it executable");
        let text = read(check);
        assert!(text.starts_with("#!/usr/bin/env bash\n# "), "{check}: begin with what it is for");
        assert!(text.contains("set -euo pipefail"), "{check}: stop at the first failure");
        for line in text.lines().filter(|line| line.starts_with("tools ") || line.starts_with("npm_tools ")) {
            let packages: Vec<_> = line.split_whitespace().skip(2).collect();
            let is_pinned = |package: &&str| package.contains("==") || package.trim_start_matches('@').contains('@');
            assert!(packages.iter().all(is_pinned), "{check}: {packages:?}: name the versions");
        }
    }
}

#[test]
fn every_waiver_of_a_scanner_has_its_reason() {
    // IAM-03
    let text = read(".checkov.yaml");
    let mut is_explained = false;
    for line in text.lines().skip_while(|line| !line.starts_with("skip-check:")).skip(1) {
        let line = line.trim();
        assert!(line.starts_with("# ") || is_explained, ".checkov.yaml: {line} has no reason above it");
        is_explained = line.starts_with("# ") || line.starts_with("- CKV");
    }
    for (number, line) in (1..).zip(read("template.yaml").lines()) {
        if line.contains("ignore_checks: [") {
            let before: Vec<_> = text_before("template.yaml", number, 6);
            assert!(before.iter().any(|line| line.trim().starts_with("# ")), "template.yaml:{number}: say why");
        }
    }
}

fn text_before(path: &str, number: usize, count: usize) -> Vec<String> {
    read(path).lines().take(number - 1).skip(number.saturating_sub(count + 1)).map(str::to_owned).collect()
}

fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(".github/workflows")).expect("the workflows");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        format!(".github/workflows/{}", entry.expect("an entry").file_name().to_string_lossy())
    };
    entries.map(name).map(|file| (file.clone(), read(&file))).collect()
}

fn workflows() -> Vec<(String, Value)> {
    let workflows: Vec<_> = files().into_iter().map(|(file, text)| (file, template::read(&text))).collect();
    assert_eq!(workflows.len(), 3, "ci, release and deploy");
    workflows
}

fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
    jobs.flat_map(|job| job["steps"].as_array().into_iter().flatten()).collect()
}
