//! What each command asks of which function.

use admin::protocol::{DeadLetters, Line, Operation, QueueAction, QueueName, Request, UserRef};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::domain::{Email, Name};

use crate::arguments::{
    Arguments, Command, KeysCommand, MailCommand, Queue, QueueArgument, Secret, Stated, UserChange, UserCommand,
};
use crate::lambda::Functions;
use crate::print::{self, Print};
use crate::{Failure, Terminal};

/// A command under way.
pub(crate) struct Run<'a> {
    functions: &'a Functions,
    pub(crate) terminal: &'a mut Terminal,
    json: bool,
    yes: bool,
}

pub(crate) async fn execute(
    functions: &Functions,
    arguments: Arguments,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let Arguments { json, yes, command, .. } = arguments;
    let mut run = Run { functions, terminal, json, yes };
    match command {
        Command::Import(command) => run.import(command).await,
        Command::User(command) => run.user(command).await,
        Command::Mail(command) => run.mail(command).await,
        Command::Keys(command) => run.keys(command).await,
        Command::Status => run.ask::<print::Status>(Operation::Status {}, None).await,
    }
}

impl Run<'_> {
    async fn user(&mut self, command: UserCommand) -> Result<(), Failure> {
        match command {
            UserCommand::List { after } => {
                let after = after.map(|text| email(&text)).transpose()?;
                self.ask::<print::Page>(Operation::List { after }, None).await
            }
            UserCommand::Show { user } => {
                self.ask::<print::Shown>(Operation::Show { user: user_ref(&user.user)? }, None).await
            }
            UserCommand::Invite { email: address, name, stated } => {
                let name = name.map(|text| Name::parse(&text)).transpose().map_err(|error| usage("--name", error))?;
                let operation = Operation::Invite { email: email(&address)?, name };
                self.ask::<print::Changed>(operation, Some(stated)).await
            }
            UserCommand::Disable(change) => self.change(change, |user| Operation::Disable { user }).await,
            UserCommand::Enable(change) => self.change(change, |user| Operation::Enable { user }).await,
            UserCommand::SignOut(change) => self.change(change, |user| Operation::SignOut { user }).await,
            UserCommand::Reset(change) => self.change(change, |user| Operation::Reset { user }).await,
            UserCommand::Verify(change) => self.change(change, |user| Operation::Verify { user }).await,
            UserCommand::Unsuppress(change) => self.change(change, |user| Operation::Unsuppress { user }).await,
            UserCommand::SetEmail { user, email: address, stated } => {
                let operation = Operation::SetEmail { user: user_ref(&user.user)?, email: email(&address)? };
                self.confirm(&format!("Give {} the address {address}, and take the password away", user.user))?;
                self.ask::<print::Changed>(operation, Some(stated)).await
            }
            UserCommand::Erase(change) => {
                let user = user_ref(&change.user.user)?;
                self.confirm(&format!("Erase {}", change.user.user))?;
                self.ask::<print::Changed>(Operation::Erase { user }, Some(change.stated)).await
            }
            UserCommand::Export(change) => {
                let user = user_ref(&change.user.user)?;
                let document = self.request(Operation::Export { user }, Some(change.stated)).await?;
                self.print_json(&document)
            }
        }
    }

    async fn change(&mut self, change: UserChange, operation: impl Fn(UserRef) -> Operation) -> Result<(), Failure> {
        let user = user_ref(&change.user.user)?;
        self.ask::<print::Changed>(operation(user), Some(change.stated)).await
    }

    async fn mail(&mut self, command: MailCommand) -> Result<(), Failure> {
        let (queue, action, messages, stated) = match command {
            MailCommand::List { queue } => (queue, QueueAction::List, Vec::new(), None),
            MailCommand::Redrive { queue, messages, stated } => (queue, QueueAction::Redrive, messages, Some(stated)),
            MailCommand::Delete { queue, messages, stated } => {
                self.confirm(&format!("Delete {}", counted(messages.len(), "message")))?;
                (queue, QueueAction::Delete, messages, Some(stated))
            }
        };
        let stated = stated.map(lines).transpose()?;
        let mut wish = DeadLetters { queue: queue_name(&queue), action, messages, sent_until: None };
        let mut all = Vec::new();
        loop {
            let answer = self.send(Operation::DeadLetters(wish.clone()), stated.clone()).await?;
            let answer: print::DeadLettersDone = parse(answer)?;
            // Another list would list the same messages, and a call that did nothing would be followed by its like.
            let goes_on = answer.more && action != QueueAction::List && !answer.messages.is_empty();
            wish.sent_until = Some(answer.sent_until);
            all.extend(answer.messages.iter().cloned());
            if goes_on {
                continue;
            }
            let are_all_found = !wish.messages.is_empty() && all.len() >= wish.messages.len();
            let is_done = action == QueueAction::List || !answer.more || are_all_found;
            self.show(&print::DeadLettersDone { messages: all, ..answer })?;
            let left = || Failure::Unavailable("the queue has more messages than a call reaches".to_owned());
            return if is_done { Ok(()) } else { Err(left()) };
        }
    }

    async fn keys(&mut self, command: KeysCommand) -> Result<(), Failure> {
        let requests = match command {
            KeysCommand::List => vec![json!({"withdraw": []})],
            KeysCommand::Withdraw { ids } => {
                self.confirm(&format!("Withdraw {}", counted(ids.len(), "key")))?;
                vec![json!({"withdraw": ids})]
            }
            KeysCommand::Rotate { secrets } => {
                let secrets = if secrets.is_empty() { vec![Secret::Signing, Secret::Account] } else { secrets };
                let name = |secret: &Secret| match secret {
                    Secret::Signing => "signing",
                    Secret::Account => "account",
                };
                secrets.iter().map(|secret| json!({"rotate": name(secret)})).collect()
            }
        };
        let mut answer = Value::Null;
        for request in requests {
            answer = self.functions.invoke("rotate-keys", &request).await?;
        }
        self.show_answer::<print::Keys>(answer)
    }

    /// Has `admin` do an operation, and prints its answer.
    async fn ask<T: Print + DeserializeOwned>(
        &mut self,
        operation: Operation,
        stated: Option<Stated>,
    ) -> Result<(), Failure> {
        let answer = self.request(operation, stated).await?;
        self.show_answer::<T>(answer)
    }

    async fn request(&self, operation: Operation, stated: Option<Stated>) -> Result<Value, Failure> {
        self.send(operation, stated.map(lines).transpose()?).await
    }

    pub(crate) async fn send(&self, operation: Operation, stated: Option<(Line, Line)>) -> Result<Value, Failure> {
        let (actor, reason) = stated.unzip();
        let request = Request { operation, actor, reason };
        let request = request.to_json().map_err(|error| Failure::Refused(error.to_string()))?;
        self.functions.invoke("admin", &request).await
    }

    fn show_answer<T: Print + DeserializeOwned>(&mut self, answer: Value) -> Result<(), Failure> {
        if self.json {
            return self.print_json(&answer);
        }
        let answer: T = parse(answer)?;
        Ok(answer.print(self.terminal)?)
    }

    pub(crate) fn show(&mut self, answer: &(impl Print + serde::Serialize)) -> Result<(), Failure> {
        if self.json {
            let answer = serde_json::to_value(answer).map_err(|error| Failure::Refused(error.to_string()))?;
            return self.print_json(&answer);
        }
        Ok(answer.print(self.terminal)?)
    }

    fn print_json(&mut self, answer: &Value) -> Result<(), Failure> {
        Ok(self.terminal.print(format_args!("{answer:#}"))?)
    }

    fn confirm(&mut self, what: &str) -> Result<(), Failure> {
        if self.yes { Ok(()) } else { self.terminal.confirm(what) }
    }
}

pub(crate) fn parse<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| Failure::Refused(format!("the answer is of another version: {error}")))
}

fn user_ref(text: &str) -> Result<UserRef, Failure> {
    if text.contains('@') {
        return email(text).map(UserRef::Email);
    }
    text.parse().map(UserRef::Id).map_err(|_| usage("USER", "an address or an id is wanted"))
}

fn email(text: &str) -> Result<Email, Failure> {
    Email::parse(text).map_err(|error| usage(text, error))
}

pub(crate) fn lines(stated: Stated) -> Result<(Line, Line), Failure> {
    let line = |option, text: String| Line::try_from(text).map_err(|error| usage(option, error));
    Ok((line("--actor", stated.actor)?, line("--reason", stated.reason)?))
}

fn usage(argument: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("{argument}: {error}"))
}

/// Counts things, such as `1 message` and `2 messages`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

const fn queue_name(argument: &QueueArgument) -> QueueName {
    match argument.queue {
        Queue::Mail => QueueName::Mail,
        Queue::MailEvents => QueueName::MailEvents,
    }
}
