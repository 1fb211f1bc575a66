//! The folder with the data.

use super::{Local, command};

#[cfg(unix)]
#[test]
fn the_data_is_its_owners_alone() {
    // FLT-06
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("new/data");
    {
        let local = Local::with(&["--data", data.to_str().unwrap()], &[]);
        local.register("ada@example.com");
        assert_eq!(mode(&data), 0o700);
        let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        for name in ["dynamodb.sqlite", "secrets.json", "ses.json", "sqs.json"] {
            assert!(names.contains(&name), "{names:?}");
        }
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
    }
    // What an earlier version left open is closed.
    for name in ["secrets.json", "dynamodb.sqlite"] {
        std::fs::set_permissions(data.join(name), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let local = Local::with(&["--data", data.to_str().unwrap()], &[]);
    assert_eq!(["secrets.json", "dynamodb.sqlite"].map(|name| mode(&data.join(name))), [0o600; 2]);
    assert_eq!(local.mails()[0]["to"], "ada@example.com", "and what they hold is still there");
}

#[test]
fn two_commands_do_not_share_a_folder() {
    // FLT-06
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--data", folder.path().to_str().unwrap()];
    let _first = Local::with(&arguments, &[]);
    let output = command(&arguments, &[]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("is in use by another cargo local"), "{error}");
}
