"""Releases by `ops/deploy`: one that fails and is taken back, one that changes a parameter alone, and a rollback by hand."""

import http.server
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

from release.journeys import call, expect
from tier import ROOT, SENDER, STACK, WORK, check, say
from users import PASSWORD, login

# What login's binary is in the release that fails: it speaks Lambda's runtime API, and answers every request with 500.
FAILING_LOGIN = ROOT / "tests" / "stack" / "failing_login.rs"
TREE = WORK / "tree"


def tree(**parameters):
    """Makes a copy of what `ops/deploy` reads, with a stage for this emulator. Returns its folder."""
    shutil.rmtree(TREE, ignore_errors=True)
    (TREE / "target" / "stack").mkdir(parents=True)
    for name in ["ops", "functions"]:
        shutil.copytree(ROOT / name, TREE / name)
    shutil.copy(ROOT / "template.yaml", TREE)
    # Links, so that a binary can be replaced here without touching the build.
    shutil.copytree(ROOT / "target" / "lambda", TREE / "target" / "lambda", copy_function=os.link)
    configure(**parameters)
    return TREE


def configure(url=None, **parameters):
    """Writes the stage's parameters, and where clients call it if that is not the API's own address."""
    values = {
        "Stage": "dev",
        "Architecture": "x86_64" if os.uname().machine == "x86_64" else "arm64",
        "Sender": f"Latchkey <{SENDER}>",
        # All requests come from one address.
        "RegistrationsPerNetwork": 10000,
        "LoginsPerNetwork": 10000,
        **parameters,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    sections = [
        "version = 0.1",
        "[dev.global.parameters]",
        f'stack_name = "{STACK}"',
        "[dev.deploy.parameters.parameter_overrides]",
        *lines,
        *(["[dev.check.parameters]", f"url = {json.dumps(url)}"] if url else []),
    ]
    (TREE / "target" / "stack" / "samconfig.toml").write_text("\n".join(sections) + "\n")


class Traffic:
    """Users who register while something is deployed. Each remembers which version of `register` served it."""

    def __init__(self, tier):
        self.tier, self.url, self.users, self.is_over = tier, tier.url, [], False
        self.failures = []
        self.thread = threading.Thread(target=self._register)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def _register(self):
        while not self.is_over:
            email = f"during-{secrets.token_hex(6)}@example.com"
            before, _ = self.tier.live("RegisterFunction")
            answer = call(self.url, "POST", "/api/auth/register", {"email": email, "password": PASSWORD})
            after, _ = self.tier.live("RegisterFunction")
            if answer.status == 201:
                self.users.append((email, answer["refreshToken"], after if before == after else "either"))
            else:
                self.failures.append(str(answer))
            time.sleep(0.5)


def failing(tier):
    """Deploys a release whose login answers 500. `ops/deploy` takes it back, and the older binaries serve everyone."""
    login_binary = TREE / "target" / "lambda" / "login" / "bootstrap"
    login_binary.unlink()
    command = ["rustc", "--edition", "2024", "-O", "-o", login_binary, FAILING_LOGIN]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    check(built.returncode == 0, "the failing login does not compile", built.stderr)
    before = {function: tier.live(function)[0] for function in tier.names}
    begun = time.monotonic()
    with Traffic(tier) as traffic:
        code, output = tier.deploy(TREE, "--skip-tests", "--skip-build")
    check(code == 1 and "was rolled back" in output, "ops/deploy takes the release back and says so", output[-3000:])
    after = {function: tier.live(function)[0] for function in tier.names}
    check(after == before, "every alias is where it was", {"before": before, "after": after})
    check(not traffic.failures, "no registration failed meanwhile", traffic.failures[:5])
    new = [user for user in traffic.users if user[2] not in (before["RegisterFunction"], "either")]
    check(new, "some users registered with the newer binaries", traffic.users)
    for email, token, _ in traffic.users:
        signed_in = login(tier, email, PASSWORD)
        expect(200, tier.get("/api/auth/me", signed_in["accessToken"]), "me")
        expect(200, tier.post("refresh", {"refreshToken": token}), "refresh of a session of the other release")
    say(
        f"a release whose login answers 500 was rolled back unattended in {time.monotonic() - begun:.0f}s; the older binaries "
        f"serve all {len(traffic.users)} users who registered meanwhile, {len(new)} of them with the newer binaries"
    )
    # The next release is a good one again.
    login_binary.unlink()
    os.link(ROOT / "target" / "lambda" / "login" / "bootstrap", login_binary)


def parameter_alone(tier):
    """Deploys another value of a parameter. It reaches what the aliases serve, and nothing else differs."""
    before, _ = tier.live("MailerFunction")
    configure(ServiceName="The Stack Tier", RefreshGraceSeconds=20)
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build")
    check(code == 0, "ops/deploy succeeds", output[-3000:])
    after, variables = tier.live("MailerFunction")
    check(after != before, "a version was published")
    check(variables["SERVICE_NAME"] == "The Stack Tier", "the alias serves the new value", variables)
    say(f"a deployment that changes only a parameter reached the alias: version {before} -> {after}")


def nothing_new(tier):
    """Deploys the same once more: no version is published."""
    before, _ = tier.live("MailerFunction")
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build")
    check(code == 0, "ops/deploy succeeds", output[-3000:])
    check(tier.live("MailerFunction")[0] == before, "no version is published")
    say("a deployment of what is live published nothing")


def rollback(tier):
    """Goes back by hand, and deploys again from there."""
    before, variables = tier.live("MailerFunction")
    code, output = tier.deploy(TREE, "--rollback")
    check(code == 0, "ops/deploy --rollback succeeds", output[-3000:])
    back, variables = tier.live("MailerFunction")
    check(back != before and variables["SERVICE_NAME"] == "our platform", "the alias serves the old value", variables)
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build")
    check(code == 0, "ops/deploy succeeds", output[-3000:])
    again, variables = tier.live("MailerFunction")
    check(again not in (before, back), "the release that was rolled back can be deployed again")
    check(variables["SERVICE_NAME"] == "The Stack Tier", "the alias serves the new value", variables)
    code, _ = tier.deploy(TREE, "--health-check")
    check(code == 0, "ops/deploy --health-check succeeds")
    say(f"ops/deploy --rollback: version {before} -> {back}, and the next deployment went on from there: {again}")


def one_function(tier):
    """Deploys the code of one function by `cargo lambda deploy`, as docs/sam.md says, and takes it back."""
    before, _ = tier.live("PublicFunction")
    # Another binary: a symbol table does not change what it does.
    binary = WORK / "another" / "bootstrap"
    binary.parent.mkdir(exist_ok=True)
    shutil.copy(TREE / "target" / "lambda" / "public" / "bootstrap", binary)
    with binary.open("ab") as file:
        file.write(b"another build")
    command = ["cargo-lambda", "lambda", "deploy", "--binary-path", binary, "--alias", "live", tier.names["PublicFunction"]]
    environment = tier.emulator.environment
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    check(done.returncode == 0, "cargo lambda deploy succeeds", done.stdout + done.stderr)
    after, _ = tier.live("PublicFunction")
    check(after != before, "the alias is at the new version", done.stdout + done.stderr)
    expect(200, call(tier.url, "GET", "/health"), "GET /health")
    code, output = tier.deploy(TREE, "--rollback")
    check(code == 0, "ops/deploy --rollback succeeds", output[-3000:])
    check(tier.live("PublicFunction")[0] == before, "the alias is where it was")
    say(f"the code of one function alone went live and was taken back: version {before} -> {after} -> {before}")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on with the two headers that CloudFront adds: its secret, and the client's address."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        added = {"X-Origin-Secret": self.server.secret, "CloudFront-Viewer-Address": "198.51.100.7:46532"}
        headers = {name: self.headers[name] for name in ["Authorization", "Content-Type"] if name in self.headers}
        url = f"{self.server.origin}{self.path}"
        request = urllib.request.Request(url, self.rfile.read(length) or None, {**headers, **added}, method=self.command)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def behind_proxy(tier):
    """Sets `OriginSecret`: `ops/deploy` wants the proxy's address before it changes anything, and checks through the proxy."""
    before, _ = tier.live("LoginFunction")
    secret = secrets.token_hex(32)
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build", ORIGIN_SECRET=secret)
    check(code == 1 and "[dev.check.parameters]" in output, "ops/deploy asks where clients call the API", output[-3000:])
    check(tier.live("LoginFunction")[0] == before, "nothing was changed")
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.secret, proxy.origin = secret, tier.url
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    configure(url=f"http://127.0.0.1:{proxy.server_port}", RegistrationMode="closed")
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build", ORIGIN_SECRET=secret)
    check(code == 0 and "registration is closed" in output, "ops/deploy succeeds", output[-3000:])
    check(secret not in output, "ops/deploy prints no secret")
    expect(403, tier.post("logout", {}), "a request that goes around the proxy")
    # Later deployments do not know the secret, and the stack keeps it.
    configure()
    code, output = tier.deploy(TREE, "--skip-tests", "--skip-build")
    check(code == 1 and "OriginSecret" in output, "ops/deploy finds that the API is behind a proxy", output[-3000:])
    proxy.shutdown()
    say("a stage behind a proxy, closed to registrations, was deployed and checked through the proxy, which alone is let in")
