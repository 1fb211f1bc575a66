//! Does every write to every row in the table. The outcome and the row must be the model's.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::domain::{Claim, Lease, Mail, MailKey, MailState, NEXT_SWEEP, Origin, Refusal};
use shared::mail_queue::MailMessage;
use shared::store::Claimed;
use tests::doubles::{Fault, Service};
use tests::rows::{number, text, time};
use tests::world::World;

use super::rules::{REAL, failed, sent};

const ATTEMPTS: u32 = 4;

/// A write of the store's.
#[derive(Clone, Debug)]
enum Write {
    /// By a message that names this attempt, or none.
    Claim(Option<u32>),
    /// Of the row as it is known.
    Sent(Mail),
    Postpone(Mail, Refusal),
    Fail(Mail),
    /// From this `due`.
    MoveDue(Timestamp),
    Told,
    SetAside,
}

/// What a write answers.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Claimed(Claimed),
    Moved(Option<Mail>),
    Existed(bool),
    Nothing,
}

/// A world and its one mail.
struct Table {
    world: World,
    item: Value,
    mail: Mail,
}

/// Returns where the request of a mail came from.
fn origin(item: &Value) -> Origin {
    Origin { network: Some(text(item, "network").to_owned()), user_agent: Some(text(item, "userAgent").to_owned()) }
}

impl Table {
    async fn new() -> Self {
        let world = World::new().await;
        world.leave_mail();
        world.registered_with_queued_mail("ada@example.com").await;
        let item = world.rows("MAIL#").remove(0);
        let key: MailKey = world.only_mail().key().parse().unwrap();
        let user = world.system().app.users.find(key.user).await.unwrap().unwrap();
        let mail = Mail { key, origin: origin(&item), ..Mail::welcome(&user, Origin::default(), world.now()) };
        Self { world, item, mail }
    }

    /// Every state with every attempt, and no row.
    fn rows(&self) -> Vec<Option<Mail>> {
        let now = self.world.now();
        let states = [
            (MailState::Pending, Some(now)),
            sending_until(now + SignedDuration::from_millis(1)),
            sending_until(now),
            (MailState::Sent, None),
            (MailState::Failed, None),
        ];
        let rows = states.into_iter().flat_map(|(state, due)| {
            (0..ATTEMPTS).map(move |attempt| Some(Mail { state, due, attempt, ..self.mail.clone() }))
        });
        rows.chain([None]).collect()
    }

    /// Every write by everyone who knows the row, rightly or not.
    fn writes(&self) -> Vec<Write> {
        let now = self.world.now();
        let mut writes = vec![Write::Claim(None), Write::Told, Write::SetAside];
        writes.extend((0..ATTEMPTS).map(|attempt| Write::Claim(Some(attempt))));
        let dues = [-1, 0, 1].map(|milliseconds| now + SignedDuration::from_millis(milliseconds));
        writes.extend(dues.map(Write::MoveDue));
        for (state, due) in [(MailState::Pending, Some(now)), sending_until(Lease::starting(now).until)] {
            for attempt in 0..ATTEMPTS {
                let known = Mail { state, due, attempt, ..self.mail.clone() };
                let postpone = [Refusal::Passing, Refusal::Operator].map(|why| Write::Postpone(known.clone(), why));
                writes.extend([Write::Sent(known.clone()), Write::Fail(known)].into_iter().chain(postpone));
            }
        }
        writes
    }

    /// The row, put into the table.
    fn put(&self, mail: Option<&Mail>) {
        let Some(mail) = mail else { return self.world.delete_user_items("MAIL#") };
        let mut item = self.item.clone();
        let mut attributes = json!({"attempt": {"N": mail.attempt.to_string()}});
        match mail.due {
            Some(due) => attributes["due"] = milliseconds(due),
            None => ["due", "dueShard"].into_iter().for_each(|name| drop(item.as_object_mut().unwrap().remove(name))),
        }
        attributes["state"] = json!({"S": match mail.state {
            MailState::Pending => "pending",
            MailState::Sending(_) => "sending",
            MailState::Sent => "sent",
            MailState::Failed => "failed",
        }});
        match mail.state {
            MailState::Pending => {}
            MailState::Sending(lease) => {
                attributes["leaseUntil"] = milliseconds(lease.until);
                attributes["holder"] = json!({"S": "6b1d0e0a-8a51-4c0b-9d2e-2f6f4f1f5c11"});
            }
            MailState::Sent | MailState::Failed => attributes["ttl"] = json!({"N": "1900000000"}),
        }
        self.world.tamper("Accounts", item, &attributes);
    }

    /// The row that is in the table: what only an unfinished one, a claimed one or a finished one has, no other has.
    fn get(&self) -> Option<Mail> {
        let item = self.world.rows("MAIL#").pop()?;
        let has = |name: &str| item.get(name).is_some();
        let state = match text(&item, "state") {
            "pending" => MailState::Pending,
            "sending" => MailState::Sending(Lease { until: time(&item, "leaseUntil") }),
            "sent" => MailState::Sent,
            "failed" => MailState::Failed,
            other => panic!("{other} is no state"),
        };
        let is_claimed = matches!(state, MailState::Sending(_));
        let is_finished = matches!(state, MailState::Sent | MailState::Failed);
        assert_eq!([has("leaseUntil"), has("holder")], [is_claimed; 2], "{item}");
        assert_eq!(has("dueShard"), has("due"), "{item}");
        assert_eq!(has("ttl"), is_finished, "{item}");
        let attempt = u32::try_from(number(&item, "attempt")).unwrap();
        let due = has("due").then(|| time(&item, "due"));
        let ticket = has("ticket").then(|| text(&item, "ticket").parse().unwrap());
        let not_after = has("notAfter").then(|| time(&item, "notAfter"));
        let created_at = time(&item, "createdAt");
        Some(Mail { state, attempt, due, created_at, ticket, not_after, ..self.mail.clone() })
    }

    /// The write, by the store.
    async fn do_it(&self, write: &Write) -> Outcome {
        let (outbox, now, key) = (&self.world.system().app.outbox, self.world.now(), self.mail.key);
        match write {
            Write::Claim(retry) => {
                Outcome::Claimed(outbox.claim(&MailMessage { key, retry: *retry }, now).await.unwrap())
            }
            Write::Sent(known) => outbox.sent(known, "an id", now).await.map(|()| Outcome::Nothing).unwrap(),
            Write::Postpone(known, why) => {
                let (next, _) = known.postponed(*why, now);
                outbox.postpone(known, &next).await.map(|()| Outcome::Nothing).unwrap()
            }
            Write::Fail(known) => outbox.fail(known, now).await.map(|()| Outcome::Nothing).unwrap(),
            Write::MoveDue(from) => Outcome::Moved(outbox.move_due(key, *from, now + NEXT_SWEEP).await.unwrap()),
            Write::Told => Outcome::Existed(outbox.record_ses_event(key, "an id", "Send", now).await.unwrap()),
            Write::SetAside => outbox.set_aside(key).await.map(|()| Outcome::Nothing).unwrap(),
        }
    }

    /// The write, by the model.
    fn foretell(&self, row: &mut Option<Mail>, write: &Write) -> Outcome {
        let now = self.world.now();
        match write {
            Write::Claim(retry) => return Outcome::Claimed(claimed(row, *retry, now)),
            Write::Sent(known) => drop(REAL.settle(row, known, sent(known))),
            Write::Postpone(known, why) => {
                let (next, _) = (REAL.postponed)(known, *why, now);
                REAL.settle(row, known, next);
            }
            Write::Fail(known) => drop(REAL.settle(row, known, failed(known))),
            Write::MoveDue(from) => return Outcome::Moved(REAL.move_due(row, *from, now + NEXT_SWEEP)),
            Write::Told => {
                REAL.tell(row, &self.mail, 1);
                return Outcome::Existed(row.is_some());
            }
            Write::SetAside => row.iter_mut().for_each(|row| row.due = None),
        }
        Outcome::Nothing
    }
}

fn claimed(row: &mut Option<Mail>, retry: Option<u32>, now: Timestamp) -> Claimed {
    let Some(found) = row.clone() else { return Claimed::Finished };
    match (REAL.claim)(&found, retry, now) {
        Claim::Take(mail) => {
            *row = Some(mail.clone());
            Claimed::Taken { mail, maybe_already_sent: matches!(found.state, MailState::Sending(_)) }
        }
        Claim::Wait(lease) => Claimed::Held(lease),
        Claim::Drop => Claimed::Finished,
    }
}

fn sending_until(until: Timestamp) -> (MailState, Option<Timestamp>) {
    (MailState::Sending(Lease { until }), Some(until))
}

fn milliseconds(time: Timestamp) -> Value {
    json!({"N": time.as_millisecond().to_string()})
}

#[tokio::test]
async fn every_write_makes_of_every_row_in_the_table_what_the_model_makes_of_it() {
    // OUT-02, OUT-04, OUT-06, OUT-07, OUT-08; DDB-03: also when the answer is lost and the SDK sends the write again
    let table = Table::new().await;
    let (rows, writes) = (table.rows(), table.writes());
    let mut changes = 0;
    table.world.aws().clear_calls();
    for row in &rows {
        for write in &writes {
            let mut next = row.clone();
            let outcome = table.foretell(&mut next, write);
            let changes_it = next != *row;
            for is_lost in [false, true].into_iter().filter(|is_lost| changes_it || !is_lost) {
                table.put(row.as_ref());
                if is_lost {
                    table.world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
                }
                assert_eq!(table.do_it(write).await, outcome, "{row:?} {write:?} {is_lost}");
                assert_eq!(table.get(), next, "{row:?} {write:?} {is_lost}");
            }
            changes += usize::from(changes_it);
        }
    }
    assert_eq!(table.world.calls("UpdateItem"), rows.len() * writes.len() + 2 * changes);
    println!("{} rows, {} writes, {changes} changes", rows.len(), writes.len());
}
