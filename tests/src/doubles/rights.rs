//! The rights of IAM that calls need.

use serde_json::Value;

use super::faults::{Call, Service};

/// An action of IAM and its resource, such as `dynamodb:Query` on `Accounts/index/due`.
///
/// Tables are named as in the template. Queues and secrets have the names that the test's system gives them.
pub type Right = (String, String);

/// A table and the kind of one of its partitions, such as `Accounts` and `USER#`.
pub type Partition = (String, String);

/// Returns the kinds of partition of every item that a call to DynamoDB reads or writes by its key.
pub(super) fn partitions(call: &Call, body: &[u8]) -> Vec<Partition> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut found = Vec::new();
    if call.service == Service::DynamoDb && input["IndexName"].is_null() {
        collect_partitions(&input, text(&input["TableName"]), &mut found);
    }
    found
}

/// Collects the values of `pk` in keys, items and key conditions, each with the nearest table above it.
fn collect_partitions(value: &Value, table: &str, found: &mut Vec<Partition>) {
    let Some(members) = value.as_object() else {
        return value.as_array().into_iter().flatten().for_each(|item| collect_partitions(item, table, found));
    };
    let table = members.get("TableName").map_or(table, text);
    for (name, member) in members {
        match member["S"].as_str() {
            Some(key) if name == "pk" || name == ":pk" => {
                let kind = key.split_inclusive('#').next().unwrap_or_default();
                found.push((table.to_owned(), kind.to_owned()));
            }
            // The members of `RequestItems` are called after their tables.
            _ if table.is_empty() && member.is_array() => collect_partitions(member, name, found),
            _ => collect_partitions(member, table, found),
        }
    }
}

/// Returns every right that a call needs. An item of a transaction needs the right of its own kind, and a batch of
/// messages needs that of one message: AWS has no rights for `TransactWriteItems` and `SendMessageBatch`.
pub(super) fn needed(call: &Call, body: &[u8]) -> Vec<Right> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let operation = call.operation.as_str();
    match call.service {
        Service::DynamoDb => of_dynamodb(operation, &input),
        Service::Sqs => {
            let queue = text(&input["QueueUrl"]).rsplit('/').next().unwrap_or_default();
            vec![(format!("sqs:{}", operation.trim_end_matches("Batch")), queue.to_owned())]
        }
        Service::Secrets => vec![(format!("secretsmanager:{operation}"), secret_name(text(&input["SecretId"])))],
        Service::Ses | Service::SesV2 => vec![(format!("ses:{operation}"), String::new())],
    }
}

fn of_dynamodb(operation: &str, input: &Value) -> Vec<Right> {
    let right = |action: &str, table: &str| (format!("dynamodb:{action}"), table.to_owned());
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let items = input["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
            let action =
                |kind: &str| if kind == "ConditionCheck" { "ConditionCheckItem".into() } else { format!("{kind}Item") };
            items.map(|(kind, item)| right(&action(kind), text(&item["TableName"]))).collect()
        }
        "BatchWriteItem" | "BatchGetItem" => {
            let tables = input["RequestItems"].as_object().into_iter().flat_map(|tables| tables.keys());
            tables.map(|table| right(operation, table)).collect()
        }
        _ => {
            let table = text(&input["TableName"]);
            match input["IndexName"].as_str() {
                Some(index) => vec![right(operation, &format!("{table}/index/{index}"))],
                None => vec![right(operation, table)],
            }
        }
    }
}

/// Returns the name of a secret from its name or its ARN, which has a hyphen and six more characters behind the name.
fn secret_name(id: &str) -> String {
    match id.strip_prefix("arn:").and_then(|arn| arn.rsplit(':').next()?.rsplit_once('-')) {
        Some((name, _)) => name.to_owned(),
        None => id.to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rights(service: Service, operation: &str, input: &Value) -> Vec<Right> {
        needed(&Call { service, operation: operation.to_owned() }, input.to_string().as_bytes())
    }

    fn expected(rights: &[(&str, &str)]) -> Vec<Right> {
        rights.iter().map(|(action, on)| ((*action).to_owned(), (*on).to_owned())).collect()
    }

    #[test]
    fn each_item_of_a_transaction_needs_the_right_of_its_kind_on_its_table() {
        // IAM-01
        let items = json!({"TransactItems": [
            {"Put": {"TableName": "Accounts"}},
            {"Update": {"TableName": "Credentials"}},
            {"Delete": {"TableName": "Credentials"}},
            {"ConditionCheck": {"TableName": "Accounts"}},
        ]});
        let all = [
            ("dynamodb:PutItem", "Accounts"),
            ("dynamodb:UpdateItem", "Credentials"),
            ("dynamodb:DeleteItem", "Credentials"),
            ("dynamodb:ConditionCheckItem", "Accounts"),
        ];
        assert_eq!(rights(Service::DynamoDb, "TransactWriteItems", &items), expected(&all));
    }

    #[test]
    fn partitions_are_found_in_keys_items_conditions_transactions_and_batches() {
        // IAM-01
        let of = |operation: &str, input: Value| {
            let call = Call { service: Service::DynamoDb, operation: operation.to_owned() };
            partitions(&call, input.to_string().as_bytes())
        };
        let key = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "x"}});
        assert_eq!(
            of("GetItem", json!({"TableName": "Accounts", "Key": key("USER#1")})),
            expected(&[("Accounts", "USER#")])
        );
        let query =
            json!({"TableName": "Accounts", "ExpressionAttributeValues": {":pk": {"S": "USER#1"}, ":x": {"S": "Y#"}}});
        assert_eq!(of("Query", query), expected(&[("Accounts", "USER#")]));
        let index =
            json!({"TableName": "Accounts", "IndexName": "due", "ExpressionAttributeValues": {":pk": {"S": "DUE#1"}}});
        assert_eq!(of("Query", index), []);
        let items = json!({"TransactItems": [
            {"Put": {"TableName": "Accounts", "Item": key("FLOW#1")}},
            {"Update": {"TableName": "Credentials", "Key": key("EMAIL#a")}},
        ]});
        let both = expected(&[("Accounts", "FLOW#"), ("Credentials", "EMAIL#")]);
        assert_eq!(of("TransactWriteItems", items), both);
        let batch = json!({"RequestItems": {"Accounts": [{"DeleteRequest": {"Key": key("USER#1")}}]}});
        assert_eq!(of("BatchWriteItem", batch), expected(&[("Accounts", "USER#")]));
    }

    #[test]
    fn a_call_needs_the_right_on_the_table_index_queue_or_secret_that_it_names() {
        // IAM-01
        let of = |operation: &str, input: Value| rights(Service::DynamoDb, operation, &input);
        assert_eq!(of("GetItem", json!({"TableName": "Accounts"})), expected(&[("dynamodb:GetItem", "Accounts")]));
        let index = json!({"TableName": "Accounts", "IndexName": "due"});
        assert_eq!(of("Query", index), expected(&[("dynamodb:Query", "Accounts/index/due")]));
        let batch = json!({"RequestItems": {"Accounts": []}});
        assert_eq!(of("BatchWriteItem", batch), expected(&[("dynamodb:BatchWriteItem", "Accounts")]));
        let queue = json!({"QueueUrl": "http://127.0.0.1:4566/000000000000/mail"});
        let send = rights(Service::Sqs, "SendMessageBatch", &queue);
        assert_eq!(send, expected(&[("sqs:SendMessage", "mail")]));
        for id in ["arn:aws:secretsmanager:us-east-1:000000000000:secret:a-b-1x2y3z", "a-b"] {
            let read = rights(Service::Secrets, "GetSecretValue", &json!({"SecretId": id}));
            assert_eq!(read, expected(&[("secretsmanager:GetSecretValue", "a-b")]), "{id}");
        }
    }
}
