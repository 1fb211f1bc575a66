//! A function that makes one call of DynamoDB for every event: what the SDK costs by itself, with Latchkey's settings.

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use shared::aws::{self, Clients};
use shared::clock::Clock;
use shared::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env()?;
    let clients = Clients::new(&config.aws, &aws::https(aws::system_certificates()), &Clock::System);
    let read = async || {
        let read = clients.dynamodb().get_item().table_name(&config.public_keys_table).consistent_read(true);
        let key = |text: &str| AttributeValue::S(text.to_owned());
        read.key("pk", key("KEYS")).key("sk", key("NOTHING")).send().await
    };
    read().await?;
    let answer = async |_: LambdaEvent<Value>| {
        read().await?;
        Ok::<_, Error>(json!("read"))
    };
    lambda_runtime::Runtime::new(service_fn(answer)).run().await
}
