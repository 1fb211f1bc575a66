"""Imports an export into a running `cargo local`, is killed half-way, goes on, and logs users in.

    journey.py WORK LATCHKEY URL AWS COSTLY CHEAP

COSTLY users from the beginning of the file and CHEAP others log in with their old passwords.
"""
import json
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

work, latchkey, url, aws, costly, cheap = sys.argv[1:]
costly, cheap = int(costly), int(cheap)
file = Path(work) / "users.csv"
users = [line.split("\t") for line in (Path(work) / "passwords.tsv").read_text().splitlines()]
command = [latchkey, f"--local={url}", "import", str(file), "--actor", "interop", "--reason", "moving in", "--json"]


def run(*words):
    begun = time.monotonic()
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    print(f"{' '.join(words) or 'import'}: {json.dumps(report)}, {time.monotonic() - begun:.0f} s", flush=True)
    return report


def post(path, body, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def dynamodb(operation, body):
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "X-Amz-Date": "20270101T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20270101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    }
    request = urllib.request.Request(aws, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stored(email):
    key = {"pk": {"S": f"EMAIL#{email.lower()}"}, "sk": {"S": "PASSWORD"}}
    return dynamodb("GetItem", {"TableName": "Credentials", "Key": key})["Item"]


def count(table):
    total, start = 0, {}
    while True:
        page = dynamodb("Scan", {"TableName": table, "Select": "COUNT", **start})
        total += page["Count"]
        if "LastEvaluatedKey" not in page:
            return total
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


everyone = len(users)
dry = run("--dry-run")
assert dry["taken"] == everyone and count("Credentials") == 0, "the dry run writes nothing"

broken = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while count("Credentials") < everyone // 2:
    assert broken.poll() is None, "the import was over before it could be killed"
    time.sleep(0.2)
broken.send_signal(signal.SIGKILL)
broken.wait()
time.sleep(2)  # what was under way ends
half = count("Credentials")
print(f"killed with {half} users imported", flush=True)
assert half < everyone
rest = run()
assert (rest["taken"], rest["unchanged"], rest["refused"]) == (everyone - half, half, []), rest
assert count("Credentials") == everyone

step = (everyone - costly) // cheap
begun = time.monotonic()
for id, email, password, at in users[:costly] + users[costly::step][:cheap]:
    before = stored(email)
    assert before["hash"]["S"].startswith("$2") and before["userId"]["S"] == id
    assert post("/api/auth/login", {"email": email, "password": password + "!"})[0] == 401
    status, answer = post("/api/auth/login", {"email": email, "password": password})
    assert (status, answer["user"]["id"]) == (200, id), (status, answer)
    created = datetime.fromisoformat(answer["user"]["createdAt"].replace("Z", ""))
    assert created == datetime.fromisoformat(at), (answer["user"], at)
    assert stored(email)["hash"]["S"].startswith("$argon2id$"), email
print(f"{costly + cheap} users logged in by their old passwords, {time.monotonic() - begun:.0f} s", flush=True)

again = run()
assert (again["taken"], again["unchanged"]) == (0, everyone), again

_, email, password, _ = users[-1]
_, gone = post("/api/auth/login", {"email": email, "password": password})
status, _ = post("/api/auth/account/delete", {"password": password}, gone["accessToken"])
assert status == 202, status
last = run()
assert (last["taken"], last["unchanged"], last["erased"]) == (0, everyone - 1, 1), last
assert post("/api/auth/login", {"email": email, "password": password})[0] == 401
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"latchkey takes at most {most // 1024} MB")
