"""The stack under test: MiniStack, the stages that `ops/deploy` made in it, and what journeys look at."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from release import journeys

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "target" / "stack"
STACK = "latchkey-dev"
REGION = "eu-central-1"
SENDER = "no-reply@latchkey.example"

BEGUN = time.monotonic()


class Failed(Exception):
    """What was expected, and what was found instead."""


def say(text):
    print(f"[{time.monotonic() - BEGUN:6.1f}s] {text}", flush=True)


def check(is_so, what, evidence=None):
    """Stops the run, with the evidence, if a promise does not hold."""
    if not is_so:
        raise Failed(f"{what}\n{json.dumps(evidence, indent=2, default=str)}" if evidence is not None else what)


def wait_for(what, find, seconds=60):
    """Returns the first truthy result, or stops the run."""
    end = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        check(time.monotonic() < end, f"{what}: not within {seconds}s")
        time.sleep(0.2)


class Emulator:
    """MiniStack in a process of its own, with a clean state."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = WORK / "emulator-state"
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ["tmp", "state"]:
            (self.folder / name).mkdir(parents=True)
        # Nothing of the shell's: a function must not find another account's credentials.
        self.environment = {
            "PATH": f"{WORK / 'tools' / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "PYTHONUNBUFFERED": "1",
        }
        settings = {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(self.folder / "tmp"),
            "STATE_DIR": str(self.folder / "state"),
        }
        self.log = open(self.folder / "log", "wb")  # noqa: SIM115
        self.process = subprocess.Popen(
            [WORK / "emulator" / "bin" / "python", ROOT / "tests" / "stack" / "emulator.py"],
            env={**self.environment, **settings},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.environ.update({key: value for key, value in self.environment.items() if key.startswith("AWS_")})

    def wait(self):
        def answers():
            try:
                return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).status == 200
            except OSError:
                check(self.process.poll() is None, f"MiniStack ended. Its log: {self.folder / 'log'}")
                return False

        wait_for("MiniStack", answers)

    def stop(self):
        """Ends MiniStack and the functions' processes, which are of its session."""
        for end in [signal.SIGTERM, signal.SIGKILL]:
            try:
                os.killpg(self.process.pid, end)
            except ProcessLookupError:
                break
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                continue


class Tier:
    """The emulator with the deployed stack."""

    def __init__(self, emulator):
        self.emulator = emulator
        client = lambda service: boto3.client(service, region_name=REGION, endpoint_url=emulator.url)  # noqa: E731
        self.cloudformation, self.functions = client("cloudformation"), client("lambda")
        self.tables, self.queues, self.secrets = client("dynamodb"), client("sqs"), client("secretsmanager")
        self.apis, self.ses = client("apigatewayv2"), client("ses")
        self.url = None
        self.outputs, self.names, self.stack_name = {}, {}, STACK

    # ---- Deployments ----

    def deploy(self, tree, *options, **variables):
        """Runs `ops/deploy` of a tree, with more variables. Returns its exit code and output."""
        command = [sys.executable, tree / "ops" / "deploy", "--stage", "dev", "--config", "target/stack/samconfig.toml"]
        # Its output is shown as it comes, and kept.
        process = subprocess.Popen(
            [*command, *options],
            env={**self.emulator.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        for line in process.stdout:
            lines.append(line)
            if re.match(r"\[ *[\d.]+s\]|ops/deploy:|Error|CREATE_FAILED|UPDATE_FAILED", line):
                print(f"          | {line.rstrip()}", flush=True)
        return process.wait(), "".join(lines)

    def look(self):
        """Reads the stack's outputs and the API's address."""
        stack = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.names = self.resources("AWS::Lambda::Function")
        self.api = self.outputs["ApiUrl"].removeprefix("https://").split(".")[0]
        self.url = f"{self.emulator.url}/_aws/execute-api/{self.api}/$default"

    def resources(self, kind):
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        every = [resource for page in pages for resource in page["StackResourceSummaries"]]
        here = [each for each in every if not each["ResourceStatus"].startswith("DELETE")]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in here if each["ResourceType"] == kind}

    def live(self, function):
        """Returns the version and the variables that a function's alias serves."""
        served = self.functions.get_function_configuration(FunctionName=self.names[function], Qualifier="live")
        return served["Version"], served["Environment"]["Variables"]

    def invoke(self, function, event):
        answer = self.functions.invoke(FunctionName=self.names[function], Qualifier="live", Payload=json.dumps(event))
        text = answer["Payload"].read().decode()
        check("FunctionError" not in answer, f"{function} fails: {text}")
        return json.loads(text or "null")

    def sweep(self):
        self.invoke("SweeperFunction", {})

    def processes(self, function):
        """Returns the ids of a function's processes."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdigit() else []
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            name = self.names[function].encode()
            if b"AWS_LAMBDA_FUNCTION_NAME=" + name in variables and b"bootstrap" in command:
                found.append(int(entry.name))
        return found

    # ---- Requests ----

    def get(self, path, token=None):
        return journeys.call(self.url, "GET", path, token=token)

    def post(self, route, body, token=None):
        return journeys.post(self.url, route, body, token)

    # ---- Mail ----

    def mails(self, address):
        """Returns the mails to an address that SES accepted, oldest first."""
        with urllib.request.urlopen(f"{self.emulator.url}/_ministack/ses/messages", timeout=10) as answer:
            accounts = json.load(answer)["messages"]
        every = [mail for mails in accounts.values() for mail in mails]
        return [mail for mail in every if mail["To"] == [address]]

    def mail(self, address, subject):
        """Waits for the mail to an address whose subject has this text."""

        def found():
            return next((mail for mail in self.mails(address) if subject in mail["Subject"]), None)

        return wait_for(f"a mail to {address} about {subject!r}", found)

    def code(self, address, subject):
        """Waits for a mail and returns its code."""
        mail = self.mail(address, subject)
        code = re.search(r"(?<![\w-])[0-9A-Z]{4}-[0-9A-Z]{4}(?![\w-])", mail["BodyText"])
        check(code, f"the mail to {address} has no code", mail)
        return code.group()

    def consume(self, is_enabled):
        """Lets the mailer consume its queue, or stops it."""
        queue = self.outputs["MailQueueUrl"].rpartition("/")[2]
        mappings = self.functions.list_event_source_mappings()["EventSourceMappings"]
        mapping = next(each for each in mappings if each["EventSourceArn"].endswith(f":{queue}"))
        self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=is_enabled)

    def messages(self, output):
        """Returns how many messages a queue has, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = self.queues.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)
        return sum(int(number) for number in queue["Attributes"].values())

    # ---- Rows ----

    def rows(self, user):
        query = self.tables.query(
            TableName=self.outputs["AccountsTable"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{user}"}},
            ConsistentRead=True,
        )
        return query["Items"]

    def mail_rows(self, user):
        return [row for row in self.rows(user) if row["sk"]["S"].startswith("MAIL#")]

    def move(self, key, **milliseconds):
        """Moves times of a row into the past, as if the time had passed."""
        names = {f"#{name}": name for name in milliseconds}
        values = {f":{name}": {"N": str(time)} for name, time in milliseconds.items()}
        sets = ", ".join(f"#{name} = :{name}" for name in milliseconds)
        self.tables.update_item(
            TableName=self.outputs["AccountsTable"],
            Key=key,
            UpdateExpression=f"SET {sets}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )


def now():
    return int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
