# Without shared_preload_libraries nothing works, and everything says what to do.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('nopreload');

# What there is with it, to be looked at without it.
value($node, q{SELECT secrets.put('a', 'value of a'), secrets.put('a', 'second'), secrets.put_bytes('b', '\x00')});
value($node, 'CREATE TABLE mine AS SELECT value AS box FROM secrets_catalog.version');
command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/with.dump', '-d', $node->connstr('postgres') ], 'a dump');

configure($node, "shared_preload_libraries = ''", 'restart');
my $hint = qr/HINT:.*Add 'secrets' to shared_preload_libraries in postgresql\.conf.*secrets\.root_key.*restart/s;

value($node, 'CREATE DATABASE new');
my $created = run_sql($node, 'CREATE EXTENSION secrets', db => 'new');
is($created->{state}, '', 'CREATE EXTENSION without preload: goes through') or diag($created->{err});
like($created->{err}, qr/WARNING:.*not in shared_preload_libraries.*$hint/s, 'with a warning and the hint');

foreach my $db ('postgres', 'new')
{
	my $status = status($node, $db);
	is($status->{state}, 'no_preload', "$db: status says no_preload");
	like($status->{why}, qr/shared_preload_libraries/, "$db: and why");
	is($status->{id}, '', "$db: no root key");
}
is(status($node)->{secrets}, 2, 'status counts secrets all the same');
like(value($node, 'SELECT severity, what FROM secrets.check()'), qr/^critical\|secrets is not in shared_preload_libraries/, 'and check says first what is wrong');

# Every function of the schema that can be called, each with arguments of its types:
# none is forgotten when another is added.
my @functions = split /\n/, value($node, <<'END');
SELECT CASE prokind WHEN 'p' THEN 'CALL ' ELSE 'SELECT * FROM ' END || format('secrets.%I(%s)', proname,
	(SELECT string_agg(CASE proargnames[n] WHEN 'privilege' THEN '''read''' WHEN 'privileges' THEN '''read''' WHEN 'grantee' THEN '''public'''
			WHEN 'role' THEN 'NULL' WHEN 'valid_until' THEN '''infinity''' ELSE CASE t::regtype::text WHEN 'text' THEN '''a''' WHEN 'jsonb' THEN '''{}''' WHEN 'bigint' THEN CASE WHEN proname ~ 'get' THEN 'NULL' ELSE '1' END WHEN 'integer' THEN '16'
			WHEN 'text[]' THEN '''{a}''' WHEN 'bytea' THEN '''x''' WHEN 'interval' THEN '''30 days''' WHEN 'boolean' THEN 'false' WHEN 'uuid' THEN 'gen_random_uuid()'
			WHEN 'timestamp with time zone' THEN 'now()' WHEN 'boolean' THEN 'false' ELSE 'NULL' END END || '::' || t::regtype, ', ' ORDER BY n)
	 FROM unnest(proargtypes) WITH ORDINALITY u(t, n)))
FROM pg_proc WHERE pronamespace = 'secrets'::regnamespace AND proname NOT IN ('status', 'check') ORDER BY 1
END
cmp_ok(scalar @functions, '>', 25, 'functions were found');
refused($node, $_, '58000', qr/secrets is not loaded.*$hint/s, $_) foreach @functions;
refused($node, $_, '58000', qr/secrets is not loaded.*$hint/s, $_) foreach (
	'SELECT * FROM secrets.secrets', 'SELECT * FROM secrets.versions', q{INSERT INTO secrets.inbox (name, value) VALUES ('a', 'x')},
	q{SELECT secrets.get('a')}, q{SELECT secrets.put('a', 'x')});
refused($node, $functions[0], '58000', qr/secrets is not loaded.*$hint/s, 'in a database without secrets', db => 'new');

# Loaded by hand it is no better.
refused($node, q{LOAD 'secrets'; SELECT secrets.get('a')}, '58000', qr/secrets is not loaded/, 'after LOAD');
is(run_sql($node, q{LOAD 'secrets'; SHOW secrets.max_versions})->{out}, '10', 'settings are there after LOAD');
refused($node, q{LOAD 'secrets'; SET secrets.root_key = 'file:/x'}, '55P02', qr/cannot be changed now/, 'and as guarded');
configure($node, "session_preload_libraries = 'secrets'", 'reload');
wait_for(sub { value($node, 'SHOW session_preload_libraries') eq 'secrets' }, 'reload');
refused($node, q{SELECT secrets.get('a')}, '58000', qr/secrets is not loaded.*$hint/s, 'session_preload_libraries is not enough');
configure($node, "session_preload_libraries = ''", 'reload');

# Moving sealed bytes needs no key.
is(value($node, 'SELECT count(*) FROM mine WHERE box::text::secrets.ciphertext::text = box::text'), 3, 'the type works');
my $copy = $node->basedir . '/copy';
value($node, "COPY mine TO '$copy' (FORMAT binary); CREATE TABLE again (LIKE mine); COPY again FROM '$copy' (FORMAT binary)");
is(value($node, 'SELECT count(*) FROM mine m JOIN again a ON m.box::text = a.box::text'), 3, 'COPY works');
command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/without.dump', '-d', $node->connstr('postgres') ], 'pg_dump works');
foreach my $dump ('with', 'without')
{
	value($node, "CREATE DATABASE restored_$dump TEMPLATE template0");
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr("restored_$dump"), $node->basedir . "/$dump.dump" ], 'pg_restore works');
	is(status($node, "restored_$dump")->{secrets}, 2, 'all of them are there');
}
# The guard is in the library: without it loaded a DROP by itself is not refused; with any call before, it is.
refused($node, q{LOAD 'secrets'; DROP EXTENSION secrets CASCADE}, '55000', qr/there are secrets/, 'the library, once loaded, guards');

configure($node, "shared_preload_libraries = 'secrets'", 'restart');
foreach my $db ('postgres', 'restored_with', 'restored_without')
{
	is(status($node, $db)->{state}, 'ready', "$db: with preload again: ready");
	is(value($node, q{SELECT secrets.get('a'), secrets.get('a', version => 1), secrets.get_bytes('b')}, $db), 'second|value of a|\x00', "$db: everything is there");
}
is(value($node, q{SELECT secrets.put('a', 'x')}, 'new'), 1, 'and where it was created without preload, it works too');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
