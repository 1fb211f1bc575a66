"""Hashes lines of cost and password."""
import sys

import bcrypt

for line in sys.stdin:
    cost, password = line.rstrip("\n").split("\t")
    print(bcrypt.hashpw(password.encode(), bcrypt.gensalt(int(cost))).decode())
