//! Secrets Manager.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

use super::{FIRST_TOKEN, SECOND_TOKEN, World};

#[tokio::test]
async fn a_secret_is_found_by_name_and_arn_and_a_missing_one_in_the_words_of_aws() {
    let world = World::new().await;
    let arn = world.aws.secrets.create("latchkey/keys", "one");
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:latchkey/keys-"), "{arn}");
    assert_eq!(world.aws.secrets.create("latchkey/keys", "other"), arn);

    let get = |id: &str| world.secrets.get_secret_value().secret_id(id);
    let by_name = get("latchkey/keys").send().await.unwrap();
    assert_eq!(by_name.arn(), Some(arn.as_str()));
    assert_eq!(by_name.secret_string(), Some("one"));
    assert_eq!(by_name.version_stages(), ["AWSCURRENT"]);
    assert_eq!(by_name.created_date().unwrap().secs(), 1_800_000_000);
    assert_eq!(get(&arn).send().await.unwrap().version_id(), by_name.version_id());

    let missing = [
        (get("absent"), "Secrets Manager can't find the specified secret."),
        (
            get("latchkey/keys").version_stage("AWSPENDING"),
            "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
        ),
        (
            get("latchkey/keys").version_id(FIRST_TOKEN),
            "Secrets Manager can't find the specified secret value for VersionId: 11111111-1111-1111-1111-111111111111",
        ),
    ];
    for (get, wording) in missing {
        let error = get.send().await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
        assert_eq!(error.message(), Some(wording));
    }
    let mismatch = get("latchkey/keys").version_id(by_name.version_id().unwrap()).version_stage("AWSPENDING");
    assert!(mismatch.send().await.unwrap_err().into_service_error().is_invalid_request_exception());
}

#[tokio::test]
async fn a_secret_is_created_once() {
    let world = World::new().await;
    let create = |token: &str, value: &str| {
        world.secrets.create_secret().name("keys").client_request_token(token).secret_string(value).send()
    };
    let created = create(FIRST_TOKEN, "one").await.unwrap();
    assert_eq!(created.version_id(), Some(FIRST_TOKEN));
    create(FIRST_TOKEN, "one").await.unwrap();
    assert!(create(SECOND_TOKEN, "one").await.unwrap_err().into_service_error().is_resource_exists_exception());
    let unnamed = world.secrets.create_secret().name("not a name").secret_string("one").send().await;
    assert_eq!(unnamed.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn putting_a_value_again_is_harmless_and_another_under_its_token_is_refused() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    world.put(FIRST_TOKEN, "one", None).await.unwrap();
    world.put(SECOND_TOKEN, "two", None).await.unwrap();
    world.put(FIRST_TOKEN, "one", None).await.unwrap();
    let value = |stage| world.aws.secrets.value("keys", stage);
    assert_eq!((value("AWSCURRENT").as_deref(), value("AWSPREVIOUS").as_deref()), (Some("two"), Some("one")));

    assert_eq!(world.put(FIRST_TOKEN, "other", None).await, Err("ResourceExistsException".to_owned()));
    assert_eq!(world.put("short", "other", None).await, Err("InvalidParameterException".to_owned()));
    let empty = world.secrets.put_secret_value().secret_id("keys").send().await.unwrap_err().into_service_error();
    assert!(empty.is_invalid_parameter_exception(), "{empty:?}");
}

#[tokio::test]
async fn staging_labels_move_as_aws_moves_them() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    let zero = described.version_ids_to_stages().unwrap().keys().next().unwrap().clone();
    world.put(FIRST_TOKEN, "one", Some("AWSPENDING")).await.unwrap();
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("zero"));

    let shift = |label: &str, from: Option<&str>, to: Option<&str>| {
        let shift = world.secrets.update_secret_version_stage().secret_id("keys").version_stage(label);
        let shift = shift.set_remove_from_version_id(from.map(str::to_owned));
        shift.set_move_to_version_id(to.map(str::to_owned)).send()
    };
    let refused =
        [(None, Some(FIRST_TOKEN)), (Some(FIRST_TOKEN), Some(FIRST_TOKEN)), (Some(zero.as_str()), None), (None, None)];
    for (from, to) in refused {
        let error = shift("AWSCURRENT", from, to).await.unwrap_err().into_service_error();
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
    }
    let absent = shift("AWSCURRENT", Some(&zero), Some(SECOND_TOKEN)).await.unwrap_err().into_service_error();
    assert!(absent.is_resource_not_found_exception(), "{absent:?}");

    shift("AWSCURRENT", Some(&zero), Some(FIRST_TOKEN)).await.unwrap();
    shift("AWSCURRENT", None, Some(FIRST_TOKEN)).await.unwrap();
    shift("AWSPENDING", Some(FIRST_TOKEN), None).await.unwrap();
    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    let stages = described.version_ids_to_stages().unwrap();
    assert_eq!(stages[FIRST_TOKEN], ["AWSCURRENT"]);
    assert_eq!(stages[&zero], ["AWSPREVIOUS"]);
}

#[tokio::test]
async fn a_rotation_begins_with_an_empty_pending_version() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    assert_eq!(world.aws.secrets.begin_rotation("absent"), None);
    let token = world.aws.secrets.begin_rotation("keys").unwrap();
    assert_eq!(world.aws.secrets.begin_rotation("keys").as_deref(), Some(token.as_str()));

    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    assert_eq!(described.rotation_enabled(), Some(true));
    assert_eq!(described.version_ids_to_stages().unwrap()[&token], ["AWSPENDING"]);
    let pending = world.secrets.get_secret_value().secret_id("keys").version_id(&token).version_stage("AWSPENDING");
    assert!(pending.clone().send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    world.put(&token, "one", Some("AWSPENDING")).await.unwrap();
    assert_eq!(pending.send().await.unwrap().secret_string(), Some("one"));
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("zero"));
}
