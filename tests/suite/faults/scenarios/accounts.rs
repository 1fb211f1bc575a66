//! The faults of what users do to their accounts: prove an address, change or reset a password, change the address, export
//! and delete; and of the mails and erasures that follow.

use futures_util::FutureExt;
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::{Scenario, deeds, member, member_of_two_sessions, nothing, owed, stranger};
use crate::faults::client::Wish;
use crate::faults::stage::{Act, Stage};

/// More rows than two pages of an erasure.
const ROWS: usize = 60;
const RESET_URL: &str = "https://app.example.com/reset";

pub fn list() -> Vec<Scenario> {
    let mut list = of_routes();
    list.extend(of_repeats());
    list.extend(of_mails());
    list
}

fn of_routes() -> Vec<Scenario> {
    vec![
        Scenario::new("rename", member, nothing, Act::Ask(Wish::Rename, &[200])),
        Scenario::new("verification", member, nothing, Act::Ask(Wish::SendCode, &[202])),
        Scenario::new("verification-renewed", member_of_a_day, nothing, Act::Ask(Wish::SendCode, &[202])),
        Scenario::new("verify", member_with_code, nothing, Act::Ask(Wish::Verify, &[200])),
        Scenario::new("forgot", member, nothing, Act::Ask(Wish::Forgot, &[202])),
        Scenario::new("forgot-unknown", stranger, nothing, Act::Ask(Wish::Forgot, &[202])),
        Scenario::new("reset-by-code", forgetful, nothing, Act::Ask(Wish::ResetByCode, &[200])),
        Scenario::new("reset-by-link", forgetful, nothing, Act::Ask(Wish::ResetByLink, &[200])),
        Scenario::new("password-change", member_of_two_sessions, nothing, Act::Ask(Wish::ChangePassword, &[200])),
        Scenario::new("email-change", member, nothing, Act::Ask(Wish::ChangeEmail, &[202])),
        Scenario::new("email-change-taken", member_beside_another, nothing, Act::Ask(Wish::ChangeEmail, &[202])),
        Scenario::new("email-confirm", moving, nothing, Act::Ask(Wish::ConfirmEmail, &[200])),
        Scenario::new("export", member, nothing, Act::Ask(Wish::Export, &[200])),
        Scenario::new("delete", member_of_two_sessions, nothing, Act::Ask(Wish::Delete, &[202])),
    ]
}

/// The client repeats a request whose answer was lost, or does not repeat it.
fn of_repeats() -> Vec<Scenario> {
    vec![
        Scenario::new("reset-repeated", reset_in_vain, nothing, Act::Ask(Wish::ResetByCode, &[200])),
        Scenario::new("password-change-repeated", changed_in_vain, nothing, Act::Ask(Wish::ChangePassword, &[200])),
        Scenario::new("email-confirm-repeated", confirmed_in_vain, nothing, Act::Ask(Wish::ConfirmEmail, &[200])),
        Scenario::new("delete-repeated", deleted_in_vain, nothing, Act::Ask(Wish::Delete, &[202])),
        Scenario::new("reset-abandoned", forgetful, nothing, Act::AskOnce(Wish::ResetByLink, &[200])),
        Scenario::new("password-change-abandoned", member, nothing, Act::AskOnce(Wish::ChangePassword, &[200])),
        Scenario::new("email-confirm-abandoned", moving, nothing, Act::AskOnce(Wish::ConfirmEmail, &[200])),
        Scenario::new("delete-abandoned", member, nothing, Act::AskOnce(Wish::Delete, &[202])),
    ]
}

fn of_mails() -> Vec<Scenario> {
    vec![
        Scenario::new("mail-verification", verifying, all_enqueued, Act::Poll),
        Scenario::new("mail-reset", forgetting, all_enqueued, Act::Poll),
        Scenario::new("mail-reset-nobody", forgetting_stranger, all_enqueued, Act::Poll),
        Scenario::new("mail-reset-expired", forgetting, enqueued_after_its_time, Act::Poll),
        Scenario::new("mail-confirm", asking_to_move, all_enqueued, Act::Poll),
        Scenario::new("mail-goodbye", leaving, all_enqueued, Act::Poll),
        Scenario::new("mail-welcome-late", owed, enqueued_after_a_day, Act::Poll),
        Scenario::new("sweep-reset-expired", forgetting, half_an_hour, Act::Sweep),
        Scenario::new("sweep-erasure", leaving_much, nothing, Act::Sweep),
        Scenario::new("sweep-erasure-second", erased_once, straggler, Act::Sweep),
    ]
}

impl Stage {
    /// Adds rows to the partition of the first client's user, or of the user that it deleted: mails that were sent.
    fn has_rows(&self, number: usize) {
        let client = &self.clients[0];
        let user = client.user.as_ref().or(client.deleted.as_ref()).expect("a user");
        let mail = json!({
            "pk": {"S": format!("USER#{user}")}, "kind": {"S": "session-reuse"}, "state": {"S": "sent"},
            "attempt": {"N": "1"}, "createdAt": {"N": "1800014400000"},
        });
        for number in 0..number {
            let id = Uuid::from_u128(u128::try_from(number).expect("a number"));
            self.world.tamper("Accounts", mail.clone(), &json!({"sk": {"S": format!("MAIL#{id}")}}));
        }
    }

    /// Delivers the mails, and has the first client read the last.
    async fn reads_mail(&mut self) {
        self.world.deliver_mail().await;
        self.clients[0].reads_mail(&self.world);
    }
}

deeds! {
    /// The verification ticket has less than an hour left.
    member_of_a_day = |stage| {
        member(stage).await;
        stage.world.pass(SignedDuration::from_mins(23 * 60 + 30));
        stage.asks(Wish::Refresh, &[200]).await;
    }
    member_with_code = |stage| {
        member(stage).await;
        stage.clients[0].reads_mail(&stage.world);
    }
    /// The other user has the address that the first one would like.
    member_beside_another = |stage| {
        member(stage).await;
        stage.registers("new.ada@example.com").await;
        stage.world.deliver_mail().await;
    }
    with_reset_url = |stage| {
        stage.world.system_mut().app.config.reset_url = Some(RESET_URL.to_owned());
        stage.restart();
    }
    /// It has the code and the link of a reset.
    forgetful = |stage| {
        member_of_two_sessions(stage).await;
        with_reset_url(stage).await;
        stage.asks(Wish::Forgot, &[202]).await;
        stage.reads_mail().await;
    }
    /// It has the code that confirms a new address.
    moving = |stage| {
        member_of_two_sessions(stage).await;
        stage.asks(Wish::ChangeEmail, &[202]).await;
        stage.reads_mail().await;
    }
    reset_in_vain = |stage| {
        forgetful(stage).await;
        stage.asks_in_vain(Wish::ResetByCode, &[200]).await;
        stage.world.deliver_mail().await;
        stage.world.pass(SignedDuration::from_mins(9));
    }
    changed_in_vain = |stage| {
        member_of_two_sessions(stage).await;
        stage.asks_in_vain(Wish::ChangePassword, &[200]).await;
        stage.world.deliver_mail().await;
        stage.world.pass(SignedDuration::from_mins(9));
    }
    confirmed_in_vain = |stage| {
        moving(stage).await;
        stage.asks_in_vain(Wish::ConfirmEmail, &[200]).await;
        stage.world.deliver_mail().await;
        stage.world.pass(SignedDuration::from_mins(9));
    }
    deleted_in_vain = |stage| {
        member_of_two_sessions(stage).await;
        stage.asks_in_vain(Wish::Delete, &[202]).await;
        stage.world.deliver_mail().await;
    }
    verifying = |stage| {
        member(stage).await;
        stage.asks(Wish::SendCode, &[202]).await;
    }
    forgetting = |stage| {
        member(stage).await;
        stage.asks(Wish::Forgot, &[202]).await;
    }
    forgetting_stranger = |stage| {
        stranger(stage).await;
        stage.asks(Wish::Forgot, &[202]).await;
    }
    asking_to_move = |stage| {
        member(stage).await;
        stage.asks(Wish::ChangeEmail, &[202]).await;
    }
    leaving = |stage| {
        member(stage).await;
        stage.asks(Wish::Delete, &[202]).await;
    }
    leaving_much = |stage| {
        member(stage).await;
        stage.has_rows(ROWS);
        stage.asks(Wish::Delete, &[202]).await;
        stage.world.deliver_mail().await;
    }
    erased_once = |stage| {
        leaving_much(stage).await;
        stage.world.sweep().await;
        stage.world.pass(SignedDuration::from_mins(16));
    }
    /// A write of a request that began before the deletion.
    straggler = |stage| {
        stage.has_rows(1);
    }
    all_enqueued = |stage| {
        with_reset_url(stage).await;
        for mail in stage.mails_owed() {
            stage.enqueues(&json!({"v": 1, "mail": mail})).await;
        }
    }
    half_an_hour = |stage| {
        stage.world.pass(SignedDuration::from_mins(30));
    }
    enqueued_after_its_time = |stage| {
        stage.world.pass(SignedDuration::from_mins(26));
        all_enqueued(stage).await;
    }
    enqueued_after_a_day = |stage| {
        stage.world.pass(SignedDuration::from_hours(23));
        stage.asks(Wish::Refresh, &[200]).await;
        all_enqueued(stage).await;
    }
}
