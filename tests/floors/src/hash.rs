//! A function that computes one Argon2id hash for every event, in memory that it keeps: what a login costs at least.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::sync::Mutex;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // The parameters of `shared::passwords`.
    let (params, version) = (Params::DEFAULT, Version::V0x13);
    let memory = Mutex::new(vec![Block::new(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
    let hash = async |_: LambdaEvent<Value>| {
        let (mut output, mut memory) = ([0; 32], memory.lock().await);
        argon2.hash_password_into_with_memory(b"a password", &[7; 16], &mut output, &mut *memory)?;
        Ok::<_, Error>(json!(output))
    };
    lambda_runtime::Runtime::new(service_fn(hash)).run().await
}
