# secrets.check(): a server that is kept well gives no row.  Then everything that it
# knows is done to that server, one thing after the other: the row comes, says whose
# it is and never what, and goes when its own advice is followed.
use strict;
use warnings FATAL => 'all';

use Cwd qw(realpath);
use FindBin;
use lib "$FindBin::RealBin/lib";
use File::Path qw(make_path remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('check', start => 0, extension => 0, allows_streaming => 1, extra => ['--data-checksums']);
my $dir = $node->basedir;
my $data = $node->data_dir;
my $libraries = `pg_config --pkglibdir`;
chomp $libraries;

# What there is beside ours: behind its back, by default.
my @others = grep { -e "$libraries/$_.so" } qw(pg_stat_statements auto_explain pgaudit pg_cron);
is_deeply([ grep { !/pgaudit/ } @others ], [qw(pg_stat_statements auto_explain pg_cron)], 'other libraries are installed');
my $has_pgaudit = grep { /pgaudit/ } @others;

# ---- a server that is kept well ----

# On another file system than the data.
my $keys = "/dev/shm/secrets-check-$$";
make_path($keys, { mode => 0700 });
END { remove_tree($keys) if $keys && -d $keys }
isnt((stat $keys)[0], (stat $data)[0], '/dev/shm is a file system of its own');
my $key = write_key("$keys/root.key", $node->{root_key});

command_ok([ 'openssl', 'req', '-new', '-x509', '-days', '2', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=localhost',
		'-keyout', "$dir/server.key", '-out', "$dir/server.crt" ], 'a certificate');
chmod 0600, "$dir/server.key";
my $well = <<"END";
shared_preload_libraries = '${\ join(', ', @others, 'secrets') }'
secrets.root_key = 'file:$key'
secrets.literals = warn
listen_addresses = '0.0.0.0'
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
logging_collector = on
log_directory = '$dir/log'
log_min_messages = warning
log_min_duration_statement = 1000
fsync = on
password_encryption = scram-sha-256
auto_explain.log_min_duration = 1000
auto_explain.log_parameter_max_length = 0
cron.database_name = 'postgres'
cron.use_background_workers = on
wal_level = logical
END
$well =~ s/^auto_explain.log_parameter.*\n//m if $node->pg_version < 16;
mkdir "$dir/log";
configure($node, $well);

my $hba = "$data/pg_hba.conf";
my $well_hba = <<'END';
local all all peer
local replication all peer
hostssl all all 0.0.0.0/0 scram-sha-256
hostssl all all ::/0 scram-sha-256
hostssl replication all 0.0.0.0/0 scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
END
sub write_hba { my ($text) = @_; unlink $hba; append_to_file($hba, $text); return; }
write_hba($well_hba);

$node->start;
my $major = int(value($node, 'SHOW server_version_num') / 10000);
my $minor = value($node, 'SHOW server_version_num') % 10000;
value($node, 'CREATE EXTENSION secrets; CREATE EXTENSION pg_cron; CREATE TABLE public.anything (id int PRIMARY KEY)');
value($node, q{SELECT secrets.generate('app/db'), secrets.enable_scheduler() > 0});
value($node, 'CREATE ROLE app LOGIN; CREATE ROLE replicator LOGIN REPLICATION; CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE dumper LOGIN IN ROLE pg_read_all_data');
value($node, q{SELECT secrets.grant('read', 'app/**', 'app')});

# The version cannot be mended here: what is said of it is looked at by itself.
my $is_version = qr/^PostgreSQL $major/;
sub all_rows
{
	my ($asked, %options) = @_;
	my $out = $asked->safe_psql($options{db} || 'postgres', 'SELECT severity, what, advice FROM secrets.check()', extra_params => [ '-F', "\t" ]);
	return map { [ split /\t/ ] } split /\n/, $out;
}
sub rows { return grep { $_->[1] !~ $is_version } all_rows(@_); }
sub show { return join "\n", map { join ' | ', @$_ } @_; }

is(show(rows($node)), '', 'a server that is kept well: nothing is said of it');
my %newest = (14 => 25, 15 => 20, 16 => 16, 17 => 12, 18 => 6);
is(scalar(grep { $_->[1] =~ /has holes that are known/ } all_rows($node)), $minor < $newest{$major} ? 1 : 0, "$major.$minor has known holes, or none");

# ---- doing, seeing, mending ----

# The statements of an advice, and what else it says to do.
sub follow
{
	my ($advice) = @_;
	my @statements = $advice =~ /((?:ALTER|DROP|REVOKE|DELETE|SELECT)\b[^;]*;)/g;

	system($_) == 0 or die "$_ failed" foreach map { "$_" } $advice =~ /(chmod \S+ [^;\s]+)/g;
	configure($node, $1) if $advice =~ /^in postgresql\.conf: ([^;]*);/;
	die "nothing to do in: $advice" unless @statements || $advice =~ /chmod/;
	value($node, $_) foreach @statements;
	$node->restart if $advice =~ /and restart the server/;
	return;
}

my %mended_by = (advice => 0, hand => 0);

# do: SQL, or a function; again => 1: until it is seen.  mend: the same, where the advice is none that a machine can
# follow.  undo: what is left over after that.  rows: how many, of what: the pattern.
sub endangers
{
	my ($name, $severity, $pattern, %how) = @_;
	my $wanted = defined $how{rows} ? $how{rows} : 1;
	my $run = sub { my ($what) = @_; ref $what ? $what->() : value($node, $what); };

	$run->($how{do});
	my @found;
	my $as_wanted = sub {
		@found = rows($node);
		$run->($how{do}), @found = rows($node) if $how{again} && !@found;
		return @found == $wanted && !grep { $_->[1] !~ $pattern || $_->[0] ne $severity } @found;
	};
	# A reload takes its time.
	eval { wait_for($as_wanted, $name, 20) };
	ok($as_wanted->(), "$name: $severity") or diag("wanted $wanted x $severity $pattern, got:\n" . show(@found));
	ok((!grep { "@$_" =~ /canary/ } @found), "$name: says no value") or diag(show(@found));
	if (exists $how{mend})
	{
		$run->($how{mend});
		$mended_by{hand}++;
	}
	else
	{
		follow($_->[2]) foreach @found;
		$mended_by{advice}++;
	}
	my @left;
	eval { wait_for(sub { @left = rows($node); !@left }, "$name, mended") };
	is(show(@left), '', "$name: mended, nothing is said");
	$run->($how{undo}) if $how{undo};
	return;
}

# ---- settings ----

sub set { my ($lines) = @_; return sub { configure($node, $lines, 'reload') }; }
sub start_with { my ($lines) = @_; return sub { configure($node, $lines, 'restart') }; }
my $forget = 'ALTER SYSTEM RESET ALL';
# The last line wins, of the file; and of ALTER SYSTEM before that.
sub back { my ($setting) = @_; return sub { configure($node, $setting); value($node, $forget); $node->reload; }; }

foreach (
	[ 'secrets.literals = allow', 'warning', 'secrets.literals = warn' ],
	[ 'secrets.allow_drop = on', 'warning', 'secrets.allow_drop = off' ],
	[ 'secrets.audit_on_failure = log', 'info', 'secrets.audit_on_failure = refuse' ],
	[ 'debug_print_parse = on', 'info', 'debug_print_parse = off' ],
	[ 'debug_print_rewritten = on', 'info', 'debug_print_rewritten = off' ],
	[ 'debug_print_plan = on', 'info', 'debug_print_plan = off' ],
	[ 'log_parameter_max_length_on_error = 10', 'warning', 'log_parameter_max_length_on_error = 0' ],
	[ 'log_parameter_max_length_on_error = -1', 'warning', 'log_parameter_max_length_on_error = 0' ],
	[ 'log_min_messages = debug1', 'warning', 'log_min_messages = warning' ],
	[ 'log_min_messages = debug5', 'warning', 'log_min_messages = warning' ],
	[ 'log_min_messages = log', 'info', 'log_min_messages = warning' ],
	[ 'log_min_messages = fatal', 'info', 'log_min_messages = warning' ],
	[ 'log_min_messages = panic', 'info', 'log_min_messages = warning' ],
	[ 'password_encryption = md5', 'warning', 'password_encryption = scram-sha-256' ],
	[ 'full_page_writes = off', 'warning', 'full_page_writes = on' ],
	[ 'fsync = off', 'warning', 'fsync = on' ],
	[ 'zero_damaged_pages = on', 'warning', 'zero_damaged_pages = off' ],
	[ 'session_preload_libraries = passwordcheck', 'warning', q{session_preload_libraries = ''} ],
	[ 'log_file_mode = 0644', 'warning', 'log_file_mode = 0600', 1, qr/^log_file_mode is 0644/ ],
	[ 'ssl_min_protocol_version = TLSv1.1', 'warning', 'ssl_min_protocol_version = TLSv1.2', 1, qr/^ssl_min_protocol_version is "TLSv1.1"/ ],
	$major >= 16 ? [ 'scram_iterations = 1000', 'warning', 'scram_iterations = 4096' ] : (),
	$major >= 16 ? [ 'auto_explain.log_parameter_max_length = -1', 'info', 'auto_explain.log_parameter_max_length = 0' ] : (),
	$has_pgaudit ? [ "pgaudit.log = 'read'\npgaudit.log_parameter = on", 'info', "pgaudit.log = none\npgaudit.log_parameter = off", 1, qr/^setting pgaudit\.log_parameter is "on"/ ] : ())
{
	my ($bad, $severity, $good, $rows, $pattern) = @$_;
	my ($setting, $value) = $bad =~ /^(\S+) = '?(.*?)'?$/m;

	endangers($bad, $severity, $pattern || qr/^setting \Q$setting\E is "\Q$value\E": /, do => set($bad), undo => back($good), rows => $rows);
}
{
	configure($node, 'secrets.redact_logs = off', 'reload');
	my @found;
	eval { wait_for(sub { @found = rows($node); @found == 2 }, 'redaction to be off', 20) };
	like(show(@found), qr/^critical \| setting secrets\.redact_logs is "off": .*\nwarning \| role "watcher" is in pg_monitor, and sees statements of all sessions/,
		'without redaction: critical, and who watches is told of');
	configure($node, 'secrets.redact_logs = on', 'reload');
	wait_for(sub { !rows($node) }, 'redaction to be on again');
}
# What does not matter is not told of.
configure($node, "auto_explain.log_min_duration = -1\n" . ($major >= 16 ? "auto_explain.log_parameter_max_length = -1\n" : '') . "synchronous_commit = off\nlog_statement = all\nlog_min_duration_statement = 0\ntrack_activities = on", 'reload');
wait_for(sub { value($node, 'SHOW log_statement') eq 'all' }, 'reload');
is(show(rows($node)), '', 'statements may be logged, and committed late where the audit is not durable');
endangers('synchronous_commit with a durable audit', 'info', qr/^setting synchronous_commit is "off"/, do => set('secrets.audit = durable'),
	undo => back("secrets.audit = on\nsynchronous_commit = on\nlog_statement = none\nlog_min_duration_statement = 1000\nauto_explain.log_min_duration = 1000" . ($major >= 16 ? "\nauto_explain.log_parameter_max_length = 0" : '')));

# Of roles and databases.
endangers('a role traces', 'info', qr/^setting debug_print_plan of role "app" is "true"/, do => 'ALTER ROLE app SET debug_print_plan = true');
endangers('a role in a database traces', 'info', qr/^setting debug_print_parse of role "app" in database "postgres" is "on"/, do => 'ALTER ROLE app IN DATABASE postgres SET debug_print_parse = on');
endangers('a database, which is this one', 'warning', qr/^setting log_parameter_max_length_on_error of database "postgres" is "-1"/, do => 'ALTER DATABASE postgres SET log_parameter_max_length_on_error = -1');
endangers('every role', 'warning', qr/^setting log_min_messages of every role is "debug2"/, do => 'ALTER ROLE ALL SET log_min_messages = debug2');
endangers('a library for a role', 'warning', qr/^setting session_preload_libraries of role "app" is "auto_explain"/, do => 'ALTER ROLE app SET session_preload_libraries = auto_explain');
endangers('a library that it loads itself', 'warning', qr/^setting local_preload_libraries of database "nowhere" is "plugin"/,
	do => sub { value($node, 'CREATE DATABASE nowhere'); value($node, 'ALTER DATABASE nowhere SET local_preload_libraries = plugin') }, undo => 'DROP DATABASE nowhere');
value($node, 'ALTER ROLE app SET debug_print_plan = off; ALTER ROLE app SET work_mem = \'5MB\'');
is(show(rows($node)), '', 'other settings of a role are its own business');

endangers('core files', 'warning', qr/^setting secrets\.allow_core is "on"/, do => start_with('secrets.allow_core = on'), undo => back('secrets.allow_core = off'));

# ---- libraries ----

my $order = join ', ', 'secrets', @others;
endangers('libraries behind', 'warning', qr/^behind secrets in shared_preload_libraries: "pg_stat_statements", "auto_explain",.* "pg_cron"/,
	do => start_with("shared_preload_libraries = '$order'"));
is(value($node, 'SHOW shared_preload_libraries'), join(', ', @others, 'secrets'), 'the advice keeps the others, and their order');
value($node, $forget);
configure($node, "shared_preload_libraries = '${\ join(', ', map { qq{$libraries/$_.so} } @others, 'secrets') }'", 'restart');
is(show(rows($node)), '', 'by their paths they are the same');

configure($node, "shared_preload_libraries = '${\ join(', ', @others) }'", 'restart');
my @rows = rows($node);
like(show(@rows), qr/^critical \| secrets is not in shared_preload_libraries: [^\n]*$/, 'without preloading: that');
follow($rows[0][2]);
is(show(rows($node)), '', 'and its advice helps');
is(status($node)->{state}, 'ready', 'ready again');
value($node, $forget);
configure($node, $well, 'restart');
is(show(rows($node)), '', 'as it was');

# ---- places ----

mkdir "$data/log";
endangers('the log in the data directory', 'warning', qr/^log_directory "log" is inside the data directory/, do => set(q{log_directory = 'log'}),
	mend => set("log_directory = '$dir/log'"));
symlink "$data/log", "$dir/link";
endangers('by a link too', 'warning', qr/^log_directory "\Q$dir\E\/link" is inside/, do => set("log_directory = '$dir/link'"), mend => set("log_directory = '$dir/log'"));
endangers('the data directory', 'warning', qr/^the data directory is open to every user of the machine \(mode 0705\)/, do => sub { chmod 0705, $data });
endangers('the key of TLS', 'info', qr/^ssl_key_file "server\.key" is inside the data directory/,
	do => sub { copy_file("$dir/server.key", "$data/server.key"); configure($node, q{ssl_key_file = 'server.key'}, 'reload') },
	mend => set("ssl_key_file = '$dir/server.key'"));
sub copy_file { my ($from, $to) = @_; append_to_file($to, slurp_file($from)); chmod 0600, $to; return; }

# Everything about the root key: the mode, the place, the way to it.
endangers('a key that others read', 'critical', qr/^root key file "\Q$key\E" is open to others than the server's user \(mode 0640\)/, do => sub { chmod 0640, $key }, mend => sub { chmod 0600, $key });
endangers('a key that everybody writes', 'critical', qr/^root key file "\Q$key\E" is open to others.*\(mode 0602\)/, do => sub { chmod 0602, $key }, mend => sub { chmod 0600, $key });
endangers('a key that is a link', 'warning', qr/^root key file "\Q$key\E" is a symbolic link/, do => sub { rename $key, "$key.real"; symlink "$key.real", $key }, mend => sub { unlink $key; rename "$key.real", $key });
endangers('a key that is a directory', 'warning', qr/^root key file "\Q$key\E" is no regular file/, do => sub { rename $key, "$key.real"; mkdir $key }, mend => sub { rmdir $key; rename "$key.real", $key });
endangers('a key that is gone', 'info', qr/^root key file "\Q$key\E" is not there/, do => sub { rename $key, "$key.real" }, mend => sub { rename "$key.real", $key });
endangers('a directory that others write', 'warning', qr/^directory "\Q$keys\E" is writable by others, who can take root key file "\Q$key\E" away/, do => sub { chmod 0703, $keys }, mend => sub { chmod 0700, $keys });
my $group = (split / /, $))[0];
endangers('one that the group writes', 'warning', qr/^directory "\Q$keys\E" is writable by others/, do => sub { chmod 0770, $keys }, mend => sub { chmod 0700, $keys }) if $group != 0;
chmod 01777, $keys;
is(show(rows($node)), '', 'where the directory is sticky, what is there stays');
chmod 0700, $keys;

# The way to it is led elsewhere after the start.
sub lead_to
{
	my ($place) = @_;
	return (
		do => sub { rename $keys, "$place/moved" or system('mv', $keys, "$place/moved") == 0 or die; symlink "$place/moved", $keys or die },
		mend => sub { unlink $keys; system('mv', "$place/moved", $keys) == 0 or die });
}
endangers('a key in the data directory', 'critical', qr/^root key file "\Q$key\E" is inside the data directory: every base backup/, lead_to($data));
endangers('a key beside the log', 'warning', qr/^root key file "\Q$key\E" is inside log_directory/, lead_to("$dir/log"));
make_path("$keys-space", { mode => 0700 });
END { remove_tree("$keys-space") if $keys }
value($node, "CREATE TABLESPACE elsewhere LOCATION '$keys-space'");
endangers('a key in a tablespace', 'warning', qr/^root key file "\Q$key\E" is inside the directory of tablespace "elsewhere"/, lead_to("$keys-space"));
value($node, 'DROP TABLESPACE elsewhere');

# Another root key that is registered opens as much.
my $second = write_key("$keys/second.key", new_key());
my $second_id = value($node, "SELECT secrets.add_root_key('file:$second')");
is(show(rows($node)), '', 'a second root key is no danger');
endangers('a second root key', 'critical', qr/^root key file "\Q$second\E" is open to others/, do => sub { chmod 0604, $second }, mend => sub { chmod 0600, $second });
unlink $second;
is(show(rows($node)), '', 'nor is one that lies in a safe');
value($node, "SELECT secrets.drop_root_key('$second_id')");

# By a program.
my $program = "$keys/fetch";
append_to_file($program, "#!/bin/sh\nexec cat $key\n");
chmod 0700, $program;
configure($node, "secrets.root_key = 'command:$program --name pg'", 'reload');
wait_for(sub { value($node, 'SHOW secrets.root_key') =~ /^command/ }, 'reload');
value($node, 'SELECT secrets.unseal()');
is(show(rows($node)), '', 'a key that a program brings');
endangers('a program that others write', 'critical', qr/^program "\Q$program\E", which brings the root key, can be changed by others/, do => sub { chmod 0722, $program }, mend => sub { chmod 0700, $program });
# Of the key that is registered by its file, too.
endangers('its directory', 'warning', qr/^directory "\Q$keys\E" is writable by others, who can take (program "\Q$program\E"|root key file "\Q$key\E") away/, rows => 2, do => sub { chmod 0703, $keys }, mend => sub { chmod 0700, $keys });
endangers('a password among its arguments', 'warning', qr/^setting secrets\.root_key seems to have a password in it/, do => set("secrets.root_key = 'command:$program --token canary'"),
	mend => set("secrets.root_key = 'file:$key'"));
value($node, 'SELECT secrets.unseal()');
endangers('a sealed server', 'warning', qr/^secrets is sealed, and no value can be read: sealed by secrets\.seal\(\)/, do => 'SELECT secrets.seal()', mend => 'SELECT secrets.unseal()');
endangers('no root key', 'warning', qr/^secrets\.root_key is empty/, do => sub { value($node, 'SELECT secrets.seal()'); configure($node, q{secrets.root_key = ''}, 'reload') },
	mend => sub { set_root_key($node, "file:$key", 'reload'); value($node, 'SELECT secrets.unseal()') });

# ---- roles ----

endangers("a member of $_->[0]", $_->[1], qr/^role "app" is in $_->[0], and /, do => "GRANT $_->[0] TO app")
  foreach ([ 'pg_read_server_files', 'critical' ], [ 'pg_write_server_files', 'critical' ], [ 'pg_execute_server_program', 'critical' ],
	$major >= 16 ? [ 'pg_create_subscription', 'info' ] : (), $major >= 17 ? [ 'pg_maintain', 'info' ] : ());
value($node, 'GRANT pg_read_all_data, pg_write_all_data, pg_signal_backend, pg_read_all_settings TO app');
is(show(rows($node)), '', 'predefined roles that row level security stops are none of ours');
value($node, 'REVOKE pg_read_all_data, pg_write_all_data, pg_signal_backend, pg_read_all_settings FROM app');
endangers('lo_import', 'critical', qr/^role "app" may call lo_import\(text\)/, do => 'GRANT EXECUTE ON FUNCTION lo_import(text) TO app');
endangers('lo_export, for everybody', 'critical', qr/^everybody may call lo_export\(oid,text\)/, do => 'GRANT EXECUTE ON FUNCTION lo_export(oid, text) TO PUBLIC');
if ($major >= 15)
{
	endangers('a setting that is a program', 'critical', qr/^role "app" may set archive_command, and so what the server runs/, do => 'GRANT ALTER SYSTEM ON PARAMETER archive_command TO app');
	endangers('a setting that is a library', 'critical', qr/^everybody may set session_preload_libraries/, do => 'GRANT SET ON PARAMETER session_preload_libraries TO PUBLIC');
	endangers('a setting of ours', 'warning', qr/^role "app" may set secrets\.redact_logs, and so what keeps secrets/, do => 'GRANT ALTER SYSTEM ON PARAMETER secrets.redact_logs TO app');
	endangers('a setting of the log', 'warning', qr/^role "app" may set log_min_messages/, do => 'GRANT SET ON PARAMETER log_min_messages TO app');
	value($node, 'GRANT SET ON PARAMETER work_mem TO app');
	is(show(rows($node)), '', 'other settings may be given');
}
value($node, 'ALTER ROLE app CREATEROLE');
if ($major < 16)
{
	endangers('CREATEROLE', 'critical', qr/^role "app" has CREATEROLE/, do => 'SELECT 1');
}
else
{
	is(show(rows($node)), '', 'CREATEROLE gives nothing that one does not have');
	value($node, 'ALTER ROLE app NOCREATEROLE');
}
value($node, 'ALTER ROLE app BYPASSRLS');
is(show(rows($node)), '', 'BYPASSRLS alone reads nothing of ours');
value($node, 'ALTER ROLE app NOBYPASSRLS');
endangers('BYPASSRLS, and all data to read', 'info', qr/^role "dumper" has BYPASSRLS and the privileges of pg_read_all_data/, do => 'ALTER ROLE dumper BYPASSRLS');
endangers('BYPASSRLS, and all data to write', 'critical', qr/^role "app" has BYPASSRLS and the privileges of pg_write_all_data: it can write rules for itself/,
	do => 'GRANT pg_write_all_data TO app; ALTER ROLE app BYPASSRLS', undo => 'REVOKE pg_write_all_data FROM app');
endangers('a replicator that is more', 'info', qr/^role "replicator" has REPLICATION and owns things/, do => 'CREATE SCHEMA AUTHORIZATION replicator', mend => 'DROP SCHEMA replicator');
endangers('another superuser', 'info', qr/^role "admin" is a superuser and may log in/, do => 'CREATE ROLE admin SUPERUSER LOGIN', mend => 'ALTER ROLE admin NOLOGIN', undo => 'DROP ROLE admin');
endangers('an untrusted language', 'info', qr/^language "wild" is untrusted/, do => 'CREATE LANGUAGE wild HANDLER plpgsql_call_handler');
value($node, 'CREATE LANGUAGE wild HANDLER plpgsql_call_handler; CREATE FUNCTION public.wild() RETURNS int LANGUAGE wild AS $$BEGIN RETURN 1; END$$; ALTER FUNCTION public.wild() OWNER TO app');
like(show(rows($node)), qr/^warning \| function public\.wild\(\) is in the untrusted language "wild" and belongs to role "app", who is no superuser \|.*\ninfo \| language "wild"/, 'a function in it of somebody else');
value($node, 'DROP LANGUAGE wild CASCADE');
is(show(rows($node)), '', 'gone');

# ---- rules ----

foreach my $privilege (qw(read write decrypt lease))
{
	endangers("$privilege for everybody", 'warning', qr/^every role of this cluster may $privilege "open\/\*\*"/, do => "SELECT secrets.grant('$privilege', 'open/**', 'public')");
}
value($node, q{SELECT secrets.grant('list, verify, encrypt', 'open/**', 'public'), secrets.deny('read', 'closed/**', 'public'), secrets.grant('read', 'early/**', 'public', valid_until => now() + interval '1 hour')});
value($node, q{UPDATE secrets_catalog.rule SET valid_from = '2020-01-01', valid_until = '2020-01-02' WHERE pattern = 'early/**'});
is(show(rows($node)), '', 'what gives no value away, denies, or is over');
# Who operates need not know names.
value($node, q{CREATE ROLE operator LOGIN; SELECT secrets.grant('operate', '**', 'operator'), secrets.grant('read', 'canary/name', 'public')});
my $seen = value($node, q{SET ROLE operator; SELECT what, advice FROM secrets.check()});
like($seen, qr/^every role of this cluster may read what rule [0-9a-f-]{36} names\|SELECT \* FROM secrets\.lint\(\)/m, 'an operator is told the rule');
unlike($seen, qr/canary/, 'and not the name');
value($node, q{SELECT secrets.grant('list', '**', 'operator')});
like(value($node, q{SET ROLE operator; SELECT what FROM secrets.check()}), qr{may read "canary/name"$}m, 'unless it may list it');
value($node, q{SELECT secrets.revoke('all', 'canary/name', 'public')});

# ---- the network ----

sub with_lines { my ($lines) = @_; return (do => sub { write_hba("$well_hba$lines\n") }, mend => sub { write_hba($well_hba) }); }
sub with_first { my ($lines) = @_; return (do => sub { write_hba("$lines\n$well_hba") }, mend => sub { write_hba($well_hba) }); }
foreach (
	[ 'host all app 203.0.113.0/24 scram-sha-256', qr/\(host, database all, user app, from 203\.0\.113\.0 255\.255\.255\.0\) lets connections in that are not encrypted/ ],
	[ 'hostnossl all app 2001:db8::/32 cert', undef ],
	[ 'hostnossl app app 2001:db8::/32 scram-sha-256', qr/not encrypted/ ],
	[ 'hostnogssenc all app samenet scram-sha-256', qr/from samenet\) lets connections in that are not encrypted/ ],
	[ 'host all app db.example.com scram-sha-256', qr/from db\.example\.com\) lets/ ],
	[ 'host all app 127.0.0.1/4 scram-sha-256', qr/not encrypted/ ],
	[ 'hostssl all app 203.0.113.0/24 md5', qr/takes passwords by md5/ ],
	[ 'local all app md5', qr/\(local, database all, user app\) takes passwords by md5/ ],
	[ 'hostssl all app 203.0.113.0/24 password', qr/has passwords sent as they are/ ],
	[ 'host all app ::1/128 password', qr/has passwords sent as they are/ ],
	[ 'local all app trust', qr/asks for nothing: who comes by it is whoever he says/ ],
	[ 'host app all 127.0.0.1/32 trust', qr/asks for nothing/ ],
	[ 'hostssl all app 203.0.113.0/24 ident', qr/believes what the other machine says/ ])
{
	my ($line, $pattern) = @$_;
	next unless $pattern;
	endangers("pg_hba.conf, $line", 'warning', qr/^line 1 of .*$pattern/, with_first($line));
}
endangers('pg_hba.conf, trust from elsewhere', 'critical', qr/^line 1 of .*asks for nothing/, with_first('hostssl all app 203.0.113.0/24 trust'));
foreach my $line ('host all app 203.0.113.0/24 password', 'host all app 203.0.113.0/24 ldap ldapserver=ldap.example.com ldapprefix="cn=" ldapsuffix=""')
{
	write_hba("$line\n$well_hba");
	like(show(rows($node)), qr/^critical \| line 1 of [^\n]*has passwords sent in the clear, and the connection too[^\n]*\nwarning \| line 1 of [^\n]*not encrypted[^\n]*$/, "pg_hba.conf, $line");
}
endangers('pg_hba.conf, a password in it', 'warning', qr/^line 1 of .*has ldapbindpasswd in it, in the clear/,
	with_first('hostssl all app 203.0.113.0/24 ldap ldapserver=ldap.example.com ldapbasedn="dc=x" ldapbinddn="cn=x" ldapbindpasswd="canary"'));
endangers('pg_hba.conf, a line that is wrong', 'info', qr/^line 1 of .*is wrong, so the server goes on with an older/, with_first('host all app nonsense/99 scram-sha-256'));

# Lines that nobody reaches, or that let nobody in, are no danger.
foreach my $lines ("hostnossl all all all reject\nhost all all 203.0.113.0/24 scram-sha-256", "host all app 203.0.113.0/24 reject\nhost all app 203.0.113.0/24 trust",
	"hostnossl all all 0.0.0.0/0 reject\nhost app app 203.0.113.0/24 scram-sha-256", "local all all peer\nlocal all app trust", "local all all peer\nlocal app app md5",
	"host all app samehost scram-sha-256", "host all app localhost scram-sha-256", "host all app 127.1.2.3/16 scram-sha-256", "hostgssenc all app 203.0.113.0/24 gss", "hostssl all app all cert",
	"host all all all reject\nhost all all 0.0.0.0/0 trust\nhost all all ::/0 password")
{
	write_hba("$lines\n$well_hba");
	is(show(rows($node)), '', "pg_hba.conf, no danger: $lines");
}
# But these do not keep all of it away.
foreach my $lines ("hostnossl all all 0.0.0.0/0 reject\nhost all all 2001:db8::/32 scram-sha-256", "hostnossl app all all reject\nhost all app 203.0.113.0/24 scram-sha-256",
	"hostnossl all app all reject\nhost all all 203.0.113.0/24 scram-sha-256", "hostnossl all all all reject\nhost replication app 203.0.113.0/24 scram-sha-256",
	"hostssl all all all scram-sha-256\nhost all app all scram-sha-256", "hostnossl all all 203.0.113.0/24 reject\nhost all all 203.0.112.0/24 scram-sha-256")
{
	write_hba("$lines\n$well_hba");
	like(show(rows($node)), qr/^warning \| line 2 of [^\n]*not encrypted[^\n]*$/, "pg_hba.conf, a danger: $lines");
}
write_hba($well_hba);
is(show(rows($node)), '', 'pg_hba.conf as it was');

configure($node, q{ssl = off}, 'reload');
wait_for(sub { value($node, 'SHOW ssl') eq 'off' }, 'reload');
like(show(rows($node)), qr/^warning \| ssl is off, and listen_addresses is "0\.0\.0\.0"[^\n]*$/, 'no TLS');
follow((rows($node))[0][2]);
wait_for(sub { !rows($node) }, 'TLS');
value($node, $forget);
# Who does not listen need not encrypt.
configure($node, "ssl = off\nlisten_addresses = 'localhost, 127.0.0.2'", 'restart');
write_hba("host all app 203.0.113.0/24 trust\n$well_hba");
is(show(rows($node)), '', 'nobody comes from elsewhere to who listens at home only');
write_hba($well_hba);
configure($node, $well, 'restart');

foreach my $encryption ('md5')
{
	value($node, "SET password_encryption = md5; ALTER ROLE app PASSWORD 'canary'");
	endangers('a password by md5', 'warning', qr/^the password of role "app" is kept as an MD5 sum/, do => 'SELECT 1', mend => q{SET password_encryption = 'scram-sha-256'; ALTER ROLE app PASSWORD 'canary'});
}

# ---- our own objects ----

my %elsewhere = (name => 'public.anything');
value($node, q{CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$});
endangers('row level security off', 'critical', qr/^row level security is off on table secrets_catalog\.rule/, do => 'ALTER TABLE secrets_catalog.rule DISABLE ROW LEVEL SECURITY');
endangers('a policy', 'critical', qr/^policy "open" lets somebody at rows of table secrets_catalog\.secret/, do => 'CREATE POLICY open ON secrets_catalog.secret USING (true)');
endangers('a table of somebody else', 'critical', qr/^secrets_catalog\.stage belongs to role "app"/, do => 'ALTER TABLE secrets_catalog.stage OWNER TO app');
endangers('a table that crashes empty', 'critical', qr/^table secrets_catalog\.stage is unlogged/, do => 'ALTER TABLE secrets_catalog.stage SET UNLOGGED');
endangers('privileges on a table', 'warning', qr/^role "app" has privileges on table secrets_catalog\.version/, do => 'GRANT SELECT, INSERT ON secrets_catalog.version TO app');
endangers('privileges on a column', 'warning', qr/^everybody has privileges on table secrets_catalog\.secret/, do => 'GRANT SELECT (name) ON secrets_catalog.secret TO PUBLIC', mend => 'REVOKE ALL (name) ON secrets_catalog.secret FROM PUBLIC');
endangers('making things in our schema', 'warning', qr/^role "app" may create things in schema secrets:/, do => 'GRANT CREATE ON SCHEMA secrets TO app');
endangers('a trigger on the inbox', 'critical', qr/^trigger "spy" on secrets\.inbox is not of the extension/, do => 'CREATE TRIGGER spy INSTEAD OF INSERT ON secrets.inbox FOR EACH ROW EXECUTE FUNCTION public.spy()');
endangers('a trigger on a table', 'critical', qr/^trigger "spy" on secrets_catalog\.version is not of the extension/, do => 'CREATE TRIGGER spy AFTER INSERT ON secrets_catalog.version FOR EACH ROW EXECUTE FUNCTION public.spy()');
endangers('a rule on the inbox', 'critical', qr/^rule "spy" on secrets\.inbox is not of the extension/, do => 'CREATE RULE spy AS ON INSERT TO secrets.inbox DO ALSO NOTIFY spied');
endangers('a function beside ours', 'critical', qr/^function secrets\.get\(text\) is in our schema and not of the extension/, do => 'CREATE FUNCTION secrets.get(name text) RETURNS text LANGUAGE sql AS $$SELECT name$$');
endangers('a procedure beside ours', 'critical', qr/^function secrets\.rekey\(\) is in our schema and not of/, do => 'CREATE PROCEDURE secrets.rekey() LANGUAGE sql AS $$SELECT 1$$');
endangers('a table beside ours', 'warning', qr/^secrets\.mine is in our schema and not of the extension/, do => 'CREATE TABLE secrets.mine (id int)', mend => 'DROP TABLE secrets.mine');
endangers('a function in place of ours', 'critical', qr/^function secrets\.current_version\(text\) is not what the extension made/,
	do => q{CREATE OR REPLACE FUNCTION secrets.current_version(name text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'},
	mend => q{CREATE OR REPLACE FUNCTION secrets.current_version(name text) RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE AS '$libdir/secrets', 'secrets_current_version'});
endangers('one of ours as its owner', 'critical', qr/^function secrets\.random_password\(integer,text\) is not what the extension made/,
	do => 'ALTER FUNCTION secrets.random_password(int, text) SECURITY DEFINER', mend => 'ALTER FUNCTION secrets.random_password(int, text) SECURITY INVOKER');
# The audit's worker sets them back, by and by: perhaps before we have looked.
my $trigger = value($node, q{SELECT tgname FROM pg_trigger WHERE tgrelid = 'secrets_catalog.rule'::regclass AND NOT tgisinternal ORDER BY 1 LIMIT 1});
foreach my $state ('DISABLE', 'ENABLE', 'ENABLE REPLICA')
{
	endangers("a trigger: $state", 'warning', qr/^trigger "\Q$trigger\E" on table secrets_catalog\.rule does not fire always/, do => "ALTER TABLE secrets_catalog.rule $state TRIGGER $trigger", again => 1);
}

endangers('FOR ALL TABLES', 'warning', qr/^publication "everything" is FOR ALL TABLES/, do => 'CREATE PUBLICATION everything FOR ALL TABLES');
endangers('a publication of a table', 'warning', qr/^publication "chosen" has table secrets_catalog\.audit_event/, do => 'CREATE PUBLICATION chosen FOR TABLE secrets_catalog.audit_event, public.anything', undo => 'DROP PUBLICATION chosen');
endangers('a publication of our schema', 'warning', qr/^publication "ours" has schema secrets_catalog/, do => 'CREATE PUBLICATION ours FOR TABLES IN SCHEMA secrets_catalog, public', undo => 'DROP PUBLICATION ours') if $major >= 15;
value($node, 'CREATE PUBLICATION fine FOR TABLE public.anything');
is(show(rows($node)), '', 'a publication of other tables');
value($node, q{CREATE SUBSCRIPTION sub CONNECTION 'host=/nowhere dbname=nothing' PUBLICATION p WITH (connect = false)});
is(show(rows($node)), '', 'a subscription without a password');
endangers('a subscription into a table', 'warning', qr/^subscription "sub" writes into table secrets_catalog\.rule/,
	do => q{INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, 'secrets_catalog.rule'::regclass, 'r' FROM pg_subscription},
	mend => q{DELETE FROM pg_subscription_rel});

# ---- what is stored in the clear ----

foreach my $conninfo ('host=/nowhere dbname=nothing password=canary', 'postgresql://app:canary@nowhere/nothing', 'host=/nowhere sslpassword=canary')
{
	endangers("a subscription with a password: $conninfo", 'warning', qr/^subscription sub has a password in the clear/, do => "ALTER SUBSCRIPTION sub CONNECTION '$conninfo'",
		mend => q{ALTER SUBSCRIPTION sub CONNECTION 'host=/nowhere dbname=nothing passfile=/x sslkey=/y'});
}
value($node, 'ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub');

value($node, 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.f (id int) SERVER s');
endangers('a user mapping', 'warning', qr/^the user mapping of role "app" for server "s" has password in the clear, for superusers, pg_read_all_data, role "dumper", and every dump/,
	do => q{CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'x', password 'canary')});
value($node, q{ALTER USER MAPPING FOR app SERVER s OPTIONS (ADD password_required 'false', sslcert '/x', passfile '/y')});
is(show(rows($node)), '', 'one without a password');
endangers('a user mapping of everybody', 'warning', qr/^the user mapping of everybody for server "s" has api_key, passwd in the clear/,
	do => q{CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (passwd 'canary', api_key 'canary')});
endangers('a server', 'critical', qr/^server s has token in the clear, which every role can read/, do => q{ALTER SERVER s OPTIONS (token 'canary')});
endangers('a wrapper', 'critical', qr/^foreign-data wrapper w has aws_secret_access_key in the clear/, do => q{ALTER FOREIGN DATA WRAPPER w OPTIONS (aws_secret_access_key 'canary')});
endangers('a foreign table', 'critical', qr/^foreign table public\.f has password in the clear/, do => q{ALTER FOREIGN TABLE public.f OPTIONS (password 'canary')});
endangers('a foreign column', 'critical', qr/^foreign table public\.f has secret in the clear/, do => q{ALTER FOREIGN TABLE public.f ALTER id OPTIONS (secret 'canary')});
value($node, 'DROP FOREIGN DATA WRAPPER w CASCADE');

foreach my $setting ('app.jwt_secret', 'app.password', 'App.Api_Key', 'app.key', 'app.signing_key', 'app.github_token', 'app.dbpassword')
{
	endangers("a setting $setting", 'critical', qr/^setting \Q$setting\E of database "postgres" looks like a secret/i, do => "ALTER DATABASE postgres SET $setting = 'canary'");
}
endangers('of a role in a database', 'critical', qr/^setting app\.secret of role "app" in database "postgres" looks like a secret/, do => q{ALTER ROLE app IN DATABASE postgres SET app.secret = 'canary'});
value($node, qq{ALTER ROLE app SET app.$_}) foreach q{password_length = '12'}, q{has_secrets = 'on'}, q{monkey = 'banana'}, q{keyboard = 'qwertz'}, q{secret = ''};
value($node, q{ALTER ROLE app SET secrets.actor = 'somebody'});
is(show(rows($node)), '', 'these are none');
endangers('a setting in a file', 'critical', qr/^setting app\.secret looks like a secret, and every role can SHOW it/, do => set(q{app.secret = 'canary'}),
	mend => sub { (my $text = slurp_file("$data/postgresql.conf")) =~ s/^app\.secret.*\n//m; unlink "$data/postgresql.conf"; append_to_file("$data/postgresql.conf", $text); $node->reload });
endangers('a password in a command', 'warning', qr/^setting restore_command seems to have a password in it/, do => set(q{restore_command = 'PGPASSWORD=canary cp %f %p'}), mend => set(q{restore_command = ''}));
endangers('among the arguments of another', 'warning', qr/^setting archive_cleanup_command seems to have a password in it/, do => set(q{archive_cleanup_command = 'clean --secret-key=/x --token "canary" %r'}), mend => set(q{archive_cleanup_command = ''}));
foreach my $command ('cp /secret /token/%f %p', 'send --password-file=/x %p', 'TOKEN=$(cat /x) send %p', 'send --token "$TOKEN" %p')
{
	configure($node, "restore_command = '$command'", 'reload');
	wait_for(sub { value($node, 'SHOW restore_command') eq $command }, 'reload');
	is(show(rows($node)), '', "none in: $command");
}
configure($node, q{restore_command = ''}, 'reload');
endangers('primary_conninfo', 'warning', qr/^setting primary_conninfo has a password in the clear/, do => set(q{primary_conninfo = 'host=x password=canary'}), mend => set(q{primary_conninfo = 'host=x passfile=/y'}));
endangers('secrets.audit_conninfo', 'warning', qr/^setting secrets\.audit_conninfo has a password in the clear/, do => set(q{secrets.audit_conninfo = 'host=x password=canary'}), mend => set(q{secrets.audit_conninfo = ''}));

# ---- code ----

my @literals = (
	[ 'secrets.put()', q{SELECT secrets.put('a', 'canary')} ], [ 'secrets.put()', q{SELECT SECRETS . put ( 'a' , 'canary'::text, NULL)} ], [ 'secrets.put()', q{SELECT secrets."put"(value => 'canary', name => 'a')} ],
	[ 'secrets.put()', q{SELECT secrets.put(name := 'a', value := CAST('canary' AS text))} ], [ 'secrets.put()', q{SELECT secrets.put('a', E'canary')} ], [ 'secrets.put()', q{SELECT secrets.put('a', text 'canary')} ],
	[ 'secrets.put_bytes()', q{SELECT secrets.put_bytes('a', '\x63616e617279')} ], [ 'secrets.patch()', q{SELECT secrets.patch('a', '{"password": "canary"}'::jsonb)} ],
	[ 'secrets.inbox', q{INSERT INTO secrets.inbox VALUES ('a', 'canary')} ], [ 'secrets.inbox', q{INSERT INTO secrets.inbox (name, value) SELECT 'a', 'canary'} ], [ 'secrets.inbox', q{INSERT INTO secrets.inbox (value, name) VALUES (name, 'b'), ('canary', 'a')} ],
	[ 'secrets.put()', q{EXECUTE 'SELECT secrets.put(''a'', ''canary'')'} ], [ 'secrets.put()', q{EXECUTE format('SELECT secrets.put(%L, ''canary'')', name)} ], [ 'PASSWORD', q{ALTER ROLE app PASSWORD 'canary'} ],
	[ 'PASSWORD', q{EXECUTE 'CREATE ROLE x ENCRYPTED PASSWORD ''canary'''} ], [ 'password=', q{PERFORM dblink('host=x password=canary', 'SELECT 1')} ]);
foreach (@literals)
{
	my ($where, $code) = @$_;
	value($node, 'DROP FUNCTION IF EXISTS public.f');
	endangers("a function with a value: $code", 'critical', qr/^a value stands in function public\.f\(\), at \Q$where\E, where every role can read it/,
		do => "SET check_function_bodies = off; CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS \$body\$DECLARE name text; BEGIN $code; END\$body\$", mend => 'DROP FUNCTION public.f');
}
my @none = (q{SELECT secrets.put('a', v)}, q{SELECT secrets.put('a', '')}, q{SELECT secrets.put('a', 'prefix' || v)}, q{SELECT secrets.put('a', $1, description => 'not canary')}, q{SELECT secrets.put('a', lower('X'))}, q{SELECT hstore.put('a', 'b')},
	q{EXECUTE format('SELECT secrets.put(%L, %L)', n, v)}, q{EXECUTE 'SELECT secrets.put(''a'', $1)' USING v}, q{EXECUTE 'SELECT secrets.put(''a'', ''' || v || ''')'}, q{EXECUTE format('ALTER ROLE %I PASSWORD %L', n, v)},
	q{ALTER ROLE app PASSWORD NULL}, q{ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5'}, q{PERFORM dblink('host=x password=' || v, 'SELECT 1')}, q{PERFORM format('host=x password=%s', v)}, q{-- secrets.put('a', 'x')},
	q{SELECT secrets.get('a', 'field')}, q{INSERT INTO secrets.inbox (name, value) VALUES ('a', v)}, q{INSERT INTO secrets.inbox (name, value) SELECT 'a', v}, q{SELECT secrets.generate('a', 'password')});
value($node, qq{SET check_function_bodies = off; CREATE FUNCTION public.none_$_() RETURNS void LANGUAGE plpgsql AS \$body\$BEGIN $none[$_]\n; END\$body\$}) foreach 0 .. $#none;
is(show(rows($node)), '', 'functions without one');
value($node, "DROP FUNCTION public.none_$_") foreach 0 .. $#none;

value($node, 'CREATE TABLE public.t (id int, v text)');
foreach (
	[ 'view public.v', q{CREATE VIEW public.v AS SELECT secrets.put('a', 'canary')}, 'DROP VIEW public.v' ],
	[ 'the default of column v of table public.t', q{ALTER TABLE public.t ALTER v SET DEFAULT secrets.put('a', 'canary')::text}, 'ALTER TABLE public.t ALTER v DROP DEFAULT' ],
	[ 'a rule on public.t', q{CREATE RULE r AS ON INSERT TO public.t DO ALSO SELECT secrets.put('a', 'canary')}, 'DROP RULE r ON public.t' ],
	[ 'a rule on public.t', q{CREATE RULE r AS ON INSERT TO public.t DO ALSO INSERT INTO secrets.inbox (name, value) VALUES ('a', 'canary')}, 'DROP RULE r ON public.t' ],
	[ 'policy p on public.t', q{CREATE POLICY p ON public.t USING (secrets.put('a', 'canary') > 0)}, 'DROP POLICY p ON public.t' ],
	[ 'constraint c of public.t', q{ALTER TABLE public.t ADD CONSTRAINT c CHECK (secrets.put('a', 'canary') > 0)}, 'ALTER TABLE public.t DROP CONSTRAINT c' ],
	[ 'trigger tr on public.t', q{CREATE TRIGGER tr BEFORE INSERT ON public.t FOR EACH ROW WHEN (secrets.put('a', 'canary') > 0) EXECUTE FUNCTION public.spy()}, 'DROP TRIGGER tr ON public.t' ],
	[ 'function public.f()', q{CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT secrets.put('a', 'canary'); END}, 'DROP FUNCTION public.f' ])
{
	my ($what, $do, $mend) = @$_;
	endangers("$what with a value", 'critical', qr/^a value stands in \Q$what\E, at secrets\./, do => $do, mend => $mend);
}
value($node, q{CREATE VIEW public.v AS SELECT secrets.put('a', v) FROM public.t});
is(show(rows($node)), '', 'a view without one');
value($node, 'DROP VIEW public.v');
endangers('a default', 'critical', qr/^column v of table public\.t is filled with what functions of ours give/, do => q{ALTER TABLE public.t ALTER v SET DEFAULT secrets.get('app/db')});

# Functions that are given values, and functions that lend them.
my $store = q{CREATE FUNCTION public.store(v text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN secrets.put(''a'', v); END'};
endangers('a wrapper', 'warning', qr/^function public\.store\(text\) stores what it is given, and is not in secrets\.redact_functions/, do => $store);
is(value($node, 'SHOW secrets.redact_functions'), 'public.store', 'the advice names it');
endangers('another one', 'warning', qr/^function public\."Keep"\(text,text\) stores/, do => q{CREATE FUNCTION public."Keep"(n text, v text) RETURNS void LANGUAGE sql AS 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)'});
is(value($node, 'SHOW secrets.redact_functions'), 'public.store, public."Keep"', 'beside the first');
endangers('one that calls one', 'warning', qr/^function public\.outer_one\(text\) stores/, do => q{CREATE FUNCTION public.outer_one(v text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN store(v); END'});
value($node, q{CREATE FUNCTION public.no_argument() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN secrets.put(''a'', gen_random_uuid()::text); END'});
value($node, q{CREATE FUNCTION public.on_insert() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM secrets.put(NEW.id::text, NEW.v); RETURN NULL; END'});
endangers('a table with a trigger', 'warning', qr/^table public\.logins has a trigger that stores what is written there, by function public\.on_insert\(\), and is not in secrets\.redact_functions/,
	do => 'CREATE TABLE public.logins (id int, v text); CREATE TRIGGER keep AFTER INSERT ON public.logins FOR EACH ROW EXECUTE FUNCTION public.on_insert()');
is(show(rows($node)), '', 'what no statement gives a value to');
value($node, 'DROP TABLE public.logins; DROP FUNCTION public.store, public."Keep", public.outer_one, public.no_argument, public.on_insert');
value($node, $forget);
$node->reload;

my $lend = q{CREATE FUNCTION public.lend() RETURNS text LANGUAGE plpgsql SECURITY DEFINER %s AS 'BEGIN RETURN secrets.get(''app/db''); END'};
endangers('a lender for everybody', 'warning', qr/^function public\.lend\(\) calls secrets\.get\(\) as its owner, and every role may call it/, do => sprintf($lend, 'SET search_path = pg_catalog, pg_temp'), undo => 'DROP FUNCTION public.lend');
endangers('a lender by any path', 'warning', qr/^function public\.lend\(\) calls secrets\.get\(\) as its owner, by the search_path of whoever calls it/, do => sprintf($lend, '') . '; REVOKE EXECUTE ON FUNCTION public.lend FROM PUBLIC', undo => 'DROP FUNCTION public.lend');
value($node, 'CREATE SCHEMA closed; ' . sprintf($lend, 'SET search_path = pg_catalog, pg_temp') . '; ALTER FUNCTION public.lend SET SCHEMA closed');
is(show(rows($node)), '', 'one that is in nobody\'s reach');
value($node, 'DROP SCHEMA closed CASCADE');

# Jobs of pg_cron.
foreach (
	[ 'critical', 'secrets.put()', q{SELECT secrets.put('a', 'canary')}, qr/^a value stands in the command of job \d+ of role "postgres", at secrets\.put\(\)/ ],
	[ 'critical', 'PASSWORD', q{ALTER ROLE app PASSWORD 'canary'}, qr/^a value stands in the command of job \d+ of role "postgres", at PASSWORD/ ],
	[ 'info', 'secrets.get()', q{SELECT secrets.get('app/db')}, qr/^job \d+ of role "postgres" calls secrets\.get\(\)/ ],
	[ 'info', 'secrets.put()', q{SELECT secrets.put('a', v) FROM public.t}, qr/^job \d+ of role "postgres" calls secrets\.put\(\)/ ])
{
	my ($severity, $name, $command, $pattern) = @$_;
	my $how = $severity eq 'critical' ? undef : q{SELECT cron.unschedule('bad')};
	endangers("a job: $command", $severity, $pattern, do => "SELECT cron.schedule('bad', '0 0 1 1 *', \$command\$$command\$command\$)", $how ? (mend => $how) : ());
}
value($node, q{SELECT cron.schedule('good', '0 0 1 1 *', 'SELECT count(*) FROM secrets.overdue()')});
is(show(rows($node)), '', 'a job that gives nothing away');
value($node, q{SELECT cron.unschedule('good')});

# ---- many of a kind ----

value($node, q{DO 'BEGIN FOR i IN 10..40 LOOP EXECUTE format(''CREATE ROLE many_%s IN ROLE pg_read_server_files'', i); END LOOP; END'});
@rows = rows($node);
is(scalar @rows, 21, 'of one kind so many rows');
like(show($rows[20]), qr/^critical \| there are 11 more like the one before/, 'and how many more there are');
value($node, q{DO 'BEGIN FOR i IN 10..40 LOOP EXECUTE format(''DROP ROLE many_%s'', i); END LOOP; END'});
# The worst first.
value($node, q{GRANT pg_read_server_files TO app; ALTER ROLE app SET log_parameter_max_length_on_error = 1; ALTER ROLE dumper BYPASSRLS; CREATE PUBLICATION everything FOR ALL TABLES});
is(join(' ', map { $_->[0] } rows($node)), 'critical warning warning info', 'the worst comes first');
value($node, q{REVOKE pg_read_server_files FROM app; ALTER ROLE app RESET ALL; ALTER ROLE dumper NOBYPASSRLS; DROP PUBLICATION everything});
is(show(rows($node)), '', 'all mended');

# ---- whoever asks ----

# Words that mean something else in the asker's search_path, or to his settings, mean nothing here.
value($node, q{CREATE SCHEMA evil; CREATE FUNCTION evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END';
	CREATE FUNCTION evil.eq(name, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''evil''; END'; CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.eq); CREATE VIEW evil.pg_roles AS SELECT 1 / 0 AS oid});
is(value($node, q{SET search_path = evil, pg_catalog; SET standard_conforming_strings = off; SET quote_all_identifiers = on; SET default_transaction_read_only = on; SET enable_seqscan = off; SELECT count(*) FROM secrets.check() WHERE what !~ '^PostgreSQL'}), 0, 'the asker\'s settings change nothing');
is(value($node, q{SET search_path = evil; SELECT pg_catalog.count(*) FROM secrets.check(); SHOW search_path}) =~ /^\d\nevil$/ ? 1 : 0, 1, 'and are his own again');
value($node, 'DROP SCHEMA evil CASCADE');

foreach (
	[ 'app', '42501', 'one who reads' ], [ 'watcher', '42501', 'a monitor' ], [ 'operator', '', 'an operator' ], [ 'auditor', '', 'an auditor of everything' ], [ 'half', '42501', 'one of something' ])
{
	my ($role, $state, $who) = @$_;
	value($node, "DO 'BEGIN CREATE ROLE $role; EXCEPTION WHEN duplicate_object THEN NULL; END'");
	value($node, q{SELECT secrets.grant('audit', '**', 'auditor')}) if $role eq 'auditor';
	value($node, q{SELECT secrets.grant('audit', 'a/**', 'half')}) if $role eq 'half';
	is(run_sql($node, "SET ROLE $role; SELECT count(*) FROM secrets.check()")->{state}, $state, "$who: " . ($state || 'may'));
	value($node, 'SELECT secrets.seal()');
	is(run_sql($node, "SET ROLE $role; SELECT count(*) FROM secrets.check()")->{state}, $state, "$who, while it is sealed: " . ($state || 'may'));
	value($node, 'SELECT secrets.unseal()');
}

# An owner who is no superuser any more: what he may not see is said, and no error.
value($node, 'CREATE ROLE boss SUPERUSER LOGIN; CREATE DATABASE owned OWNER boss');
value($node, 'SET ROLE boss; CREATE EXTENSION secrets', 'owned');
value($node, 'ALTER ROLE boss NOSUPERUSER');
is(show(rows($node, db => 'owned')), '', 'a superuser sees it all the same');
value($node, q{SELECT secrets.grant('operate', '**', 'operator')}, 'owned');
foreach my $role ('boss', 'operator')
{
	like(value($node, "SET ROLE $role; SELECT severity, what FROM secrets.check() WHERE what !~ '^PostgreSQL'", 'owned'),
		qr/^info\|extension secrets belongs to role "boss", who is no superuser: [^\n]*were not looked at$/, "$role is told what was not looked at");
}
value($node, 'DROP DATABASE owned');

# ---- a standby ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
mkdir $standby->basedir . '/log';
configure($standby, "log_directory = '${\ $standby->basedir }/log'");
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(show(rows($standby)), '', 'a standby that is kept well');
value($node, 'GRANT pg_execute_server_program TO app');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(show(rows($standby)), qr/^critical \| role "app" is in pg_execute_server_program[^\n]*$/, 'a standby sees the primary\'s roles');
configure($standby, q{debug_print_plan = on}, 'reload');
wait_for(sub { value($standby, 'SHOW debug_print_plan') eq 'on' }, 'reload');
like(show(rows($standby)), qr/\ninfo \| setting debug_print_plan is "on"/, 'and its own settings');
$standby->stop;
value($node, 'REVOKE pg_execute_server_program FROM app');

# ---- the time ----

my ($faketime) = glob '/usr/lib/*/faketime/libfaketime.so.1';
ok($faketime, 'libfaketime is installed (Debian: faketime)') or die;
$node->stop;
{
	local $ENV{LD_PRELOAD} = $faketime;
	local $ENV{FAKETIME} = '@2031-01-01 00:00:00';
	local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
	$node->start;
}
is(scalar(grep { $_->[0] eq 'warning' && $_->[1] =~ /^PostgreSQL $major is not mended any more since 20\d\d-11-\d\d/ } all_rows($node)), 1, 'a version that has come to its end');
$node->restart;
# 14 has come to its end indeed.
is(scalar(grep { $_->[1] =~ /is not mended any more/ } all_rows($node)), $major == 14 ? 1 : 0, 'one that has not');

# ---- data checksums, and the end ----

$node->stop;
command_ok([ 'pg_checksums', '--disable', '-D', $data ], 'checksums off');
$node->start;
like(show(rows($node)), qr/^info \| data checksums are off: [^\n]*\| stop the server, and: pg_checksums --enable -D \Q$data\E$/, 'data checksums');
$node->stop;
command_ok([ 'pg_checksums', '--enable', '-D', $data ], 'by its advice');
$node->start;
is(show(rows($node)), '', 'and at the end all is well');
cmp_ok($mended_by{advice}, '>', 80, 'most were mended by what the advice says to type');

done_testing();
