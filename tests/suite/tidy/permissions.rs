//! The permission matrix: what each function may do, and to what.

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{function_of, functions, resources};

/// Action and resource of everything that a function may do, apart from writing the log. An item of a transaction counts as
/// the action of its kind (`TransactWriteItems` has no right of its own).
const MATRIX: [(&str, &[(&str, &str)]); 14] = [
    (
        "register",
        &[
            ("dynamodb:GetItem", "Credentials"), // this, Query and UpdateItem sign in who comes again
            ("dynamodb:PutItem", "Credentials"),
            ("dynamodb:UpdateItem", "Credentials"), // renews an outdated hash, then
            ("dynamodb:GetItem", "Accounts"),       // at the start
            ("dynamodb:Query", "Accounts"),
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"), // counts, too
            ("dynamodb:DeleteItem", "Accounts"), // as login
            ("sqs:SendMessage", "MailQueue"),
            ("secretsmanager:GetSecretValue", "SigningKeys"),
            ("secretsmanager:GetSecretValue", "AccountKeys"),
        ],
    ),
    (
        "login",
        &[
            ("dynamodb:GetItem", "Credentials"),
            ("dynamodb:UpdateItem", "Credentials"), // renews an outdated hash
            ("dynamodb:GetItem", "Accounts"),       // at the start
            ("dynamodb:Query", "Accounts"),
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"), // counts attempts
            ("dynamodb:DeleteItem", "Accounts"), // the oldest of too many sessions, and dead ones
            ("secretsmanager:GetSecretValue", "SigningKeys"),
            ("secretsmanager:GetSecretValue", "AccountKeys"),
        ],
    ),
    (
        "refresh",
        &[
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("dynamodb:PutItem", "Accounts"), // the mail that tells of a reuse
            ("sqs:SendMessage", "MailQueue"),
            ("secretsmanager:GetSecretValue", "SigningKeys"),
        ],
    ),
    (
        "logout",
        &[
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("secretsmanager:GetSecretValue", "SigningKeys"),
        ],
    ),
    (
        "account",
        &[
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:Query", "Accounts"),
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"), // ends sessions, and counts for the limit of welcome mails
            ("sqs:SendMessage", "MailQueue"),
            ("dynamodb:GetItem", "PublicKeys"),
        ],
    ),
    (
        "credentials",
        &[
            ("dynamodb:GetItem", "Credentials"),
            ("dynamodb:PutItem", "Credentials"), // a change of the address moves the credential
            ("dynamodb:UpdateItem", "Credentials"),
            ("dynamodb:DeleteItem", "Credentials"),
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:Query", "Accounts"), // an export
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("dynamodb:ConditionCheckItem", "Accounts"), // the session is live
            ("dynamodb:GetItem", "PublicKeys"),
            ("sqs:SendMessage", "MailQueue"),
            ("secretsmanager:GetSecretValue", "SigningKeys"),
            ("secretsmanager:GetSecretValue", "AccountKeys"),
        ],
    ),
    (
        "recovery",
        &[
            ("dynamodb:GetItem", "Credentials"),
            ("dynamodb:UpdateItem", "Credentials"),
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"), // counts, too
            ("dynamodb:DeleteItem", "Accounts"), // clears the count of failed logins
            ("sqs:SendMessage", "MailQueue"),
            ("secretsmanager:GetSecretValue", "AccountKeys"), // and no signing key
        ],
    ),
    ("authorizer", &[("dynamodb:GetItem", "PublicKeys")]),
    ("public", &[("dynamodb:GetItem", "PublicKeys")]),
    (
        "mailer",
        &[
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("sqs:ReceiveMessage", "MailQueue"), // these three are the poller's, who acts in the function's name
            ("sqs:DeleteMessage", "MailQueue"),
            ("sqs:GetQueueAttributes", "MailQueue"),
            ("sqs:ChangeMessageVisibility", "MailQueue"),
            ("sqs:SendMessage", "MailDeadLetterQueue"),
            ("secretsmanager:GetSecretValue", "AccountKeys"), // computes codes and links
            ("ses:SendEmail", SENDER),
        ],
    ),
    (
        "mail-events",
        &[
            ("dynamodb:UpdateItem", "Accounts"),
            ("sqs:ReceiveMessage", "MailEventsQueue"), // these three are the poller's
            ("sqs:DeleteMessage", "MailEventsQueue"),
            ("sqs:GetQueueAttributes", "MailEventsQueue"),
        ],
    ),
    (
        "sweeper",
        &[
            ("dynamodb:Query", "Accounts/index/due"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("dynamodb:Query", "Accounts"), // this and the next three erase an account
            ("dynamodb:BatchWriteItem", "Accounts"),
            ("dynamodb:DeleteItem", "Accounts"),
            ("dynamodb:PutItem", "Accounts"), // the mark of an imported user
            ("sqs:SendMessage", "MailQueue"),
            ("sqs:SendMessage", "MailDeadLetterQueue"),
        ],
    ),
    (
        "rotate-keys",
        &[
            ("secretsmanager:GetSecretValue", "SigningKeys"),
            ("secretsmanager:PutSecretValue", "SigningKeys"),
            ("secretsmanager:UpdateSecretVersionStage", "SigningKeys"),
            ("secretsmanager:GetSecretValue", "AccountKeys"),
            ("secretsmanager:PutSecretValue", "AccountKeys"),
            ("secretsmanager:UpdateSecretVersionStage", "AccountKeys"),
            ("dynamodb:GetItem", "PublicKeys"),
            ("dynamodb:PutItem", "PublicKeys"),
        ],
    ),
    (
        "admin",
        &[
            ("dynamodb:Scan", "Credentials"), // lists users
            ("dynamodb:GetItem", "Credentials"),
            ("dynamodb:PutItem", "Credentials"), // an invitation, and an address that is set: both without a hash
            ("dynamodb:DeleteItem", "Credentials"),
            ("dynamodb:GetItem", "Accounts"),
            ("dynamodb:Query", "Accounts"),
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Accounts"),
            ("dynamodb:ConditionCheckItem", "Accounts"), // an imported user was not erased
            ("dynamodb:Query", "Accounts/index/due"),    // the status
            ("sqs:SendMessage", "MailQueue"),
            ("sqs:GetQueueAttributes", "MailQueue"),
            ("sqs:SendMessage", "MailEventsQueue"), // a redrive
            ("sqs:GetQueueAttributes", "MailEventsQueue"),
            ("sqs:ReceiveMessage", "MailDeadLetterQueue"),
            ("sqs:DeleteMessage", "MailDeadLetterQueue"),
            ("sqs:ChangeMessageVisibility", "MailDeadLetterQueue"),
            ("sqs:GetQueueAttributes", "MailDeadLetterQueue"),
            ("sqs:ReceiveMessage", "MailEventsDeadLetterQueue"),
            ("sqs:DeleteMessage", "MailEventsDeadLetterQueue"),
            ("sqs:ChangeMessageVisibility", "MailEventsDeadLetterQueue"),
            ("sqs:GetQueueAttributes", "MailEventsDeadLetterQueue"),
            ("secretsmanager:DescribeSecret", "SigningKeys"), // dates, and no key
            ("secretsmanager:DescribeSecret", "AccountKeys"),
            ("ses:DeleteSuppressedDestination", ACCOUNT_OF_SES),
            ("ses:GetAccount", ACCOUNT_OF_SES),
        ],
    ),
];

/// The kinds of partition of `Accounts` that a function may touch, for functions that need one kind, and for `mailer`.
///
/// A function that writes to two tables in one transaction has no line. AWS does not document whether such a transaction
/// is judged by the keys of one table or of both, and no emulator tells.
const PARTITIONS: [(&str, &[&str]); 6] = [
    ("refresh", &["USER#"]),
    ("logout", &["USER#"]),
    ("account", &["USER#"]),
    ("mailer", &["USER#", "FLOW#"]), // the resets, for their codes and links
    ("mail-events", &["USER#"]),
    ("sweeper", &["USER#", "IMPORTED#"]), // and the index `due`, which has keys of its own
];

/// The resource of the right to send mail.
const SENDER: &str = "the sender's identities, by the one configuration set";

/// The resource of rights for which SES takes none.
const ACCOUNT_OF_SES: &str = "the account at SES";

/// The rights on many items at once: the erasure deletes page by page, and operators list users.
const MANY: [(&str, &str, &str); 2] =
    [("sweeper", "dynamodb:BatchWriteItem", "Accounts"), ("admin", "dynamodb:Scan", "Credentials")];

type Rights = BTreeSet<(String, String)>;

#[test]
fn every_role_grants_what_the_matrix_has_and_no_more() {
    // IAM-01
    let named: BTreeSet<_> = MATRIX.iter().map(|(function, _)| (*function).to_owned()).collect();
    assert_eq!(named, functions(), "give each function a line of the matrix");
    let granted = granted();
    assert_eq!(granted.len(), MATRIX.len(), "a role for each function, and no other");
    for (function, rights) in MATRIX {
        let rights: Rights = rights.iter().map(|(action, on)| ((*action).to_owned(), (*on).to_owned())).collect();
        let granted = granted.get(function).cloned().unwrap_or_default();
        let missing: Vec<_> = rights.difference(&granted).collect();
        assert!(missing.is_empty(), "{function}: grant {missing:?} in template.yaml");
        let surplus: Vec<_> = granted.difference(&rights).collect();
        assert!(
            surplus.is_empty(),
            "{function}: take {surplus:?} away in template.yaml, or write it down here and why"
        );
    }
}

#[test]
fn no_role_has_a_wildcard_a_scan_or_a_language_of_its_own() {
    // IAM-01
    for (function, rights) in granted() {
        for (action, resource) in rights {
            assert!(!action.contains('*') && !resource.contains('*'), "{function}: {action} on {resource}: name it");
            if MANY.contains(&(function.as_str(), action.as_str(), resource.as_str())) {
                continue;
            }
            for forbidden in ["Scan", "PartiQL", "Batch", "DeleteTable", "Purge"] {
                assert!(!action.contains(forbidden), "{function}: {action} on {resource}: the code has no use for it");
            }
        }
    }
    for (id, role) in resources("AWS::IAM::Role") {
        assert_eq!(role["Properties"]["ManagedPolicyArns"], json!(["WriteLogs"]), "{id}: grant the rest in the role");
        let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        let lambda =
            json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]);
        assert_eq!(*trust, lambda, "{id}: Lambda alone takes it on");
    }
    for (id, function) in resources("AWS::Serverless::Function") {
        assert_eq!(function["Properties"]["Policies"], Value::Null, "{id}: its role is written out");
    }
}

#[test]
fn credentials_are_touched_only_where_a_password_is_checked_or_set_and_by_operators() {
    // IAM-02
    let touch = granted().into_iter().filter(|(_, rights)| rights.iter().any(|(_, on)| on.contains("Credentials")));
    assert_eq!(
        touch.map(|(function, _)| function).collect::<Vec<_>>(),
        ["admin", "credentials", "login", "recovery", "register"]
    );
}

#[test]
fn every_role_may_write_the_one_log_group_and_no_other() {
    // IAM-01
    for kind in ["AWS::IAM::Policy", "AWS::IAM::RolePolicy"] {
        assert_eq!(resources(kind).next(), None, "a function's rights stand in its role, where the matrix sees them");
    }
    let policies: Vec<_> = resources("AWS::IAM::ManagedPolicy").collect();
    let [(id, policy)] = policies[..] else { panic!("one managed policy: {policies:?}") };
    assert_eq!(id, "WriteLogs");
    let write = json!([{
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "FunctionLogs.Arn",
    }]);
    assert_eq!(policy["Properties"]["PolicyDocument"]["Statement"], write);
    for attached_elsewhere in ["Roles", "Users", "Groups"] {
        assert_eq!(policy["Properties"][attached_elsewhere], Value::Null, "each role names the policy itself");
    }
    for (function, rights) in granted() {
        let logs = rights.iter().find(|(action, _)| action.starts_with("logs:"));
        assert_eq!(logs, None, "{function}: it writes the log by WriteLogs alone");
    }
}

#[test]
fn each_secret_is_read_by_those_who_need_it_and_written_by_its_rotation_alone() {
    // KEY-01, KEY-02, IAM-02
    let may = |action: &str, secret: &str| -> Vec<String> {
        let right = (format!("secretsmanager:{action}"), secret.to_owned());
        granted().into_iter().filter(|(_, rights)| rights.contains(&right)).map(|(function, _)| function).collect()
    };
    let signing = ["credentials", "login", "logout", "refresh", "register", "rotate-keys"];
    assert_eq!(may("GetSecretValue", "SigningKeys"), signing);
    let account = ["credentials", "login", "mailer", "recovery", "register", "rotate-keys"];
    assert_eq!(may("GetSecretValue", "AccountKeys"), account);
    for secret in ["SigningKeys", "AccountKeys"] {
        for action in ["PutSecretValue", "UpdateSecretVersionStage"] {
            assert_eq!(may(action, secret), ["rotate-keys"], "{action} on {secret}");
        }
    }
}

#[test]
fn only_the_rotation_writes_the_public_keys_and_verifiers_read_nothing_else() {
    // KEY-02
    let granted = granted();
    let writers = granted
        .iter()
        .filter(|(_, rights)| rights.iter().any(|(action, on)| on == "PublicKeys" && action != "dynamodb:GetItem"));
    assert_eq!(writers.map(|(function, _)| function.as_str()).collect::<Vec<_>>(), ["rotate-keys"]);
    let read_alone = Rights::from([("dynamodb:GetItem".to_owned(), "PublicKeys".to_owned())]);
    for verifier in ["authorizer", "public"] {
        assert_eq!(granted[verifier], read_alone, "{verifier}");
    }
}

#[test]
fn functions_that_need_one_kind_of_partition_may_touch_no_other() {
    // IAM-01
    for (id, role) in resources("AWS::IAM::Role") {
        let function = function_of(id);
        let policies = role["Properties"]["Policies"].as_array().into_iter().flatten();
        let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        for statement in statements.filter(|statement| list(&statement["Resource"]).any(|on| on == "Accounts.Arn")) {
            let expected = match PARTITIONS.iter().find(|(limited, _)| *limited == function) {
                None => Value::Null,
                Some((_, kinds)) => {
                    let keys: Vec<_> = kinds.iter().map(|kind| format!("{kind}*")).collect();
                    json!({
                        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
                        // Alone, the condition above would allow a request that names no key.
                        "Null": {"dynamodb:LeadingKeys": "false"},
                    })
                }
            };
            assert_eq!(statement["Condition"], expected, "{id}: the condition on its rights to Accounts");
        }
    }
}

/// What the roles of the template grant, by function, apart from `WriteLogs`.
fn granted() -> BTreeMap<String, Rights> {
    let mut granted = BTreeMap::new();
    for (id, role) in resources("AWS::IAM::Role") {
        let function = function_of(id);
        let mut rights = Rights::new();
        let policies = role["Properties"]["Policies"].as_array().into_iter().flatten();
        for statement in policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"])) {
            assert_eq!(statement["Effect"], "Allow", "{id}");
            assert_eq!(
                [&statement["NotAction"], &statement["NotResource"]],
                [&Value::Null; 2],
                "{id}: name what it grants"
            );
            for action in list(&statement["Action"]) {
                let action = action.as_str().expect("an action").to_owned();
                for resource in on(&action, statement) {
                    rights.insert((action.clone(), resource));
                }
            }
        }
        granted.insert(function, rights);
    }
    granted
}

/// The resources of a statement, by their logical ids.
fn on(action: &str, statement: &Value) -> Vec<String> {
    if action == "ses:SendEmail" {
        let from = &statement["Condition"]["StringEquals"]["ses:FromAddress"];
        assert!(!from.is_null(), "SES is asked in the sender's name alone");
        let identities = statement["Resource"].to_string();
        assert!(!identities.contains("identity/*"), "SES is asked for named identities");
        assert!(
            identities.contains("configuration-set/${MailConfigurationSet}"),
            "SES is asked by the configuration set"
        );
        return vec![SENDER.to_owned()];
    }
    if ["ses:DeleteSuppressedDestination", "ses:GetAccount"].contains(&action) {
        assert_eq!(statement["Resource"], "*", "SES takes no resource for {action}");
        return vec![ACCOUNT_OF_SES.to_owned()];
    }
    let name = |resource: &Value| {
        let text = resource.as_str().unwrap_or_else(|| panic!("{action}: a resource that is no text: {resource}"));
        text.replace("${", "").replace('}', "").replace(".Arn", "")
    };
    list(&statement["Resource"]).map(name).collect()
}

/// The items of a list, or the one that stands for a list of one.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}
