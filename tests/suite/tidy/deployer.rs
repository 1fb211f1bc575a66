//! `ops/deployer-policy.json`: what the role that deploys may do, and what it may not.
//!
//! To add a resource of a new type to the template: a line in [`NEEDED`] with the actions that create, change and delete
//! it. `ops/check/template` compares the policy with `CloudFormation`'s own list of every action.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::template::TEMPLATE;

use super::read;

const POLICY: &str = "ops/deployer-policy.json";
/// The types of the template, and actions without which `CloudFormation` cannot make, change or delete one.
const NEEDED: [(&str, &[&str]); 21] = [
    ("AWS::ApiGatewayV2::ApiMapping", &["apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"]),
    ("AWS::ApiGatewayV2::DomainName", &["apigateway:POST", "apigateway:AddCertificateToDomain"]),
    ("AWS::CloudWatch::Alarm", &["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:TagResource"]),
    ("AWS::CloudWatch::Dashboard", &["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"]),
    ("AWS::DynamoDB::Table", &["dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:UpdateContinuousBackups"]),
    ("AWS::Events::Rule", &["events:PutRule", "events:PutTargets", "events:DeleteRule"]),
    ("AWS::IAM::ManagedPolicy", &["iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy"]),
    ("AWS::IAM::Role", &["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRole"]),
    ("AWS::KMS::Key", &["kms:CreateKey", "kms:PutKeyPolicy", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"]),
    ("AWS::Lambda::Permission", &["lambda:AddPermission", "lambda:RemovePermission"]),
    ("AWS::Logs::LogGroup", &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"]),
    ("AWS::SES::ConfigurationSet", &["ses:CreateConfigurationSet", "ses:DeleteConfigurationSet"]),
    ("AWS::SES::ConfigurationSetEventDestination", &["ses:CreateConfigurationSetEventDestination"]),
    ("AWS::SNS::Subscription", &["sns:Subscribe", "sns:Unsubscribe"]),
    ("AWS::SNS::Topic", &["sns:CreateTopic", "sns:SetTopicAttributes", "sns:DeleteTopic"]),
    ("AWS::SQS::Queue", &["sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:DeleteQueue"]),
    ("AWS::SQS::QueuePolicy", &["sqs:SetQueueAttributes"]),
    ("AWS::SecretsManager::RotationSchedule", &["secretsmanager:RotateSecret", "lambda:InvokeFunction"]),
    ("AWS::SecretsManager::Secret", &["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"]),
    (
        "AWS::Serverless::Function",
        &["lambda:CreateFunction", "lambda:PublishVersion", "lambda:UpdateAlias", "iam:PassRole"],
    ),
    ("AWS::Serverless::HttpApi", &["apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "logs:CreateLogDelivery"]),
];
/// What reads or changes the data of users. A deployment needs none of it.
const OF_DATA: [&str; 15] = [
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "kms:Decrypt",
    "logs:GetLogEvents",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "ses:SendEmail",
    "sns:Publish",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

#[test]
fn the_deployer_may_make_every_resource_of_the_template() {
    // IAM-01
    let types: BTreeSet<_> = TEMPLATE["Resources"]
        .as_object()
        .expect("resources")
        .values()
        .collect::<Vec<_>>()
        .iter()
        .map(|resource| resource["Type"].as_str().expect("a type").to_owned())
        .collect();
    let actions = actions();
    for kind in &types {
        let needed = NEEDED.iter().find(|(known, _)| known == kind);
        let (_, needed) = needed.unwrap_or_else(|| panic!("what does {kind} need? Give it a line in NEEDED"));
        let missing: Vec<_> = needed.iter().filter(|action| !actions.contains(**action)).collect();
        assert!(missing.is_empty(), "{POLICY}: {kind} needs {missing:?}");
    }
}

#[test]
fn the_deployer_reads_no_data_and_has_no_wildcard_action() {
    // IAM-01
    let actions = actions();
    assert_eq!(actions.iter().find(|action| action.contains('*')), None, "{POLICY}: name the actions");
    for action in OF_DATA {
        assert!(!actions.contains(action), "{POLICY}: a deployment does not need {action}");
    }
}

#[test]
fn the_deployer_touches_this_stack_alone_where_aws_lets_it_say_so() {
    // IAM-01
    let everywhere: Vec<_> = statements()
        .into_iter()
        .filter(|statement| statement["Resource"] == json!(["*"]))
        .map(|statement| statement["Sid"].as_str().expect("a Sid").to_owned())
        .collect();
    assert_eq!(everywhere, ["EventSources", "WithoutAResource"], "{POLICY}: name the resources");
    let pass = statements().into_iter().find(|statement| statement["Sid"] == "PassRoles").expect("PassRoles");
    let to = json!({"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]}});
    assert_eq!(pass["Condition"], to, "roles are passed to the services that run the stack");
    for statement in statements() {
        for resource in statement["Resource"].as_array().expect("a list") {
            let resource = resource.as_str().expect("a text");
            let is_named = ["STACK", "SigningKeys-", "AccountKeys-", "apigateway:", "aws-sam-cli", "transform/"];
            let is_tagged = statement["Sid"] == "AlarmKey"
                || statement["Sid"] == "Mail"
                || resource.ends_with("deploymentconfig:*");
            assert!(
                resource == "*" || is_tagged || is_named.iter().any(|name| resource.contains(name)),
                "{POLICY}: {resource} belongs to other stacks too"
            );
        }
    }
}

fn statements() -> Vec<Value> {
    let policy: Value = serde_json::from_str(&read(POLICY)).expect("the policy is JSON");
    policy["Statement"].as_array().expect("statements").clone()
}

fn actions() -> BTreeSet<String> {
    let statements = statements();
    let all = statements.iter().flat_map(|statement| statement["Action"].as_array().into_iter().flatten());
    all.map(|action| action.as_str().expect("an action").to_owned()).collect()
}
