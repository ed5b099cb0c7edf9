# quickstart/places.sh: where the quickstart keeps its things.  Sourced after
# test/lib.sh by start and stop.
# shellcheck shell=bash

# The root key is outside the data directory, and not beside it: who takes a
# copy of the one must not get the other along with it.
#
# Root's server runs as postgres, which cannot enter root's home: then both are
# where a machine keeps such things.
if am_root; then
	home=/var/lib/secrets-quickstart
	key_home=/etc/secrets-quickstart
else
	home=${XDG_DATA_HOME:-$HOME/.local/share}/secrets-quickstart
	key_home=${XDG_CONFIG_HOME:-$HOME/.config}/secrets-quickstart
fi
data=$home/data
log=$home/server.log
key=$key_home/root.key
port=5487
database=quickstart
user=$(server_user)

# A socket's path has 107 bytes at most.
socket=$home/socket
[[ ${#socket} -lt 90 ]] || socket=/tmp/secrets-quickstart-$EUID

is_running() { [[ -e $data/postmaster.pid ]] && as_server "$bindir/pg_ctl" -D "$data" status >/dev/null; }
