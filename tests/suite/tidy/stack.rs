//! The stack: what tables and queues must be, and the arithmetic between them and the code.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::domain::{Lease, NEXT_SWEEP};
use tests::template::TEMPLATE;

use super::resources;

#[test]
fn tables_survive_mistakes() {
    // DDB-01
    let ids: Vec<_> = resources("AWS::DynamoDB::Table").map(|(id, _)| id).collect();
    assert_eq!(ids, ["Accounts", "Credentials", "PublicKeys"], "three tables");
    for (id, table) in resources("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        assert_eq!([&table["DeletionPolicy"], &table["UpdateReplacePolicy"]], ["Retain", "Retain"], "{id}: retain it");
        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{id}: on demand");
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{id}: protect it from deletion");
        let recovery = &properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
        assert_eq!(*recovery, true, "{id}: point-in-time recovery");
        assert_eq!(
            properties["SSESpecification"],
            json!({"SSEEnabled": true, "SSEType": "KMS"}),
            "{id}: encrypt by KMS"
        );
    }
    let ttl = |id: &str| TEMPLATE["Resources"][id]["Properties"]["TimeToLiveSpecification"].clone();
    assert_eq!(ttl("Accounts"), json!({"AttributeName": "ttl", "Enabled": true}), "finished rows end by their ttl");
    assert_eq!(ttl("Credentials"), Value::Null, "credentials do not end");
}

#[test]
fn the_secrets_are_retained_and_their_placeholders_untouched() {
    // KEY-01, KEY-05
    let secrets: Vec<_> = resources("AWS::SecretsManager::Secret").collect();
    assert_eq!(secrets.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["AccountKeys", "SigningKeys"]);
    for (id, secret) in secrets {
        assert_eq!(
            [&secret["DeletionPolicy"], &secret["UpdateReplacePolicy"]],
            ["Retain", "Retain"],
            "{id}: retain it"
        );
        let properties = &secret["Properties"];
        assert_eq!(properties["SecretString"], "{}", "{id}: CloudFormation would write another text over the keys");
        assert_eq!(properties["GenerateSecretString"], Value::Null, "{id}: the rotation function makes the keys");
        let rotation = &TEMPLATE["Resources"][format!("{id}Rotation")];
        let permission = if id == "SigningKeys" { "RotateKeysPermission" } else { "RotateAccountKeysPermission" };
        assert_eq!(rotation["DependsOn"], permission, "{id}: its first rotation wants the permission");
        let invoker = &TEMPLATE["Resources"][permission]["Properties"];
        let source = [&invoker["Principal"], &invoker["SourceAccount"], &invoker["SourceArn"]];
        assert_eq!(
            source,
            ["secretsmanager.amazonaws.com", "AWS::AccountId", id],
            "{permission}: IAM-01, this secret alone"
        );
        let expected = json!({
            "SecretId": id,
            "RotationLambdaARN": "RotateKeysFunction.Alias",
            "RotateImmediatelyOnUpdate": true, // makes the first keys
            "RotationRules": {"AutomaticallyAfterDays": 30},
        });
        assert_eq!(rotation["Properties"], expected, "{id}: the rotation");
    }
    assert_eq!(resources("AWS::SecretsManager::RotationSchedule").count(), 2, "one rotation for each secret");
}

#[test]
fn the_queues_times_fit_each_other_and_the_codes() {
    // SQS-02, SQS-03, OUT-04
    for (queue_id, function) in [("MailQueue", "MailerFunction"), ("MailEventsQueue", "MailEventsFunction")] {
        let timeout = seconds(&TEMPLATE["Resources"][function]["Properties"], "Timeout");
        let visibility = seconds(queue(queue_id), "VisibilityTimeout");
        assert!(visibility >= 6 * timeout, "{queue_id}'s VisibilityTimeout is at least six times {function}'s Timeout");
    }
    let (mail, dead) = (queue("MailQueue"), queue("MailDeadLetterQueue"));
    let visibility = seconds(mail, "VisibilityTimeout");
    let timeout = seconds(&TEMPLATE["Resources"]["MailerFunction"]["Properties"], "Timeout");
    assert!(NEXT_SWEEP > SignedDuration::from_secs(visibility), "the sweeper waits for what the queue owes");

    let (kept, kept_dead) = (seconds(mail, "MessageRetentionPeriod"), seconds(dead, "MessageRetentionPeriod"));
    assert_eq!((kept, kept_dead), (days(4), days(14)), "4 days in the queue, 14 in the dead-letter queue");
    assert!(kept_dead > kept, "a message keeps its age when it moves to the dead-letter queue");

    let redrive = &mail["RedrivePolicy"];
    assert_eq!(*redrive, json!({"deadLetterTargetArn": "MailDeadLetterQueue.Arn", "maxReceiveCount": 10}));
    assert_eq!(dead["RedrivePolicy"], Value::Null, "what lies before a person goes nowhere by itself");

    let now = Timestamp::UNIX_EPOCH;
    let lease = Lease::starting(now).until.duration_since(now);
    assert!(lease >= SignedDuration::from_secs(visibility), "a redelivery meets the lease of whoever died over it");
    assert!(lease >= SignedDuration::from_secs(timeout), "no sender outlives its lease");
}

#[test]
fn queues_are_encrypted_and_speak_tls_alone() {
    // SQS-05
    let refusal = json!({
        // On each queue that carries the policy, `*` is that queue.
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    });
    let from_the_rule = json!({
        "Sid": "FromTheRule", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": "MailEventsQueue.Arn",
        "Condition": {"ArnEquals": {"aws:SourceArn": "MailEventsRule.Arn"}},
    });
    for (id, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{id}: encrypt it");
        let carried = resources("AWS::SQS::QueuePolicy").filter(|(_, policy)| {
            policy["Properties"]["Queues"].as_array().is_some_and(|queues| queues.contains(&json!(id)))
        });
        let policies: Vec<_> =
            carried.map(|(_, policy)| &policy["Properties"]["PolicyDocument"]["Statement"]).collect();
        let [statements] = policies[..] else { panic!("{id}: SQS keeps one policy, the last: give it exactly one") };
        // Other senders have roles.
        let expected = if id == "MailEventsQueue" { json!([refusal, from_the_rule]) } else { json!([refusal]) };
        assert_eq!(
            *statements, expected,
            "{id}: refuse what comes without TLS, and open it to EventBridge's rule alone"
        );
    }
}

#[test]
fn the_mailer_reports_single_failures_and_is_bounded() {
    // SQS-01, SQS-04
    let event_sources: Vec<_> = resources("AWS::Serverless::Function")
        .flat_map(|(_, function)| {
            function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values())
        })
        .filter(|event| event["Type"] == "SQS")
        .map(|event| &event["Properties"])
        .collect();
    for source in &event_sources {
        assert_eq!(
            source["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "else one failure repeats the batch"
        );
        assert!(
            source["ScalingConfig"]["MaximumConcurrency"].as_i64().is_some_and(|most| most >= 2),
            "bound the rate to SES, and to the table"
        );
    }
    let queues: Vec<_> = event_sources.iter().map(|source| &source["Queue"]).collect();
    assert_eq!(queues, ["MailEventsQueue.Arn", "MailQueue.Arn"], "one consumer of each queue");
}

#[test]
fn the_sweeper_runs_every_minute_and_never_beside_itself_for_long() {
    // OUT-02
    let sweeper = &TEMPLATE["Resources"]["SweeperFunction"]["Properties"];
    let schedules: Vec<_> = sweeper["Events"].as_object().expect("events").values().collect();
    let [schedule] = schedules[..] else { panic!("one schedule") };
    assert_eq!(
        (&schedule["Type"], &schedule["Properties"]["Schedule"]),
        (&json!("Schedule"), &json!("rate(1 minute)"))
    );
    assert!(seconds(sweeper, "Timeout") < 60, "a run ends before the next begins");
}

#[test]
fn functions_answer_before_api_gateway_gives_up() {
    // DDB-02: it waits 30 s; an operation on the store takes 5 s and the margin is one
    let timeout = seconds(&TEMPLATE["Globals"]["Function"], "Timeout");
    assert!((7..30).contains(&timeout), "Globals: a Timeout between the store's and API Gateway's");
    for (id, function) in resources("AWS::Serverless::Function") {
        let events = function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values());
        let speaks_http = events.into_iter().any(|event| event["Type"] == "HttpApi");
        assert!(!speaks_http || function["Properties"]["Timeout"].is_null(), "{id}: leave the Timeout to Globals");
    }
}

#[test]
fn the_limits_of_sqs_lambda_and_api_gateway_fit_each_other() {
    // SQS-02, LIM-06, DDB-02: what no emulator refuses, and AWS does
    let number = |value: &Value| value.as_i64();
    for (id, queue) in resources("AWS::SQS::Queue") {
        let retention = seconds(&queue["Properties"], "MessageRetentionPeriod");
        assert!((60..=days(14)).contains(&retention), "{id}: SQS keeps a message for 14 days at most");
        let visibility = number(&queue["Properties"]["VisibilityTimeout"]).unwrap_or(30);
        assert!(visibility <= 12 * 60 * 60, "{id}: SQS hides a message for 12 hours at most");
        if let Some(dead_letters) = queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"].as_str() {
            let kept = seconds(self::queue(dead_letters.trim_end_matches(".Arn")), "MessageRetentionPeriod");
            assert!(
                kept >= retention + days(7),
                "{id}: a dead letter, as old as its message, waits a week for a person"
            );
            let receives = number(&queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]).unwrap_or_default();
            assert!(receives >= 5, "{id}: Lambda's pollers receive a message in vain while a function is throttled");
            assert!(receives * visibility < retention, "{id}: a message is set aside before it expires");
        }
    }
    for (id, function) in resources("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        let global = &TEMPLATE["Globals"]["Function"];
        let timeout = number(&properties["Timeout"]).unwrap_or_else(|| seconds(global, "Timeout"));
        assert!(timeout <= 900, "{id}: Lambda runs for 15 minutes at most");
        let memory = number(&properties["MemorySize"]).unwrap_or_else(|| seconds(global, "MemorySize"));
        assert!((128..=10_240).contains(&memory), "{id}: Lambda's memory");
        for event in properties["Events"].as_object().into_iter().flat_map(|events| events.values()) {
            if event["Type"] == "SQS" {
                let batch = number(&event["Properties"]["BatchSize"]).unwrap_or(10);
                assert!((1..=10).contains(&batch), "{id}: a larger batch wants a batching window");
            }
        }
    }
    // HTTP APIs take a burst of 5000 in most accounts, and wait 30 s for an answer, which nothing raises.
    let rate = &TEMPLATE["Parameters"]["RequestsPerSecond"];
    assert_eq!((number(&rate["MinValue"]), number(&rate["MaxValue"])), (Some(1), Some(5000)));
    let concurrency = &TEMPLATE["Parameters"]["ReservedConcurrency"];
    assert_eq!(number(&concurrency["MaxValue"]), Some(1000), "the concurrency of an account");
}

#[test]
fn all_functions_log_to_one_group_and_every_group_has_a_retention() {
    // OBS-04
    let groups: Vec<_> = resources("AWS::Logs::LogGroup").collect();
    assert_eq!(groups.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["ApiLogs", "FunctionLogs"]);
    for (id, group) in groups {
        assert_eq!(group["Properties"]["RetentionInDays"], "LogRetentionDays", "{id}: set its retention");
    }
    let logging = &TEMPLATE["Globals"]["Function"]["LoggingConfig"];
    assert_eq!(*logging, json!({"LogGroup": "FunctionLogs", "LogFormat": "JSON", "SystemLogLevel": "WARN"}));
    for (id, function) in resources("AWS::Serverless::Function") {
        assert_eq!(function["Properties"]["LoggingConfig"], Value::Null, "{id}: leave the log group to Globals");
    }
}

#[test]
fn what_anyone_may_have_done_at_once_is_bounded() {
    // LIM-06
    let settings = &TEMPLATE["Resources"]["Api"]["Properties"]["DefaultRouteSettings"];
    for bound in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert_eq!(settings[bound], "RequestsPerSecond", "{bound}");
    }
    // `recovery` has a bound of its own, so that a flood of resets takes no process away from logins.
    for (id, parameter) in [
        ("RegisterFunction", "ReservedConcurrency"),
        ("LoginFunction", "ReservedConcurrency"),
        ("CredentialsFunction", "ReservedConcurrency"),
        ("RecoveryFunction", "RecoveryConcurrency"),
    ] {
        let bound = &TEMPLATE["Resources"][id]["Properties"]["ReservedConcurrentExecutions"];
        assert_eq!(*bound, json!([format!("Has{parameter}"), parameter, "AWS::NoValue"]), "{id} hashes");
    }
    let default = |name: &str| TEMPLATE["Parameters"][name]["Default"].as_i64();
    let defaults = ["RequestsPerSecond", "ReservedConcurrency", "RecoveryConcurrency"].map(default);
    assert_eq!(defaults, [Some(100), Some(0), Some(0)]);
}

fn queue(id: &str) -> &'static Value {
    &TEMPLATE["Resources"][id]["Properties"]
}

fn seconds(properties: &Value, field: &str) -> i64 {
    properties[field].as_i64().unwrap_or_else(|| panic!("{field} is set"))
}

const fn days(count: i64) -> i64 {
    count * 24 * 60 * 60
}
