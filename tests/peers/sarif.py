"""Checks that standard input is a SARIF log. The argument is the schema. Prints one line for each error."""

import json
import sys

from jsonschema import Draft4Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft4Validator.check_schema(schema)
wrong = list(Draft4Validator(schema).iter_errors(json.load(sys.stdin)))
for error in wrong:
    print(f"{error.json_path}: {error.message[:200]}")
sys.exit(1 if wrong else 0)
