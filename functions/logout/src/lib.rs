//! `POST /api/auth/logout`: ends the session of a refresh token, or with `everywhere` all sessions of the user.

use shared::app::App;
use shared::domain::RefreshToken;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// Returns 204 for every token. An authentic token ends its session, even if it is old. A forged token reveals nothing
/// and costs no read.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let token = fields.required("refreshToken", |text| Ok(text.to_owned()));
    let everywhere = fields.flag("everywhere");
    let (token, everywhere) = fields.finish(|| Some((token?, everywhere?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;
    let Some(claim) = RefreshToken::open(&token, |id| keys.refresh_key_by_id(id, now)) else {
        return Ok(web::no_content());
    };
    if everywhere {
        app.sessions.end_everywhere(&claim, now).await?;
    } else {
        app.sessions.end(claim.user, claim.session, now).await?;
    }
    tracing::info!(event = "authn_token_revoked", user = %claim.user, session = %claim.session, everywhere);
    Ok(web::no_content())
}
