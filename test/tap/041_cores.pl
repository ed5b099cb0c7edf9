# What is in memory when it is no longer needed, and who can read it.
#
# Keys are in the locked page, and in live cipher contexts of libcrypto's.  Of a
# value a backend has the copies that PostgreSQL makes of anything that passes, and
# none of ours.  To tell one from the other we look for forms that only our own code
# has (another encoding, JSON put together anew, what is generated here), which are to
# be nowhere; and count what passes beside plain functions of the same shape.
use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(hmac_sha256 sha256 sha512);
use Encode qw(decode encode);
use FindBin;
use lib "$FindBin::RealBin/lib";
use CoreTest;
use LoginTest;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

# Small, because all of it is read, over and over.
my $conf = "shared_buffers = 1MB\nsecrets.audit_queue_size = 1MB\nmax_connections = 20\nautovacuum = off\njit = off\nrestart_after_crash = on\n";

# The server's limit of cores is that of who starts it.
my $may_dump = system("prlimit --core=unlimited:unlimited --pid $$ 2>/dev/null") == 0 && slurp_file('/proc/sys/kernel/core_pattern') =~ /^core\b/;
note($may_dump ? 'the kernel writes cores here' : 'the kernel writes no cores here');

sub cores_of { my ($node) = @_; return glob $node->data_dir . '/core*'; }

# A backend dies as of a fault, and the server is up again.
sub crash
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;

	kill 'ABRT', $pid or die "$pid: $!";
	wait_for(sub { log_since($node, $offset) =~ /all server processes terminated; reinitializing/ }, 'the server to notice');
	wait_for(sub { run_sql($node, 'SELECT 1')->{out} eq '1' }, 'the restart after a crash');
	return;
}

# ---- as it comes: nobody reads it ----

my $closed = new_node('closed', conf => $conf);
my $client = open_client($closed);
my $put = random_text(40);
is(ask_bound($client, 'SELECT secrets.put($1, $2)', 'a', $put)->{out}, '1', 'a backend that has put');
is(ask_bound($client, 'SELECT secrets.get($1)', 'a')->{out}, $put, 'and got');

my @processes = (postmaster_of($closed), children_of(postmaster_of($closed)));
cmp_ok(scalar @processes, '>=', 6, 'processes of the server');
foreach my $pid (@processes)
{
	my $opened = open my $file, '<:raw', "/proc/$pid/mem";
	next if !$opened && ($!{ENOENT} || $!{ESRCH});	# it has ended
	ok(!$opened && $!{EACCES}, "the server's own user cannot open the memory of its " . command_of($pid)) or diag($!);
}
SKIP:
{
	skip 'no gdb', 1 if system('which gcore >/dev/null 2>&1') != 0;
	my $core = $closed->basedir . '/core';
	system("gcore -o $core $client->{pid} >/dev/null 2>&1");
	ok(!-e "$core.$client->{pid}", 'nor can a debugger of that user');
}

# ---- nor by SQL, whoever it is, short of superuser ----

# Every predefined role, and every function that has to do with files; but for pg_execute_server_program,
# which is to be the server's user.
value($closed, <<'END');
CREATE ROLE reader LOGIN;
GRANT CREATE ON SCHEMA public TO reader;
DO $$
DECLARE item text;
BEGIN
	FOR item IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'pg\_%' AND rolname NOT IN ('pg_execute_server_program', 'pg_database_owner')
	LOOP EXECUTE format('GRANT %I TO reader', item); END LOOP;
	FOR item IN SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^(pg_read_.*file|pg_stat_file|pg_ls_.*|lo_import|lo_export|pg_file_.*)$'
	LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO reader', item); END LOOP;
END $$;
END
my $has_fdw = value($closed, q{SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'});
value($closed, 'CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; GRANT USAGE ON FOREIGN SERVER files TO reader') if $has_fdw;
my $reader = open_client($closed, user => 'reader');
$reader->value(<<'END');
CREATE TABLE taken (line text);
-- What is there: its bytes, or why not.
CREATE FUNCTION try(path text, OUT bytes bytea, OUT state text) LANGUAGE plpgsql AS $$
BEGIN
	bytes := pg_read_binary_file(path, 0, 1000000);
EXCEPTION WHEN OTHERS THEN
	state := sqlstate;
END $$;
END
is($reader->value(q{SELECT length(bytes) > 0 FROM try('/proc/self/cmdline')}), 't', 'a role that reads files of the server');

# By what every process has, and what a directory of it leads to.
my $own = $reader->{pid};
$reader->value(q{SELECT lo_from_bytea(4711, 'x')});
foreach my $pid ((grep { -e "/proc/$_" } @processes), 'self')
{
	my $what = $pid eq 'self' ? 'its own process' : command_of($pid);
	my @directories = $pid eq 'self' ? ("/proc/self/task/$own") : ("/proc/$pid/task/$pid");
	my @paths = map { ("$_/mem", "$_/environ", "$_/auxv", "$_/pagemap") } "/proc/$pid", @directories;

	push @paths, '/proc/thread-self/mem' if $pid eq 'self';
	push @paths, map { "/proc/$pid/$_" } qw(maps smaps root/etc/passwd cwd/PG_VERSION exe fd/0 fd/1) if $pid ne 'self';
	my $list = join ', ', map { "'$_'" } @paths;
	is($reader->value("SELECT string_agg(path || ': ' || coalesce(state, 'read'), ', ') FROM unnest(ARRAY[$list]) path, try(path) WHERE state IS DISTINCT FROM '42501'"),
		'', "$what: 42501 for its memory and what leads to it");
	# Whatever else there is may be read: no key, and no value.
	opendir my $directory, '/proc/' . ($pid eq 'self' ? $own : $pid) or next;
	my $all = join ', ', map { "'/proc/$pid/$_'" } grep { !/^\./ } readdir $directory;
	is($reader->value(sprintf q{SELECT string_agg(path, ', ') FROM unnest(ARRAY[%s]) path, try(path)
			WHERE position('\x%s'::bytea IN bytes) > 0 OR position('\x%s'::bytea IN bytes) > 0 OR position('%s'::bytea IN bytes) > 0},
			$all, unpack('H*', $closed->{root_key}), unpack('H*', unpack 'H*', $closed->{root_key}), $put),
		'', "$what: nothing in any file that /proc has of it");
}
# One's own mappings are listed as files, too.
is($reader->value(q{SELECT count(*) > 10 FROM pg_ls_dir('/proc/self/map_files')}), 't', 'the mappings of its own process are listed');
is($reader->value(q{SELECT string_agg(DISTINCT coalesce(state, 'read'), ', ') FROM pg_ls_dir('/proc/self/map_files') name, try('/proc/self/map_files/' || name)}),
	'42501', 'and none of them can be opened');

# By other ways to a file, reading and writing.
foreach my $path ('/proc/self/mem', map { "/proc/$_/mem" } $client->{pid}, postmaster_of($closed))
{
	my %ways = (
		'COPY FROM' => "COPY taken FROM '$path'", 'COPY TO' => "COPY taken TO '$path'", 'lo_import' => "SELECT lo_import('$path')",
		'lo_export' => "SELECT lo_export(4711, '$path')", 'pg_read_file' => "SELECT pg_read_file('$path', 0, 10)",
		'pg_read_file, where it may be missing' => "SELECT pg_read_file('$path', 0, 10, true)");
	$ways{file_fdw} = "CREATE FOREIGN TABLE f (line text) SERVER files OPTIONS (filename '$path'); SELECT * FROM f" if $has_fdw;
	is($reader->ask("BEGIN; $ways{$_}; ROLLBACK")->{state}, '42501', "$_ $path: 42501"), $reader->ask('ROLLBACK') foreach sort keys %ways;
}

# The root key's file belongs to the server's user, who must read it: so who reads files as he does reads it, too.
# (secrets.check() names them; a command: can have it from where he cannot read.)  At least, it is not written over
# where its mode says so; and it can be away while the server runs.
my $key_file = $closed->{root_path};
is($reader->value("SELECT state IS NULL FROM try('$key_file')"), 't', 'the file of the root key is read by who reads files');
chmod 0400, $key_file or die $!;
is($reader->ask("COPY taken TO '$key_file'")->{state}, '42501', 'but not written, of mode 0400');
rename $key_file, "$key_file.away" or die $!;
is($reader->value("SELECT state FROM try('$key_file')"), '58P01', 'taken away, it is not read');
$reader->close;

crash($closed, $client->{pid});
is_deeply([ cores_of($closed) ], [], 'a backend that crashes leaves no core');
is(value($closed, q{SELECT secrets.get('a')}), $put, 'and the server goes on with its key, whose file is away');
$client->close;
$closed->stop;

# ---- from here on it can be read: what is there to be found? ----

my $node = new_node('opened', start => 0, extension => 0, conf => "${conf}secrets.allow_core = on\n");
let_in_by_password($node);
$node->start;
value($node, 'CREATE EXTENSION secrets');

# A new session that has done everything once: catalogs and plans are in its caches.
sub warm_client
{
	my (%options) = @_;
	my $new = open_client($node, %options);

	ask_bound($new, $_, 'warm', 'up') foreach ('SELECT secrets.put($1, $2)', 'SELECT plain.put($1, $2)');
	ask_bound($new, $_, 'warm') foreach ('SELECT secrets.get($1)', 'SELECT plain.get(reversed) FROM plain.t WHERE name = $1');
	return $new;
}

sub done
{
	my ($session, $sql, @values) = @_;
	my $answer = ask_bound($session, $sql, @values);

	die "$sql: $answer->{state} $answer->{err}" if $answer->{state} ne '';
	return $answer->{out};
}

# Plain functions of the same shape: they take and give, are as volatile, and keep nothing.
my $plain = <<'END';
CREATE SCHEMA plain;
CREATE FUNCTION plain.put(name text, value text, description text = NULL, tags jsonb = NULL, expires_at timestamptz = NULL,
	if_version bigint = NULL, options jsonb = '{}') RETURNS bigint VOLATILE LANGUAGE internal AS 'textpos';
CREATE FUNCTION plain.put_bytes(name text, value bytea, description text = NULL, tags jsonb = NULL, expires_at timestamptz = NULL,
	if_version bigint = NULL, options jsonb = '{}') RETURNS bigint VOLATILE LANGUAGE internal AS 'textpos';
CREATE FUNCTION plain.get(reversed text, field text = NULL, version bigint = NULL, stage text = NULL)
	RETURNS text VOLATILE LANGUAGE internal AS 'text_reverse';
CREATE FUNCTION plain.get_bytes(reversed text) RETURNS bytea VOLATILE LANGUAGE internal AS 'text_reverse';
CREATE TABLE plain.t (name text PRIMARY KEY, reversed text);
CREATE FUNCTION plain.get_many(names text[]) RETURNS TABLE (name text, version bigint, value text) VOLATILE LANGUAGE sql
	AS 'SELECT name, 1::bigint, plain.get(reversed) FROM plain.t WHERE name = ANY ($1)';
CREATE VIEW plain.inbox AS SELECT ''::text AS name, ''::text AS value WHERE false;
CREATE FUNCTION plain.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER swallow INSTEAD OF INSERT ON plain.inbox FOR EACH ROW EXECUTE FUNCTION plain.swallow();
SELECT secrets.put('warm', 'up');
INSERT INTO plain.t VALUES ('warm', 'pu');
END
value($node, $plain);
my $other = open_client($node);

# Nothing of these is in the memory of that process: { what => bytes }, whose pieces are looked for.
sub has_none
{
	my ($pid, $name, %forms) = @_;
	my %of = map { my $what = $_; map { $_ => $what } pieces_of($forms{$what}) } keys %forms;
	my $found = found_in(memory_of($pid), keys %of);
	my %told;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $piece (keys %$found) { $told{"$of{$piece} in $_"} += $found->{$piece}{$_} foreach keys %{ $found->{$piece} }; }
	return is_deeply(\%told, {}, $name);
}

# ---- keys ----

# Master keys, as the documented format has them: every wrap opened with nothing of ours but the root key.
my $unwrap = <<'END';
import base64, hashlib, hmac, struct, sys
sys.path.insert(0, sys.argv[1])
from sealed_box import box_seal, xaes_seal
from kdf import hkdf_one_block

root = bytes.fromhex(sys.argv[2])
wrapping = hkdf_one_block(root, b"secrets/wrap/v1")
for line in sys.stdin:
    key_id, version, text = line.split()
    text = text.split(":")[1]
    box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    fields = [bytes.fromhex(key_id), struct.pack(">Q", int(version))]
    bound = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    # GCM's stream undoes itself; that it is the key shows when it is sealed again.
    key = xaes_seal(wrapping, box[24:48], box[48:80], b"secrets/v1\0" + box[:48] + bound)[:32]
    assert box_seal(wrapping, 2, 0, struct.unpack(">I", box[4:8])[0], box[8:24], box[24:48], fields, key) == box
    print(key.hex())
END

sub master_keys
{
	my ($root) = @_;
	my $rows = value($node, sprintf q{SELECT replace(key_id::text, '-', '') || ' ' || version || ' ' || w::text FROM secrets_catalog.master_key, unnest(wraps) w
		WHERE substr(decode(translate(substr(w::text, 9), '-_', '+/') || repeat('=', (4 - length(substr(w::text, 9)) %% 4) %% 4), 'base64'), 9, 8) = '\x%s'
		ORDER BY version}, root_id($root));
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'python3', '-c', $unwrap, "$FindBin::RealBin/../vectors", unpack('H*', $root) ], '<', \$rows, '>', \$out, '2>', \$err)
	  or die "cannot unwrap: $err";
	return map { pack 'H*', $_ } split /\n/, $out;
}

# The key itself, and what an HMAC under it begins with.
sub bare { my ($name, $key) = @_; return ($name => $key, "$name, inner pad" => $key ^ ("\x36" x 32), "$name, outer pad" => $key ^ ("\x5c" x 32)); }

sub subkey { my ($key, $label) = @_; return hmac_sha256("$label\x01", hmac_sha256($key, "\0" x 32)); }

my $second_root = new_key();
write_key($node->basedir . '/second.key', $second_root);

# Puts, gets, fails, generates, and whatever handles keys.
sub use_keys
{
	my ($session) = @_;

	done($session, 'SELECT secrets.put($1, $2)', 'k/1', 'under the first');
	done($session, 'SELECT secrets.get($1)', 'k/1');
	done($session, 'SELECT secrets.generate($1)', 'k/2');
	ask_bound($session, 'SELECT secrets.put($1, $2, if_version => 7)', 'k/1', 'lost');
	done($session, 'SELECT secrets.rotate_master_key()');
	done($session, 'SELECT secrets.put($1, $2)', 'k/3', 'under the second');
	done($session, "SELECT secrets.add_root_key('file:@{[ $node->basedir ]}/second.key')");
	done($session, 'SELECT state FROM secrets.status()');
	done($session, 'SELECT secrets.get($1)', 'k/1');
	done($session, 'CALL secrets.rekey()');
	done($session, 'SELECT secrets.get($1)', 'k/3');
	done($session, 'SELECT count(*) FROM secrets.verify_audit()');
	return;
}

$client = warm_client();
use_keys($client);

# A rotator's process, held in the middle of it.
value($node, <<'END');
CREATE FUNCTION held(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	WHILE step = 'test' AND NOT pg_try_advisory_xact_lock(1) LOOP PERFORM pg_sleep(0.1); END LOOP;
	RETURN NULL;
END $$;
SELECT secrets.put('held', 'before'), secrets.schedule_rotation('held', 'manual', 'held');
END
my $holder = open_client($node);
$holder->value('SELECT pg_advisory_lock(1)');
value($node, q{SELECT secrets.rotate('held')});
wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets rotation' AND wait_event = 'PgSleep'}) == 1 }, 'the rotator');

my @masters = master_keys($node->{root_key});
is(scalar @masters, 2, 'two master keys, unwrapped without the server');
is_deeply([ master_keys($second_root) ], \@masters, 'by the other root key, too');

# What must not be anywhere, in whatever form a key could stand in a file as well.
my %nowhere = (
	bare('the root key', $node->{root_key}), bare('the second root key', $second_root),
	'the wrapping key' => subkey($node->{root_key}, 'secrets/wrap/v1'), "the root key's extract" => hmac_sha256($node->{root_key}, "\0" x 32));
# The value key is in a live cipher context as what AES's schedule of round keys begins with, once in a process that has used it.
my %in_context;
foreach my $i (0 .. $#masters)
{
	my $name = 'master key ' . ($i + 1);

	%nowhere = (%nowhere, bare($name, $masters[$i]), "$name, extract" => hmac_sha256($masters[$i], "\0" x 32),
		bare("$name, audit key", subkey($masters[$i], 'secrets/audit/v1')));
	$in_context{ subkey($masters[$i], 'secrets/values/v1') } = "value key of $name";
}
my %names = map { my $name = $_; map { $_ => $name } forms_of($nowhere{$name}) } keys %nowhere;
my @ids = map { pack 'H*', tr/-//dr } split /\n/, value($node, 'SELECT key_id FROM secrets_catalog.master_key');

my ($rotators, $contexts) = (0, 0);
foreach my $pid (postmaster_of($node), children_of(postmaster_of($node)))
{
	my $command = command_of($pid);
	my $memory = memory_of($pid, everything => 1) or next;
	my $found = found_in($memory, keys %names, keys %in_context, @ids);
	my @ready = map { $found->{$_}{heap} || 0 } grep { $in_context{$_} } keys %$found;

	# (Of secret memory, where the kernel has it, nobody reads even that much.)
	delete $found->{$_}{undumped} foreach $node->{root_key}, @masters;
	is_deeply([ sort map { $names{$_} } grep { $names{$_} && %{ $found->{$_} } } keys %$found ],
		[], "$command: keys, and what is derived from them, are in no memory but the page that no core has");
	is_deeply(\@ready, [ map { 1 } @ready ], "$command: but value keys, each in one context: " . @ready);
	ok((grep { $found->{$_} } @ids), "$command: the search finds a key's id, which is beside its context") if @ready;
	$rotators++ if $command =~ /^secrets rotation/;
	$contexts += @ready;
}
cmp_ok($rotators, '>=', 1, "the rotator's process was among them");
note("$contexts value keys in contexts, in all");
$holder->close;
wait_for(sub { value($node, q{SELECT last_status FROM secrets.rotations WHERE name = 'held'}) eq 'succeeded' }, 'the rotator to end');

# Sealed, not even contexts: as soon as a process is asked anything.
value($node, 'SELECT secrets.seal()');
is(ask_bound($client, 'SELECT secrets.get($1)', 'k/1')->{state}, '58000', 'sealed');
my %all = (%nowhere, reverse %in_context);
has_none($client->{pid}, 'sealed: no key of any kind in a core of a session that had them', %all);
value($node, 'SELECT secrets.unseal()');
$client->close;

# ---- values: no copy of ours, whatever way they come and go, and whatever fails ----

# In a database of another encoding ours is the only code that has them in UTF-8.
value($node, q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
value($node, "CREATE EXTENSION secrets; $plain", 'latin');

# Letters, and in every eight bytes of UTF-8 one that is another in LATIN1.
sub latin_text { my ($length) = @_; return join "\xe9", map { random_text(6) } 1 .. $length / 7; }
sub utf8_of { my ($latin) = @_; return encode('UTF-8', decode('ISO-8859-1', $latin)); }

sub latin_client
{
	my $session = warm_client(db => 'latin');

	$session->value(q{SET client_encoding = 'LATIN1'});
	return $session;
}
my $latin = latin_client();
$latin->value(q{SELECT secrets.put('expired', 'x', expires_at => '2001-01-01'), secrets.put('blocked', 'x'), secrets.put('text', 'x'),
	secrets.put('json', '{}'), secrets.put('rolled', 'x')});

# What is stored by another session under that name.
sub stored { my ($name, $value) = @_; done($latin, 'SELECT secrets.put($1, $2)', $name, $value); return; }

my $blocker = latin_client();
$blocker->value(q{BEGIN; SELECT secrets.put('blocked', 'held')});

# [name, what SQLSTATE it ends with, the statement, values; before => what is there before; value => what is looked for].
# V stands for the value.
sub calls
{
	my ($v) = @_;

	return (
		[ 'put', '', 'SELECT secrets.put($1, $2)', 'new', $v ],
		[ 'put, a literal', '', "SELECT secrets.put('literal', '$v')" ],
		[ 'put, a second version', '', 'SELECT secrets.put($1, $2)', 'text', $v ],
		[ 'put, said twice', '', 'SELECT secrets.put($1, $2, options => $3)', 'asked', $v, '{"request_id": "11111111-2222-3333-4444-555555555555"}' ],
		[ 'put jsonb', '', 'SELECT secrets.put($1, jsonb_build_object($2::text, $2::text))', 'object', $v ],
		[ 'inbox', '', 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)', 'boxed', $v ],
		[ 'patch', '', 'SELECT secrets.patch($1, $2::text)', 'json', qq({"a": "$v"}) ],
		[ 'patch jsonb', '', 'SELECT secrets.patch($1, $2::jsonb)', 'json', qq({"a": "$v"}) ],
		[ 'get', '', 'SELECT secrets.get($1)', 'read' ],
		[ 'get a field', '', 'SELECT secrets.get($1, $2)', 'read/field', 'f' ],
		[ 'get_many', '', 'SELECT secrets.get_many(ARRAY[$1, $1])', 'read' ],
		[ 'get_all', '', 'SELECT * FROM secrets.get_all($1)', 'only/**' ],
		[ 'get_all, a cursor', '', q{BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT * FROM secrets.get_all('only/**'); FETCH 1 FROM c; COMMIT; FETCH ALL FROM c; CLOSE c} ],
		[ 'rename', '', 'SELECT secrets.rename($1, $2)', 'read/renamed', "read/again" ],
		[ 'rollback', '', 'SELECT secrets.rollback($1)', 'read' ],
		[ 'rekey', '', 'CALL secrets.rekey()' ],
		[ 'too large', '54000', 'SELECT secrets.put($1, $2)', 'text', $v x (1_100_000 / length $v) ],
		[ 'check-and-set', '40002', 'SELECT secrets.put($1, $2, if_version => 99)', 'text', $v ],
		[ 'expired', '55000', 'SELECT secrets.put($1, $2)', 'expired', $v ],
		[ 'a bad name', '22023', 'SELECT secrets.put($1, $2)', 'no name!', $v ],
		[ 'a bad option', '22023', 'SELECT secrets.put($1, $2, options => $3)', 'text', $v, '{"none": 1}' ],
		[ 'a bad name in the inbox', '22023', 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)', 'no name!', $v ],
		[ 'bad JSON', '22032', 'SELECT secrets.patch($1, $2::text)', 'json', qq({"a": "$v") ],
		[ 'a patch of what is no JSON', '22032', 'SELECT secrets.patch($1, $2::text)', 'text', qq({"a": "$v"}) ],
		[ 'cancelled', '57014', q{SET statement_timeout = '300ms'; SELECT secrets.put('blocked', '} . $v . q{')} ],
		[ 'rolled back', '22012', q{SELECT secrets.put('rolled', '} . $v . q{'), 1 / 0} ],
		[ 'not verifying', 'XX001', 'SELECT secrets.get($1)', 'damaged' ],
		[ 'not verifying, of all', '', 'SELECT name, problem FROM secrets.get_all($1) WHERE problem IS NOT NULL', 'damage*' ],
		[ 'no such field', '2203A', 'SELECT secrets.get($1, $2)', 'read/field', 'g' ],
		[ 'no JSON', '2203C', 'SELECT secrets.get($1, $2)', 'read', 'g' ],
		[ 'not in this encoding', '22P05', 'SELECT secrets.get($1, $2)', 'read/euro', 'f' ]);
}

foreach my $length (700, 30_000)
{
	my @names = map { $_->[0] } calls('x');

	foreach my $i (0 .. $#names)
	{
		my $value = latin_text($length);
		my $text = utf8_of($value);
		my ($name, $state, $sql, @values) = @{ (calls($value))[$i] };
		my %forms = ('its UTF-8' => $text);

		if ($sql !~ /put\(|patch\(|INSERT/)
		{
			my $escaped = $value =~ s/\xe9/\\u00e9/gr;

			stored($_, $value) foreach 'read', 'only/one', 'only/two';
			stored('read/field', qq({"f": "$escaped", "secret": "$value"}));
			stored('read/euro', qq({"f": "$escaped\\u20ac"}));
			stored('read/renamed', $value) if $name eq 'rename';
			stored($_, $value) foreach 'damaged', 'damage/other';
			$latin->value(q{UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o, secrets_catalog.secret s, secrets_catalog.secret t
				WHERE s.id = v.secret_id AND s.name = 'damaged' AND t.id = o.secret_id AND t.name = 'damage/other' AND o.version = t.current_version
				AND v.version = s.current_version});
			$latin->value('SELECT secrets.rotate_master_key()') if $name eq 'rekey';
			$forms{'its escaped form'} = $escaped;
		}
		# In what fails nothing of it has been given out in any form.
		$forms{'itself'} = $value if $name =~ /^(?:not |no |re)/;

		my $session = latin_client();
		my $answer = @values ? ask_bound($session, $sql, @values) : $session->ask($sql);
		$answer = ask_bound($session, $sql, @values) if $name eq 'put, said twice' && $answer->{state} eq '';
		is($answer->{state}, $state, "$name, $length bytes: ends as it is to") or diag("$answer->{err}");
		has_none($session->{pid}, "$name, $length bytes: no copy of ours is left", %forms);
		if ($i == 0)
		{
			cmp_ok(copies_in(memory_of($session->{pid}), $value), '>', 0.5, 'the search finds what PostgreSQL has left of it');
		}
		$latin->value(q{SELECT secrets.delete('read/again') > now(); SELECT secrets.purge('read/again')}) if $name eq 'rename';
		$latin->value(q{SELECT secrets.delete('asked') > now(); SELECT secrets.purge('asked')}) if $name eq 'put, said twice';
		$session->close;
	}
}
$blocker->close;
$latin->close;

# JSON put together anew: what is between the members, and numbers, as jsonb writes them.
sub jsonb_ours
{
	my ($name, $given, @ours) = @_;
	my $session = warm_client();

	is(done($session, 'SELECT secrets.put($1, $2::jsonb)', 'jsonb', $given), 1, "jsonb, $name: put");
	has_none($session->{pid}, "jsonb, $name: nothing is left of its text", map { ("piece $_" => $ours[$_]) } 0 .. $#ours);
	my $stored = $other->value(q{SELECT secrets.get('jsonb')});
	is_deeply([ grep { index($stored, $_) < 0 } @ours ], [], "jsonb, $name: which is as was looked for");
	$other->value(q{SELECT secrets.delete('jsonb') > now(); SELECT secrets.purge('jsonb')});
	$session->close;
	return;
}
my @words = map { random_text(12) } 1 .. 400;
jsonb_ours('members', '{' . join(',', map { qq("k$_":"$words[$_]") } 0 .. 9) . '}', map { qq("k$_": "$words[$_]") } 0 .. 9);
my @digits = map { join '', map { 1 + int rand 9 } 1 .. 17 } 1 .. 400;
jsonb_ours('a number', qq({"pin":${\ substr $digits[0], 0, 1}.${\ substr $digits[0], 1}e18}), "$digits[0]00");
# These grow: what is one byte in jsonb is six in its text, and of a number's exponent come zeros.
jsonb_ours('escapes', '["' . join('","', map { join '\u0001', map { sprintf '\u%04x', ord } split //, $_ } @words) . '"]',
	map { join '\u0001', split //, $_ } @words);
jsonb_ours('numbers', '[' . join(',', map { substr($_, 0, 1) . '.' . substr($_, 1) . 'e300' } @digits) . ']', map { "${_}00" } @digits);
jsonb_ours('few and huge numbers', '[' . join(',', map { substr($_, 0, 1) . '.' . substr($_, 1) . 'e7000' } @digits[0..20]) . ']', map { "${_}00" } @digits[0..20]);

# Written by us, and yet as PostgreSQL does it.
is($other->value(<<'END'), '', 'jsonb: as text it is what PostgreSQL has for it');
WITH given (j) AS (
	SELECT x::jsonb FROM unnest(ARRAY['{}', '[]', 'null', 'true', 'false', '""', '0', '-1.50', '1e3', '[[]]', '[{}]', '{"":{"":[]}}',
		'[1, [2, [3, {"a": [4, {}]}], 5], {"b": null}]', '{"a": 1, "b": [true, false, null], "c": {"d": "e"}, "f": ""}', '["é€\\u00e9\\ud83d\\ude00"]']) x
	UNION ALL SELECT to_jsonb(string_agg(chr(n), '')) FROM generate_series(1, 300) n
	UNION ALL SELECT jsonb_object_agg(chr(n) || 'k', repeat(chr(n), 3)) FROM generate_series(1, 300) n
	UNION ALL SELECT to_jsonb(repeat('x', 100000))
	UNION ALL SELECT jsonb_agg(ARRAY[n::text, repeat(chr(1 + n % 40), n)]) FROM generate_series(1, 200) n),
done AS MATERIALIZED (SELECT j, secrets.put('jsonb/' || row_number() OVER (), j) AS version, 'jsonb/' || row_number() OVER () AS name FROM given)
SELECT left(j::text, 100) FROM done WHERE version IS NULL OR secrets.get(name) IS DISTINCT FROM j::text
END

# A patch: the object that comes of it.
my $kept = random_text(40);
done($other, 'SELECT secrets.put($1, $2)', 'patched', qq({"kept":"$kept","old":"$words[0]"}));
$client = warm_client();
done($client, 'SELECT secrets.patch($1, $2::text)', 'patched', qq({"new":"$words[1]"}));
has_none($client->{pid}, 'patch: what was there, and what came of it', kept => $kept, old => qq("old":"$words[0]"), seam => qq("$words[0]","new"));
$client->close;


# ---- what the server makes itself: it never goes out ----

sub made { my ($name) = @_; return $other->value("SELECT secrets.get('$name')"); }

# The numbers of an RSA key, in its private half: n, e, d, p, q and what is computed from them.
sub rsa_numbers
{
	my ($der) = @_;
	my $at = index($der, pack 'H*', '0201000282') + 3;
	my @numbers;

	while ($at < length $der && substr($der, $at, 1) eq "\x02")
	{
		my $length = unpack 'C', substr $der, $at + 1, 1;
		my $more = $length & 0x80 ? $length & 0x7f : 0;

		$length = hex unpack 'H*', substr $der, $at + 2, $more if $more;
		push @numbers, substr($der, $at + 2 + $more, $length) =~ s/^\0//r;
		$at += 2 + $more + $length;
	}
	return @numbers;
}

# What is secret of a private key, in each form that it takes: as it is written, and as numbers
# either way round.
sub secrets_of
{
	my ($pem) = @_;
	my ($kind, $base64) = $pem =~ /-----BEGIN ((?:\w+ )*)PRIVATE KEY-----\n(.*?)-----END/s or die 'no private key';
	my $der = decode_base64($base64);
	my %secret;

	if ($kind =~ /OPENSSH/)
	{
		($secret{seed}) = $der =~ /\0\0\0\x40(.{32})/s;
	}
	elsif ($der =~ /\x06\x03\x2b\x65\x70\x04\x22\x04\x20(.{32})/s)
	{
		$secret{seed} = $1;
	}
	elsif ($der =~ /\x02\x01\x01\x04\x20(.{32})/s)
	{
		$secret{scalar} = $1;
	}
	else
	{
		@secret{qw(d p q dp dq qi)} = (rsa_numbers($der))[ 2 .. 7 ];
	}
	$secret{'hash of the seed'} = sha512($secret{seed}) if $secret{seed};
	$secret{"$_, the other way round"} = reverse $secret{$_} foreach keys %secret;
	# As lines: those of which all is secret, or nearly so; a short key's from where it begins.
	my @lines = split /\n/, $base64;
	if (exists $secret{d}) { $secret{"line $_"} = $lines[$_] foreach 8 .. $#lines - 1; }
	elsif (exists $secret{seed}) { $secret{line} = $kind =~ /OPENSSH/ ? substr($lines[3], 0, 48) : substr($lines[0], 24, 36); }
	else { $secret{line} = substr $lines[0], 48, 16; }
	return %secret;
}

# [name, kind, options, the CA that signs]
foreach my $case (
	[ 'password', 'password', '{"length": 40}' ], [ 'token', 'token', '{}' ], [ 'uuid', 'uuid', '{}' ], [ 'bytes', 'bytes', '{"length": 64}' ],
	[ 'ssh', 'ssh_ed25519', '{}' ], (map { [ $_, 'keypair', qq({"algorithm": "$_"}) ] } qw(ed25519 p256 rsa_2048)),
	(map { [ "ca/$_", 'x509', qq({"common_name": "CA", "is_ca": true, "algorithm": "$_"}) ] } qw(ed25519 p256 rsa_2048)),
	(map { [ "by/$_", 'x509', qq({"common_name": "a.example", "ca": "ca/$_", "algorithm": "p256"}), "ca/$_" ] } qw(ed25519 p256 rsa_2048)))
{
	my ($name, $kind, $options, $ca) = @$case;
	my $session = warm_client();

	# Several: what one leaves another may write over.
	done($session, 'SELECT secrets.generate($1, $2, $3)', $name, $kind, $options) foreach 1 .. 3;
	my %forms;
	if ($kind eq 'bytes') { $forms{bytes} = pack 'H*', substr $other->value(q{SELECT secrets.get_bytes('bytes')}), 2; }
	else
	{
		my $value = made($name);

		%forms = $value =~ /PRIVATE KEY/ ? secrets_of($value) : (text => $value);
		$forms{bytes} = decode_base64($value =~ tr{-_}{+/}r . '=') if $kind eq 'token';
		$forms{bytes} = pack 'H*', $value =~ tr/-//dr if $kind eq 'uuid';
	}
	if ($ca)
	{
		my %of_ca = secrets_of(made($ca));

		%forms = map { ("the CA's $_" => $of_ca{$_}, $_ => $forms{$_}) } keys %of_ca, keys %forms;
		delete $forms{$_} foreach grep { !defined $forms{$_} } keys %forms;
	}
	has_none($session->{pid}, "generate $name: nothing of it is left", %forms);
	# Whoever reads it has the text; else the search would find nothing in any case.
	if ($kind =~ /keypair|ssh/)
	{
		my %secret = secrets_of(done($session, 'SELECT secrets.get($1)', $name));

		ok(%{ found_in(memory_of($session->{pid}), map { pieces_of($secret{$_}) } grep { /^line/ } keys %secret) }, "generate $name: the search finds it where it was read");
	}
	$session->close;
}

# ---- passwords of roles ----

sub salted_of
{
	my ($password, $verifier) = @_;
	my ($iterations, $salt) = $verifier =~ /^SCRAM-SHA-256\$(\d+):([^\$]+)\$/ or die "no verifier: $verifier";
	my $u = hmac_sha256(decode_base64($salt) . pack('N', 1), $password);
	my $result = $u;

	foreach (2 .. $iterations) { $result ^= $u = hmac_sha256($u, $password); }
	return $result;
}

sub verifier_of { my ($role) = @_; return $other->value("SELECT rolpassword FROM pg_authid WHERE rolname = '$role'"); }

# What is made of a password on the way to a verifier.
sub made_of
{
	my ($password, $verifier) = @_;
	my $salted = salted_of($password, $verifier);
	my $client_key = hmac_sha256('Client Key', $salted);

	is(decode_base64((split /[:\$]/, $verifier)[3]), sha256($client_key), 'the verifier is of that password');
	return ('salted password' => $salted, 'client key' => $client_key, bare('the password as a key', substr($password . "\0" x 32, 0, 32)));
}

# With letters that SASLprep changes, and keeps as numbers while it does: the Roman nine becomes IX.
my %passwords = (ascii => random_text(40), unicode => random_text(20) . "\x{2168}\x{e4}" . random_text(20));
foreach my $kind (sort keys %passwords)
{
	my $given = encode('UTF-8', $passwords{$kind});
	my $prepared = encode('UTF-8', $passwords{$kind} =~ s/\x{2168}/IX/r);
	my %forms = (prepared => $prepared, itself => $given);

	$forms{"as numbers, $_"} = pack 'V*', map { ord } split //, decode('UTF-8', $forms{$_}) foreach keys %forms;
	$other->value("CREATE ROLE $kind LOGIN PASSWORD 'another'");
	done($other, 'SELECT secrets.put($1, $2)', "role/$kind", qq({"username": "$kind", "password": "$given", "uri": "postgresql://x:y\@h/d", "kept": "$kept"}));

	# Its own password is tried, and then made the role's.
	my $session = warm_client();
	done($session, 'SELECT secrets.schedule_rotation($1, $2, $3)', "role/$kind", 'manual', 'role');
	has_none($session->{pid}, "$kind: a password that was looked at", %forms, kept => $kept);
	$session->close;
	$session = warm_client();
	done($session, 'SELECT secrets.schedule_rotation($1, $2, $3, $4)', "role/$kind", 'manual', 'role', '{"adopt": true}');
	has_none($session->{pid}, "$kind: a password that was adopted", %forms, made_of($prepared, verifier_of($kind)), kept => $kept);
	done($session, 'SELECT secrets.schedule_rotation($1, $2, $3, $4)', "role/$kind", 'manual', 'role', '{"adopt": true}');
	has_none($session->{pid}, "$kind: and found to be right", %forms, kept => $kept);
	$session->close;
	$session = warm_client();
	done($session, 'SELECT secrets.rotate($1)', "role/$kind");
	my ($new) = made("role/$kind") =~ /"password":"([^"]+)"/;
	has_none($session->{pid}, "$kind: a rotation", %forms, kept => $kept, new => $new, made_of($new, verifier_of($kind)));
	$session->close;
}

# On another server, which is this one: libpq has it in hand, too.
foreach my $kind (sort keys %passwords)
{
	my $given = encode('UTF-8', $passwords{$kind} = 'remote' . $passwords{$kind});
	my $session = warm_client();

	$other->value("ALTER ROLE $kind PASSWORD '$given'");
	done($other, 'SELECT secrets.put($1, $2)', "remote/$kind", qq({"username": "$kind", "password": "$given"}));
	done($other, 'SELECT secrets.schedule_rotation($1, $2, $3, $4)', "remote/$kind", 'manual', 'postgres',
		sprintf '{"host": "127.0.0.1", "port": %d, "sslmode": "disable"}', $node->port);
	my $before = verifier_of($kind);
	is($session->ask("CALL secrets.rotate_now('remote/$kind')")->{state}, '', "$kind: rotated on another server");
	my ($new) = made("remote/$kind") =~ /"password":"([^"]+)"/;
	has_none($session->{pid}, "$kind: nothing of it is left, nor in what was libpq's",
		old => $given, new => $new, 'old, as numbers' => pack('V*', map { ord } split //, $passwords{$kind}), made_of($new, verifier_of($kind)));
	$session->close;
}

# As a server of old has it.
my $old = random_text(40);
$other->value("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD '$old'");
done($other, 'SELECT secrets.put($1, $2)', 'role/old', $old);
$client = warm_client();
is(done($client, 'SELECT secrets.schedule_rotation($1, $2, $3, $4)', 'role/old', 'manual', 'role', '{"role": "old", "adopt": true}'), '', 'a role with an MD5 password');
like(verifier_of('old'), qr/^md5/, 'which was right, and stays');
has_none($client->{pid}, 'old: a password that was looked at', itself => $old, 'with the name' => "${old}old");
$client->close;

# ---- values: counted, beside what PostgreSQL itself leaves of them ----

# Of 32 bytes, with PostgreSQL 15 (17 and 18: half a copy more or less), in the memory of an idle session: after the
# statement, after SELECT 1, after 200 other statements.  Beside it a plain function's.
#
#	put, bound                    5    4    3      5    4    3
#	put, prepared                 5    4    2      5    4    2
#	put, a literal                5.5  3.5  1.5    5.5  3.5  1.5
#	put of jsonb                  7    6    5     10    8.5  7
#	inbox                         7    6    5      7    6    5
#	get, bound                    4    3.5  3      4    3.5  2
#	get, prepared                 4    3    3      4    3    2
#	get_many, get_all             5    5    4      6    6    4
#
# Where they are: of what is put, in libpq's buffer of what came in; in MessageContext as the message, as the parameter,
# as a constant of the plan; of what is given, in the function's result, as text, as the message that goes out, and in
# libpq's buffer.  What is left later hangs on what comes to lie there: so only the first number is held to.

# [name, ours, plain's, values, how it is asked, how many fewer ours are: who puts a row
# together has the value by itself, too, and we wipe that]
my @shapes = (
	[ 'put', 'SELECT secrets.put($1, $2)', 'SELECT plain.put($1, $2)', 2, 'bound' ],
	[ 'put', 'SELECT secrets.put($1, $2)', 'SELECT plain.put($1, $2)', 2, 'prepared' ],
	[ 'put', q{SELECT secrets.put('%s', '%s')}, q{SELECT plain.put('%s', '%s')}, 2, 'literal' ],
	[ 'put_bytes', 'SELECT secrets.put_bytes($1, $2::text::bytea)', 'SELECT plain.put_bytes($1, $2::text::bytea)', 2, 'bound' ],
	[ 'put jsonb', 'SELECT secrets.put($1, to_jsonb($2::text))', 'SELECT plain.put($1, to_jsonb($2::text)::text)', 2, 'bound' ],
	[ 'inbox', 'INSERT INTO secrets.inbox (name, value) VALUES ($1, $2)', 'INSERT INTO plain.inbox (name, value) VALUES ($1, $2)', 2, 'bound' ],
	[ 'get', 'SELECT secrets.get($1)', 'SELECT plain.get(reversed) FROM plain.t WHERE name = $1', 1, 'bound' ],
	[ 'get', 'SELECT secrets.get($1)', 'SELECT plain.get(reversed) FROM plain.t WHERE name = $1', 1, 'prepared' ],
	[ 'get', q{SELECT secrets.get('%s')}, q{SELECT plain.get(reversed) FROM plain.t WHERE name = '%s'}, 1, 'literal' ],
	[ 'get_bytes', 'SELECT secrets.get_bytes($1)', 'SELECT plain.get_bytes(reversed) FROM plain.t WHERE name = $1', 1, 'bound' ],
	[ 'get_many', 'SELECT secrets.get_many(ARRAY[$1::text])', 'SELECT ROW(name, 1, plain.get(reversed)) FROM plain.t WHERE name = ANY (ARRAY[$1::text])', 1, 'bound', 1 ],
	[ 'get_many in FROM', 'SELECT * FROM secrets.get_many(ARRAY[$1::text])', 'SELECT * FROM plain.get_many(ARRAY[$1::text])', 1, 'bound' ],
	[ 'get_all', 'SELECT secrets.get_all($1)', 'SELECT ROW(name, 1, plain.get(reversed)) FROM plain.t WHERE name LIKE $1', 1, 'bound', 1 ]);

# Copies in a new session: after the statement, after SELECT 1, after 200 others.
sub count_copies
{
	my ($shape, $of_ours, $length) = @_;
	my ($name, $ours, $plains, $nvalues, $how) = @$shape;
	my $sql = $of_ours ? $ours : $plains;
	my $value = random_text($length);
	my @values = ('n/' . random_text(10), $value)[ 0 .. $nvalues - 1 ];

	done($other, 'SELECT secrets.put($1, $2)', $values[0], $value) if $of_ours && $nvalues == 1;
	done($other, 'INSERT INTO plain.t VALUES ($1, $2)', $values[0], scalar reverse $value) if !$of_ours && $nvalues == 1;
	my $session = warm_client();
	$session->prepare('p', $sql) if $how eq 'prepared';
	my $answer =
	    $how eq 'prepared' ? $session->run('p', @values)
	  : $how eq 'literal' ? $session->ask(sprintf $sql, @values)
	  : ask_bound($session, $sql, @values);
	die "$sql: $answer->{err}" if $answer->{state} ne '';
	my @copies = copies_in(memory_of($session->{pid}), $value);
	$session->value('SELECT 1');
	push @copies, copies_in(memory_of($session->{pid}), $value);
	$session->value("SELECT relname FROM pg_class WHERE oid = $_") foreach 1 .. 200;
	push @copies, copies_in(memory_of($session->{pid}), $value);
	$session->close;
	return @copies;
}

# Of a large value parts are overwritten at once, with luck: so what counts is the most that
# is left of a plain one of any size.
foreach my $shape (@shapes)
{
	my ($name, $how, $fewer) = @$shape[ 0, 4, 5 ];
	my ($most, @lines, %ours) = (0);

	foreach my $length (32, 1000, 30_000)
	{
		my @ours = count_copies($shape, 1, $length);
		my @plains = count_copies($shape, 0, $length);

		note(sprintf '%-16s %-8s %6d bytes: %4.1f %4.1f %4.1f  plain %4.1f %4.1f %4.1f', $name, $how, $length, @ours, @plains);
		$ours{$length} = $ours[0];
		$most = $plains[0] if $plains[0] > $most;
	}
	$most -= $fewer || 0;
	cmp_ok($ours{$_}, '<=', $most, "$name, $how, $_ bytes: no more copies than PostgreSQL makes of anything") foreach sort { $a <=> $b } keys %ours;
}

# ---- what the executor writes to disk ----

# It keeps what it has to keep in work_mem, and what is more in files, which are removed and not wiped.
my $spilled = random_text(30);
value($node, <<"END");
SELECT count(secrets.put('spill/' || n, repeat('$spilled', 60) || n)) FROM generate_series(1, 200) n;
CREATE TABLE names AS SELECT 'spill/' || n AS name FROM generate_series(1, 200) n;
ANALYZE names;
CREATE FUNCTION loop() RETURNS int LANGUAGE plpgsql AS \$\$
DECLARE r record; n int := 0;
BEGIN
	FOR r IN SELECT secrets.get(name) AS value FROM names LOOP n := n + length(r.value); END LOOP;
	RETURN n;
END \$\$;
END

# How much goes to files.  They are counted in the log.
sub spills
{
	my ($sql, $settings) = @_;
	my $offset = -s $node->logfile;
	my $session = open_client($node);
	my $bytes = 0;

	$session->value("SET work_mem = '64kB'; SET log_temp_files = 0; " . ($settings || ''));
	my $answer = $session->ask($sql);
	$session->ask('CLOSE ALL');
	$session->ask('COMMIT');
	$session->close;
	wait_for(sub { !-e "/proc/$session->{pid}" }, 'the session to end');
	my $log = slurp_file($node->logfile, $offset);
	$bytes += $1 while $log =~ /temporary file: path "[^"]*", size (\d+)/g;
	return ($bytes, $answer->{state});
}

my %kept = (
	'one at a time' => q{SELECT secrets.get(name) FROM names},
	'sorted by something else' => q{SELECT name, secrets.get(name) FROM names ORDER BY name},
	'compared' => q{SELECT name FROM names WHERE secrets.get(name) LIKE '%7'},
	'a set in the target list' => q{SELECT secrets.get_all('spill/**')},
	'some in the target list' => q{SELECT secrets.get_many((SELECT array_agg(name) FROM names))},
	'joined with LATERAL' => q{SELECT n, v FROM unnest((SELECT array_agg(name) FROM names)) n, LATERAL secrets.get(n) v},
	'a cursor, row by row' => q{BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT secrets.get(name) FROM names; } . join('; ', ('FETCH 10 FROM c') x 20),
	'a loop' => q{SELECT loop()},
	'what is put' => qq{SELECT secrets.put('spill/' || n, repeat('$spilled', 60) || n) FROM generate_series(1, 200) n},
	'what is put into the inbox' => qq{INSERT INTO secrets.inbox (name, value) SELECT 'spill/' || n, repeat('$spilled', 60) || n FROM generate_series(1, 200) n});
my %written = (
	'a set in FROM' => q{SELECT * FROM secrets.get_all('spill/**')},
	'some in FROM' => q{SELECT * FROM secrets.get_many((SELECT array_agg(name) FROM names))},
	'a set in FROM, of which one is wanted' => q{SELECT * FROM secrets.get_all('spill/**') LIMIT 1},
	'sorted by the value' => q{SELECT name, secrets.get(name) FROM names ORDER BY 2},
	'distinct values' => q{SELECT DISTINCT secrets.get(name) FROM names},
	'joined by the value' => q{SELECT count(*) FROM (SELECT secrets.get(name) AS v FROM names OFFSET 0) a JOIN (SELECT secrets.get(name) AS v FROM names OFFSET 0) b USING (v)},
	'WITH ... AS MATERIALIZED' => q{WITH c AS MATERIALIZED (SELECT secrets.get(name) AS v FROM names) SELECT max(v) FROM c},
	'an aggregate with ORDER BY' => q{SELECT length(string_agg(secrets.get(name), ',' ORDER BY secrets.get(name))) FROM names},
	'a cursor WITH HOLD' => q{BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT secrets.get(name) FROM names; COMMIT; FETCH 1 FROM c},
	'all of a cursor at once' => q{BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT secrets.get(name) FROM names; FETCH ALL FROM c},
	'a cursor that scrolls' => q{BEGIN; DECLARE c SCROLL CURSOR FOR SELECT secrets.get(name) FROM names; FETCH ALL FROM c});
foreach my $what (sort keys %kept)
{
	my ($bytes, $state) = spills($kept{$what});
	ok($state eq '' && $bytes == 0, "$what: nothing on disk") or diag("$state, $bytes bytes");
}
foreach my $what (sort keys %written)
{
	my ($bytes, $state) = spills($written{$what});
	ok($state eq '' && $bytes > 100_000, "$what: $bytes bytes on disk") or diag($state);
	# Who would rather have an error.
	($bytes, $state) = spills($written{$what}, 'SET temp_file_limit = 0');
	is($state, '53400', "$what: with temp_file_limit = 0 it fails") or diag("$bytes bytes");
}

# While it is there, it is there to be read; when a backend is killed the server removes it.
sub temporary_files { return files_with($node->data_dir . '/base/pgsql_tmp', $spilled); }
my $holding = open_client($node);
$holding->value(q{SET work_mem = '64kB'; BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT secrets.get(name) FROM names; COMMIT});
cmp_ok(scalar(temporary_files()), '>', 0, 'values that a cursor holds are in a file');
crash($node, $holding->{pid});
is(scalar(temporary_files()), 0, 'which a crash of its backend removes');
is_deeply([ files_with($node->data_dir . '/base', $spilled), grep { -f && index(slurp_file($_), $spilled) >= 0 } glob '/dev/shm/PostgreSQL.*' ], [],
	'and nothing is in any file of a table, nor in shared memory with a name');
$holding->close;

# ---- a core of the kernel's own ----

my $dying = warm_client();
my $value = random_text(40);
done($dying, 'SELECT secrets.put($1, $2)', 'last', $value);
done($dying, 'SELECT secrets.get($1)', 'last');
my $undumped = grep { !$_->{is_dumped} } mappings_of($dying->{pid});
ok($undumped, 'of each process there is memory that no core has');
unlink cores_of($node);
crash($node, $dying->{pid});
SKIP:
{
	skip 'no cores here', 2 if !$may_dump;
	my @cores = cores_of($node);
	my $memory = [ { where => 'core', bytes => join '', map { slurp_file($_) } @cores } ];

	ok(%{ found_in($memory, $value) }, 'secrets.allow_core = on: it leaves a core, with a value that PostgreSQL had');
	is_deeply(found_in($memory, map { forms_of($_) } $node->{root_key}, $second_root, @masters), {}, 'and no root or master key');
	unlink @cores;
}
is(value($node, q{SELECT secrets.get('last')}), $value, 'the server goes on');
$node->stop;
done_testing();
