//! What a route adds to which files.

use super::route::Route;

/// Returns a file's text with the route added, or `None` if the file has changed its form.
type Edit = fn(&Route, &str) -> Option<String>;

/// The files to write, each with its whole text.
#[derive(Debug)]
pub struct Plan {
    pub files: Vec<(String, String)>,
}

impl Plan {
    /// Plans a route.
    ///
    /// # Errors
    /// Why the route cannot be added, or which file has changed its form.
    pub fn new(route: &Route, read: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        let handler = format!("functions/{}/src/{}.rs", route.function, route.file);
        let suite = format!("tests/suite/{}.rs", route.file);
        for file in [&handler, &suite] {
            if read(file).is_ok() {
                return Err(format!("{file} exists"));
            }
        }
        let library = format!("functions/{}/src/lib.rs", route.function);
        let edits: [(&str, Edit); 5] = [
            ("openapi.yaml", contract),
            (&library, arm),
            ("template.yaml", event),
            ("Cargo.toml", watched),
            ("tests/suite/main.rs", topic),
        ];
        let mut files = vec![
            (handler, route.fill(include_str!("../templates/handler.rs"))),
            (suite, route.fill(include_str!("../templates/test.rs"))),
        ];
        let key = format!("\"{} {}\"", route.method, route.path);
        if read(&library)?.contains(&key) {
            return Err(format!("{key} exists"));
        }
        for (file, edit) in edits {
            let text = read(file)?;
            let edited =
                edit(route, &text).ok_or_else(|| format!("{file} has changed its form: add the route by hand"))?;
            files.push((file.to_owned(), edited));
        }
        Ok(Self { files })
    }
}

/// Adds the operation, under its path if that is there, else after the other routes of accounts.
fn contract(route: &Route, text: &str) -> Option<String> {
    let parameter = include_str!("../templates/parameter.yaml");
    let parameters: String = route.parameters.iter().map(|name| parameter.replace("@NAME", name)).collect();
    let parameters = if parameters.is_empty() { parameters } else { format!("      parameters:\n{parameters}") };
    let operation = route.fill(include_str!("../templates/operation.yaml")).replace("@PARAMETERS", &parameters);
    let path = format!("  {}:\n", route.path);
    match text.split_once(&path) {
        Some((before, after)) => Some(format!("{before}{path}{operation}{after}")),
        None => before(text, "  /.well-known/jwks.json:\n", &format!("{path}{operation}\n")),
    }
}

/// Adds the module and the arm of the `match`.
fn arm(route: &Route, text: &str) -> Option<String> {
    let Route { method, path, file, .. } = route;
    let call = format!("{file}::handle(app, &request)");
    let call = if text.contains("Box::pin(") { format!("Box::pin({call})") } else { call };
    let text = module(text, "mod ", file)?;
    before(
        &text,
        "        _ => Err(ApiError::RouteNotFound)",
        &format!("        \"{method} {path}\" => {call}.await,\n"),
    )
}

/// Adds the event, after the function's others.
fn event(route: &Route, text: &str) -> Option<String> {
    let path = if route.parameters.is_empty() { route.path.clone() } else { format!("\"{}\"", route.path) };
    let line = format!(
        "        {}: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Method: {}, Path: {path}}}}}\n",
        route.event(),
        route.method
    );
    let (start, function) = text.split_once(&format!("\n  {}:\n", route.resource()))?;
    let (function, end) = function.split_once("\n\n")?;
    function.contains("      Events:\n").then(|| format!("{start}\n  {}:\n{function}\n{line}\n{end}", route.resource()))
}

/// Adds the path for `cargo lambda watch`, unless it is there for another method.
fn watched(route: &Route, text: &str) -> Option<String> {
    let line = format!("\"{}\" = \"{}\"\n", route.path, route.function);
    if text.contains(&line) { Some(text.to_owned()) } else { before(text, "\"/.well-known/jwks.json\"", &line) }
}

/// Adds the test's topic to the routes and functions.
fn topic(route: &Route, text: &str) -> Option<String> {
    let (head, topics) = text.split_once("mod accounts;\n")?;
    Some(format!("{head}{}", module(&format!("mod accounts;\n{topics}"), "mod ", &route.file)?))
}

/// Adds a module to the first list of modules, in the order of the alphabet.
fn module(text: &str, keyword: &str, name: &str) -> Option<String> {
    let line = format!("{keyword}{name};");
    let mut lines: Vec<_> = text.lines().collect();
    let first = lines.iter().position(|found| found.starts_with(keyword))?;
    let is_later = |found: &&str| !found.starts_with(keyword) || **found > *line;
    let place = lines.iter().skip(first).position(is_later)?;
    lines.insert(first + place, &line);
    Some(lines.join("\n") + "\n")
}

/// Inserts `addition` before the line that begins with `anchor`.
fn before(text: &str, anchor: &str, addition: &str) -> Option<String> {
    let (start, end) = text.split_once(&format!("\n{anchor}"))?;
    Some(format!("{start}\n{addition}{anchor}{end}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(file: &str) -> Result<String, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read_to_string(root.join(file)).map_err(|error| error.to_string())
    }

    /// Returns what a route adds to each file that exists.
    fn added(method: &str, path: &str, function: &str) -> Vec<(String, String)> {
        let plan = Plan::new(&Route::parse(method, path, function).unwrap(), read).unwrap();
        let added = plan.files.into_iter().filter_map(|(file, text)| {
            let old = read(&file).ok()?;
            let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), text.lines().collect());
            let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
            assert!(new.len() >= old.len(), "{file}");
            Some((file, new[same..same + new.len() - old.len()].join("\n")))
        });
        added.collect()
    }

    #[test]
    fn the_files_of_the_repository_have_the_form_that_the_plan_expects() {
        let files = added("POST", "/api/auth/avatar", "account");
        let of = |name: &str| files.iter().find(|(file, _)| file == name).unwrap().1.clone();
        assert!(of("openapi.yaml").contains("operationId: postAvatar"));
        assert!(of("template.yaml").contains("PostAvatar: {Type: HttpApi"));
        assert_eq!(of("Cargo.toml"), "\"/api/auth/avatar\" = \"account\"");
        assert_eq!(of("tests/suite/main.rs"), "mod post_avatar;");
        let boxed = added("DELETE", "/api/auth/devices/{id}", "credentials");
        assert!(boxed[1].1.contains("mod delete_devices_by_id;"), "{boxed:?}");
    }

    #[test]
    fn a_method_is_added_to_a_path_that_exists() {
        let files = added("DELETE", "/api/auth/me", "account");
        assert!(files[0].1.starts_with("    delete:\n"), "{}", files[0].1);
        assert_eq!(files.iter().find(|(file, _)| file == "Cargo.toml").unwrap().1, "");
    }

    #[test]
    fn what_cannot_be_added_is_refused_with_the_reason() {
        for (method, path, function, reason) in [
            ("PUT", "/api/auth/avatar", "account", "PUT: use one of"),
            ("post", "/api/auth/avatar", "account", "post: use one of"),
            ("POST", "/avatar", "account", "/avatar: use /api/auth/"),
            ("POST", "/api/auth/Avatar", "account", "use /api/auth/"),
            ("POST", "/api/auth/a//b", "account", "use /api/auth/"),
            ("POST", "/api/auth/avatar", "login", "login: use one of"),
        ] {
            let error = Route::parse(method, path, function).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let route = Route::parse("GET", "/api/auth/me", "account").unwrap();
        assert!(Plan::new(&route, read).unwrap_err().contains("exists"));
    }
}
