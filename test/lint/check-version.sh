#!/bin/bash
#
# check-version.sh ROOT
#
# The version is written in secrets.control and nowhere else, but in the frozen
# scripts that upgrade from one to the next.
set -uo pipefail
cd "$1" || exit

version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" secrets.control)
quoted=${version//./\\.}
if [[ -z $version ]]; then
	echo "lint: secrets.control names no version" >&2
	echo "version: 0 passed, 1 failed"
	exit 1
fi
found=$(grep -rnIE --include=Makefile --include=.gitignore --include='*.[ch]' --include='*.sql' --include='*.out' \
	--include='*.sh' --include='*.pl' --include='*.pm' --include=run --include=start --include=stop \
	-e "secrets--$quoted\.sql|['\"]$quoted['\"]" Makefile .gitignore .ci src sql expected quickstart test 2>/dev/null |
	grep -vE '^(src/upgrade|test/(unit|fuzz|bench|vectors))/')
if [[ -n $found ]]; then
	echo "lint: the version is written here too:" >&2
	echo "$found" >&2
	echo "version: 0 passed, 1 failed"
	exit 1
fi
echo "version: 1 passed, 0 failed"
