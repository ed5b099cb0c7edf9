#!/bin/bash
#
# check-exports.sh LIBRARY
#
# The library shows its SQL functions and what PostgreSQL asks of a module;
# whatever else it showed, other modules could call or stand in for.
set -uo pipefail
library=$1

if ! symbols=$(nm -D --defined-only "$library") || [[ -z $symbols ]]; then
	echo "lint: cannot read the symbols of $library" >&2
	echo "exports: 0 passed, 1 failed"
	exit 1
fi
strangers=$(awk '{ print $NF }' <<<"$symbols" | grep -vxE '(pg_finfo_)?secrets_[a-z0-9_]+|_PG_init|Pg_magic_func')
# Each function comes with its pg_finfo_: one without it is no SQL function.
lonely=$(awk '{ print $NF }' <<<"$symbols" | sed -n 's/^\(pg_finfo_\)\{0,1\}\(secrets_.*\)/\2/p' | sort | uniq -u | grep -vxE 'secrets_(audit_(worker|spare)|rotation_worker)')
if [[ -n $strangers$lonely ]]; then
	echo "lint: $library exports what is no SQL function:" $strangers $lonely >&2
	echo "exports: 0 passed, 1 failed"
	exit 1
fi
echo "exports: 1 passed, 0 failed"
