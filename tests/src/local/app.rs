//! `GET /_local/app`: a page to try an account, from registration to deletion. It is the example of the TypeScript client, and what
//! the client was compiled to stands beside it, so that it opens without Node.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

use super::server::not_found;

/// The page loads what this server has, and sends nothing elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PAGE: &str = include_str!("../../../clients/typescript/example/index.html");

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// The files of the page, by their paths in `clients/typescript`.
        const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../../../clients/typescript/", $path)))),*];
    };
}

files! {
    "dist/client.js",
    "dist/clock.js",
    "dist/errors.js",
    "dist/index.js",
    "dist/keeper.js",
    "dist/lock.js",
    "dist/repeat.js",
    "dist/routes.js",
    "dist/session.js",
    "dist/storage.js",
    "example/app.js",
    "example/forms.js",
    "example/mailbox.js",
    "example/style.css",
}

/// Answers with the page.
pub async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE)
}

/// Answers with a file of the page.
pub async fn file(Path(path): Path<String>) -> Response {
    let is_style = std::path::Path::new(&path).extension().is_some_and(|extension| extension == "css");
    let found = FILES.iter().find(|(name, _)| *name == path);
    found.map_or_else(not_found, |(_, text)| answer(if is_style { STYLE } else { SCRIPT }, text))
}

fn answer(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
