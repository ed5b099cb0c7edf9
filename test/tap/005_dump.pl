# Dump, restore, copy, base backup, prepared transactions: everything comes back
# whole under the same root key, nothing twice, and no key goes along.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('dump', allows_streaming => 1, conf => "max_prepared_transactions = 5\nmax_connections = 30\n");
my $dir = $node->basedir;

value($node, <<'END');
SELECT secrets.put('app/db', 'first', 'of the app', '{"team": "a"}'), secrets.put('app/db', 'second'), secrets.put('app/db', 'third');
SELECT secrets.label('app/db', 'canary', 1), secrets.label('app/db', 'pending', 2);
SELECT secrets.put('json', '{"user": "u", "password": "p"}'::jsonb);
SELECT secrets.put_bytes('bytes', '\x00ff5c0a'), secrets.put('empty', ''), secrets.put('large', repeat('large ', 20000));
SELECT secrets.put('lines', E'one\ntwo\\three\ttab "quoted" ''single'' \\.');
SELECT secrets.put('utf8', U&'\00e4\20ac');
SELECT secrets.put('disabled', 'd'), secrets.disable('disabled');
SELECT secrets.put('expired', 'e', expires_at => '2001-01-01');
SELECT secrets.put('kept', 'k', expires_at => '2101-01-01'), secrets.alter('kept', max_versions => 3);
SELECT secrets.put('destroyed', 'x'), secrets.put('destroyed', 'y'), secrets.destroy('destroyed', 1);
SELECT secrets.put('deleted', 'one'), secrets.delete('deleted');
SELECT secrets.put('deleted', 'two'), secrets.delete('deleted');
SELECT secrets.put('deleted', 'three');
SELECT secrets.watch('app/db') IS NULL;
SELECT secrets.rotate_master_key();
SELECT secrets.put('after', 'the rotation'), count(secrets.put('many/' || n, 'value ' || n)) FROM generate_series(1, 300) n;
CREATE TABLE mine (id int PRIMARY KEY, box secrets.ciphertext);
INSERT INTO mine SELECT row_number() OVER (ORDER BY secret_id, version), value FROM secrets_catalog.version;
INSERT INTO mine VALUES (0, NULL);
CREATE VIEW looks AS SELECT name, secrets.current_version(name) FROM secrets.secrets;
END

# All there is: the catalogs as they stand, and everything as it reads.
my @catalogs = map { "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)), count(*) FROM secrets_catalog.$_ t" }
  qw(secret version stage master_key root_key);
my $reads = q{SELECT md5(string_agg(r, ',' ORDER BY r)), count(*) FROM (
	SELECT name || version || coalesce(value, '') || coalesce(problem, '') AS r FROM secrets.get_all('**')
	UNION ALL SELECT name || version || coalesce(stages::text, '') || state || size FROM secrets.versions
	UNION ALL SELECT id || name || purge_after FROM secrets.deleted
	UNION ALL SELECT (to_jsonb(t) - 'last_read_at')::text FROM secrets.secrets t) x};

sub everything
{
	my ($server, $db) = @_;
	return join("\n", map { value($server, $_, $db) } @catalogs, $reads);
}
my $before = everything($node);
my $mine = q{SELECT md5(string_agg(m::text, ',' ORDER BY id)), count(*) FROM mine m};

sub whole
{
	my ($server, $db, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(everything($server, $db), $before, "$name: all as it was, and nothing twice");
	is(value($server, q{SELECT secrets.get('app/db', stage => 'canary'), secrets.get('app/db', stage => 'pending'), secrets.get('json', 'password')}, $db),
		'first|second|p', "$name: it reads");
	is(value($server, q{SELECT secrets.get_bytes('bytes')}, $db), '\x00ff5c0a', "$name: bytes");
	is(status($server, $db)->{state}, 'ready', "$name: ready");
	return;
}

# Afterwards it lives on as any other.
sub lives_on
{
	my ($server, $db, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(value($server, q{SELECT secrets.put('app/db', 'fourth')}, $db), 4, "$name: put");
	is(value($server, q{SELECT secrets.rotate_master_key()}, $db), 3, "$name: rotate_master_key");
	is(run_sql($server, 'CALL secrets.rekey(50)', db => $db)->{state}, '', "$name: rekey");
	is(status($server, $db)->{remaining}, 0, "$name: nothing remains");
	is(value($server, q{SELECT secrets.get('app/db'), secrets.get('app/db', version => 1)}, $db), 'fourth|first', "$name: reads");
	is(value($server, q{SELECT count(*) FROM secrets.get_all('**') WHERE problem = 'does not verify'}, $db), 0, "$name: everything verifies");
	return;
}

sub dump_to
{
	my ($file, @options) = @_;

	command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/$file", @options ], "pg_dump @options");
	return "$dir/$file";
}

my $databases = 0;
sub fresh_db
{
	my ($server, $with_extension) = @_;
	my $db = 'fresh' . ++$databases;

	value($server, "CREATE DATABASE $db TEMPLATE template0");
	value($server, 'CREATE EXTENSION secrets', $db) if $with_extension;
	return $db;
}

sub restored
{
	my ($server, $db, $file, @options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if ($file =~ /\.sql$/)
	{
		my ($out, $err) = ('', '');
		ok(IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr($db), '-f', $file, @options ], '>', \$out, '2>', \$err),
			"psql -f @options") or diag($err);
	}
	else
	{
		command_ok([ 'pg_restore', '--exit-on-error', '-d', $server->connstr($db), @options, $file ], "pg_restore @options");
	}
	return;
}

# ---- into a fresh database of the same cluster ----

my $plain = dump_to('plain.sql');
my $custom = dump_to('custom.dump', '-Fc');
my $directory = dump_to('directory.dump', '-Fd', '-j2');
my $inserts = dump_to('inserts.sql', '--inserts', '--rows-per-insert=7');

foreach my $try (
	[ 'plain', $plain ], [ 'plain in one transaction', $plain, '--single-transaction' ], [ 'inserts', $inserts ], [ 'custom', $custom ],
	[ 'custom in one transaction', $custom, '--single-transaction' ], [ 'directory, two jobs', $directory, '-j2' ],
	[ 'disabled triggers', $custom, '--disable-triggers' ], [ 'no owner, no privileges', $custom, '-O', '-x' ])
{
	my ($name, $file, @options) = @$try;
	my $db = fresh_db($node);

	restored($node, $db, $file, @options);
	whole($node, $db, $name);
	is(value($node, $mine, $db), value($node, $mine), "$name: a table of one's own with ciphertexts");
	lives_on($node, $db, $name) if $name =~ /^(?:plain|directory, two jobs)$/;
}

# Into one that has it already: schema and data apart.
my $schema_only = fresh_db($node);
restored($node, $schema_only, $custom, '--schema-only');
is(value($node, 'SELECT count(*) FROM secrets.secrets', $schema_only), 0, 'schema only: no secrets');
is(value($node, q{SELECT count(*) FROM secrets_catalog.master_key}, $schema_only), 0, 'schema only: no keys');
is(value($node, q{SELECT secrets.put('a', 'x')}, $schema_only), 1, 'schema only: put works');
is(value($node, q{SELECT secrets.get('a')}, $schema_only), 'x', 'schema only: get works');

my $data_only = fresh_db($node, 1);
value($node, 'CREATE TABLE mine (id int PRIMARY KEY, box secrets.ciphertext)', $data_only);
restored($node, $data_only, $custom, '--data-only');
whole($node, $data_only, 'data only');
lives_on($node, $data_only, 'data only');
my $data_dump = dump_to('data.sql', '--data-only');
my $data_only_plain = fresh_db($node, 1);
value($node, 'CREATE TABLE mine (id int PRIMARY KEY, box secrets.ciphertext)', $data_only_plain);
restored($node, $data_only_plain, $data_dump, '--single-transaction');
whole($node, $data_only_plain, 'a dump of data only');

my $data_triggers = fresh_db($node, 1);
value($node, 'CREATE TABLE mine (id int PRIMARY KEY, box secrets.ciphertext)', $data_triggers);
restored($node, $data_triggers, $custom, '--data-only', '--disable-triggers');
whole($node, $data_triggers, 'data only, disabled triggers');

# Into itself a second time: the primary keys refuse, and nothing changes.
my $again = run_sql($node, "\\i $data_dump", stop => 0);
like($again->{err}, qr/duplicate key value violates unique constraint "secret_pkey"/, 'restored over itself: refused');
is(everything($node), $before, 'and nothing changed');

# Where somebody wrote already, two keyrings meet: both read, the restored and the own.
my $met = fresh_db($node, 1);
value($node, q{SELECT secrets.put('own', 'mine')}, $met);
value($node, 'CREATE TABLE mine (id int PRIMARY KEY, box secrets.ciphertext)', $met);
my $clash = run_sql($node, "\\i $data_dump", db => $met, stop => 0);
like($clash->{err}, qr/duplicate key value violates unique constraint "root_key_pkey"/, 'restored beside own secrets: only the root key was there before');
unlike($clash->{err}, qr/ERROR(?!.*root_key_pkey)/, 'all else came in') or diag($clash->{err});
is(value($node, q{SELECT secrets.get('own'), secrets.get('app/db'), secrets.get('after')}, $met), 'mine|third|the rotation', 'both read');
is(value($node, 'SELECT secrets.rotate_master_key()', $met), 3, 'a newer key than either');
is(run_sql($node, 'CALL secrets.rekey()', db => $met)->{state}, '', 'rekey brings them under one');
is(value($node, 'SELECT count(DISTINCT secrets_catalog.box_key(value)) FROM secrets_catalog.version', $met), 1, 'one key in use');

# A copy by template, and one of the whole cluster's SQL.
value($node, 'CREATE DATABASE copied TEMPLATE fresh1');
is(value($node, q{SELECT secrets.get('app/db')}, 'copied'), 'fourth', 'CREATE DATABASE ... TEMPLATE');
value($node, 'DROP DATABASE copied');
my $globals = "$dir/all.sql";
command_ok([ 'pg_dumpall', '-d', $node->connstr('postgres'), '-f', $globals ], 'pg_dumpall');

# ---- into a fresh cluster under the same root key, and under another ----

my $twin = new_node('twin', key => $node->{root_key}, extension => 0);
run_sql($twin, "\\i $globals", stop => 0);
whole($twin, 'postgres', 'pg_dumpall into a fresh cluster');
is(value($twin, q{SELECT secrets.get('app/db')}, 'fresh1'), 'fourth', 'its other databases too');
$twin->safe_psql('template1', 'CREATE DATABASE elsewhere TEMPLATE template0');
restored($twin, 'elsewhere', $directory, '-j2');
whole($twin, 'elsewhere', 'a fresh cluster');
lives_on($twin, 'elsewhere', 'a fresh cluster');
$twin->stop;

my $stranger = new_node('stranger', extension => 0);
value($stranger, 'CREATE DATABASE restored');
restored($stranger, 'restored', $custom);
my $wrong = qr/wrong root key: the root key here is ${\ root_id($stranger->{root_key})}, but this database needs ${\ root_id($node->{root_key})}/;
is(status($stranger, 'restored')->{state}, 'sealed', 'another root key: status says sealed');
like(status($stranger, 'restored')->{why}, $wrong, 'and names both ids');
refused($stranger, q{SELECT secrets.get('app/db')}, '58000', $wrong, 'get', db => 'restored');
refused($stranger, q{SELECT secrets.put('app/db', 'x')}, '58000', $wrong, 'put', db => 'restored');
write_key($stranger->{root_path}, $node->{root_key});
value($stranger, 'SELECT secrets.unseal()', 'restored');
whole($stranger, 'restored', 'the right root key put there');
$stranger->stop;

# ---- by one who is no superuser ----

value($node, q{CREATE ROLE dumper LOGIN; GRANT CREATE ON DATABASE postgres TO dumper; CREATE SCHEMA theirs AUTHORIZATION dumper;
	GRANT SELECT ON mine TO dumper; GRANT SELECT ON looks TO dumper;
	SET ROLE dumper; CREATE TABLE theirs.t AS SELECT 1 AS a});
command_fails([ 'pg_dump', '-U', 'dumper', '-d', $node->connstr('postgres'), '-f', "$dir/no.sql" ], 'pg_dump by another role fails');
command_ok([ 'pg_dump', '-U', 'dumper', '-N', 'secrets_catalog', '-d', $node->connstr('postgres'), '-f', "$dir/theirs.sql" ],
	'pg_dump -N secrets_catalog by another role');
unlike(slurp_file("$dir/theirs.sql"), qr/COPY secrets_catalog\./, 'which holds nothing of the catalogs');
my $theirs = fresh_db($node);
restored($node, $theirs, "$dir/theirs.sql");
is(value($node, 'SELECT count(*) FROM secrets.secrets', $theirs), 0, 'restored: the extension, without secrets');
is(value($node, 'SELECT a FROM theirs.t', $theirs), 1, 'and the rest');
is(value($node, $mine, $theirs), value($node, $mine), 'ciphertexts in tables of their own too');
is(value($node, q{SELECT secrets.put('a', 'x')}, $theirs), 1, 'put works');

# pg_read_all_data reads tables, not these.
value($node, 'CREATE ROLE allseeing LOGIN; GRANT pg_read_all_data TO allseeing');
is(run_sql($node, "SELECT count(*) FROM secrets_catalog.$_", params => [ '-U', 'allseeing' ])->{out}, 0, "pg_read_all_data sees no row of $_")
  foreach qw(secret version stage master_key root_key);
command_fails([ 'pg_dump', '-U', 'allseeing', '-d', $node->connstr('postgres'), '-f', "$dir/no.sql" ],
	'pg_dump with pg_read_all_data fails, rather than leaving the secrets out in silence');

# ---- COPY ----

value($node, 'CREATE TABLE copies (LIKE mine)');
foreach my $format ('text', 'csv', 'binary')
{
	value($node, "COPY mine TO '$dir/copy.$format' (FORMAT $format)");
	value($node, "TRUNCATE copies; COPY copies FROM '$dir/copy.$format' (FORMAT $format)");
	is(value($node, 'SELECT count(*) FROM mine FULL JOIN copies USING (id) WHERE mine.box::text IS DISTINCT FROM copies.box::text'), 0, "COPY $format, both ways");
}
open my $broken, '>', "$dir/broken.text" or die $!;
print $broken "1\tsecrets:AQEAAA\n";
close $broken;
refused($node, "COPY copies FROM '$dir/broken.text'", '22P02', qr/invalid input for type secrets\.ciphertext/, 'COPY of what is none');

# ---- prepared transactions ----

value($node, q{BEGIN; SELECT secrets.put('prepared', 'one'), secrets.put('prepared', 'two'); PREPARE TRANSACTION 'p1'});
is(value($node, q{SELECT secrets.try_get('prepared')}), '', 'PREPARE TRANSACTION after a put: not there yet');
$node->stop('immediate');
$node->start;
value($node, q{COMMIT PREPARED 'p1'});
is(value($node, q{SELECT secrets.get('prepared'), secrets.get('prepared', version => 1)}), 'two|one', 'COMMIT PREPARED, after a crash');
value($node, q{BEGIN; SELECT secrets.rotate_master_key(), secrets.put('prepared', 'under the new key'); PREPARE TRANSACTION 'p2'});
value($node, q{ROLLBACK PREPARED 'p2'});
is(value($node, q{SELECT secrets.put('prepared', 'three')}), 3, 'ROLLBACK PREPARED, of a new master key too');
is(value($node, q{SELECT secrets.get('prepared')}), 'three', 'and what is put next reads');
refused($node, q{BEGIN; SELECT secrets.put('app/db', 'x'); PREPARE TRANSACTION 'p3'}, '0A000', qr/NOTIFY/, 'a watched secret: as any NOTIFY');

# ---- a base backup ----

value($node, q{SELECT secrets.unseal(); CHECKPOINT});
$before = everything($node);
$node->backup('base');
my $backup = $node->backup_dir . '/base';
is_deeply([ files_with($backup, forms_of($node->{root_key})) ], [], 'a base backup holds no root key');
is_deeply([ files_with("$dir", map { forms_of($_) } $node->{root_key}) ], [ $node->{root_path} ], 'nor does any dump: it is in its own file only');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base');
$copy->start;
whole($copy, 'postgres', 'a server from the base backup');
$copy->stop;

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
