//! What `sam` finds: its settings, the makefiles of `sam build`, and names that AWS takes.

use serde_json::json;
use tests::template::TEMPLATE;

use super::{function_of, read, resources};

/// The longest name of a Lambda function.
const LONGEST_FUNCTION_NAME: usize = 64;

#[test]
fn every_command_of_sam_reads_the_template_itself() {
    // `sam build` leaves a copy, and an edit of the template must not be missing from a deployment
    let config = read("samconfig.toml");
    let environments: Vec<_> =
        config.split("\n[").filter_map(|section| section.split_once(".global.parameters]")).collect();
    let names: Vec<_> = environments.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["default", "dev", "staging", "prod"]);
    for (name, global) in &environments {
        let is_pinned = global.lines().any(|line| line == "template_file = \"template.yaml\"");
        assert!(is_pinned, "samconfig.toml: pin it globally for {name}");
    }
    let count = config.matches("template_file").count();
    assert_eq!(count, environments.len(), "samconfig.toml: no command has a template of its own");
}

#[test]
fn sam_build_finds_a_makefile_for_each_architecture() {
    // ARCHITECTURE.md, "Code map"
    let architectures = TEMPLATE["Parameters"]["Architecture"]["AllowedValues"].as_array().expect("architectures");
    assert_eq!(*architectures, [json!("arm64"), json!("x86_64")]);
    let rules = read("ops/build/functions.mk");
    assert!(rules.contains("--lambda-dir target/lambda"), "ops/build/functions.mk: build where the template looks");
    for architecture in architectures.iter().filter_map(|value| value.as_str()) {
        let makefile = read(&format!("ops/build/{architecture}/Makefile"));
        let says = |line: &str| makefile.lines().any(|found| found == line);
        assert!(says(&format!("architecture := {architecture}")), "ops/build/{architecture}/Makefile: {makefile}");
        assert!(says("include ops/build/functions.mk"), "ops/build/{architecture}/Makefile: {makefile}");
        for variable in ["flag", "machine"] {
            let defined = format!("{variable}-{architecture} := ");
            assert!(rules.contains(&defined), "ops/build/functions.mk: define {defined}");
        }
    }
    for (id, function) in resources("AWS::Serverless::Function") {
        let metadata = &function["Metadata"];
        let method = [&metadata["BuildMethod"], &metadata["ContextPath"], &metadata["WorkingDirectory"]];
        assert_eq!(method, ["makefile", "ops/build/${Architecture}", "."], "{id}: have `sam build` build it");
        assert_eq!(
            metadata["SkipBuild"],
            json!(null),
            "{id}: `sam build` would say that it succeeded, and build nothing"
        );
    }
}

#[test]
fn functions_with_a_name_are_named_after_the_stack_and_the_folder_and_lambda_takes_the_name() {
    // Operators' commands find them by it.
    let mut longest = 0;
    let mut named = Vec::new();
    for (id, function) in resources("AWS::Serverless::Function") {
        let Some(name) = function["Properties"]["FunctionName"].as_str() else { continue };
        let suffix =
            name.strip_prefix("${AWS::StackName}").unwrap_or_else(|| panic!("{id}: begin with the stack's name"));
        assert_eq!(suffix, format!("-{}", function_of(id)), "{id}: end with its folder");
        longest = longest.max(suffix.len());
        named.push(id);
    }
    assert_eq!(named, ["AdminFunction", "RotateKeysFunction"]);
    let most = LONGEST_FUNCTION_NAME - longest;
    let told = format!("at most {most} characters");
    for file in ["template.yaml", "samconfig.toml", "docs/sam.md"] {
        assert!(read(file).contains(&told), "{file}: a stack's name has {told}");
    }
    let stack = read("samconfig.toml");
    for stack in stack.lines().filter_map(|line| line.strip_prefix("stack_name = ")) {
        assert!(stack.trim_matches('"').len() <= most, "samconfig.toml: {stack} is too long");
    }
}
