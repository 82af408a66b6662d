"""Checks the canonical form and the digest of ETDI's wire format against the vectors.

Python 3.8 or later, standard library only: python3 check_vectors.py <folder of the vectors>
"""

import hashlib
import json
import pathlib
import re
import struct
import sys

DEFINITION = "dev.etdi/definition"
RESERVED = "$serde_json::private::"


class Refused(Exception):
    """A text that must not be hashed; the message is the kind of the error."""


# Reading.

def read(data, limit=256 * 1024, depth=64):
    """One text, strictly: every reader that accepts it reads the same value."""
    if len(data) > limit:
        raise Refused("too_large")
    if data.startswith(b"\xef\xbb\xbf"):
        raise Refused("byte_order_mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("invalid_utf8") from None
    level = 0
    for token in re.findall(r'"(?:\\.|[^"\\])*"|[][{}]', text, re.DOTALL):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        if level > depth:
            raise Refused("too_deep")
    try:
        value = json.loads(text, object_pairs_hook=members, parse_int=integer,
                           parse_float=double, parse_constant=no_json)
    except ValueError:
        raise Refused("syntax") from None
    return without_lone_surrogates(value)


def members(pairs):
    found = {}
    for name, value in pairs:
        if name in found:
            raise Refused("duplicate_member")
        if name.startswith(RESERVED):
            raise Refused("reserved_name")
        found[name] = value
    return found


def integer(token):
    if len(token) > 17 or abs(int(token)) > 2**53 - 1:
        raise Refused("integer_out_of_range")
    return float(token)


def double(token):
    value = float(token)
    if value in (float("inf"), float("-inf")):
        raise Refused("number_overflow")
    return value


def no_json(token):
    raise ValueError(token)  # NaN and Infinity, which Python would take


def without_lone_surrogates(value):
    if isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise Refused("lone_surrogate")
    elif isinstance(value, dict):
        for name, member in value.items():
            without_lone_surrogates(name)
            without_lone_surrogates(member)
    elif isinstance(value, list):
        for element in value:
            without_lone_surrogates(element)
    return value


# Writing: RFC 8785.

def canonical(value):
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{%s}" % ",".join(string(n) + ":" + canonical(value[n]) for n in names)
    if isinstance(value, list):
        return "[%s]" % ",".join(map(canonical, value))
    if isinstance(value, str):
        return string(value)
    if isinstance(value, float):
        return number(value)
    return {None: "null", True: "true", False: "false"}[value]


def string(text):
    return json.dumps(text, ensure_ascii=False)


def number(value):
    """As ECMAScript writes a double; Python finds the same digits and sets the point elsewhere."""
    if value == 0:
        return "0"
    digits, exponent = re.fullmatch(r"-?([\d.]+)(?:e([-+]\d+))?", repr(value)).groups()
    whole, _, fraction = digits.partition(".")
    point = len(whole) + int(exponent or 0)      # the value is 0.<digits> * 10^point
    digits = (whole + fraction).rstrip("0")
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.lstrip("0")
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + "e%+d" % (point - 1)
    return "-" + text if value < 0 else text


# The definition.

def covered(tool):
    """The canonical form of what a signature covers: section 2 of the wire format."""
    tool = read(tool)
    definition = (tool.get("_meta") or {}).get(DEFINITION)
    if definition is not None:
        evidence = ("signature", "attestation")
        kept = {name: value for name, value in definition.items() if name not in evidence}
        tool = {**tool, "name": kept["name"], "_meta": {**tool["_meta"], DEFINITION: kept}}
    return canonical(tool)


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


# The vectors.

def given(vector):
    if "hex" in vector:
        return bytes.fromhex(vector["hex"])
    if "parts" in vector:
        return "".join(part["text"] * part["times"] for part in vector["parts"]).encode("utf-8")
    return vector.get("input", vector.get("tool")).encode("utf-8")


def outcome(data):
    try:
        read(data)
    except Refused as refused:
        return str(refused)


def es6_list(description, lines):
    """The doubles of `es6_list` in numbers.json, in order."""
    doubles = [int(text, 16) for text in description["first"]]
    doubles += range(0x0010000000000000, 0x0010000000000000 + 2000)
    block = bytes(32)
    while len(doubles) < lines:
        block = hashlib.sha256(block).digest()
        for bits in struct.unpack("<4Q", block):
            value, = struct.unpack("<d", struct.pack("<Q", bits))
            if value - value == 0 and value != 0:
                doubles.append(bits)
    return doubles[:lines]


def es6_sum(description, lines):
    hashed = hashlib.sha256()
    for bits in es6_list(description, lines):
        value, = struct.unpack(">d", struct.pack(">Q", bits))
        hashed.update(("%x,%s\n" % (bits, number(value))).encode())
    return hashed.hexdigest()


def main(folder):
    def load(name):
        return json.loads((folder / name).read_text("utf-8"))

    wrong = 0

    def check(name, results):
        nonlocal wrong
        results = list(results)
        for vector, got, wanted in results:
            if got != wanted:
                wrong += 1
                print("%s: %s: %r, not %r" % (name, vector, got, wanted))
        print("%-18s %3d vectors" % (name, len(results)))

    def vectors(name):
        return load(name)["vectors"]

    check("canonical.json", ((v["name"], canonical(read(given(v))), v["canonical"])
                             for v in vectors("canonical.json")))
    check("refusals.json", ((v["name"], outcome(given(v)), v["refused"])
                            for v in vectors("refusals.json")))
    check("accepted.json", ((v["name"], outcome(given(v)), None)
                            for v in vectors("accepted.json")))
    check("definitions.json", ((v["name"], (covered(given(v)), digest(covered(given(v)))),
                                (v["canonical"], v["digest"]))
                               for v in vectors("definitions.json")))
    numbers = load("numbers.json")
    check("numbers.json", ((v["name"], number(struct.unpack(">d", bytes.fromhex(v["ieee"]))[0]),
                            v["text"]) for v in numbers["vectors"]))
    check("the ES6 list", ((s["lines"], es6_sum(numbers["es6_list"], s["lines"]), s["sha256"])
                           for s in numbers["es6_list"]["sums"]))
    print("%d differ" % wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
