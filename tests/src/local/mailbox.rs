//! `GET /_local/mail`: what SES got, what is queued and what is dead-lettered; a page for people, JSON for scripts.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use mail_parser::MessageParser;
use serde_json::{Value, json};

use super::server::json_response;
use crate::doubles::SentMail;
use crate::system::{DEAD_LETTER_QUEUE, MAIL_QUEUE, System};

#[derive(Template)]
#[template(path = "mailbox.html")]
struct Page {
    mails: Vec<Shown>,
    queued: usize,
    dead_lettered: usize,
}

struct Shown {
    to: String,
    from: String,
    subject: String,
    text: String,
    html: String,
    sent_at: String,
}

/// The page if the client asks for HTML, as browsers do; else JSON. The newest mail is the first of the page, the last of the
/// JSON.
pub async fn show(State(system): State<Arc<System>>, headers: HeaderMap) -> Response {
    let mut mails: Vec<_> = system.aws.ses.sent().into_iter().map(Shown::from).collect();
    let all = |queue| {
        let counts = system.aws.sqs.counts(queue);
        counts.visible + counts.in_flight + counts.delayed
    };
    let (queued, dead_lettered) = (all(MAIL_QUEUE), all(DEAD_LETTER_QUEUE));
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        let mails: Vec<Value> = mails.iter().map(Shown::to_json).collect();
        let body = json!({"mails": mails, "queued": queued, "deadLettered": dead_lettered});
        return json_response(StatusCode::OK, &body);
    }
    mails.reverse();
    match (Page { mails, queued, dead_lettered }).render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl From<SentMail> for Shown {
    fn from(mail: SentMail) -> Self {
        Self {
            to: mail.to.join(", "),
            from: as_shown(&mail.source),
            subject: mail.subject,
            text: mail.text.unwrap_or_default(),
            html: mail.html.unwrap_or_default(),
            sent_at: format!("{:.3}", mail.sent_at),
        }
    }
}

impl Shown {
    fn to_json(&self) -> Value {
        json!({"to": self.to, "from": self.from, "subject": self.subject, "text": self.text, "html": self.html, "sentAt": self.sent_at})
    }
}

/// Reads a `From` as mail programs show it: without quotes, and with encoded words decoded.
fn as_shown(from: &str) -> String {
    let header = format!("From: {from}\r\n\r\n");
    let message = MessageParser::default().parse(&header);
    let sender = message.as_ref().and_then(|message| message.from()?.first());
    match sender.map(|sender| (sender.name(), sender.address())) {
        Some((Some(name), Some(address))) => format!("{name} <{address}>"),
        _ => from.to_owned(),
    }
}
