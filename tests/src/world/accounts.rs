//! What a user does with an account: prove the address, recover or change the password, change the address, leave.

use serde_json::{Value, json};

use super::{Actor, PASSWORD, World, authorized, posted};
use crate::event::HttpRequest;
use crate::system::Answer;

/// The password that an actor changes to.
pub const NEW_PASSWORD: &str = "violet harbour 47 teapot";

impl World {
    /// Posts a body to a route under `/api/auth/`, with the actor's access token.
    pub async fn ask(&self, actor: &Actor, route: &str, body: &Value) -> Answer {
        self.send(authorized(posted(&format!("/api/auth/{route}"), body), Some(&actor.bearer()))).await
    }

    /// Changes or removes the actor's name.
    pub async fn rename(&self, actor: &Actor, name: &Value) -> Answer {
        let request = HttpRequest { method: "PATCH", ..posted("/api/auth/me", &json!({"name": name})) };
        self.send(authorized(request, Some(&actor.bearer()))).await
    }

    /// Asks for another mail with the verification code.
    pub async fn ask_for_code(&self, actor: &Actor) -> Answer {
        self.post_as("/api/auth/email/verification", Some(&actor.bearer())).await
    }

    /// Enters a verification code.
    pub async fn verify(&self, actor: &Actor, code: &str) -> Answer {
        self.ask(actor, "email/verify", &json!({"code": code})).await
    }

    /// Registers a user who verifies the address.
    pub async fn verified(&self, email: &str) -> Actor {
        let actor = self.registered(email).await;
        let answer = self.verify(&actor, &self.code_mailed_to(email)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Actor { user: answer.field("user"), ..actor }
    }

    /// Asks for a reset and returns its flow. The mail stays in the queue.
    pub async fn forgot(&self, email: &str) -> String {
        let answer = self.post("/api/auth/password/forgot", &json!({"email": email})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.text("flow")
    }

    /// Resets the password by a code.
    pub async fn reset(&self, flow: &str, code: &str, password: &str) -> Answer {
        let body = json!({"flow": flow, "code": code, "newPassword": password});
        self.post("/api/auth/password/reset", &body).await
    }

    /// Resets the password by the token of a link.
    pub async fn reset_by_link(&self, token: &str, password: &str) -> Answer {
        self.post("/api/auth/password/reset", &json!({"token": token, "newPassword": password})).await
    }

    /// Changes the password from [`PASSWORD`].
    pub async fn change_password(&self, actor: &Actor, password: &str) -> Answer {
        self.ask(actor, "password/change", &json!({"currentPassword": PASSWORD, "newPassword": password})).await
    }

    /// Asks for a change of the address, with [`PASSWORD`].
    pub async fn change_email(&self, actor: &Actor, email: &str) -> Answer {
        self.ask(actor, "email/change", &json!({"newEmail": email, "password": PASSWORD})).await
    }

    /// Confirms a change of the address.
    pub async fn confirm_email(&self, actor: &Actor, code: &str) -> Answer {
        self.ask(actor, "email/confirm", &json!({"code": code})).await
    }

    /// Deletes the account, with [`PASSWORD`].
    pub async fn delete_account(&self, actor: &Actor) -> Answer {
        self.ask(actor, "account/delete", &json!({"password": PASSWORD})).await
    }

    /// Returns the texts of the mails to an address, the oldest first.
    pub fn texts_mailed_to(&self, email: &str) -> Vec<String> {
        let mails = self.mails().into_iter().filter(|mail| mail.to == [email]);
        mails.map(|mail| mail.text.expect("a text")).collect()
    }

    /// Returns the code in the last mail to an address.
    pub fn code_mailed_to(&self, email: &str) -> String {
        let text = self.texts_mailed_to(email).pop().unwrap_or_else(|| panic!("no mail to {email}"));
        code_in(&text).unwrap_or_else(|| panic!("no code: {text}"))
    }

    /// Returns the token of the link in the last mail to an address.
    pub fn link_token_mailed_to(&self, email: &str) -> String {
        let text = self.texts_mailed_to(email).pop().unwrap_or_else(|| panic!("no mail to {email}"));
        let token = text.split_whitespace().find_map(|word| word.split_once("token="));
        token.unwrap_or_else(|| panic!("no link: {text}")).1.to_owned()
    }
}

/// Returns the code that stands alone on a line of a mail.
#[must_use]
pub fn code_in(text: &str) -> Option<String> {
    let is_sign = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    let is_code = |line: &&str| {
        let (first, last) = line.split_once('-').unwrap_or_default();
        [first, last].iter().all(|half| half.len() == 4 && half.bytes().all(is_sign))
    };
    text.lines().find(is_code).map(str::to_owned)
}
