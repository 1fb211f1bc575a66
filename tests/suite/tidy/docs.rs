//! The documents: their requirements are those that tests cite, their links and paths lead somewhere, and they can be skimmed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{functions, read, root, sources};

/// Where the requirements are explained.
const REQUIREMENTS: &str = "docs/requirements.md";
/// The widest line outside of tables. Prose is wrapped at 100.
const WIDEST: usize = 120;
/// The README's length. What is longer belongs to `docs/`.
const README_LINES: usize = 120;
/// The most lines of prose under one heading.
const PROSE_UNDER_A_HEADING: usize = 20;
/// Words that readers stumble over, and plain ones that replace them.
const STUMBLING: [(&str, &str); 5] = [
    ("whoever", "the client, the user, the operator"),
    ("lest", "so that ... not"),
    ("nobody's", "no one's, or a random one"),
    ("somebody's", "another user's"),
    ("whomever", "the client, the user, the operator"),
];

#[test]
fn every_requirement_that_is_cited_is_explained_and_no_other() {
    let cited = cited();
    let mut explained = BTreeSet::new();
    for line in read(REQUIREMENTS).lines() {
        let Some((id, text)) = line.strip_prefix("- **").and_then(|line| line.split_once("**")) else { continue };
        assert!(is_id(id) || is_short_id(id), "{REQUIREMENTS}: {id} is no requirement's id");
        assert!(!text.trim().is_empty(), "{REQUIREMENTS}: say what {id} demands");
        assert!(explained.insert(id.to_owned()), "{REQUIREMENTS} explains {id} twice");
    }
    let unexplained: Vec<_> = cited.iter().filter(|(id, _)| !explained.contains(*id)).collect();
    assert!(
        unexplained.is_empty(),
        "these requirements are cited (in the files shown) and not explained: give each a line in {REQUIREMENTS}, under its \
         heading, in plain words: {unexplained:?}"
    );
    let uncited: Vec<_> = explained.iter().filter(|id| !cited.contains_key(*id)).collect();
    assert!(
        uncited.is_empty(),
        "these requirements are explained in {REQUIREMENTS} and cited nowhere in tests, shared or functions: cite each in the test \
         that shows it (`// {}`), or take its line away: {uncited:?}",
        uncited[0]
    );
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    for (path, text) in documents() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in links(&text) {
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { path.clone() } else { resolve(folder, file) };
            assert!(root().join(&file).is_file(), "{path} links to {target}, which does not exist");
            let has_heading = heading.is_empty() || headings(&read(&file)).any(|title| anchor(title) == heading);
            assert!(has_heading, "{path} links to {target}, but {file} has no such heading");
        }
    }
}

#[test]
fn the_files_that_documents_name_exist() {
    for (path, text) in documents() {
        for name in named_files(&text) {
            assert!(root().join(&name).exists(), "{path} names {name}, which does not exist");
        }
    }
}

#[test]
fn what_the_table_of_asvs_cites_exists() {
    // style: an honest table says "gap", and a row without evidence has nothing to say
    let suite: String = ["tests", "shared", "functions"].into_iter().flat_map(sources).map(|(_, text)| text).collect();
    let explained = read(REQUIREMENTS);
    let mut chapters = BTreeMap::<String, usize>::new();
    for row in read("docs/asvs.md").lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ASVS")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, level, _, shown] = cells[..] else { panic!("docs/asvs.md: {row}: four cells") };
        assert!(["1", "2", "3"].contains(&level), "docs/asvs.md: {id}: {level} is no level");
        *chapters.entry(id.split('.').next().unwrap_or_default().to_owned()).or_default() += 1;
        let ids: Vec<_> = shown.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| is_id(word)).collect();
        let names: Vec<_> = inline_code(shown).into_iter().filter(|code| code.contains('_')).collect();
        for cited in &ids {
            assert!(
                explained.contains(&format!("**{cited}**")),
                "docs/asvs.md: {id} cites {cited}, which is not explained"
            );
        }
        for name in &names {
            assert!(
                suite.contains(&format!("fn {name}(")),
                "docs/asvs.md: {id} cites the test {name}, which does not exist"
            );
        }
        let says = ["gap", "no such thing", "documented: ["].iter().any(|start| shown.starts_with(start));
        assert!(says || !ids.is_empty() || !names.is_empty(), "docs/asvs.md: {id}: cite a test, or say \"gap\"");
    }
    let expected = [("16", 17), ("6", 47), ("7", 19), ("9", 7)].map(|(chapter, rows)| (chapter.to_owned(), rows));
    assert_eq!(chapters, expected.into(), "docs/asvs.md: a row for each demand of the four chapters");
}

#[test]
fn documents_can_be_skimmed() {
    // style
    let readme = read("README.md").lines().count();
    assert!(readme <= README_LINES, "README.md has {readme} lines: move what is not for everyone to docs/");
    for (path, text) in documents() {
        for (number, line) in (1..).zip(text.lines()) {
            let width = line.chars().count();
            assert!(line.starts_with('|') || width <= WIDEST, "{path}:{number} has {width} columns: wrap it at 100");
            let lower = line.to_lowercase();
            for (word, plain) in STUMBLING {
                let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'');
                assert!(
                    !words.into_iter().any(|found| found == word),
                    "{path}:{number}: for \"{word}\" write: {plain}"
                );
            }
        }
        let mut section = (String::from("its beginning"), 0);
        for (line, is_code) in with_code_marked(&text) {
            if !is_code && line.starts_with('#') {
                section = (line.to_owned(), 0);
            } else if !is_code && !line.trim().is_empty() && !line.starts_with('|') {
                section.1 += 1;
            }
            let (heading, lines) = &section;
            assert!(
                *lines <= PROSE_UNDER_A_HEADING,
                "{path}: \"{heading}\" has over {lines} lines: give its parts headings"
            );
        }
    }
}

#[test]
fn the_code_map_has_every_function_and_every_module() {
    // style: a map that leaves places out leads nowhere
    let architecture = read("ARCHITECTURE.md");
    let mapped: BTreeSet<_> = architecture
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .flat_map(|(first_cell, _)| inline_code(first_cell))
        .collect();
    for function in functions() {
        assert!(mapped.contains(&function), "ARCHITECTURE.md: give the function {function} a row of the code map");
    }
    for line in read("shared/src/lib.rs").lines() {
        let Some(module) = line.strip_prefix("pub mod ").and_then(|line| line.strip_suffix(';')) else { continue };
        assert!(mapped.contains(module), "ARCHITECTURE.md: give shared::{module} a row of the code map");
    }
}

// ---- Helpers ----

/// Returns path and text of every document.
fn documents() -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root().join(folder)).expect("the documents") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                let path = format!("{folder}{name}");
                let text = read(&path);
                documents.push((path, text));
            }
        }
    }
    documents.sort();
    assert!(documents.iter().any(|(path, _)| path == REQUIREMENTS), "{REQUIREMENTS} is among the documents");
    documents
}

/// Returns every requirement that a test or the code cites, with one file that does.
fn cited() -> BTreeMap<String, String> {
    let mut cited = BTreeMap::new();
    for (path, text) in ["tests", "shared", "functions"].into_iter().flat_map(sources) {
        // A letter and a digit are an id only in the suite, which has the models and the faults.
        let is_cited = |word: &str| is_id(word) || (path.starts_with("tests/suite/") && is_short_id(word));
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
        for word in words.filter(|word| is_cited(word)) {
            cited.entry(word.to_owned()).or_insert_with(|| path.clone());
        }
    }
    cited
}

/// Two to four capitals, a hyphen and two digits.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(letters, digits)| {
        (2..=4).contains(&letters.len())
            && letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() == 2
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A promise of the refresh protocol, or an invariant of the fault harness.
fn is_short_id(word: &str) -> bool {
    matches!(word.as_bytes(), [b'R' | b'I', b'1'..=b'9'])
}

/// Returns the lines of a document, and whether each is in a block of code.
fn with_code_marked(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut is_code = false;
    text.lines().map(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (line, is_code || is_fence)
    })
}

pub(super) fn headings(text: &str) -> impl Iterator<Item = &str> {
    let lines = with_code_marked(text).filter(|(_, is_code)| !is_code);
    lines.filter_map(|(line, _)| line.strip_prefix('#').map(|line| line.trim_start_matches('#').trim()))
}

/// Returns the anchor that GitHub gives a heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Returns the targets of the links that stay in the repository.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<_> = with_code_marked(text).filter(|(_, is_code)| !is_code).map(|(line, _)| line).collect();
    let prose = prose.join("\n");
    let targets =
        prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()));
    targets.filter(|target| !target.contains("://")).collect()
}

/// Returns a relative path of a link as one from the repository's root.
fn resolve(folder: &str, file: &str) -> String {
    let mut parts: Vec<_> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns what a line has between backticks.
fn inline_code(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the paths of this repository in a document's code, in blocks and in lines.
fn named_files(text: &str) -> BTreeSet<String> {
    let is_path_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let mut named = BTreeSet::new();
    for (line, is_code) in with_code_marked(text) {
        let code = if is_code { vec![line.to_owned()] } else { inline_code(line) };
        for word in code.iter().flat_map(|code| code.split_whitespace()) {
            let word = word.trim_end_matches(['/', '.', ',', ';', ':']);
            let is_ours = ["clients/", "docs/", "shared/", "functions/", "tests/", "fuzz/", "ops/", ".ci/", ".github/"]
                .iter()
                .any(|top| word.starts_with(top));
            if is_ours && word.chars().all(is_path_character) {
                named.insert(word.to_owned());
            }
        }
    }
    named
}
