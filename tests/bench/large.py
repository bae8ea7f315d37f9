#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes C for the benchmark's large code: some 300 KB of functions that call each other in a shuffled order.

Each of the leaves is called from one place, directly; a round runs about three quarters of them once. No two leaves are
alike. Branches within them mostly go one way, as in programs.
"""
import random

LEAVES, CALLS = 540, 30                      # calls in each of the functions in the middle
CHOICE = random.Random(3)


def place():
    return f"m[{CHOICE.randrange(256)}]"


def constant():
    return f"{CHOICE.randrange(3, 1 << 20)}u"


STATEMENTS = [
    lambda: f"a += {place()} ^ {constant()};",
    lambda: f"b ^= a >> {CHOICE.randrange(1, 60)};",
    lambda: f"{place()} = a - b;",
    lambda: f"b = b * {CHOICE.randrange(3, 99, 2)} + {place()};",
    lambda: f"if ((a & {7 << CHOICE.randrange(28)}) == 0) b += {constant()}; else {place()} += b;",
    lambda: f"a -= b << {CHOICE.randrange(1, 8)};",
    lambda: f"if (b < {place()} >> {CHOICE.randrange(1, 6)}) a ^= {constant()};",
    lambda: f"{place()} += a & {constant()};",
    lambda: f"a = (a << {(n := CHOICE.randrange(1, 63))} | a >> {64 - n}) + b;",
    lambda: f"b = ({CHOICE.choice(['unsigned', 'unsigned short', 'unsigned char'])})a + {place()};",
]


def function(name, first, body):
    print(f"static __attribute__((noipa)) u64 {name}(u64 a, u64* m) {{")
    print(f"    u64 b = {first};")
    for statement in body:
        print(f"    {statement}")
    print("    return a ^ b;\n}")


def call(leaf):
    return f"a += leaf{leaf}(a ^ b, m);"


def middle(leaves):
    """Calls of the leaves: half always, the rest in pairs of which one is called."""
    body, rest = [], list(leaves)
    while rest:
        leaf = rest.pop()
        if rest and CHOICE.random() < 0.33:
            body.append(f"if (a & {1 << CHOICE.randrange(40)}ull) {call(leaf)} else {call(rest.pop())}")
        else:
            body.append(call(leaf))
    return body


print("typedef unsigned long long u64;")
for n in range(LEAVES):
    function(f"leaf{n}", place(), [CHOICE.choice(STATEMENTS)() for _ in range(CHOICE.randrange(20, 50))])
order = list(range(LEAVES))
CHOICE.shuffle(order)
for n in range(0, LEAVES, CALLS):
    function(f"middle{n // CALLS}", place(), middle(order[n:n + CALLS]))
turns = list(range(LEAVES // CALLS))
CHOICE.shuffle(turns)
print("u64 large_round(u64 a, u64* m) {")
for n in turns:
    print(f"    a = middle{n}(a, m);")
print("    return a;\n}")
