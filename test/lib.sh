# test/lib.sh: what the harness, quickstart and CI share.  Sourced by bash.
#
# Gives: $root, the tree.  After choose_postgres: $PG_CONFIG, $major, $bindir,
# $pgxs (its src directory) and $server_include.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Both: PostgreSQL's test modules unset LC_ALL.
export LC_ALL=C.UTF-8 LANG=C.UTF-8

say() { printf '%s\n' "$@"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Whoever calls may have settings for another server.
forget_pg_environment()
{
	local variable

	for variable in ${!PG*}; do
		[[ $variable == PG_CONFIG ]] || unset "$variable"
	done
}

# ---- who does what ----

am_root() { [[ $EUID -eq 0 ]]; }
can_be_root() { am_root || command -v sudo >/dev/null; }

as_root()
{
	if am_root; then
		"$@"
	else
		command -v sudo >/dev/null || die "this needs root, and there is no sudo: $*"
		sudo -- "$@"
	fi
}

# PostgreSQL refuses to run as root: then its server runs as the user that
# Debian's packages make for it.
server_user() { if am_root; then echo postgres; else id -un; fi; }

# From / because the server's user may not enter where we are.
as_server()
{
	if am_root; then
		(cd / && runuser -u postgres -- "$@")
	else
		(cd / && "$@")
	fi
}

# ---- packages ----

is_installed() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^.i'; }

# A Debian machine would make a cluster called main with the first server
# package, and start it.  Nobody asked for that one.
forbid_main_cluster()
{
	local directory=/etc/postgresql-common

	[[ ! -e $directory/createcluster.conf ]] || return 0
	as_root mkdir -p "$directory"
	printf '%s\n' "# Written by the quickstart or tests of the extension secrets, before PostgreSQL was here:" \
		"# no cluster that nobody asked for." "create_main_cluster = false" |
		as_root tee "$directory/createcluster.conf" >/dev/null
}

update_package_lists()
{
	[[ -z ${lists_are_new:-} ]] || return 0
	say "reading the package lists"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null
	lists_are_new=1
}

# Installs what is missing of these; asks nothing.
install_packages()
{
	local package missing=()

	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[[ ${#missing[@]} -gt 0 ]] || return 0
	if ! command -v apt-get >/dev/null; then
		say "not a Debian machine: install by other means what is missing of ${missing[*]}"
		return 0
	fi
	update_package_lists
	forbid_main_cluster
	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
		install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# The same for what a release may not have, or not beside what is installed.
try_packages()
{
	local package

	command -v apt-get >/dev/null || return 0
	for package in "$@"; do
		is_installed "$package" && continue
		[[ -n $(apt-cache madison bash) ]] || update_package_lists
		apt-get -qq -s install --no-install-recommends "$package" >/dev/null 2>&1 || continue
		install_packages "$package" || say "cannot install $package: going on without"
	done
}

# For commands that come from more than one package.
install_command()
{
	command -v "$1" >/dev/null || install_packages "${@:2}"
}

# ---- which PostgreSQL ----

# A whole one: server and what is needed to build for it.  PGXS alone says
# little: Debian ships it with the client.
is_whole_postgres()
{
	local makefile

	makefile=$("$1" --pgxs 2>/dev/null) &&
		[[ -e $makefile && -x $("$1" --bindir)/postgres && -e $("$1" --includedir-server)/postgres.h ]]
}

# The major version that this machine has, or that its release would install.
find_major()
{
	local config

	for config in "${PG_CONFIG:-pg_config}" /usr/lib/postgresql/*/bin/pg_config; do
		if is_whole_postgres "$config"; then
			"$config" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'
			return
		fi
	done
	apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: postgresql-([0-9]+)$/\1/p' | sed -n 1p
}

find_config()
{
	local config

	for config in "${PG_CONFIG:-pg_config}" "/usr/lib/postgresql/$1/bin/pg_config"; do
		if is_whole_postgres "$config" && [[ $("$config" --version) =~ ^PostgreSQL\ $1([^0-9]|$) ]]; then
			command -v "$config"
			return
		fi
	done
	return 1
}

# What building, installing and running the extension takes.
install_postgres()
{
	install_packages gcc make libc6-dev libssl-dev libpq-dev openssl
	find_config "$1" >/dev/null || install_packages "postgresql-$1" "postgresql-server-dev-$1"
}

choose_postgres()
{
	major=$1
	PG_CONFIG=$(find_config "$major") || die "PostgreSQL $major is not here, or not its server's headers"
	bindir=$("$PG_CONFIG" --bindir)
	pgxs=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")
	server_include=$("$PG_CONFIG" --includedir-server)
	# Debian's own python3 and node go first: they have the packages that we installed.
	PATH=$bindir:/usr/bin:/bin:$PATH
	export PG_CONFIG PATH
}

# ---- the extension ----

# Everything but what was built, unpacked by "as_root" perhaps.
copy_tree()
{
	tar -C "$root" --exclude=./build --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.so' \
		--exclude='./secrets--*.sql' -cf - . | "${@:2}" tar -C "$1" --no-same-owner -xf -
}

# make, in the copy of the tree for this major.
make_extension()
{
	make -s --no-print-directory -C "$root/build/pg$major" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@"
}

# Built in a copy: what was built in the tree itself, by another user or for
# another major, is neither used nor spoilt.
build_extension()
{
	local directory=$root/build/pg$major

	rm -rf "$directory" 2>/dev/null
	mkdir -p "$directory" 2>/dev/null ||
		die "cannot make $directory: if another user made $root/build, remove it"
	copy_tree "$directory" && make_extension -j "$(nproc)" all || die "the extension does not build for PostgreSQL $major"
}

# Does what is installed differ from what was built?
is_installed_extension()
{
	local stage=$root/build/pg$major/stage file

	make_extension install DESTDIR="$stage" >/dev/null || die "what was built cannot be installed"
	while read -r file; do
		cmp -s "$stage/$file" "/$file" || return 1
	done < <(cd "$stage" && find . -type f)
}

# Needs root only where there is something new.
install_extension()
{
	build_extension
	is_installed_extension && return
	say "installing the extension into PostgreSQL $major"
	as_root make -s --no-print-directory -C "$root/build/pg$major" PG_CONFIG="$PG_CONFIG" with_llvm=no install >/dev/null ||
		die "the extension cannot be installed"
}

# ---- servers of our own ----

# A root key: 64 hex digits, for the server's user alone.
make_root_key()
{
	as_server sh -c 'umask 077; openssl rand -hex 32 >"$1.new" && mv "$1.new" "$1"' - "$1"
}

initialise_server() { as_server "$bindir/initdb" -D "$1" --no-instructions -E UTF8 --locale=C.UTF-8 "${@:2}"; }

# A port that nobody has now.
find_port()
{
	local port

	while :; do
		port=$((20000 + RANDOM % 12000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
}
