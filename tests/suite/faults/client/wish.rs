//! What clients ask for, and the requests that ask for it.

use serde_json::{Value, json};

use super::Client;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    Register,
    /// Under an `Idempotency-Key`, always the same.
    RegisterWithKey,
    Login,
    LoginWithWrongPassword,
    Refresh,
    /// With the token before the current one, as a late tab does.
    RefreshAgain,
    /// With the first token of the session, as a thief does who kept a copy.
    RefreshWithFirst,
    LogOut,
    LogOutEverywhere,
    Me,
    Sessions,
    /// Ends the client's first session.
    EndOther,
    SendMail,
    /// Under an `Idempotency-Key`, always the same.
    SendMailWithKey,
    Rename,
    SendCode,
    Verify,
    Forgot,
    ResetByCode,
    ResetByLink,
    ChangePassword,
    ChangeEmail,
    ConfirmEmail,
    Export,
    Delete,
    Jwks,
    Health,
}

/// A request that a client makes.
pub struct Asked {
    pub method: &'static str,
    pub path: String,
    pub body: Option<Value>,
    pub is_signed: bool,
}

impl Wish {
    /// Returns the kinds of mail that each success promises, apart from those that a row of the account counts.
    pub const fn promises(self) -> &'static [&'static str] {
        match self {
            Self::Register | Self::RegisterWithKey | Self::SendMail | Self::SendMailWithKey => &["welcome"],
            Self::SendCode => &["verification"],
            Self::Forgot => &["reset"],
            Self::ChangeEmail => &["email-change-requested"],
            _ => &[],
        }
    }

    /// Returns whether the same request, sent again, is the same wish.
    pub const fn has_key(self) -> bool {
        matches!(self, Self::RegisterWithKey | Self::SendMailWithKey)
    }

    /// Returns the promise that an unexpected status breaks.
    pub const fn broken_by(self, status: u16) -> &'static str {
        match (self, status) {
            (Self::Verify | Self::ResetByCode | Self::ResetByLink | Self::ConfirmEmail, 400) | (_, 403) => "TKT-06",
            (_, 401) => "I9",
            (_, 409) => "I6",
            _ => "I8",
        }
    }
}

impl Client {
    /// Returns the request of a wish.
    pub(super) fn request(&self, wish: Wish) -> Asked {
        let post = |name: &str, is_signed, body| Asked {
            method: "POST",
            path: format!("/api/auth/{name}"),
            body: Some(body),
            is_signed,
        };
        let get = |path: &str| Asked { method: "GET", path: path.to_owned(), body: None, is_signed: true };
        let session = self.sessions.last();
        let refresh = |token: Option<&String>| json!({"refreshToken": token.map_or("", String::as_str)});
        let current = session.map(|session| &session.current);
        let code = self.code.as_deref().unwrap_or_default();
        match wish {
            Wish::Register | Wish::RegisterWithKey => {
                let body = json!({"email": self.email, "password": self.password, "name": super::NAME});
                post("register", false, body)
            }
            Wish::Login => post("login", false, json!({"email": self.email, "password": self.password})),
            Wish::LoginWithWrongPassword => {
                post("login", false, json!({"email": self.email, "password": "not the password"}))
            }
            Wish::Refresh => post("refresh", false, refresh(current)),
            Wish::RefreshAgain => {
                post("refresh", false, refresh(session.and_then(|session| session.previous.as_ref())))
            }
            Wish::RefreshWithFirst => post("refresh", false, refresh(session.map(|session| &session.first))),
            Wish::LogOut => post("logout", false, refresh(current)),
            Wish::LogOutEverywhere => {
                let mut body = refresh(current);
                body["everywhere"] = json!(true);
                post("logout", false, body)
            }
            Wish::Me => get("/api/auth/me"),
            Wish::Sessions => get("/api/auth/sessions"),
            Wish::EndOther => {
                let other = self.sessions.first().map_or("", |session| session.id.as_str());
                Asked { method: "DELETE", ..get(&format!("/api/auth/sessions/{other}")) }
            }
            Wish::SendMail | Wish::SendMailWithKey => {
                Asked { body: None, ..post("send-welcome-email", true, json!({})) }
            }
            Wish::Rename => {
                let body = Some(json!({"name": self.new_name}));
                Asked { method: "PATCH", body, ..get("/api/auth/me") }
            }
            Wish::SendCode => Asked { body: None, ..post("email/verification", true, json!({})) },
            Wish::Verify => post("email/verify", true, json!({"code": code})),
            Wish::Forgot => post("password/forgot", false, json!({"email": self.email})),
            Wish::ResetByCode => {
                let body = json!({"flow": self.flow, "code": code, "newPassword": self.new_password});
                post("password/reset", false, body)
            }
            Wish::ResetByLink => {
                post("password/reset", false, json!({"token": self.link, "newPassword": self.new_password}))
            }
            Wish::ChangePassword => {
                let body = json!({"currentPassword": self.password, "newPassword": self.new_password});
                post("password/change", true, body)
            }
            Wish::ChangeEmail => {
                post("email/change", true, json!({"newEmail": self.new_email, "password": self.password}))
            }
            Wish::ConfirmEmail => post("email/confirm", true, json!({"code": code})),
            Wish::Export => post("account/export", true, json!({"password": self.password})),
            Wish::Delete => post("account/delete", true, json!({"password": self.password})),
            Wish::Jwks => get("/.well-known/jwks.json"),
            Wish::Health => get("/health"),
        }
    }
}
