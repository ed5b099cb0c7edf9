# The audit log in the hands of a superuser who wants to hide something: whatever he
# does to what is under a digest is found, and of a log that nobody touched nothing is
# said: under load, after a dump, after new keys, on a standby.
#
# A sample of acts in the normal run; a thousand, and more, with SECRETS_SOAK=1.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes ();

my $node = new_node('tamper', allows_streaming => 1, conf => "max_prepared_transactions = 5\nrestart_after_crash = off\nmax_worker_processes = 20\n");
my $tool = "$FindBin::RealBin/../../tools/verify-audit";

# What is wrong, one kind a word; the stretch that was written while sealed is as it should be.
sub problems
{
	my ($server, $arguments, $db) = @_;

	$arguments = '' unless defined $arguments;
	return value($server, "SELECT coalesce(string_agg(DISTINCT kind, ' ' ORDER BY kind), '') FROM secrets.verify_audit($arguments) WHERE kind <> 'sealed'", $db);
}

sub silent
{
	my ($server, $name, $db) = @_;
	my $found = value($server, q{SELECT kind, at, event_id, problem FROM secrets.verify_audit() WHERE kind <> 'sealed'}, $db);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($found, '', "$name: nothing is wrong");
}

# Until what came with changes is under a digest, too.
sub head
{
	my ($server, $db) = @_;

	value($server, 'SELECT count(*) FROM secrets.verify_audit()', $db);
	return value($server, 'SELECT secrets.audit_head()', $db);
}

# ---- a log with all kinds of lines and digests ----

my ($alice, $bob) = map { value($node, "CREATE ROLE $_ LOGIN"); $_ } qw(alice bob);
value($node, q{SELECT secrets.put('s/' || i, 'v') FROM generate_series(1, 10) i});
value($node, q{SELECT secrets.grant('read, list', 's/**', 'alice'), secrets.deny('read', 's/3', 'alice')});
foreach my $round (1 .. 8)
{
	run_sql($node, "SELECT secrets.get('s/1'), secrets.get('s/2'); SELECT secrets.get('s/3')", params => [ '-U', $alice ]);
	run_sql($node, "SELECT secrets.get('s/$round')", params => [ '-U', $bob ]);
	value($node, "BEGIN; SELECT secrets.put('s/$round', 'w'), secrets.put('t/$round', 'w'); COMMIT");
	value($node, "SET secrets.actor = 'Zoe'; SET application_name = 'a \"b\" \\ c'; SELECT secrets.get('t/$round'), secrets.try_get('none'); SELECT count(*) FROM secrets.list()");
	head($node) if $round % 3 == 0;
}
value($node, q{SELECT secrets.rotate_master_key(), secrets.put('s/1', 'under another key'), secrets.get('s/1')});
run_sql($node, 'CALL secrets.rekey()');
value($node, q{SELECT secrets.seal(); UPDATE secrets_catalog.secret SET description = 'by hand' WHERE name = 's/9'; SELECT secrets.unseal()});
my $head = head($node);
like($head, qr/^secrets-head:[0-9]+:1:[A-Za-z0-9_-]{43}$/, 'a head');
silent($node, 'untouched');
is(value($node, q{SELECT kind, problem ~ '^1 line written while sealed' FROM secrets.verify_audit()}), 'sealed|t', 'what was written while sealed is told');
is(value($node, q{SELECT count(DISTINCT key) FROM secrets_catalog.audit_event WHERE key IS NOT NULL}), 2, 'lines under two master keys');
is(problems($node, "expected_head => '$head'"), '', 'the head is in it');

# ---- what was exported, without a server ----

# { code, out }: what the tool says of the log as that query exports it.
sub checked
{
	my ($server, $sql, $db, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $file = $server->basedir . '/export.json';

	$server->command_ok([ 'psql', '-XAtq', '-d', $server->connstr($db || 'postgres'), '-c', 'SET client_encoding = UTF8', '-o', $file, '-c', $sql ], "exported: $sql");
	IPC::Run::run([ $tool, @arguments, $file ], '>', \$out, '2>', \$err);
	return { code => $? >> 8, out => $out . $err };
}

sub is_whole
{
	my ($name, $result) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($result->{code} == 0 && $result->{out} =~ /, whole; head secrets-head:/, $name) || diag($result->{out});
}
is_whole('exported, it is whole', checked($node, 'SELECT secrets.export_audit()', 'postgres', '--head', $head));
my $half = value($node, 'SELECT at FROM secrets_catalog.audit_digest ORDER BY number OFFSET 5 LIMIT 1');
is_whole('a stretch of it', checked($node, "SELECT secrets.export_audit(since => '$half')", 'postgres', '--head', $head));
is_whole('what was before', checked($node, "SELECT secrets.export_audit(until => '$half')"));
is(checked($node, "SELECT secrets.export_audit(until => '$half')", 'postgres', '--head', $head)->{code}, 1, 'without the head that was kept');
is(checked($node, q{SELECT replace(l, 'Zoe', 'Joe') FROM secrets.export_audit() l})->{code}, 1, 'another name in it');
is(checked($node, q{SELECT l FROM secrets.export_audit() l WHERE l !~ '"outcome":"denied"'})->{code}, 1, 'without refusals');
is(value($node, q{SELECT count(*) FROM secrets.export_audit() l WHERE l::json ->> 'type' = 'event'}),
	value($node, 'SELECT count(*) FROM secrets_catalog.audit_event'), 'every line is in it');
value($node, q{CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'});
value($node, q{CREATE EXTENSION secrets; SELECT set_config('secrets.actor', 'Zo' || chr(235), false); SELECT secrets.put('a', 'b', description => chr(228)), secrets.get('a')}, 'latin1');
silent($node, 'in LATIN1', 'latin1');
is_whole('exported from LATIN1', checked($node, 'SELECT secrets.export_audit()', 'latin1', '--head', head($node, 'latin1')));

# ---- acts at random ----

value($node, <<'END');
CREATE SCHEMA tamper;

-- Another value of a column: by its type, another row's, or none.
CREATE FUNCTION tamper.another(type text, is_nullable boolean, old text, elsewhere text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r int := floor(random() * 6);
	len int;
BEGIN
	IF is_nullable AND random() < 0.15 THEN RETURN NULL; END IF;
	IF elsewhere IS NOT NULL AND random() < 0.25 THEN RETURN elsewhere; END IF;
	CASE type
	WHEN 'bigint', 'integer' THEN
		RETURN CASE r WHEN 0 THEN 0 WHEN 1 THEN coalesce(old::bigint, 0) + 1 WHEN 2 THEN coalesce(old::bigint, 0) - 1 WHEN 3 THEN -coalesce(old::bigint, 1)
			WHEN 4 THEN floor(random() * 2147483647)::bigint ELSE CASE type WHEN 'integer' THEN 2147483647 ELSE 9223372036854775807 END END;
	WHEN 'timestamp with time zone' THEN
		RETURN CASE r WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '4000-01-01 BC' WHEN 3 THEN (coalesce(old::timestamptz, now()) + interval '1 day')::text
			ELSE (coalesce(old::timestamptz, now()) - interval '1 microsecond')::text END;
	WHEN 'uuid' THEN
		RETURN gen_random_uuid();
	WHEN 'inet' THEN
		RETURN CASE r WHEN 0 THEN '::1' WHEN 1 THEN set_masklen(coalesce(old::inet, '1.2.3.4'), 8)::text ELSE '10.1.2.3' END;
	WHEN 'jsonb' THEN
		RETURN CASE r WHEN 0 THEN '{}' WHEN 1 THEN 'null' WHEN 2 THEN '[1.0]' ELSE '{"x": 1}' END;
	WHEN 'bigint[]' THEN
		RETURN CASE r WHEN 0 THEN '{}' WHEN 1 THEN '{NULL}' WHEN 2 THEN '{{1,2},{3,4}}' WHEN 3 THEN (coalesce(old::bigint[], '{}') || 1::bigint)::text
			WHEN 4 THEN '[0:' || cardinality(coalesce(old::bigint[], '{7}')) - 1 || ']=' || coalesce(old, '{7}') ELSE (coalesce(old::bigint[], '{1}'))[2:]::text END;
	WHEN 'bytea' THEN
		len := length(coalesce(old::bytea, ''));
		RETURN CASE WHEN r = 0 THEN '\x' WHEN r = 1 OR len = 0 THEN (coalesce(old::bytea, '') || '\x00'::bytea)::text WHEN r = 2 THEN substr(old::bytea, 2)::text
			ELSE set_bit(old::bytea, floor(random() * len * 8)::int, 1 - get_bit(old::bytea, 0))::text END;
	ELSE
		RETURN CASE r WHEN 0 THEN '' WHEN 1 THEN coalesce(old, '') || 'x' WHEN 2 THEN 'reads' WHEN 3 THEN U&'\00e9' ELSE substr(old, 2) END;
	END CASE;
END $$;

CREATE FUNCTION tamper.any_row(tab text) RETURNS tid LANGUAGE plpgsql AS $$
DECLARE
	t tid;
BEGIN
	EXECUTE format('SELECT ctid FROM secrets_catalog.%I ORDER BY random() LIMIT 1', tab) INTO t;
	RETURN t;
END $$;

CREATE FUNCTION tamper.columns(tab text, VARIADIC but text[] = '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = ('secrets_catalog.' || tab)::regclass AND attnum > 0 AND attname <> ALL (but) $$;

-- One value of one row.
CREATE FUNCTION tamper.change_value(tab text, one tid, two tid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	col record;
	old text; other text; new text;
BEGIN
	SELECT attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS is_nullable INTO col FROM pg_attribute
		WHERE attrelid = ('secrets_catalog.' || tab)::regclass AND attnum > 0 ORDER BY random() LIMIT 1;
	EXECUTE format('SELECT (SELECT %1$I::text FROM secrets_catalog.%2$I WHERE ctid = $1), (SELECT %1$I::text FROM secrets_catalog.%2$I WHERE ctid = $2)', col.attname, tab)
		INTO old, other USING one, two;
	new := tamper.another(col.type, col.is_nullable, old, other);
	EXECUTE format('UPDATE secrets_catalog.%I SET %I = %L WHERE ctid = $1', tab, col.attname, new) USING one;
	RETURN format('%s.%s from %s to %s', tab, col.attname, coalesce(old, 'NULL'), coalesce(new, 'NULL'));
END $$;

-- What is behind (or before) a digest, with it.
CREATE FUNCTION tamper.cut(op text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	SELECT number INTO n FROM secrets_catalog.audit_digest WHERE ctid = tamper.any_row('audit_digest');
	EXECUTE format('DELETE FROM secrets_catalog.audit_event WHERE batch %1$s $1 OR event_id IN (SELECT unnest(events) FROM secrets_catalog.audit_digest WHERE number %1$s $1)', op) USING n;
	EXECUTE format('DELETE FROM secrets_catalog.audit_digest WHERE number %s $1', op) USING n;
END $$;

CREATE FUNCTION tamper.act() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tab text := CASE WHEN random() < 0.5 THEN 'audit_event' ELSE 'audit_digest' END;
	id text := CASE tab WHEN 'audit_event' THEN 'event_id' ELSE 'number' END;
	one tid := tamper.any_row(tab);
	two tid := tamper.any_row(tab);
	cols text := tamper.columns(tab);
	but_id text := tamper.columns(tab, id);
BEGIN
	IF random() < 0.6 THEN RETURN tamper.change_value(tab, one, two); END IF;
	CASE floor(random() * 9)::int
	WHEN 0 THEN
		EXECUTE format('DELETE FROM secrets_catalog.%I WHERE ctid = $1', tab) USING one;
		RETURN 'a row out of ' || tab;
	WHEN 1 THEN
		EXECUTE format('DELETE FROM secrets_catalog.%1$I WHERE ctid IN (SELECT tamper.any_row(%1$L) FROM generate_series(1, 5))', tab);
		RETURN 'some rows out of ' || tab;
	WHEN 2 THEN
		EXECUTE format('DELETE FROM secrets_catalog.%1$I WHERE %2$I BETWEEN (SELECT %2$I FROM secrets_catalog.%1$I WHERE ctid = $1) AND (SELECT %2$I FROM secrets_catalog.%1$I WHERE ctid = $2)', tab, id)
			USING one, two;
		RETURN 'a stretch of ' || tab;
	WHEN 3 THEN
		DELETE FROM secrets_catalog.audit_event WHERE batch = (SELECT number FROM secrets_catalog.audit_digest d WHERE kind = 'reads' ORDER BY random() LIMIT 1);
		RETURN 'all lines of a digest';
	WHEN 4 THEN
		IF tab = 'audit_event' THEN
			EXECUTE format('INSERT INTO secrets_catalog.audit_event (%1$s) SELECT %1$s FROM secrets_catalog.audit_event WHERE ctid = $1', cols) USING one;
			RETURN 'a copy of a line';
		END IF;
		EXECUTE format('INSERT INTO secrets_catalog.audit_digest (number, %1$s) SELECT number + 1, %1$s FROM secrets_catalog.audit_digest WHERE ctid = $1', but_id) USING one;
		RETURN 'a copy of a digest, with another number';
	WHEN 5 THEN
		EXECUTE format('UPDATE secrets_catalog.%1$I t SET (%2$s) = (SELECT %2$s FROM secrets_catalog.%1$I s WHERE s.ctid = CASE t.ctid WHEN $1 THEN $2 ELSE $1 END) WHERE t.ctid IN ($1, $2)', tab, but_id)
			USING one, two;
		RETURN 'two rows exchanged in ' || tab;
	WHEN 6 THEN
		PERFORM tamper.cut('>=');
		RETURN 'the end cut';
	WHEN 7 THEN
		PERFORM tamper.cut('<=');
		RETURN 'the beginning cut';
	ELSE
		-- an old one: what came just now may wait for its digest
		cols := tamper.columns('audit_event', 'event_id', 'at', 'key', 'mac');
		EXECUTE format('INSERT INTO secrets_catalog.audit_event (event_id, at, key, mac, %1$s) SELECT event_id + 1, at - interval ''1 hour'', CASE WHEN $2 THEN key END, CASE WHEN $2 THEN mac END, %1$s
			FROM secrets_catalog.audit_event WHERE ctid = $1', cols) USING tamper.any_row('audit_event'), random() < 0.5;
		RETURN 'a line that never was';
	END CASE;
END $$;

-- The whole log, to the letter.
CREATE FUNCTION tamper.state() RETURNS text LANGUAGE sql AS $$
	SELECT md5(coalesce((SELECT string_agg(e::text, E'\n' ORDER BY e::text COLLATE "C") FROM secrets_catalog.audit_event e), '') || '|'
		|| coalesce((SELECT string_agg(d::text, E'\n' ORDER BY d::text COLLATE "C") FROM secrets_catalog.audit_digest d), '')) $$;

CREATE TABLE tamper.outcome (seed int, what text, changed boolean, found text);

-- Acts one by one, each undone.  One that PostgreSQL refuses, or that changes nothing, is none.
CREATE PROCEDURE tamper.try(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
	good text := tamper.state();
	what text; changed boolean; kinds text;
BEGIN
	FOR seed IN first .. last LOOP
		PERFORM setseed(seed / 1000000.0);
		changed := false;
		kinds := NULL;
		BEGIN
			what := tamper.act();
			changed := tamper.state() <> good;
			SELECT string_agg(DISTINCT v.kind, ' ') INTO kinds FROM secrets.verify_audit() v WHERE v.kind <> 'sealed';
			RAISE EXCEPTION 'undo' USING ERRCODE = 'UUUUU';
		EXCEPTION
			WHEN SQLSTATE 'UUUUU' THEN NULL;
			WHEN unique_violation OR not_null_violation THEN NULL;
		END;
		INSERT INTO tamper.outcome VALUES (seed, what, changed, kinds);
	END LOOP;
END $$;
END

# His own doing would be in the log, otherwise.
my @tables = qw(audit_event audit_digest);
sub triggers
{
	my ($server, $how, $db) = @_;

	value($server, join('; ', map { my $table = $_; map { "ALTER TABLE secrets_catalog.$table $how TRIGGER $_" } qw(audit_change audit_truncate) } @tables), $db);
	return;
}
triggers($node, 'DISABLE');
silent($node, 'without triggers');

my $first = soak() ? int(rand(900_000)) : 1;
my $acts = soak() ? 3000 : 120;
value($node, "CALL tamper.try($first, $first + $acts)");
my $unseen = value($node, 'SELECT seed, what FROM tamper.outcome WHERE changed AND found IS NULL');
is($unseen, '', 'whatever he does is found: ' . value($node, 'SELECT count(*) FROM tamper.outcome WHERE changed') . ' acts');
is(value($node, 'SELECT seed, what, found FROM tamper.outcome WHERE NOT changed AND found IS NOT NULL'), '', 'and where he did nothing, nothing is');
is(value($node, q{SELECT count(*) FROM (SELECT DISTINCT unnest(string_to_array(found, ' ')) FROM tamper.outcome) k (kind)
	WHERE kind NOT IN ('edited', 'deleted', 'inserted', 'digest', 'chain', 'shortened', 'uncovered', 'key')}), 0, 'by the words that there are');
silent($node, 'all undone');

# ---- for good, each in a copy of the database ----

# Somebody else's transaction, committed; the key of the digests may be dropped first.
sub act_for_good
{
	my ($name, $sql, $kinds) = @_;
	my $copy = 'copy';

	value($node, "CREATE DATABASE $copy TEMPLATE postgres", 'template1');
	my $before = problems($node, '', $copy);
	# A worker that starts switches on what it finds off.
	triggers($node, 'DISABLE', $copy);
	value($node, $sql, $copy);
	my $after = problems($node, '', $copy);
	value($node, "DROP DATABASE $copy WITH (FORCE)", 'template1');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($before eq '' && $after =~ /^(?:$kinds)$/, "$name: $after") || diag("before: $before");
}
my $digest = 'secrets_catalog.audit_digest';
my $event = 'secrets_catalog.audit_event';
act_for_good('a line edited', "UPDATE $event SET outcome = 'allowed' WHERE event_id = (SELECT min(event_id) FROM $event WHERE outcome = 'denied')", 'edited');
act_for_good('a line of a change edited', "UPDATE $event SET role = 'nobody' WHERE event_id = (SELECT min(event_id) FROM $event WHERE batch IS NULL)", 'edited');
act_for_good('a line deleted', "DELETE FROM $event WHERE event_id = (SELECT min(event_id) FROM $event WHERE outcome = 'denied')", 'deleted');
act_for_good('a line of a change deleted', "DELETE FROM $event WHERE event_id = (SELECT min(event_id) FROM $event WHERE batch IS NULL)", 'deleted');
act_for_good('a copy', "INSERT INTO $event SELECT * FROM $event LIMIT 1", 'inserted');
act_for_good('a line without a digest', "INSERT INTO $event (event_id, at, action, outcome, via) VALUES (1, '2001-01-01', 'read', 'allowed', 'api')", 'uncovered');
act_for_good('a line under a digest that is none', "INSERT INTO $event (event_id, at, action, outcome, via, batch) VALUES (1, '2001-01-01', 'read', 'allowed', 'api', 1)", 'inserted');
act_for_good('a digest edited', "UPDATE $digest SET at = at + interval '1 second' WHERE number = (SELECT max(number) FROM $digest)", 'digest');
act_for_good('a digest deleted', "DELETE FROM $digest WHERE number = (SELECT number FROM $digest WHERE kind = 'reads' ORDER BY number LIMIT 1)", 'chain inserted');
act_for_good('a digest twice', "ALTER TABLE $digest DROP CONSTRAINT audit_digest_pkey; INSERT INTO $digest SELECT * FROM $digest LIMIT 1", 'chain');
act_for_good('all lines', "TRUNCATE $event", 'deleted');
act_for_good('all digests', "TRUNCATE $digest", 'inserted shortened(?: uncovered)?');
act_for_good('NOT NULL dropped', join(';', map { "ALTER TABLE $digest ALTER $_ DROP NOT NULL" } qw(at lines unsigned_lines system_id database timeline key kind hash parents head mac))
	. "; UPDATE $digest SET at = NULL, lines = NULL, unsigned_lines = NULL, system_id = NULL, database = NULL, timeline = NULL, key = NULL, kind = NULL, hash = NULL, parents = NULL, head = NULL, mac = NULL",
	'chain digest inserted.*');
act_for_good('no master key', 'DELETE FROM secrets_catalog.master_key WHERE version = 1', 'key');
value($node, q{CREATE DATABASE copy TEMPLATE postgres}, 'template1');
refused($node, "ALTER TABLE $event ADD COLUMN more int; SELECT secrets.verify_audit()", '55000', qr/other columns/, 'another column: refused', db => 'copy');
refused($node, 'SELECT * FROM secrets.audit_log', '55000', qr/other columns/, 'and not read', db => 'copy');
value($node, 'DROP DATABASE copy WITH (FORCE)', 'template1');

# ---- the end cut ----

# While the server runs it remembers its newest digest; afterwards it is whoever kept a head.
value($node, q{SELECT secrets.get('s/1')});
$head = head($node);
value($node, "CREATE TABLE tamper.kept_digest AS SELECT * FROM $digest; CREATE TABLE tamper.kept_event AS SELECT * FROM $event");
my $cut = "WITH n AS (SELECT max(number) AS number FROM $digest), d AS (DELETE FROM $digest USING n WHERE $digest.number = n.number)
	DELETE FROM $event USING n WHERE batch = n.number";
triggers($node, 'DISABLE');
value($node, $cut);
is(problems($node), 'shortened', 'the end is cut: the server remembers');
is(problems($node, "expected_head => '$head'"), 'shortened', 'and so does whoever kept the head');
is(value($node, "SELECT count(*) FROM secrets.verify_audit(expected_head => '$head')"), 3, 'each says it');
is(checked($node, 'SELECT secrets.export_audit()', 'postgres', '--head', $head)->{code}, 1, 'so does the tool');
triggers($node, 'ENABLE ALWAYS');
$node->restart;
is(problems($node), '', 'after a restart nobody remembers');
is(problems($node, "expected_head => '$head'"), 'shortened', 'but whoever kept the head');
triggers($node, 'DISABLE');
value($node, "TRUNCATE $digest, $event; INSERT INTO $digest SELECT * FROM tamper.kept_digest; INSERT INTO $event SELECT * FROM tamper.kept_event");
is(problems($node, "expected_head => '$head'"), '', 'put back, it is whole');
# Cut while it runs, and then the log goes on: the gap stays.
value($node, q{SELECT secrets.get('s/1')});
head($node);
triggers($node, 'DISABLE');
value($node, $cut);
value($node, q{SELECT secrets.get('s/1'), secrets.get('s/2')});
like(head($node), qr/^secrets-head/, 'the log goes on');
is(problems($node), 'chain', 'the gap stays');
$node->restart;
is(problems($node), 'chain', 'for ever');
# The worker has begun, and found them off; what they would tell of what is put back goes on from what is gone.
triggers($node, 'DISABLE');
value($node, "TRUNCATE $digest, $event; INSERT INTO $digest SELECT * FROM tamper.kept_digest; INSERT INTO $event SELECT * FROM tamper.kept_event");
$node->restart;
triggers($node, 'ENABLE ALWAYS');
silent($node, 'put back');
refused($node, "SELECT secrets.verify_audit(expected_head => '$_')", '22023', qr/^(?!.*canary)/s, "expected_head '$_'")
  foreach ('', 'canary', 'secrets-head:', substr($head, 0, -1), "${head}A", "$head ", "secrets-head:1:1:" . 'A' x 42 . '!');

# ---- under load ----

# Sessions that read, change, roll back and prepare; some that are open for long.
my $long = open_session($node);
$long->value('BEGIN');
$long->value(q{SELECT secrets.put('load/long', 'v')});
my @busy = map { my $n = $_; my $session = open_session($node); $session->send($_) foreach (<<"END"); $session } 1 .. 3;
DO \$\$
DECLARE
	until timestamptz := clock_timestamp() + interval '${\ (soak() ? 60 : 6)} seconds';
BEGIN
	FOR i IN 1 .. 1000000 LOOP
		PERFORM secrets.get('s/' || 1 + i % 9);
		IF i % 7 = 0 THEN PERFORM secrets.put('load/$n/' || i % 5, 'v'); END IF;
		IF i % 11 = 0 THEN PERFORM secrets.delete('load/$n/0') FROM secrets.secrets WHERE name = 'load/$n/0'; END IF;
		IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
		IF i % 20 = 0 THEN PERFORM pg_sleep(0.01); END IF;
		EXIT WHEN clock_timestamp() > until;
	END LOOP;
END \$\$
END
my $checks = 0;
my %found;
my $end = Time::HiRes::time() + (soak() ? 55 : 5);
while (Time::HiRes::time() < $end || $checks < 6)
{
	my $what = problems($node, $checks % 2 ? "since => now() - interval '3 seconds'" : '');
	$found{$what}++ if $what ne '';
	if ($checks++ == 2)
	{
		$long->value('COMMIT');
		value($node, q{BEGIN; SELECT secrets.put('load/prepared', 'v'); PREPARE TRANSACTION 'p'});
	}
	value($node, q{COMMIT PREPARED 'p'}) if $checks == 5;
}
is_deeply(\%found, {}, "under load: $checks times nothing is wrong");
is($_->answer->{err}, '', 'the load ran') foreach @busy;
$_->close foreach @busy, $long;
silent($node, 'after the load');
is_whole('exported, it is whole', checked($node, 'SELECT secrets.export_audit()', 'postgres', '--head', head($node)));

# ---- elsewhere ----

# A dump.
$head = head($node);
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');
value($node, 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'restored');
silent($node, 'restored', 'restored');
is(problems($node, "expected_head => '$head'", 'restored'), '', 'with the head that was kept');
# The first change here: what is read is recorded before it is committed, and from then on it is one log.
my $opener = open_client($node, db => 'restored');
my $digests = 'SELECT count(*) FROM secrets_catalog.audit_digest';
$opener->value(q{BEGIN; SELECT secrets.put('after', 'v')});
my $before_first = value($node, $digests, 'restored');
$opener->value(q{SELECT secrets.get('after')});
wait_for(sub { value($node, $digests, 'restored') > $before_first }, 'a read is recorded while the first change is under way');
$opener->value('COMMIT');
$opener->close;
my $restored_head = head($node, 'restored');
silent($node, 'and gone on', 'restored');
is(problems($node, "expected_head => '$head'", 'restored'), '', 'from the head that was kept');
is_whole('exported, it is whole', checked($node, 'SELECT secrets.export_audit()', 'restored', '--head', $head, '--head', $restored_head));
is(value($node, "SELECT count(*) FROM $digest WHERE kind = 'open'", 'restored'), value($node, "SELECT 2 + count(*) FROM $digest WHERE kind = 'open'"),
	'it says where it began, while the restore might still have gone on, and where it went on');

# A standby; then it is promoted without what came last: the server was rewound.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
value($node, q{SELECT secrets.get('s/1'), secrets.put('s/1', 'v')});
$head = head($node);
$node->wait_for_catchup($standby);
silent($standby, 'on a standby');
is(value($standby, 'SELECT secrets.audit_head()'), $head, 'its head is the same');
is(problems($standby, "expected_head => '$head'"), '', 'and in it');
is(value($standby, 'SELECT count(*) FROM secrets.audit_log'), value($standby, "SELECT count(*) FROM $event"), 'the view, too');
is_whole('exported there, it is whole', checked($standby, 'SELECT secrets.export_audit()', 'postgres', '--head', $head));
$standby->stop;
value($node, q{SELECT secrets.get('s/1'), secrets.put('s/1', 'lost')});
my $lost = head($node);
$node->stop;
$standby->start;
$standby->promote;
is(problems($standby), '', 'promoted: nothing is wrong');
is(problems($standby, "expected_head => '$lost'"), 'rewound', 'but a later head is not there');
value($standby, q{SELECT secrets.get('s/1'), secrets.put('s/1', 'found')});
like(head($standby), qr/^secrets-head:[0-9]+:2:/, 'it goes on, on its own timeline');
silent($standby, 'gone on');
is(problems($standby, "expected_head => '$head'"), '', 'from what it had');
is(problems($standby, "expected_head => '$lost'"), 'rewound', 'the later head will never be there');
is_whole('exported, it is whole', checked($standby, 'SELECT secrets.export_audit()', 'postgres', '--head', $head, '--head', head($standby)));

foreach my $server ($node, $standby)
{
	unlike(slurp_file($server->logfile), qr/PANIC|TRAP|terminated by signal|XX000/, 'no crash, no internal error: ' . $server->name);
}

done_testing();
