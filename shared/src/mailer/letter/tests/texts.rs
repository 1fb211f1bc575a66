use super::*;

#[test]
fn the_mails_about_signing_up_and_in_and_passwords() {
    assert_mail(
        MailKind::Welcome,
        "Welcome!",
        "\
Hello Ada, welcome to Engines!

Enter this code in the app while you are signed in. It confirms that this address is yours.

7K3M-9XQ2

The code is valid until 15 January 2027, 12:30 UTC.

If you did not open this account, ignore this mail: without the code the address is not confirmed.

Support: help@example.com

You get this mail because an account at Engines was opened with this address.",
    );
    assert_mail(
        MailKind::SessionReuse,
        "A sign-in to Engines was ended",
        "\
Hello Ada,

We have ended one of your sign-ins to Engines.

It was used from two places at once. This happens when a sign-in was copied, for example by malware.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

Sign in again to go on. If you see sign-ins that are not yours, sign out everywhere and change your password.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
    assert_mail(
        MailKind::Verification,
        "Confirm your address for Engines",
        "\
Hello Ada,

Confirm your address for Engines.

Enter this code in the app while you are signed in:

7K3M-9XQ2

The code is valid until 15 January 2027, 12:30 UTC.

If you did not ask for it, ignore this mail: without the code the address is not confirmed.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
    assert_mail(
        MailKind::Reset,
        "Reset your password for Engines",
        "\
Hello Ada,

A new password for Engines was requested.

Choose a new password
https://app.example.com/reset#token=lkr1.AAAA

Or enter this code where you asked for the reset:

7K3M-9XQ2

The link and the code are valid until 15 January 2027, 12:30 UTC.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

If you did not ask for it, do nothing: the password stays as it is.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
    assert_mail(
        MailKind::PasswordChanged,
        "Your password for Engines was changed",
        "\
Hello Ada,

Your password for Engines was changed.

All other sign-ins were ended.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

If it was not you, reset your password now: choose “Forgot password” where you sign in. Then contact the support of Engines.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
}

#[test]
fn the_mails_about_changes_of_address_and_the_goodbye() {
    assert_mail(
        MailKind::ConfirmEmail,
        "Confirm your new address for Engines",
        "\
Hello,

Confirm this address for Engines.

A user who is signed in to Engines wants to use this address.

If it was you, enter this code there:

7K3M-9XQ2

The code is valid until 15 January 2027, 12:30 UTC.

If it was not you, ignore this mail: without the code nothing changes.

Support: help@example.com

You get this mail because a user of Engines entered this address.",
    );
    assert_mail(
        MailKind::AccountExists,
        "You already have an account at Engines",
        "\
Hello Ada,

This address already has an account at Engines.

On 15 January 2027, 12:00 UTC, a user who is signed in to another account wanted to change to this address. Nothing was changed.

If it was you, sign in with this address. If you do not know the password, choose “Forgot password” there.

If it was not you, you need not do anything.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
    assert_mail(
        MailKind::EmailChangeRequested,
        "A new address for your account at Engines",
        "\
Hello Ada,

Your account at Engines is about to get a new address.

New address: n…@example.com

We have sent a code there. The address changes when that code is entered.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

If it was not you, change your password now and sign out everywhere. This stops the change.

Support: help@example.com

You get this mail because an account at Engines uses this address.",
    );
    assert_mail(
        MailKind::EmailChanged,
        "The address of your account at Engines was changed",
        "\
Hello Ada,

The address of your account at Engines was changed.

New address: n…@example.com

From now on, mails about the account go there, and you sign in with it. All other sign-ins were ended.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

If it was not you, contact the support of Engines now.

Support: help@example.com

You get this mail because an account at Engines used this address.",
    );
    assert_mail(
        MailKind::Goodbye,
        "Your account at Engines was deleted",
        "\
Hello Ada,

Your account at Engines was deleted.

We are erasing its data now. You will get no more mails about it.

When: 15 January 2027, 12:00 UTC
Network: 192.0.2.1
Browser: Firefox on Windows

If it was not you, contact the support of Engines now.

Support: help@example.com

You get this mail because an account at Engines used this address.",
    );
}

#[track_caller]
fn assert_mail(kind: MailKind, subject: &str, text: &str) {
    let link = (kind == MailKind::Reset).then_some(LINK);
    let letter = write(kind, &Facts { proof: Some(proof(link)), ..all_facts() }).unwrap();
    assert_eq!(letter.subject, subject);
    assert_eq!(letter.text, text);
}
