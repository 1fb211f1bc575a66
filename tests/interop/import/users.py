"""Writes the rows of the old `User` table as CSV, and beside them each user's password.

    users.py WORK USERS COSTLY

Four implementations make the hashes, in turn. COSTLY of the users have costs of 10 to 12, and all others a cost of 4, so that
the hashes of many users are made in minutes.
"""
import csv
import subprocess
import sys
import uuid
from datetime import datetime, timedelta
from pathlib import Path

work, count, costly = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
here = Path(__file__).parent
makers = [
    ["node", work / "hash.mjs", "bcrypt"],
    ["node", work / "hash.mjs", "bcryptjs"],
    [work / "venv/bin/python", here / "hash.py"],
    ["php", here / "hash.php"],
]
users = [
    {
        "id": str(uuid.uuid4()),
        "email": f"User{n}@Example.com" if n % 7 == 0 else f"user{n}@example.com",
        "password": f"old password {n} ü",
        "cost": 10 + n % 3 if n < costly else 4,
        "name": None if n % 5 == 0 else f'User "{n}", Ünicode',
        "at": datetime(2022, 1, 1) + timedelta(minutes=n, milliseconds=n % 1000),
    }
    for n in range(count)
]
for maker, command in enumerate(makers):
    mine = users[maker::len(makers)]
    lines = "".join(f"{user['cost']}\t{user['password']}\n" for user in mine)
    hashes = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.split()
    for user, stored in zip(mine, hashes, strict=True):
        user["hash"] = stored
with open(work / "rows.csv", "w", newline="") as file:
    rows = csv.writer(file)
    for user in users:
        rows.writerow([user["id"], user["email"], user["hash"], user["name"], user["at"].isoformat(), user["at"].isoformat()])
with open(work / "passwords.tsv", "w") as file:
    for user in users:
        print(user["id"], user["email"], user["password"], user["at"].isoformat(timespec="milliseconds"), sep="\t", file=file)
