//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing was left to do
  1  refused or failed
  2  the words make no command
  3  a service is unavailable: give the same command again";

/// Operates a stack of Latchkey.
///
/// It needs the right to invoke the stack's functions `admin` and `rotate-keys`, and takes region and credentials from
/// where the AWS CLI takes them.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) stack: StackArguments,
    /// Prints the answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Does not ask before what cannot be undone.
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct StackArguments {
    /// The name of the `CloudFormation` stack.
    #[arg(long, global = true, env = "LATCHKEY_STACK", hide_env_values = true)]
    pub(crate) stack: Option<String>,
    /// Talks to `cargo local` in place of AWS.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "http://localhost:3000"
    )]
    pub(crate) local: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Imports the users of another backend. A run that broke off is given again: users who exist stay as they are.
    Import(ImportCommand),
    /// Users: find, invite, keep out, help, erase.
    #[command(subcommand)]
    User(UserCommand),
    /// Mails and reports about mails that need an operator.
    #[command(subcommand)]
    Mail(MailCommand),
    /// The keys of both secrets.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Tells how the stack does.
    Status,
}

#[derive(Debug, Args)]
pub(crate) struct ImportCommand {
    /// The users, one a line: CSV with a header if the name ends in `.csv`, and otherwise JSON objects. The fields are
    /// `email`, and if there are such `id`, `emailVerified`, `name`, `createdAt`, and `hash` or `password`.
    pub(crate) file: PathBuf,
    /// Checks all of it, and writes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) stated: Stated,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Lists users, a page at a time.
    List {
        /// The address behind which the page begins, as the page before tells it.
        #[arg(long)]
        after: Option<String>,
    },
    /// Shows a user, with live sessions and newest mails.
    Show {
        #[command(flatten)]
        user: UserArgument,
    },
    /// Opens an account without a password, and mails the user a link to choose one.
    Invite {
        email: String,
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        stated: Stated,
    },
    /// Keeps a user out. All sessions end.
    Disable(UserChange),
    /// Lets a disabled user in again.
    Enable(UserChange),
    /// Ends all sessions of a user.
    SignOut(UserChange),
    /// Mails a user a link to choose a new password.
    Reset(UserChange),
    /// Takes a user's address as proved.
    Verify(UserChange),
    /// Gives a user another address, which is not proved. The password and all sessions end, and a link to choose a new
    /// password goes to the new address.
    SetEmail {
        #[command(flatten)]
        user: UserArgument,
        /// The new address.
        email: String,
        #[command(flatten)]
        stated: Stated,
    },
    /// Lets mail go to a user's address again that bounced or was reported as spam.
    Unsuppress(UserChange),
    /// Deletes an account and has all its data erased.
    Erase(UserChange),
    /// Prints a user's own data as JSON, as the user gets it.
    Export(UserChange),
}

#[derive(Debug, Args)]
pub(crate) struct UserArgument {
    /// The user's address or id.
    pub(crate) user: String,
}

#[derive(Debug, Args)]
pub(crate) struct UserChange {
    #[command(flatten)]
    pub(crate) user: UserArgument,
    #[command(flatten)]
    pub(crate) stated: Stated,
}

#[derive(Debug, Args)]
pub(crate) struct Stated {
    /// Why. It is logged.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who asks. It is logged as stated, and AWS knows whose credentials they were.
    #[arg(long, env = "USER", hide_env_values = true)]
    pub(crate) actor: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    /// Lists the messages of a dead-letter queue, up to 200.
    List {
        #[command(flatten)]
        queue: QueueArgument,
    },
    /// Moves the messages of a dead-letter queue back into the queue, each one once.
    Redrive {
        #[command(flatten)]
        queue: QueueArgument,
        /// The ids of the messages, as `list` shows them. Without one, all messages.
        messages: Vec<String>,
        #[command(flatten)]
        stated: Stated,
    },
    /// Deletes messages of a dead-letter queue.
    Delete {
        #[command(flatten)]
        queue: QueueArgument,
        /// The ids of the messages, as `list` shows them.
        #[arg(required = true)]
        messages: Vec<String>,
        #[command(flatten)]
        stated: Stated,
    },
}

#[derive(Debug, Args)]
pub(crate) struct QueueArgument {
    /// The queue: mails to send, or what SES reports about mails.
    #[arg(long, value_enum, default_value_t = Queue::Mail)]
    pub(crate) queue: Queue,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Queue {
    Mail,
    MailEvents,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Names the keys in force, and publishes the public ones again.
    List,
    /// Makes new keys, which sign two hours and ten minutes later.
    Rotate {
        /// The secret. Without it, both.
        #[arg(value_enum)]
        secrets: Vec<Secret>,
    },
    /// Withdraws keys that are in wrong hands.
    Withdraw {
        /// The ids of the keys, as `list` shows them, after `--`: an id may begin with a hyphen.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Secret {
    Signing,
    Account,
}
