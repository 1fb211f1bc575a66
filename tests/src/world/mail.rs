//! Mail: the mailer, the sweeper, the queues between them, and SES.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::SignedDuration;
use serde_json::Value;

use super::{Actor, World};
use crate::doubles::{Fault, SentMail, Service};
use crate::rows::time;
use crate::system::{DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use crate::{event, functions};

impl World {
    /// Registers a user and leaves the message about the welcome mail in the queue.
    pub async fn registered_with_queued_mail(&self, email: &str) -> Actor {
        Actor::signed_in(email, &self.register(email).await, 201)
    }

    /// Registers a user while SQS refuses the message about the welcome mail: only the row owes it.
    pub async fn registered_with_unqueued_mail(&self, email: &str) -> Actor {
        let queued = self.aws().sqs.bodies(MAIL_QUEUE);
        self.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), 1);
        let actor = self.registered_with_queued_mail(email).await;
        assert_eq!(self.aws().sqs.bodies(MAIL_QUEUE), queued);
        actor
    }

    /// Runs the mailer until no message of the queue is visible.
    pub async fn deliver_mail(&self) {
        while self.aws().sqs.counts(MAIL_QUEUE).visible > 0 {
            self.system.poll_mail(0).await.expect("the mailer answers");
        }
    }

    /// Runs the consumer of SES's events until no event is visible.
    pub async fn deliver_mail_events(&self) {
        while self.aws().sqs.counts(MAIL_EVENTS_QUEUE).visible > 0 {
            self.system.poll_mail_events(0).await.expect("the consumer of SES's events answers");
        }
    }

    /// Runs the sweeper once.
    pub async fn sweep(&self) {
        self.system.sweep().await.expect("the sweeper answers");
    }

    /// Lets `time` pass as it would in production: the queues are polled whenever a message becomes visible, and the
    /// sweeper runs every minute. Sweeps that would find nothing due are left out, because a day has 1440 of them.
    pub async fn live_through(&self, time: SignedDuration) {
        let end = self.now() + time;
        let mut next_sweep = self.now();
        while self.now() < end {
            self.deliver_mail().await;
            self.deliver_mail_events().await;
            if self.now() >= next_sweep {
                if self.has_due_work() {
                    self.sweep().await;
                }
                next_sweep = self.now() + SignedDuration::from_mins(1);
                continue;
            }
            let queues = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].into_iter();
            let next_message = queues.filter_map(|queue| self.aws().sqs.next_visible_at(queue)).min();
            let next =
                next_message.unwrap_or(end).min(next_sweep).min(end).max(self.now() + SignedDuration::from_millis(1));
            self.pass_until(next);
        }
        self.deliver_mail().await;
        self.deliver_mail_events().await;
    }

    /// Returns whether the sweeper would find a mail or an erasure that is due.
    fn has_due_work(&self) -> bool {
        let rows = [self.rows("MAIL#"), self.rows("PROFILE")].concat();
        let due = rows.iter().filter_map(|row| row.get("due").map(|_| time(row, "due")));
        due.min().is_some_and(|due| due <= self.now())
    }

    /// Returns the mails that SES accepted.
    pub fn mails(&self) -> Vec<SentMail> {
        self.aws().ses.sent()
    }

    /// Returns the bodies in the dead-letter queue of the mail queue.
    pub fn dead_letters(&self) -> Vec<Value> {
        let bodies = self.aws().sqs.bodies(DEAD_LETTER_QUEUE);
        bodies.iter().map(|body| serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))).collect()
    }

    /// Puts a message into the mail queue.
    pub async fn enqueue(&self, body: &str) {
        let request = self.system.sqs.send_message().queue_url(self.aws().sqs.url(MAIL_QUEUE)).message_body(body);
        request.send().await.expect("SQS takes it");
    }

    /// Receives `most` messages of the mail queue, as Lambda's poller does.
    pub async fn receive(&self, most: i32) -> Vec<Message> {
        let request = self.system.sqs.receive_message().queue_url(self.aws().sqs.url(MAIL_QUEUE));
        let request = request.max_number_of_messages(most);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        request.send().await.expect("SQS answers").messages.unwrap_or_default()
    }

    /// Hands a batch to the mailer, which has so many seconds for it, and deletes the messages that it does not
    /// report as failed. Returns the ids of those that it does report.
    pub async fn hand_over(&self, messages: &[Message], seconds: i64) -> Vec<String> {
        let event = event::invocation(event::sqs(messages, MAIL_QUEUE), seconds);
        let report = functions::invoke(&self.system.app, "mailer", event).await.expect("the mailer answers");
        let failures = report["batchItemFailures"].as_array().expect("a report").iter();
        let failed: Vec<_> =
            failures.map(|failure| failure["itemIdentifier"].as_str().expect("an id").to_owned()).collect();
        for message in messages.iter().filter(|message| !failed.iter().any(|id| message.message_id() == Some(id))) {
            let request = self.system.sqs.delete_message().queue_url(self.aws().sqs.url(MAIL_QUEUE));
            request.set_receipt_handle(message.receipt_handle.clone()).send().await.expect("SQS deletes it");
        }
        failed
    }
}
