#!/bin/bash
#
# check-headers.sh SRC SERVER_INCLUDE_DIRECTORY
#
# Each header compiles alone: after postgres.h, or, where plain C is promised
# (what the unit tests and fuzzers build without a server), without it.
set -uo pipefail
src=$1
server=$2
plain=(crypto/*.h store/name.h keyring/keyfile.h kv/json.h audit/packet.h rotation/clean.h rotation/calendar.h rotation/wall.h rotation/cron.h)
passed=0
failed=0

compiles()
{
	"${CC:-cc}" -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-unused-function \
		-I"$src" -isystem "$server" -D_GNU_SOURCE -fsyntax-only -x c -
}

count()
{
	if [[ $1 -eq 0 ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "lint: $2 does not compile alone" >&2
	fi
}

is_plain()
{
	local pattern

	for pattern in "${plain[@]}"; do
		# shellcheck disable=SC2053  # a pattern
		[[ $1 == $pattern ]] && return
	done
	return 1
}

cd "$src" || exit
for header in */*.h; do
	if is_plain "$header"; then
		printf '#include "%s"\n' "$header" | compiles
	else
		printf '#include "postgres.h"\n#include "%s"\n' "$header" | compiles
	fi
	count $? "$header"
done
echo "headers: $passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
