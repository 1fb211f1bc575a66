"""What happens to mail when messages, mails and processes are lost."""

import os
import random
import secrets
import signal
import threading
import time

from release.journeys import call
from tier import check, now, say, wait_for
from users import PASSWORD, register

DAY = 24 * 60 * 60_000
REGISTRATIONS = 60
KILLS = 5


def lost_message(tier):
    """A message that the queue loses: the sweeper finds the mail's row and sends it."""
    email = f"lost-{secrets.token_hex(4)}@example.com"
    tier.consume(False)
    user = register(tier, email)["user"]["id"]
    [row] = tier.mail_rows(user)
    tier.queues.purge_queue(QueueUrl=tier.outputs["MailQueueUrl"])
    tier.consume(True)
    tier.move({"pk": row["pk"], "sk": row["sk"]}, due=now() - 1000)
    tier.sweep()
    tier.mail(email, "Welcome")
    say("a message was lost, and the sweeper had the mail sent from its row")


def dead_letter(tier):
    """A mail that no one could send for 14 days becomes a dead letter, and is sent once by a redrive."""
    email = f"dead-{secrets.token_hex(4)}@example.com"
    tier.consume(False)
    user = register(tier, email)["user"]["id"]
    [row] = tier.mail_rows(user)
    tier.queues.purge_queue(QueueUrl=tier.outputs["MailQueueUrl"])
    key = {"pk": row["pk"], "sk": row["sk"]}
    tier.move(key, createdAt=now() - 15 * DAY, due=now() - 1000)
    tier.sweep()
    wait_for("the dead letter", lambda: tier.messages("MailDeadLetterQueueUrl") == 1)
    [row] = tier.mail_rows(user)
    check(row["state"]["S"] == "failed", "the row says that an operator has to act", row)
    tier.consume(True)
    redrive(tier)
    tier.mail(email, "Welcome")
    say("a mail of 15 days became a dead letter, and a redrive sent it")

    # The same message once more, as after a redrive that is repeated.
    wait_for("the mail's row", lambda: tier.mail_rows(user)[0]["state"]["S"] == "sent")
    body = '{"v": 1, "mail": "%s/%s"}' % (user, row["sk"]["S"].removeprefix("MAIL#"))
    tier.queues.send_message(QueueUrl=tier.outputs["MailDeadLetterQueueUrl"], MessageBody=body)
    redrive(tier)
    settled(tier)
    check(len(tier.mails(email)) == 1, "a message of a mail that was sent sends nothing", tier.mails(email))
    say("a second redrive sent nothing twice")


def poison(tier):
    """A message that cannot be read: SQS moves it to the dead-letter queue."""
    queue = tier.outputs["MailQueueUrl"]
    before = tier.messages("MailDeadLetterQueueUrl")
    settings = tier.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    # Ten receives in seconds, not in an hour.
    tier.queues.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    tier.queues.send_message(QueueUrl=queue, MessageBody="not a message of ours")
    wait_for("the unreadable message", lambda: tier.messages("MailDeadLetterQueueUrl") == before + 1)
    tier.queues.set_queue_attributes(QueueUrl=queue, Attributes=settings)
    tier.queues.purge_queue(QueueUrl=tier.outputs["MailDeadLetterQueueUrl"])
    say("an unreadable message reached the dead-letter queue after ten receives")


def redrive(tier):
    """Redrives all dead letters by the function that operators call."""
    wish = {"operation": "dead-letters", "queue": "mail", "action": "redrive", "actor": "tests/stack", "reason": "a test"}
    answer = tier.invoke("AdminFunction", wish)
    check("error" not in answer, "the redrive fails", answer)


def settled(tier):
    wait_for("an empty mail queue", lambda: tier.messages("MailQueueUrl") == 0)


def kills(tier):
    """Registers users while processes of functions are killed: no registration and no mail is lost."""
    begun = time.monotonic()
    prefix, answers, killed = secrets.token_hex(4), {}, []
    numbers, lock = iter(range(REGISTRATIONS)), threading.Lock()

    def users():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            answers[number] = insist(tier, f"user-{prefix}-{number}@example.com")

    threads = [threading.Thread(target=users) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(killed) < KILLS:
        # After every ninth registration, in turn of the function that registers and of the one that mails.
        wait_for("registrations", lambda: len(answers) >= 9 * (len(killed) + 1))
        function = ["RegisterFunction", "MailerFunction"][len(killed) % 2]
        process = random.choice(wait_for(f"a process of {function}", lambda: tier.processes(function)))
        os.kill(process, signal.SIGKILL)
        killed.append(function)
    for thread in threads:
        thread.join()
    repeated = sum(count for _, count in answers.values())
    lost = [str(answer) for answer, _ in answers.values() if answer.status != 201]
    check(not lost and len(answers) == REGISTRATIONS, "every user gets 201 in the end", lost)
    late = finish(tier, {answer["user"]["id"] for answer, _ in answers.values()})
    doubles = {}
    for number in range(REGISTRATIONS):
        address = f"user-{prefix}-{number}@example.com"
        mails = tier.mails(address)
        check(mails, f"{address} got no mail")
        if len(mails) > 1:
            doubles[address] = len(mails)
    say(
        f"{REGISTRATIONS} registrations with {KILLS} kills in {time.monotonic() - begun:.1f}s: {repeated} requests repeated, "
        f"none lost, {late} mails sent after a lease's end, {len(doubles)} sent twice"
    )


def insist(tier, email):
    """Sends the same registration until it is answered, as clients do. Returns the answer, and how often it repeated."""
    url, key = tier.url, secrets.token_hex(16)
    for repeated in range(10):
        body = {"email": email, "password": PASSWORD}
        answer = call(url, "POST", "/api/auth/register", body, headers={"Idempotency-Key": key})
        if answer.status and answer.status < 500:
            break
        time.sleep(0.3)
    return answer, repeated


def finish(tier, users):
    """Waits for the users' mails. Ends the leases of mailers that were killed, as ten minutes would.

    Returns how many mails that were.
    """
    pages = tier.tables.get_paginator("scan").paginate(TableName=tier.outputs["AccountsTable"], ConsistentRead=True)

    def owed():
        rows = [row for page in pages for row in page["Items"] if row["sk"]["S"].startswith("MAIL#") and "due" in row]
        return [row for row in rows if row["pk"]["S"].removeprefix("USER#") in users]

    end = time.monotonic() + 15
    while owed() and time.monotonic() < end:
        time.sleep(0.5)
    late = owed()
    for row in late:
        times = {"due": now() - 1000} | ({"leaseUntil": now() - 1000} if "leaseUntil" in row else {})
        tier.move({"pk": row["pk"], "sk": row["sk"]}, **times)
    tier.sweep()
    wait_for("the last mails", lambda: not owed())
    return len(late)
