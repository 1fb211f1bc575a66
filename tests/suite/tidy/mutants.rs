//! The wrong versions of the code in `tests/mutants/mutants.toml`, as far as they can be checked without building them.

use super::read;

/// The requirements without which nothing ships. Each has a wrong version that its test catches.
const REQUIREMENTS: [&str; 18] = [
    "TKT-01", "TKT-02", "TKT-03", "TKT-04", "TKT-05", "TKT-06", "TKT-07", "ACC-01", "ACC-02", "ACC-03", "ACC-04",
    "ACC-05", "ACC-06", "ACC-07", "ACC-08", "ACC-09", "ACC-12", "ACC-13",
];

#[test]
fn every_requirement_has_a_wrong_version_that_still_fits_the_code() {
    // ACC-14: `tests/mutants/run` builds them
    let table = read("tests/mutants/mutants.toml");
    for id in REQUIREMENTS {
        assert!(table.contains(&format!("id = \"{id}\"\n")), "give {id} a wrong version in tests/mutants/mutants.toml");
    }
    let mut file = String::new();
    for line in table.lines() {
        // A basic string of TOML is one of JSON.
        let text = |key: &str| {
            let text = line.strip_prefix(key)?.strip_prefix(" = ")?;
            Some(serde_json::from_str::<String>(text).unwrap_or_else(|error| panic!("{error}: {line}")))
        };
        if let Some(path) = text("file") {
            file = path;
        }
        if let Some(find) = text("find") {
            let found = read(&file).matches(&find).count();
            assert_eq!(found, 1, "tests/mutants/mutants.toml: {file} must have this text once: {find}");
        }
    }
}
