//! Releases: what calls a function calls its alias, so that `ops/deploy` can move it back. `tests/stack/canary.py` checks
//! what SAM makes of this.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::template::TEMPLATE;

use super::{read, resources};

#[test]
fn every_function_has_a_live_alias_that_follows_the_release() {
    // REL-01
    let globals = &TEMPLATE["Globals"]["Function"];
    assert_eq!(globals["AutoPublishAlias"], "live", "Globals: what calls a function calls this alias");
    assert_eq!(
        globals["Environment"]["Variables"]["RELEASE"], "Release",
        "Globals: each release changes each function"
    );
    for (id, function) in resources("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        assert_eq!(properties["AutoPublishAlias"], Value::Null, "{id}: leave the alias to Globals");
        assert_eq!(properties["AutoPublishCodeSha256"], "Release", "{id}: publish a version with each release");
    }
    let code = read("ops/release/stack.py");
    assert!(code.contains("ALIAS = \"live\""), "ops/release/stack.py moves that alias");
}

#[test]
fn nothing_calls_a_function_past_its_alias() {
    // REL-01
    let functions: BTreeSet<_> = resources("AWS::Serverless::Function").map(|(id, _)| id).collect();
    let everything = TEMPLATE["Resources"].as_object().expect("resources").iter();
    for (id, resource) in everything.chain(TEMPLATE["Outputs"].as_object().expect("outputs")) {
        // SAM points a function's own events at the alias. Metrics name the function and count all its versions.
        if functions.contains(id.as_str()) || resource["Type"] == "AWS::CloudWatch::Alarm" {
            continue;
        }
        let text = resource.to_string();
        for function in &functions {
            let direct = [format!("\"{function}.Arn\""), format!("\"{function}\"")];
            let found = direct.iter().find(|way| text.contains(way.as_str()));
            assert_eq!(found, None, "{id}: write !Ref {function}.Alias");
        }
    }
}

#[test]
fn only_functions_behind_the_api_are_released_as_canaries_and_an_alarm_takes_them_back() {
    // REL-02
    let expected = json!({
        "Enabled": "CanaryReleases",
        "Type": "Canary10Percent10Minutes",
        "Alarms": ["${AWS::StackName}-api-errors"],
    });
    assert_eq!(TEMPLATE["Globals"]["Function"]["DeploymentPreference"], expected);
    let alarm = &TEMPLATE["Resources"]["ApiErrorsAlarm"]["Properties"];
    assert_eq!(alarm["AlarmName"], "${AWS::StackName}-api-errors", "CodeDeploy looks for this name");
    // No emulator has CodeDeploy, and a stage for trials needs no canary.
    assert_eq!(TEMPLATE["Parameters"]["CanaryReleases"]["Default"], "false");
    for (id, function) in resources("AWS::Serverless::Function") {
        let events = function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values());
        let is_behind_the_api = events.into_iter().any(|event| event["Type"] == "HttpApi");
        let own = &function["Properties"]["DeploymentPreference"];
        let expected = if is_behind_the_api { Value::Null } else { json!({"Enabled": false}) };
        assert_eq!(*own, expected, "{id}: a canary wants requests of the API, which ApiErrorsAlarm watches");
    }
}
