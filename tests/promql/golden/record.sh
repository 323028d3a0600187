#!/bin/sh
# Records the golden answers anew. Usage: record.sh [SEED] [QUERIES]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/recorder/* "$work"
cd "$work"
python3 "$here/generate.py" "${1:-31}" "${2:-2500}"
go mod tidy
SCRIPT="$work/data.txt" QUERIES="$work/queries.jsonl" ANSWERS="$work/answers.jsonl" go test -count=1 .
cp data.txt answers.jsonl "$here"
