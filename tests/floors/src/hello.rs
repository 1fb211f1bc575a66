//! A function that answers every event with a greeting: what Lambda's runtime costs by itself.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::Runtime::new(service_fn(async |_: LambdaEvent<Value>| Ok::<_, Error>(json!("hello")))).run().await
}
