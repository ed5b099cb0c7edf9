# Secrets are not dropped by mistake, nor taken over by whoever was there first.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('drop');
my $ways = 0;

# ---- refused while there are secrets ----

value($node, q{CREATE ROLE second SUPERUSER LOGIN; CREATE ROLE mortal LOGIN});
my @drops = (
	'DROP EXTENSION secrets', 'DROP EXTENSION secrets CASCADE', 'DROP SCHEMA secrets CASCADE', 'DROP SCHEMA secrets_catalog CASCADE',
	'DROP TYPE secrets.ciphertext CASCADE', 'DROP TABLE secrets_catalog.secret CASCADE', 'DROP TABLE secrets_catalog.version CASCADE',
	'DROP TABLE secrets_catalog.master_key CASCADE', 'DROP TABLE secrets_catalog.root_key CASCADE', 'DROP TABLE secrets_catalog.stage CASCADE',
	'DROP OWNED BY second CASCADE', 'DROP FUNCTION secrets_catalog.ciphertext_in(cstring) CASCADE',
	q{DO $$ BEGIN DROP EXTENSION secrets CASCADE; END $$});
my $refusal = qr/there are secrets in this database, and this would drop them.*HINT:.*secrets\.allow_drop/s;

# The extension is the second superuser's, so that DROP OWNED has something to take.
sub a_database
{
	my ($db) = @_;

	value($node, "CREATE DATABASE $db TEMPLATE template0");
	value($node, 'SET SESSION AUTHORIZATION second; CREATE EXTENSION secrets', $db);
	return $db;
}

my $db = a_database('filled');
value($node, q{SELECT secrets.put('a', 'x'), secrets.put('a', 'y'), secrets.put('b', 'z')}, $db);
is(value($node, q{SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'secrets'}, $db), 'second', 'the extension has another owner');
is(value($node, q{SELECT secrets.get('a')}, $db), 'y', 'which is no matter to who reads');
is(run_sql($node, q{SET ROLE second; SELECT secrets.get('a')}, db => $db)->{out}, 'y', 'nor to the owner');

# What takes a single table, or the type: dependencies of the extension stand in the way too (2BP01).
foreach my $drop (@drops)
{
	my $result = run_sql($node, $drop, db => $db);

	# A member of the extension cannot be dropped by itself: PostgreSQL says that before anything is dropped.
	my $core = $result->{state} eq '2BP01' && $result->{err} =~ /because extension secrets requires it/;
	ok(($result->{state} eq '55000' && $result->{err} =~ $refusal) || ($core && $drop !~ /EXTENSION|OWNED/), "$drop: $result->{state}")
	  or diag($result->{err});
}
# Out of the extension's hands, each is ours alone to refuse.
value($node, "ALTER EXTENSION secrets DROP $_", $db) foreach ('TABLE secrets_catalog.version', 'TABLE secrets_catalog.secret');
refused($node, $_, '55000', $refusal, "$_, no longer of the extension", db => $db)
  foreach ('DROP TABLE secrets_catalog.version CASCADE', 'DROP TABLE secrets_catalog.secret CASCADE', 'DROP EXTENSION secrets CASCADE');
value($node, "ALTER EXTENSION secrets ADD $_", $db) foreach ('TABLE secrets_catalog.version', 'TABLE secrets_catalog.secret');
refused($node, 'ALTER TABLE secrets_catalog.version DROP COLUMN value CASCADE', '55000', $refusal, 'DROP COLUMN', db => $db);
is(value($node, q{SELECT secrets.get('a'), secrets.get('b')}, $db), 'y|z', 'all is there');

# Deleted ones count: they can be brought back.
value($node, q{SELECT secrets.delete('a'), secrets.delete('b')}, $db);
refused($node, 'DROP EXTENSION secrets CASCADE', '55000', $refusal, 'deleted secrets', db => $db);
value($node, q{SELECT secrets.undelete('a')}, $db);
is(value($node, q{SELECT secrets.get('a')}, $db), 'y', 'which can still be brought back');

# Nor by one who may not, and the setting is not his to change.
refused($node, $_, '42501', qr/must be owner/, "$_ by a mortal", db => $db, params => [ '-U', 'mortal' ])
  foreach ('DROP EXTENSION secrets CASCADE', 'DROP SCHEMA secrets CASCADE');
refused($node, 'SET secrets.allow_drop = on; DROP EXTENSION secrets', '55P02', qr/cannot be changed now/, 'allow_drop in a session', db => $db);

# A schema or a role that others own takes nothing of it along.
value($node, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public', $db);
is(value($node, q{SELECT secrets.get('a')}, $db), 'y', 'DROP SCHEMA public CASCADE leaves it alone');
value($node, 'DROP OWNED BY mortal CASCADE', $db);
is(value($node, q{SELECT secrets.get('a')}, $db), 'y', 'DROP OWNED BY another leaves it alone');
refused($node, 'ALTER EXTENSION secrets SET SCHEMA public', '0A000', qr/./, 'it does not move', db => $db);
refused($node, 'TRUNCATE secrets_catalog.version', '42501', qr/permission denied/, 'TRUNCATE by a mortal', db => $db, params => [ '-U', 'mortal' ]);
# In a session that was open before, and one that never touched it.
my $session = open_session($node, $db);
is($session->ask('DROP EXTENSION secrets')->{state}, '55000', 'as the first thing in a session');
$session->close;

# ---- allowed when empty, and again afterwards ----

my $empty = a_database('empty');
$session = open_session($node, $empty);
foreach my $round (1 .. 3)
{
	$session->ask(q{PREPARE g AS SELECT secrets.get('a')});
	is($session->value(q{SELECT secrets.put('a', 'round')}), 1, "round $round: put");
	is($session->value('EXECUTE g'), 'round', 'get');
	is($session->ask('DROP EXTENSION secrets')->{state}, '55000', 'drop: refused');
	$session->ask(q{SELECT secrets.delete('a'), secrets.purge('a')});
	my $result = $session->ask('DROP EXTENSION secrets');
	is($result->{state}, '', 'without secrets: dropped, though there is a master key') or diag($result->{err});
	is($session->value(q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'secrets%'}), 0, 'nothing is left');
	$session->ask('DEALLOCATE g');
	is($session->ask('CREATE EXTENSION secrets')->{state}, '', 'created again in the same session');
	is($session->value('SELECT secrets FROM secrets.status()'), 0, 'and empty');
	is($session->ask(q{SELECT secrets.get('a')})->{state}, '42704', 'nothing of the last one reads');
}
is($session->ask(q{BEGIN; SELECT secrets.put('a', 'x'); SELECT secrets.get('a'); SAVEPOINT s; DROP EXTENSION secrets})->{state}, '55000',
	'a secret of the same transaction counts');
is($session->ask(q{ROLLBACK; BEGIN; DROP EXTENSION secrets; CREATE EXTENSION secrets; SELECT secrets.put('a', 'in one transaction'); COMMIT})->{state}, '',
	'dropped, created and used in one transaction');
is($session->value(q{SELECT secrets.get('a')}), 'in one transaction', 'and read');
$session->ask(q{SELECT secrets.delete('a'), secrets.purge('a')});
# Another session, whose plans and caches are of the one that went.
my $other = open_session($node, $empty);
$other->ask(q{SELECT secrets.put('b', 'x'), secrets.get('b'), secrets.delete('b'), secrets.purge('b')});
is($session->ask('DROP EXTENSION secrets; CREATE EXTENSION secrets')->{state}, '', 'dropped and created by one session');
is($other->value(q{SELECT secrets.put('b', 'again')}), 1, 'used by another that was open');
is($other->value(q{SELECT secrets.get('b')}), 'again', 'which reads');
$_->close foreach $session, $other;

# Each of the other ways goes when it is empty.
foreach my $drop (grep { /EXTENSION secrets|SCHEMA|OWNED/ } @drops)
{
	my $name = a_database('way' . ++$ways);
	my $result = run_sql($node, $drop, db => $name);
	my $gone = value($node, q{SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'secrets_catalog'}, $name);

	ok($result->{state} eq '' ? $gone == 0 : $result->{state} eq '2BP01', "empty, $drop: $result->{state}") or diag($result->{err});
	value($node, "DROP DATABASE $name");
}

# ---- allowed when it is said so ----

# Before any session is open: what a reload says reaches each at its next command.
configure($node, 'secrets.allow_drop = on', 'reload');
wait_for(sub { value($node, 'SHOW secrets.allow_drop') eq 'on' }, 'reload');
is(run_sql($node, 'DROP EXTENSION secrets CASCADE', db => $db)->{state}, '', 'secrets.allow_drop = on: dropped, secrets and all');
is(value($node, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'secrets%'}, $db), 0, 'nothing is left');
configure($node, 'secrets.allow_drop = off', 'reload');
wait_for(sub { value($node, 'SHOW secrets.allow_drop') eq 'off' }, 'reload');
value($node, q{CREATE EXTENSION secrets; SELECT secrets.put('a', 'x')}, $db);
refused($node, 'DROP EXTENSION secrets', '55000', $refusal, 'off again: refused', db => $db);
is(run_sql($node, 'DROP DATABASE filled')->{state}, '', 'a whole database can be dropped: that is another matter');

# ---- whoever was there first ----

foreach my $schema ('secrets', 'secrets_catalog')
{
	$db = 'trap_' . $schema;
	value($node, "CREATE DATABASE $db TEMPLATE template0; GRANT CREATE ON DATABASE $db TO mortal");
	value($node, "SET SESSION AUTHORIZATION mortal; CREATE SCHEMA $schema", $db);
	refused($node, $_, '42P06', qr/schema "$schema" already exists/, "a schema $schema that somebody made: $_", db => $db)
	  foreach ('CREATE EXTENSION secrets', 'CREATE EXTENSION IF NOT EXISTS secrets', 'CREATE EXTENSION secrets CASCADE');
	is(value($node, q{SELECT count(*) FROM pg_extension WHERE extname = 'secrets'}, $db), 0, 'nothing was installed');
}
refused($node, 'CREATE EXTENSION secrets', '42501', qr/permission denied to create extension/, 'a mortal does not install it',
	db => 'trap_secrets', params => [ '-U', 'mortal' ]);

# ---- names that shadow ----

$db = 'shadows';
value($node, "CREATE DATABASE $db TEMPLATE template0; GRANT CREATE ON DATABASE $db TO mortal");
# Everything that our SQL could pick up by mistake, made by somebody else, in public
# and first in the path; each of them leaves a trace.
my $shadow = <<'END';
CREATE TABLE public.trace (what text);
CREATE FUNCTION public.tell(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.trace VALUES (what); RETURN true; END $$;
CREATE FUNCTION public.uuid_trap(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT public.tell('uuid =') $$;
CREATE FUNCTION public.text_trap(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT public.tell('text =') $$;
CREATE FUNCTION public.int8_trap(int8, int8) RETURNS boolean LANGUAGE sql AS $$ SELECT public.tell('int8 =') $$;
CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.uuid_trap);
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.text_trap);
CREATE OPERATOR public.= (LEFTARG = int8, RIGHTARG = int8, FUNCTION = public.int8_trap);
CREATE OPERATOR public.<= (LEFTARG = int8, RIGHTARG = int8, FUNCTION = public.int8_trap);
CREATE OPERATOR public.<> (LEFTARG = int8, RIGHTARG = int8, FUNCTION = public.int8_trap);
CREATE OPERATOR public.<> (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.uuid_trap);
CREATE FUNCTION public.count(anyelement) RETURNS bigint LANGUAGE sql AS $$ SELECT public.tell('count')::int::bigint $$;
CREATE FUNCTION public.unnest(secrets.ciphertext[]) RETURNS SETOF secrets.ciphertext LANGUAGE sql AS $$ SELECT NULL::secrets.ciphertext WHERE public.tell('unnest') $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2001-01-01'::timestamptz WHERE public.tell('now') $$;
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.tell('domain text'));
CREATE DOMAIN public.int8 AS pg_catalog.int8 CHECK (public.tell('domain int8'));
CREATE TABLE public.secret (name pg_catalog.text);
CREATE TABLE public.version (name pg_catalog.text);
CREATE FUNCTION public.may_list(pg_catalog.text) RETURNS boolean LANGUAGE sql AS $$ SELECT public.tell('may_list') $$;
END
# Once before it is installed (less what needs its type) ...
(my $before = $shadow) =~ s/^CREATE FUNCTION public\.unnest.*\n//m;
value($node, "ALTER SCHEMA public OWNER TO mortal", $db);
is(run_sql($node, $before, db => $db, params => [ '-U', 'mortal' ])->{state}, '', 'traps, before CREATE EXTENSION');
value($node, 'GRANT INSERT ON public.trace TO PUBLIC', $db);
my $path = q{SET search_path = public, pg_temp, pg_catalog;};
is(run_sql($node, "$path CREATE EXTENSION secrets", db => $db)->{state}, '', 'CREATE EXTENSION with a hostile search_path');
is(value($node, 'SELECT pg_catalog.count(*) FROM public.trace', $db), 0, 'ran none of them');
# ... and in the temporary schema too, which is searched first for tables and types.
my $calls = <<'END';
SELECT secrets.put('a', 'one'), secrets.put('a', 'two'), secrets.put('b', '{"k": "v"}'::pg_catalog.jsonb);
SELECT secrets.get('a'), secrets.get('a', version => 1), secrets.get('b', 'k');
SELECT secrets.label('a', 'x', 1), secrets.patch('b', '{"k": "w"}'::pg_catalog.text), secrets.rename('b', 'c');
SELECT name, value, problem FROM secrets.get_all('**');
SELECT name, version, stages, state FROM secrets.versions ORDER BY name, version;
SELECT name, current_version FROM secrets.list();
SELECT secrets.rotate_master_key();
CALL secrets.rekey();
SELECT wraps, in_use FROM secrets.root_keys;
SELECT state, secrets, rekey_remaining FROM secrets.status();
SELECT secrets.delete('a') IS NULL, secrets.undelete('a'), secrets.rollback('a'), secrets.destroy('c', 1), secrets.generate('g');
SELECT secrets.put('a', 'n') FROM pg_catalog.generate_series(1, 15);
SELECT pg_catalog.count(*) FROM secrets.versions WHERE name OPERATOR(pg_catalog.=) 'a';
SELECT secrets.delete('a') IS NULL, secrets.purge('a');
INSERT INTO secrets.inbox (name, value) VALUES ('i', 'x');
END
my $plain = run_sql($node, $calls, db => 'empty');
(my $temp = $shadow) =~ s/public\.(?!tell|trace)/pg_temp./g;
$temp =~ s/^CREATE (?:TABLE public\.trace|FUNCTION public\.tell).*\n//mg;
value($node, q{CREATE FUNCTION public.unnest(secrets.ciphertext[]) RETURNS SETOF secrets.ciphertext LANGUAGE sql AS $$ SELECT NULL::secrets.ciphertext WHERE public.tell('unnest') $$}, $db);
my $hostile = run_sql($node, "$temp; SET search_path = pg_temp, public, pg_catalog; $calls", db => $db);
is($hostile->{state}, '', 'every call with a hostile search_path') or diag($hostile->{err});
# The database "empty" has secret b left from before.
value($node, q{SELECT secrets.delete(name), secrets.purge(name) FROM secrets.list()}, 'empty');
value($node, q{DELETE FROM secrets_catalog.master_key; DELETE FROM secrets_catalog.root_key}, 'empty');
$plain = run_sql($node, $calls, db => 'empty');
is($plain->{state}, '', 'the same calls without it') or diag($plain->{err});
is($hostile->{out}, $plain->{out}, 'give the same');
is(value($node, q{SELECT pg_catalog.string_agg(what, ', ') FROM public.trace}, $db), '', 'and run none of the traps');

# ---- privileges that somebody arranged beforehand ----

$db = 'defaults';
value($node, "CREATE DATABASE $db TEMPLATE template0");
value($node, <<'END', $db);
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mortal;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO mortal;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO mortal;
CREATE EXTENSION secrets;
SELECT secrets.put('a', 'x');
END
refused($node, $_->[0], '42501', qr/permission denied/, "hostile default privileges: $_->[0]", db => $db, params => [ '-U', 'mortal' ]) foreach (
	[q{SELECT secrets.get('a')}], [q{SELECT secrets.put('a', 'y')}], [q{SELECT secrets.rotate_master_key()}],
	[q{SELECT secrets.add_root_key('file:/x')}], [q{SELECT secrets.drop_root_key('x')}], [q{SELECT secrets.seal()}],
	[q{SELECT secrets.unseal()}], [q{CALL secrets.rekey()}], [q{INSERT INTO secrets.inbox (name, value) VALUES ('a', 'y')}]);
foreach my $table (qw(secret version stage master_key root_key))
{
	my $seen = run_sql($node, "SELECT count(*) FROM secrets_catalog.$table", db => $db, params => [ '-U', 'mortal' ]);
	ok($seen->{state} eq '42501' || $seen->{out} eq '0', "hostile default privileges: no row of $table");
	my $changed = run_sql($node, "DELETE FROM secrets_catalog.$table RETURNING 1", db => $db, params => [ '-U', 'mortal' ]);
	ok($changed->{state} eq '42501' || $changed->{out} eq '', "and none is deleted");
	my $truncated = run_sql($node, "TRUNCATE secrets_catalog.$table", db => $db, params => [ '-U', 'mortal' ]);
	like($truncated->{state}, qr/^(?:42501|55000)$/, 'nor truncated, though row level security does not stop that')
	  or diag($truncated->{err});
}
is(value($node, q{SELECT secrets.get('a')}, $db), 'x', 'all is there');
is(value($node, q{SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE nspname = 'secrets_catalog' AND relkind = 'r' AND NOT relrowsecurity}, $db), 0, 'row level security on every catalog');

# And those who write everything.
value($node, q{CREATE ROLE writer LOGIN; GRANT pg_write_all_data, pg_read_all_data TO writer});
refused($node, $_->[0], '42501', qr/./, "pg_write_all_data: $_->[0]", db => $db, params => [ '-U', 'writer' ])
  foreach ([q{INSERT INTO secrets_catalog.root_key VALUES ('0123456789abcdef', 'file:/x', now())}], [q{INSERT INTO secrets_catalog.stage VALUES (gen_random_uuid(), 'current', 1)}]);
is(run_sql($node, q{UPDATE secrets_catalog.secret SET name = 'b' RETURNING 1}, db => $db, params => [ '-U', 'writer' ])->{out}, '', 'updates no row');
is(run_sql($node, q{DELETE FROM secrets_catalog.version RETURNING 1}, db => $db, params => [ '-U', 'writer' ])->{out}, '', 'deletes no row');
is(value($node, q{SELECT secrets.get('a')}, $db), 'x', 'all is there');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
