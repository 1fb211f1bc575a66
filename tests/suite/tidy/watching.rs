//! What watches the stack: alarms, the dashboard, tags, and queries of the log.
//!
//! To add a metric: count it in the code, and name it in a widget of the dashboard. To add an alarm: name the section of
//! `docs/` that tells what to do about it, and a line in [`ALARMS`].

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tests::template::TEMPLATE;

use super::docs::{anchor, headings};
use super::{functions, production, read, resources, root};

/// Every alarm, and the metrics that it watches.
const ALARMS: [(&str, &[&str]); 23] = [
    ("AccountKeyAgeAlarm", &["AccountKeyAgeSeconds"]),
    ("ApiErrorsAlarm", &["5xx of Api"]),
    (
        "ApiFunctionErrorsAlarm",
        &[
            "Errors of RegisterFunction",
            "Errors of LoginFunction",
            "Errors of RefreshFunction",
            "Errors of LogoutFunction",
            "Errors of AccountFunction",
            "Errors of CredentialsFunction",
            "Errors of RecoveryFunction",
            "Errors of PublicFunction",
        ],
    ),
    (
        "ApiFunctionThrottlesAlarm",
        &[
            "Throttles of RegisterFunction",
            "Throttles of LoginFunction",
            "Throttles of RefreshFunction",
            "Throttles of LogoutFunction",
            "Throttles of AccountFunction",
            "Throttles of CredentialsFunction",
            "Throttles of RecoveryFunction",
            "Throttles of PublicFunction",
        ],
    ),
    ("ApiLatencyAlarm", &["Latency of Api"]),
    (
        "BackgroundFunctionErrorsAlarm",
        &[
            "Errors of MailerFunction",
            "Throttles of MailerFunction",
            "Errors of MailEventsFunction",
            "Throttles of MailEventsFunction",
            "Errors of SweeperFunction",
            "Throttles of SweeperFunction",
            "Errors of RotateKeysFunction",
            "Throttles of RotateKeysFunction",
            "Errors of AuthorizerFunction",
            "Throttles of AuthorizerFunction",
        ],
    ),
    ("MailBounceRateAlarm", &["Reputation.BounceRate of all"]),
    ("MailComplaintRateAlarm", &["Reputation.ComplaintRate of all"]),
    ("MailDeadLetterAgeAlarm", &["ApproximateAgeOfOldestMessage of MailDeadLetterQueue.QueueName"]),
    ("MailDeadLetterAlarm", &["ApproximateNumberOfMessagesVisible of MailDeadLetterQueue.QueueName"]),
    ("MailEventsAgeAlarm", &["ApproximateAgeOfOldestMessage of MailEventsQueue.QueueName"]),
    ("MailEventsDeadLetterAgeAlarm", &["ApproximateAgeOfOldestMessage of MailEventsDeadLetterQueue.QueueName"]),
    ("MailEventsDeadLetterAlarm", &["ApproximateNumberOfMessagesVisible of MailEventsDeadLetterQueue.QueueName"]),
    ("MailNeedsOperatorAlarm", &["MailsThatNeedOperator"]),
    ("MailSentAgainAlarm", &["MailsSentAgain"]),
    ("OldestErasureAlarm", &["OldestErasureSeconds"]),
    ("OldestMailAlarm", &["OldestMailSeconds"]),
    ("RequestsOverLimitAlarm", &["RequestsOverLimit"]),
    ("ReusedTokensAlarm", &["ReusedTokens"]),
    ("RotationFailedAlarm", &["FailedRotations"]),
    ("SigningKeyAgeAlarm", &["SigningKeyAgeSeconds"]),
    (
        "TableErrorsAlarm",
        &[
            "SystemErrors of Accounts GetItem",
            "SystemErrors of Accounts Query",
            "SystemErrors of Accounts PutItem",
            "SystemErrors of Accounts UpdateItem",
            "SystemErrors of Accounts TransactWriteItems",
            "SystemErrors of Credentials GetItem",
            "SystemErrors of Credentials TransactWriteItems",
            "SystemErrors of PublicKeys GetItem",
        ],
    ),
    (
        "TableThrottlesAlarm",
        &[
            "ReadThrottleEvents of Accounts",
            "WriteThrottleEvents of Accounts",
            "ReadThrottleEvents of Credentials",
            "WriteThrottleEvents of Credentials",
            "ReadThrottleEvents of PublicKeys",
            "WriteThrottleEvents of PublicKeys",
            "WriteThrottleEvents of Accounts due",
        ],
    ),
];
/// The most metrics that `CloudWatch` allows one alarm.
const MOST_METRICS: usize = 10;
const OURS: &str = "Latchkey/${AWS::StackName}";

#[test]
fn alarms_watch_what_lies_before_a_person_and_what_the_code_counts() {
    // SQS-05, OUT-02, OUT-06, SES-01, OBS-04
    let alarms: Vec<_> = resources("AWS::CloudWatch::Alarm").collect();
    assert_eq!(
        alarms.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        ALARMS.map(|(id, _)| id),
        "give each alarm a line in ALARMS"
    );
    for ((id, alarm), (_, expected)) in alarms.into_iter().zip(ALARMS) {
        let properties = &alarm["Properties"];
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(properties[actions], json!(["Alarms"]), "{id}: tell the operator");
        }
        let watched: Vec<_> = metrics(properties).iter().map(|metric| watched(metric, id)).collect();
        assert_eq!(watched, expected, "{id}");
        assert!(watched.len() <= MOST_METRICS, "{id}: CloudWatch takes {MOST_METRICS} metrics: split the alarm");
    }
}

#[test]
fn every_function_is_watched_for_errors_and_throttles_and_every_table_for_throttles() {
    // OBS-04
    let watched: BTreeSet<_> = ALARMS.iter().flat_map(|(_, metrics)| metrics.iter().copied()).collect();
    // The operator who invokes admin sees that it fails.
    for (id, _) in resources("AWS::Serverless::Function").filter(|(id, _)| *id != "AdminFunction") {
        for metric in ["Errors", "Throttles"] {
            assert!(watched.contains(format!("{metric} of {id}").as_str()), "give an alarm the {metric} of {id}");
        }
    }
    for (id, _) in resources("AWS::DynamoDB::Table") {
        for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] {
            assert!(watched.contains(format!("{metric} of {id}").as_str()), "give an alarm the {metric} of {id}");
        }
    }
    assert_eq!(functions().len(), 14, "a new function joins an alarm with room");
}

#[test]
fn an_alarm_rises_for_what_never_reports_and_stays_up_for_what_reports_rarely() {
    // OBS-04
    let missing = |id: &str| TEMPLATE["Resources"][id]["Properties"]["TreatMissingData"].clone();
    for (id, _) in resources("AWS::CloudWatch::Alarm") {
        let expected = match id {
            // A sweeper that says nothing does not sweep.
            "OldestMailAlarm" | "OldestErasureAlarm" => "breaching",
            // Keys are read only while there are requests.
            "SigningKeyAgeAlarm" | "AccountKeyAgeAlarm" => "ignore",
            _ => "notBreaching",
        };
        assert_eq!(missing(id), expected, "{id}");
    }
    for secret in ["SigningKey", "AccountKey"] {
        let most = &TEMPLATE["Resources"][format!("{secret}AgeAlarm")]["Properties"]["Threshold"];
        let every = &TEMPLATE["Resources"][format!("{secret}sRotation")]["Properties"]["RotationRules"];
        let (most, every) = (most.as_i64().unwrap(), every["AutomaticallyAfterDays"].as_i64().unwrap());
        assert!(most > every * 86_400, "{secret}AgeAlarm: no rotation is late before its time");
    }
}

#[test]
fn every_alarm_names_its_section_which_names_the_alarm() {
    // OBS-04
    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        let description = alarm["Properties"]["AlarmDescription"].as_str().expect("a description");
        let (_, section) = description.rsplit_once(": ").expect("a section behind the colon");
        let (file, wanted) = section.split_once('#').unwrap_or_else(|| panic!("{id}: {section} is no section"));
        assert!(file.starts_with("docs/"), "{id}: {section} is in docs/");
        let text = read(file);
        let heading = headings(&text).find(|heading| anchor(heading) == wanted);
        let heading = heading.unwrap_or_else(|| panic!("{id}: {file} has no section {wanted}"));
        let body = text.split("\n#").find(|part| part.trim_start_matches('#').trim_start().starts_with(heading));
        let body = body.unwrap_or_default();
        assert!(body.contains(&format!("`{id}`")), "{section}: name {id} there");
    }
}

#[test]
fn alarms_reach_the_operator_through_an_encrypted_topic() {
    // OBS-04: CloudWatch may not use the key that AWS manages for SNS
    let topics: Vec<_> = resources("AWS::SNS::Topic").collect();
    let [("Alarms", topic)] = topics[..] else { panic!("one topic") };
    assert_eq!(topic["Properties"]["KmsMasterKeyId"], "AlarmKey");
    let key = &TEMPLATE["Resources"]["AlarmKey"]["Properties"];
    assert_eq!(key["EnableKeyRotation"], true);
    let expected = json!([
        {
            "Sid": "Administrators",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "AlarmsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}},
        },
    ]);
    assert_eq!(key["KeyPolicy"]["Statement"], expected);
}

#[test]
fn the_dashboard_shows_every_metric_of_the_code_every_alarm_and_nothing_else_of_ours() {
    // OBS-04
    let body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"].as_str().expect("a text");
    let body: Value = serde_json::from_str(body).expect("the dashboard is JSON");
    let widgets = body["widgets"].as_array().expect("widgets");
    let shown = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().into_iter().flatten());
    let shown: Vec<_> = shown.filter(|metric| metric[0] == OURS).map(|metric| metric[1].as_str().unwrap()).collect();
    let unique: BTreeSet<_> = shown.iter().map(|metric| (*metric).to_owned()).collect();
    assert_eq!(unique.len(), shown.len(), "a metric stands in one widget");
    assert_eq!(unique, counted(), "the widgets show what the code counts");

    let alarms: BTreeSet<_> = widgets
        .iter()
        .flat_map(|widget| widget["properties"]["alarms"].as_array().into_iter().flatten())
        .map(|arn| arn.as_str().unwrap().replace("${", "").replace(".Arn}", ""))
        .collect();
    assert_eq!(alarms, ALARMS.iter().map(|(id, _)| (*id).to_owned()).collect(), "the widget of all alarms");
    let mut places = BTreeSet::new();
    for widget in widgets {
        assert!(places.insert((widget["y"].as_i64(), widget["x"].as_i64())), "two widgets in one place: {widget}");
    }
}

#[test]
fn every_resource_that_takes_tags_names_its_stage() {
    // OBS-04
    const TAKE_TAGS: [&str; 11] = [
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::SES::ConfigurationSet",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
    ];
    const TAKE_A_MAP: [&str; 2] = ["AWS::ApiGatewayV2::DomainName", "AWS::Serverless::HttpApi"];
    const TAKE_NONE: [&str; 9] = [
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Permission",
        "AWS::SES::ConfigurationSetEventDestination",
        "AWS::SNS::Subscription",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::Serverless::Function", // Globals gives them theirs
        "AWS::CodeDeploy::DeploymentGroup",
    ];
    for (id, resource) in TEMPLATE["Resources"].as_object().expect("resources") {
        let (kind, tags) = (resource["Type"].as_str().expect("a type"), &resource["Properties"]["Tags"]);
        if TAKE_TAGS.contains(&kind) {
            assert_eq!(*tags, json!([{"Key": "Stage", "Value": "Stage"}]), "{id}: tag it");
        } else if TAKE_A_MAP.contains(&kind) {
            assert_eq!(*tags, json!({"Stage": "Stage"}), "{id}: tag it");
        } else {
            assert!(TAKE_NONE.contains(&kind), "{id}: does {kind} take tags? Add it to a list here");
        }
    }
    assert_eq!(TEMPLATE["Globals"]["Function"]["Tags"], json!({"Stage": "Stage"}));
}

#[test]
fn every_query_of_the_log_asks_for_events_that_are_logged_and_is_explained() {
    // OBS-02
    let sources = all_sources();
    let documents: String = ["docs/attack.md", "docs/mail.md", "docs/keys.md", "docs/operate.md"].map(read).concat();
    let mut queries = 0;
    for entry in fs::read_dir(root().join("ops/queries")).expect("the queries") {
        let file = format!("ops/queries/{}", entry.expect("an entry").file_name().to_string_lossy());
        let query = read(&file);
        assert!(documents.contains(&file), "name {file} in docs/, where it helps");
        let events = query.lines().filter(|line| line.contains("filter event"));
        for event in events.flat_map(|line| line.split('"').skip(1).step_by(2)) {
            assert!(sources.contains(&format!("event = \"{event}\"")), "{file}: nothing logs {event}");
        }
        queries += 1;
    }
    assert!(queries >= 5, "the queries are found");
}

// ---- Helpers ----

/// Returns the metrics of an alarm: one, or those of its `Metrics` without the sum of them.
fn metrics(properties: &Value) -> Vec<&Value> {
    let Some(listed) = properties["Metrics"].as_array() else { return vec![properties] };
    let is_sum = |item: &&Value| item["Expression"] == "SUM(METRICS())" && item["ReturnData"] == true;
    assert_eq!(listed.iter().filter(is_sum).count(), 1, "the alarm watches the sum");
    // A metric of a function that is not always there is the second item of an `!If`.
    let items =
        listed.iter().filter(|item| !is_sum(item)).map(|item| item.as_array().map_or(item, |choice| &choice[1]));
    let stats = items.inspect(|item| assert_eq!(item["ReturnData"], false, "only the sum is watched"));
    stats.map(|item| &item["MetricStat"]["Metric"]).collect()
}

/// Returns a metric's name and its resource, after a check that the code counts it if it is ours.
fn watched(metric: &Value, id: &str) -> String {
    let name = metric["MetricName"].as_str().expect("a metric");
    if metric["Namespace"].as_str().is_some_and(|namespace| namespace.starts_with("AWS/")) {
        let of: Vec<_> = metric["Dimensions"].as_array().into_iter().flatten().map(|of| of["Value"].as_str()).collect();
        let of: Vec<_> = of.into_iter().flatten().collect();
        return format!("{name} of {}", if of.is_empty() { "all".to_owned() } else { of.join(" ") });
    }
    assert_eq!(metric["Namespace"], OURS, "{id}: METRICS_NAMESPACE, in Globals");
    assert!(counted().contains(name), "{id}: nothing counts {name}");
    name.to_owned()
}

/// Returns every metric that the code counts.
fn counted() -> BTreeSet<String> {
    let sources = all_sources();
    let after = sources.match_indices("metric.").filter_map(|(at, found)| sources.get(at + found.len()..));
    let named = after.filter_map(|rest| rest.split_once(" = ")).map(|(name, _)| name);
    named.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric())).map(str::to_owned).collect()
}

fn all_sources() -> String {
    let sources = production("functions").into_iter().chain(production("shared"));
    sources.map(|(_, text)| text).collect()
}
