# The rotator that is somebody's function: its four steps, whatever happens between them,
# and that it gets no further than the role that scheduled it: in a superuser's tick, and
# called by somebody who may only rotate.  With every log on, and no candidate in any file.
use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::RealBin/lib";
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('function', conf => <<'END');
shared_preload_libraries = 'secrets, auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
log_statement = all
log_min_duration_statement = 0
log_min_messages = debug5
log_min_error_statement = debug5
log_error_verbosity = verbose
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
restart_after_crash = on
max_worker_processes = 20
secrets.max_versions = 10000
END

# ---- who, and what ----

# The function writes down how it was called, says everything it knows, and does what it is told to.
value($node, <<'END');
CREATE ROLE ops LOGIN;
CREATE ROLE caller LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE team;
GRANT team TO ops;
CREATE SCHEMA ops AUTHORIZATION ops;
CREATE SCHEMA mallory AUTHORIZATION mallory;
CREATE SCHEMA shared;
GRANT USAGE ON SCHEMA ops, mallory, shared TO PUBLIC;
GRANT CREATE ON SCHEMA shared TO mallory, ops;
SELECT secrets.grant('list, read, write, rotate', 'app/**', 'ops');
SELECT secrets.grant('rotate', 'app/**', 'caller');
SELECT secrets.put('app/db', 'first'), secrets.put('app/other', 'first');
SELECT secrets.put('admin/team', 'for the team alone'), secrets.put('admin/ops', 'for ops alone');
SELECT secrets.grant('read', 'admin/team', 'team'), secrets.grant('read', 'admin/ops', 'ops');
SELECT secrets.deny('read', 'admin/team', 'ops');
SET ROLE ops;
CREATE TABLE ops.calls (n serial, step text, name text, digest text, options jsonb, role text, login text, path text);
CREATE TABLE ops.todo (step text, sql text);
CREATE TABLE ops.answer (value text);
CREATE TABLE ops.left_behind (what text);
CREATE SEQUENCE ops.begun_create; CREATE SEQUENCE ops.begun_set; CREATE SEQUENCE ops.begun_test; CREATE SEQUENCE ops.begun_finish;
CREATE FUNCTION ops.steps(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	todo text;
BEGIN
	PERFORM nextval('ops.begun_' || step);
	RAISE DEBUG 'this is %', candidate USING DETAIL = 'more: ' || candidate, HINT = 'and: ' || quote_literal(candidate);
	RAISE LOG '%', candidate;
	RAISE INFO 'base64 %, hex %', encode(convert_to(candidate, 'UTF8'), 'base64'), encode(convert_to(candidate, 'UTF8'), 'hex');
	RAISE NOTICE '%', to_json(candidate);
	RAISE WARNING '%', regexp_replace(candidate, '(.{8}).*', '\1');
	EXECUTE format('SELECT %L', candidate);
	INSERT INTO ops.calls (step, name, digest, options, role, login, path)
		VALUES (step, name, encode(sha256(convert_to(candidate, 'UTF8')), 'hex'), options, current_user, session_user, current_setting('search_path'));
	FOR todo IN SELECT t.sql FROM ops.todo t WHERE t.step = steps.step LOOP
		EXECUTE todo USING candidate;
	END LOOP;
	IF step = 'create' THEN
		RETURN (SELECT value FROM ops.answer);
	END IF;
	RETURN 'nobody looks at this';
END;
$$;
END

sub sql_as
{
	my ($role, $sql, $db) = @_;
	return run_sql($node, $sql, db => $db, params => [ '-U', $role ]);
}

sub literal { my ($text) = @_; $text =~ s/'/''/g; return "'$text'"; }
sub digest { return sha256_hex($_[0]); }
sub stored { my ($name, $how) = @_; return value($node, "SELECT secrets.get('$name'" . ($how || '') . ')'); }
sub pending { return value($node, "SELECT secrets.try_get('$_[0]', stage => 'pending')"); }
sub state_of { return value($node, "SELECT last_status, failures, coalesce(last_error, '') FROM secrets.rotations WHERE name = '$_[0]'", $_[1]); }

sub schedule
{
	my ($name, $function, $options, $db) = @_;
	return sql_as('ops', "SELECT secrets.schedule_rotation('$name', '1 day', " . literal($function) . ', ' . literal($options || '{}') . ')', $db);
}

# What the function is to do at that step.
sub does
{
	my ($step, $sql) = @_;

	value($node, 'TRUNCATE ops.todo, ops.calls');
	value($node, 'INSERT INTO ops.todo VALUES (' . literal($step) . ', ' . literal($sql) . ')') if defined $step;
	return;
}

# Steps that came to their end, and how often each was begun, successful or not.
sub calls { return value($node, q{SELECT string_agg(step, ' ' ORDER BY n) FROM ops.calls}); }
sub digests { return value($node, 'SELECT DISTINCT digest FROM ops.calls'); }

sub begun { return join ' ', map { value($node, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ops.begun_$_") } qw(create set test finish); }

sub forget_begun { value($node, join ';', map { "SELECT setval('ops.begun_$_', 1, false)" } qw(create set test finish)); return; }

# The process that sleeps in a step, and is none of those that we know of.
my @known;

sub sleeper
{
	my $pid;

	wait_for(
		sub {
			($pid) = split /\n/, value($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'secrets rotation' AND wait_event = 'PgSleep' AND pid <> ALL ('{" . join(',', @known) . "}')");
			return $pid;
		},
		'a step that sleeps');
	return $pid;
}

sub make_due { value($node, "UPDATE secrets_catalog.rotation r SET next_at = now() - '1 minute'::interval, due_at = now() - '1 minute'::interval FROM secrets_catalog.secret s WHERE s.id = r.secret_id AND s.name = '$_'") foreach @_; return; }

# ---- the four steps ----

is(run_sql($node, q{SET search_path = ops; SELECT secrets.schedule_rotation('app/db', '1 day', 'steps',
	'{"length": 20, "exclude": "aeiou", "timezone": "Europe/Berlin", "jitter": "1 second", "mine": {"a": [1]}}')}, params => [ '-U', 'ops' ])->{state},
	'', 'it is scheduled, by the search_path');
is(value($node, q{SELECT rotator, scheduled_by FROM secrets.rotations WHERE name = 'app/db'}), 'ops.steps|ops', 'by its full name, then');

my $client = open_client($node, user => 'caller');
my $before = stored('app/db');
my $answer = $client->ask(q{CALL secrets.rotate_now('app/db')});
is($answer->{state}, '', 'who may rotate it, and nothing else, has it rotated') or diag($answer->{err});
is($answer->{notices}, '', 'and is told nothing of what the function says');
is(calls(), 'create set test finish', 'the steps, in their order');
is(digests(), digest(stored('app/db')), 'all of the same candidate, which is the value now');
isnt(stored('app/db'), $before, 'another one');
like(stored('app/db'), qr/^[^aeiou]{20}$/, 'as the options of passwords say');
is(value($node, q{SELECT DISTINCT name, options, role, login, path FROM ops.calls}),
	'app/db|{"mine": {"a": [1]}, "length": 20, "exclude": "aeiou"}|ops|postgres|pg_catalog, pg_temp', 'name, options, and who it is at work for');
is(state_of('app/db'), 'succeeded|0|', 'it is written down');

my $tick = open_client($node);
does();
make_due('app/db');
is($tick->ask('CALL secrets.tick()')->{state}, '', 'by the tick');
is(calls(), 'create set test finish', 'by the tick: the same');
is(value($node, 'SELECT DISTINCT role, login FROM ops.calls'), 'ops|postgres', 'by the tick: at work for the same');
is(digests(), digest(stored('app/db')), 'by the tick: the candidate is the value');

# What it returns from create is the candidate.
sub answers
{
	my ($value, $what) = @_;

	does();
	value($node, 'TRUNCATE ops.answer; INSERT INTO ops.answer VALUES (' . literal($value) . ')');
	my $result = sql_as('ops', q{CALL secrets.rotate_now('app/db')});
	value($node, 'TRUNCATE ops.answer');
	is(value($node, q{SELECT digest FROM ops.calls WHERE step = 'set'}), digest($value), "$what: set gets what create has chosen") if $result->{state} eq '';
	return $result;
}

my $chosen = 'Chosen' . unpack('H*', new_key());
is(answers($chosen, 'a candidate of its own')->{state}, '', 'a candidate of its own');
is(stored('app/db'), $chosen, 'it is the value');
refused($node, qq{BEGIN; INSERT INTO ops.answer VALUES (repeat('x', 2000000)); COMMIT; CALL secrets.rotate_now('app/db')}, '54000', qr/too large/, 'one that is too large');
value($node, 'TRUNCATE ops.answer');
is(stored('app/db'), $chosen, 'and the value stays');
is(pending('app/db'), '', 'with nothing on its way');

# A credential stays one.
my $credential = '{"host": "db.example.com", "more": [1, {"a": null}], "username": "app", "password": "first one", "uri": "postgresql://app:first%20one@db.example.com/app"}';
value($node, 'SELECT secrets.put(' . literal('app/db') . ', ' . literal($credential) . ')');
does();
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'a credential');
my $password = value($node, q{SELECT secrets.get('app/db', 'password')});
like($password, qr/^[^aeiou]{20}$/, 'a credential: it has a new password');
is(value($node, q{SELECT secrets.get('app/db')::jsonb - 'password' - 'uri'}), '{"host": "db.example.com", "more": [1, {"a": null}], "username": "app"}', 'a credential: the rest is as it was');
is(value($node, q{SELECT secrets.get('app/db', 'uri')}), "postgresql://app:$password\@db.example.com/app", 'a credential: and it is in the URI');
is(digests(), digest(stored('app/db')), 'a credential: the function gets all of it');
value($node, q{SELECT secrets.put('app/db', '{"key": "no password in it"}')});
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'an object without a password');
like(stored('app/db'), qr/^[^aeiou]{20}$/, 'an object without a password: a password is proposed');
value($node, q{SELECT secrets.put_bytes('app/db', '\x00ff')});
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'a binary value');
like(stored('app/db'), qr/^[^aeiou]{20}$/, 'a binary value: a password is proposed');

# ---- it fails, and it is killed ----

foreach my $step (qw(create set test finish))
{
	my @then = $step eq 'create' ? qw(create set test finish) : qw(set test finish);
	my $value = stored('app/db');
	my $failures;

	does($step, q{DO $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '23514', DETAIL = 'detail', HINT = 'hint'; END $$});
	my $result = sql_as('caller', q{CALL secrets.rotate_now('app/db')});
	is($result->{state}, '23514', "it fails in $step: with its SQLSTATE");
	like($result->{err}, qr/step "$step" failed: not today\n/, "it fails in $step: and its words");
	unlike($result->{err}, qr/detail|hint|PL\/pgSQL|\Q$value\E/i, "it fails in $step: and nothing else");
	is(state_of('app/db'), qq{failed|1|step "$step" failed: not today}, "it fails in $step: it is written down");
	is(stored('app/db'), $value, "it fails in $step: the value is as it was");
	my $candidate = pending('app/db');
	is($candidate ne '', $step ne 'create', "it fails in $step: " . ($step eq 'create' ? 'there is no candidate' : 'the candidate waits'));
	is(calls(), { create => '', set => 'create', test => 'create set', finish => 'create set test' }->{$step}, "it fails in $step: so far it had come");

	# Killed there, in the tick of a superuser.
	does($step, 'SELECT pg_sleep(600)');
	make_due('app/db');
	my $victim = open_client($node);
	$victim->send('CALL secrets.tick()');
	my $asleep = sleeper();
	my $log = -s $node->logfile;
	kill 'KILL', $asleep;
	wait_for(sub { log_since($node, $log) =~ /database system is ready to accept connections/ }, 'the server after a crash');
	wait_for(sub { run_sql($node, 'SELECT 1')->{rc} == 0 }, 'a session after a crash');
	is(stored('app/db'), $value, "killed in $step: the value is as it was");
	is(pending('app/db'), $candidate, "killed in $step: the candidate, too");

	does();
	forget_begun();
	make_due('app/db');
	$tick = open_client($node);
	is($tick->ask('CALL secrets.tick()')->{state}, '', "after $step: the next tick");
	is(calls(), "@then", "after $step: it goes on from $then[0]");
	is(begun(), $step eq 'create' ? '1 1 1 1' : '0 1 1 1', "after $step: each once");
	is(digests(), digest($step eq 'create' ? stored('app/db') : $candidate), "after $step: with the same candidate");
	is(stored('app/db'), $candidate, "after $step: which is the value now") if $candidate ne '';
	is(state_of('app/db'), 'succeeded|0|', "after $step: it is written down");
}
$client = open_client($node, user => 'caller');

# ---- a minute: begun now, looked at in the end ----

my $slow = <<'END';
CREATE FUNCTION ops.slow(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ SELECT pg_sleep(600)::text $$;
CREATE FUNCTION ops.stubborn(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF step <> 'test' THEN RETURN NULL; END IF;
	PERFORM pg_sleep(600);
	RETURN NULL;
EXCEPTION WHEN query_canceled THEN
	RETURN 'what cancel?';
END;
$$;
CREATE FUNCTION ops.endless(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			PERFORM pg_sleep(600);
		EXCEPTION WHEN query_canceled THEN
			RAISE LOG 'what cancel?';
		END;
	END LOOP;
END;
$$;
END
# In a database of its own: what took too long is tried again a minute later, by any tick there.
value($node, 'CREATE DATABASE minute');
value($node, <<'END', 'minute');
CREATE EXTENSION secrets;
CREATE SCHEMA ops AUTHORIZATION ops;
SELECT secrets.grant('list, read, write, rotate', 'app/**', 'ops');
SELECT secrets.put('app/slow', 'first'), secrets.put('app/stubborn', 'first'), secrets.put('app/endless', 'first');
END
is(sql_as('ops', $slow, 'minute')->{state}, '', 'functions that take their time');
# One that catches every cancel takes a little longer.
my @slow = (qw(slow stubborn), soak() ? 'endless' : ());
my %waiting;
foreach my $what (@slow)
{
	is(schedule("app/$what", "ops.$what", '{}', 'minute')->{state}, '', "$what: scheduled");
	$waiting{$what} = open_session($node, 'minute', '-U', 'ops');
	$waiting{$what}->send("CALL secrets.rotate_now('app/$what')");
	push @known, sleeper();
}

# ---- somebody cancels ----

# Who waits is cancelled: that ends the whole, and is nobody's failure.
does('set', 'SELECT pg_sleep(600)');
$client->send(q{CALL secrets.rotate_now('app/db')});
my $asleep = sleeper();
value($node, "SELECT pg_cancel_backend($client->{pid})");
$answer = $client->answer;
is($answer->{state}, '57014', 'cancelled');
unlike($answer->{err}, qr/PL\/pgSQL|sleep/, 'cancelled: without what the function was at');
wait_for(sub { value($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $asleep") eq '0' }, 'its process ends');
is(state_of('app/db'), 'pending|0|it was begun, and has not ended', 'cancelled: no failure');
$client->value(q{SET statement_timeout = '1s'});
is($client->ask(q{CALL secrets.rotate_now('app/db')})->{state}, '57014', 'a statement_timeout of the session');
$client->value('RESET statement_timeout');

# And what does the work: as by an administrator.
$client->send(q{CALL secrets.rotate_now('app/db')});
value($node, 'SELECT pg_cancel_backend(' . sleeper() . ')');
$answer = $client->answer;
is($answer->{state}, '55000', 'its process is cancelled: 55000');
$client->send(q{CALL secrets.rotate_now('app/db')});
value($node, 'SELECT pg_terminate_backend(' . sleeper() . ')');
is($client->answer->{state}, '55000', 'its process is terminated: 55000');

# A function that only says so ends nothing but itself.
foreach my $sqlstate (qw(57014 57P01 40001 40P01 58000 XX000 00000 01000 02000 25P02))
{
	is(schedule('app/other', 'ops.steps')->{state}, '', "it raises $sqlstate: another one is due");
	does('set', "DO \$\$ BEGIN IF '$sqlstate' = '00000' THEN RAISE EXCEPTION USING MESSAGE = 'pretence', ERRCODE = 'P0001'; END IF; RAISE EXCEPTION 'pretence' USING ERRCODE = '$sqlstate'; END \$\$");
	make_due('app/db', 'app/other');
	is($tick->ask('CALL secrets.tick()')->{state}, '', "it raises $sqlstate: the tick goes on");
	is(value($node, q{SELECT string_agg(name || ' ' || last_error, ', ' ORDER BY name) FROM secrets.rotations WHERE name IN ('app/db', 'app/other')}),
		q{app/db step "set" failed: pretence, app/other step "set" failed: pretence}, "it raises $sqlstate: both have failed");
	is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, $sqlstate eq '00000' ? 'P0001' : '55000', "it raises $sqlstate: a failure") unless $sqlstate eq '02000';
}
does();
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'and then it succeeds');
value($node, q{SELECT secrets.unschedule_rotation('app/other')});

# ---- attacks ----

value($node, <<'END');
SET ROLE ops;
CREATE TABLE ops.fired (role text, login text);
GRANT INSERT ON ops.fired TO PUBLIC;
CREATE FUNCTION ops.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ops.fired VALUES (current_user, session_user); RETURN NULL; END $$;
CREATE TABLE ops.atend (a int);
CREATE CONSTRAINT TRIGGER atend AFTER INSERT ON ops.atend DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ops.fire();
CREATE TABLE ops.later (a int);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON ops.later DEFERRABLE FOR EACH ROW EXECUTE FUNCTION ops.fire();
CREATE TABLE ops.parent (a int PRIMARY KEY);
CREATE TABLE ops.child (a int REFERENCES ops.parent DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION ops.becomes() RETURNS void LANGUAGE plpgsql SET role = 'postgres' AS $$ BEGIN END $$;
CREATE MATERIALIZED VIEW ops.view AS SELECT 1 AS a;
RESET ROLE;
CREATE TABLE public.ddl (role text, login text);
GRANT INSERT ON public.ddl TO PUBLIC;
CREATE FUNCTION public.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ddl VALUES (current_user, session_user); END $$;
-- Those who could lend it a secret: a function of the superuser's, an index and a view of others'.
CREATE FUNCTION public.lend() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT secrets.get('admin/team') $$;
CREATE FUNCTION public.peek(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN CASE WHEN $1 > 0 THEN secrets.get('admin/team') END; END $$;
CREATE TABLE public.indexed (a int);
ALTER TABLE public.indexed OWNER TO team;
CREATE INDEX ON public.indexed (public.peek(a));
CREATE MATERIALIZED VIEW public.refreshed AS SELECT public.peek(g) FROM generate_series(0, 0) g;
ALTER MATERIALIZED VIEW public.refreshed OWNER TO team;
CREATE TABLE public.turn (on_now bool);
INSERT INTO public.turn VALUES (true);
END
value($node, q{CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION public.ddl()});

# What is left in a session.
my $left = q{SELECT concat_ws('|', current_user, session_user, current_setting('role'), current_setting('search_path'), current_setting('work_mem'),
	coalesce(current_setting('my.own', true), ''), current_setting('transaction_read_only'), current_setting('client_min_messages'), current_setting('statement_timeout'),
	(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'), (SELECT count(*) FROM pg_cursors WHERE name NOT LIKE '<unnamed%'),
	(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()),
	(SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = pg_my_temp_schema()))};
my $nothing_left = 'ops|postgres|none|pg_catalog, pg_temp|4MB||off|notice|0|0|0|0|0|0';

# [ what, SQL in step "set", SQLSTATE ('': it succeeds), what it is told ]
my @attacks = (
	[ 'RESET ROLE', 'RESET ROLE', '42501', qr/cannot set parameter "role"/ ],
	[ 'SET ROLE', 'SET ROLE postgres', '42501', qr/cannot set parameter "role"/ ],
	[ 'SET LOCAL ROLE', 'SET LOCAL ROLE postgres', '42501', qr/cannot set parameter "role"/ ],
	[ 'SET ROLE to what one is a member of', 'SET ROLE team', '42501', qr/cannot set parameter "role"/ ],
	[ 'SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres', '42501', qr/cannot set parameter "session_authorization"/ ],
	[ 'RESET SESSION AUTHORIZATION', 'RESET SESSION AUTHORIZATION', '42501', qr/cannot set parameter "session_authorization"/ ],
	[ 'set_config of the role', q{SELECT set_config('role', 'postgres', false)}, '42501', qr/cannot set parameter "role"/ ],
	[ 'a function that sets the role', 'SELECT ops.becomes()', '42501', qr/cannot set parameter "role"/ ],
	[ 'RESET ALL', 'RESET ALL', '', undef ],
	[ 'DISCARD ALL', 'DISCARD ALL', '42501', qr/DISCARD/ ],
	[ 'to become a superuser', 'ALTER ROLE ops SUPERUSER', '42501', qr/superuser|permission denied/ ],
	[ "a superuser's file", q{COPY ops.fired FROM PROGRAM 'id'}, '42501', qr/COPY/ ],
	[ 'replica', 'SET session_replication_role = replica', '42501', qr/session_replication_role/ ],
	[ 'an event trigger', 'CREATE FUNCTION ops.e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION ops.e()', '42501', qr/event trigger/ ],
	[ 'an end of the transaction', 'DO $$ BEGIN COMMIT; END $$', '2D000', qr/invalid transaction termination/ ],
	[ 'a tick in the tick', 'CALL secrets.tick()', '25001', undef ],
	[ 'an end of the session', q{SELECT 1 / pg_terminate_backend(pg_backend_pid())::int}, '42501', qr/superuser|permission denied|terminate/ ],
	# What would wait for somebody else.
	[ 'a temporary table', 'CREATE TEMP TABLE pg_class (a int)', '42501', qr/temporary table/ ],
	[ 'SELECT INTO TEMP', 'SELECT 1 INTO TEMP t', '42501', qr/temporary table/ ],
	[ 'a temporary view', 'CREATE TEMP VIEW v AS SELECT 1', '42501', qr/temporary/ ],
	[ 'a temporary sequence', 'CREATE TEMP SEQUENCE s', '42501', qr/temporary/ ],
	[ 'a temporary type', 'CREATE TYPE pg_temp.text AS (a int)', '42501', qr/temporary/ ],
	[ 'a temporary domain', 'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (ops.becomes() IS NULL)', '', qr/temporary/ ],
	[ 'a temporary function', q{CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'}, '55000', qr/it leaves temporary objects behind/ ],
	[ 'a temporary operator', 'CREATE OPERATOR pg_temp.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)', '55000', qr/it leaves temporary objects behind/ ],
	[ 'a deferred trigger', 'INSERT INTO ops.atend VALUES (1)', '42501', qr/deferred trigger/ ],
	[ 'a trigger to be deferred', 'DO $$ BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO ops.later VALUES (1); END $$', '42501', qr/deferred trigger/ ],
	[ 'a deferred foreign key', 'INSERT INTO ops.child VALUES (1)', '42501', qr/deferred trigger/ ],
	[ 'a cursor WITH HOLD', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', '42501', qr/WITH HOLD/ ],
	[ 'a cursor', q{DO $$ DECLARE c refcursor := 'left'; BEGIN OPEN c FOR SELECT 1; END $$}, '', undef ],
	[ 'PREPARE', 'PREPARE p AS SELECT 1', '42501', qr/PREPARE/ ],
	[ 'LISTEN', 'LISTEN somebody', '42501', qr/LISTEN/ ],
	[ 'an advisory lock', 'SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2, 3)', '', undef ],
	[ 'settings', q{SELECT set_config('search_path', 'mallory', false), set_config('work_mem', '64kB', false), set_config('my.own', $1, false),
		set_config('client_min_messages', 'debug5', false), set_config('statement_timeout', '1ms', false)}, '', undef ],
	[ 'settings by SET', 'DO $$ BEGIN SET my.own = 1; SET search_path = mallory; SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; END $$', '', undef ],
	[ 'a transaction that is read-only', 'SET TRANSACTION READ ONLY', '', undef ],
	[ 'a large object', 'SELECT lo_open(lo_create(0), 131072)', '', undef ],
	# What is not for it to read.
	[ "somebody's secret", q{SELECT secrets.get('admin/team')}, '42501', qr/permission denied, or no such secret/ ],
	[ "somebody's secret, by a function of his", 'SELECT public.lend()', '42501', qr/permission denied, or no such secret/ ],
	[ "somebody's secret, by an index of his", 'REINDEX TABLE public.indexed', '42501', qr/permission denied, or no such secret/ ],
	[ "somebody's secret, by a view of his", 'REFRESH MATERIALIZED VIEW public.refreshed', '42501', qr/permission denied, or no such secret/ ],
	[ 'the catalogs', 'SELECT value FROM secrets_catalog.version', '42501', qr/permission denied for/ ],
	# And what is its own.
	[ 'its own secret', q{SELECT 1 / (secrets.get('admin/ops') = 'for ops alone')::int}, '', undef ],
	[ 'its own tables', 'CREATE TABLE ops.made (a int); DROP TABLE ops.made', '', undef ],
	[ 'its own view', 'REFRESH MATERIALIZED VIEW ops.view', '', undef ],
	[ 'a trigger at once', 'INSERT INTO ops.later VALUES (1)', '', undef ]);

# They are good attacks: outside, each does what it is after.
value($node, 'INSERT INTO public.indexed VALUES (1)');
value($node, 'DROP MATERIALIZED VIEW public.refreshed; CREATE MATERIALIZED VIEW public.refreshed AS SELECT public.peek(g) FROM generate_series(0, 1) g WITH NO DATA; ALTER MATERIALIZED VIEW public.refreshed OWNER TO team');
is(sql_as('ops', 'SELECT public.lend()')->{out}, 'for the team alone', 'a function of SECURITY DEFINER lends, in a session');
is(sql_as('ops', 'INSERT INTO ops.atend VALUES (1)')->{state}, '', 'a deferred trigger fires, in a session');
value($node, 'TRUNCATE ops.fired, public.ddl');

foreach my $attack (@attacks)
{
	my ($what, $sql, $state, $words) = @$attack;
	my $name = "$what: in a superuser's tick";

	$tick->value('RESET ALL');
	my $as_before = $tick->value($left);
	my $value = stored('app/db');

	value($node, 'TRUNCATE ops.left_behind');
	$state = undef if $what eq 'a temporary domain';	# whether the server refuses it itself depends on its minor release
	if ($what eq 'an end of the transaction')
	{
		# EXECUTE does not go there: from the function itself.
		value($node, q{SET ROLE ops; CREATE FUNCTION ops.commits(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN COMMIT; RETURN NULL; END $$});
		is(schedule('app/other', 'ops.commits')->{state}, '', $what);
		is(sql_as('ops', q{CALL secrets.rotate_now('app/other')})->{state}, '2D000', "$what: 2D000");
		value($node, q{SELECT secrets.unschedule_rotation('app/other')});
		next;
	}
	does('set', $sql);
	value($node, q{INSERT INTO ops.todo VALUES ('test', 'INSERT INTO ops.left_behind } . $left =~ s/'/''/gr . q{')});
	make_due('app/db');
	is($tick->ask('CALL secrets.tick()')->{state}, '', "$name: the tick goes on");
	my $told = state_of('app/db');
	if (defined $state && $state eq '') 
	{
		like($told, qr/^succeeded/, "$name: it is done");
		is(value($node, 'TABLE ops.left_behind'), $nothing_left, "$name: it leaves nothing to the next step");
	}
	else
	{
		like($told, defined $words ? qr/^failed\|\d+\|step "set" failed: .*$words/ : qr/^failed\|/, "$name: refused");
		is(stored('app/db'), $value, "$name: the value is as it was");
	}
	is($tick->value($left), $as_before, "$name: the session is as it was");

	# And from the session of somebody who may rotate.
	next if $what eq 'an end of the session';
	does('set', $sql);
	$as_before = $client->value($left);
	$answer = $client->ask(q{CALL secrets.rotate_now('app/db')});
	if (defined $state) { is($answer->{state}, $state eq '25001' ? '55000' : $state, "$what: by rotate_now") or diag($answer->{err}); }
	else { like($answer->{state}, qr/^(42501|55000)$/, "$what: by rotate_now"); }
	is($client->value($left), $as_before, "$what: by rotate_now: the session is as it was");
	is($answer->{notices}, '', "$what: by rotate_now: he is told nothing");
}
does();
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'after all that it goes on');
is(value($node, 'SELECT DISTINCT role FROM ops.fired'), 'ops', 'triggers fire as the role that scheduled it');
is(value($node, q{SELECT DISTINCT role, login FROM public.ddl WHERE role <> login}), 'ops|postgres', 'and event triggers, too');
is(value($node, q{SELECT DISTINCT role, login, outcome FROM secrets.audit_log WHERE name = 'admin/ops' AND action = 'read' ORDER BY login}),
	'ops|postgres|allowed', 'what it reads is in the audit, as its own') ;
is(value($node, q{SELECT DISTINCT role, reason FROM secrets.audit_log WHERE name = 'admin/team' AND action = 'read' AND outcome = 'denied' AND role <> 'ops' ORDER BY role}),
	"postgres|asked by the server itself\nteam|asked by the server itself", 'and what others would have lent it');

# Advisory locks that the session had are its own.
$client->value('SELECT pg_advisory_lock(7)');
is($client->ask(q{CALL secrets.rotate_now('app/db')})->{state}, '', 'in a session with an advisory lock');
is($client->value(q{SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'}), 1, 'which it keeps');
$client->value('SELECT pg_advisory_unlock_all()');

# Temporary objects of the caller's do no harm, and stay.
$client->value('CREATE TEMP TABLE calls (a int); CREATE TEMP TABLE todo (step text, sql text)');
$client->value(q{INSERT INTO todo VALUES ('set', 'SELECT 1/0')});
is($client->ask(q{CALL secrets.rotate_now('app/db')})->{state}, '', 'in a session with temporary tables');
is($client->value('SELECT count(*) FROM todo'), 1, 'which are still there');
$client->value('DROP TABLE calls, todo');

# It changes its own secret while that is in hand: refused; between, it may.
foreach my $step (qw(create finish))
{
	foreach my $sql (q{SELECT secrets.put('app/db', 'mine')}, q{SELECT secrets.unschedule_rotation('app/db')}, q{SELECT secrets.schedule_rotation('app/db', '5 days')}, q{SELECT secrets.disable('app/db', secrets.current_version('app/db')); SELECT secrets.rollback('app/db')})
	{
		does($step, $sql);
		my $value = stored('app/db');
		my $result = sql_as('ops', q{CALL secrets.rotate_now('app/db')});
		is($result->{state}, '55000', "in $step, $sql: 55000") or diag($result->{err});
		is(stored('app/db'), $value, "in $step, $sql: the value is as it was");
		is(value($node, q{SELECT rotator FROM secrets.rotations WHERE name = 'app/db'}), 'ops.steps', "in $step, $sql: and the schedule");
	}
}
does('set', q{SELECT secrets.put('app/other', 'by the function')});
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'it writes another secret');
is(stored('app/other'), 'by the function', 'which is written');
value($node, 'DROP EVENT TRIGGER ddl');

# ---- which functions ----

value($node, <<'END');
CREATE FUNCTION shared.good(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
CREATE FUNCTION shared.args(name text, step text, candidate text) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
CREATE FUNCTION shared.json(name text, step text, candidate text, options json) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
CREATE FUNCTION shared.returns(name text, step text, candidate text, options jsonb) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION shared.set(name text, step text, candidate text, options jsonb) RETURNS SETOF text LANGUAGE sql AS $$ SELECT ''::text $$;
CREATE PROCEDURE shared.procedure(name text, step text, candidate text, options jsonb) LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION shared.state(text, text, text, text, jsonb) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE AGGREGATE shared.aggregate(text, text, text, jsonb) (SFUNC = shared.state, STYPE = text);
SET ROLE mallory;
CREATE TABLE mallory.won (role text);
GRANT INSERT ON mallory.won TO PUBLIC;
CREATE FUNCTION mallory.trap(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ INSERT INTO mallory.won VALUES (current_user); SELECT NULL::text $$;
SET ROLE ops;
CREATE FUNCTION ops."Odd.name; DROP"(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$;
END

sub refused_rotator
{
	my ($rotator, $state, $what, $options) = @_;
	my $result = schedule('app/other', $rotator, $options);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($result->{state}, $state, "$what: $state") or diag($result->{err});
	unlike($result->{err}, qr/CANARY|hunter2/, "$what: nothing of it is quoted");
	return;
}

refused_rotator($$_[0], '22023', $$_[1])
  foreach [ 'ops.CANARY', 'no such function' ], [ 'CANARY', 'nor by the search_path' ], [ 'CANARY.steps', 'no such schema' ], [ '', 'nothing' ],
  [ '"CANARY', 'half a quote' ], [ 'postgres.ops.CANARY', 'three names' ], [ 'hunter2 !', 'no name at all' ], [ 'shared.args', 'other arguments' ], [ 'shared.json', 'json' ],
  [ 'shared.returns', 'another result' ], [ 'shared.set', 'a set' ], [ 'shared.procedure', 'a procedure' ], [ 'shared.aggregate', 'an aggregate' ], [ 'ops.steps(text, text, text, jsonb)', 'arguments' ];
refused_rotator('mallory.trap', '55000', "somebody else's function");
refused_rotator('ops.steps', '22023', $$_[1], $$_[0])
  foreach [ '{"length": "hunter2"}', 'no length' ], [ '{"length": 0}', 'too short' ], [ '{"length": 5000}', 'too long' ], [ '{"classes": ["hunter2"]}', 'no class' ], [ '{"exclude": 1}', 'nothing to exclude' ], [ '["hunter2"]', 'no options' ];
my $temporary = sql_as('ops', q{CREATE FUNCTION pg_temp.f(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$; SELECT secrets.schedule_rotation('app/other', '1 day', 'pg_temp.f')});
is($temporary->{state}, '22023', 'a function that is gone with the session: 22023');
value($node, 'REVOKE EXECUTE ON FUNCTION shared.good FROM PUBLIC');
refused_rotator('shared.good', '42501', 'a function that he may not execute');
value($node, 'GRANT EXECUTE ON FUNCTION shared.good TO ops');
is(schedule('app/other', 'shared.good')->{state}, '', "a superuser's function");
is(sql_as('ops', q{CALL secrets.rotate_now('app/other')})->{state}, '', "a superuser's function: it is rotated");
is(schedule('app/other', 'ops."Odd.name; DROP"')->{state}, '', 'an odd name');
is(value($node, q{SELECT rotator FROM secrets.rotations WHERE name = 'app/other'}), 'ops."Odd.name; DROP"', 'an odd name: as it must be written');
is(sql_as('ops', q{CALL secrets.rotate_now('app/other')})->{state}, '', 'an odd name: it is rotated');
# Who schedules for himself alone cannot schedule what he may not read or write.
value($node, q{SELECT secrets.grant('rotate, list', 'app/other', 'mallory')});
is(sql_as('mallory', q{SELECT secrets.schedule_rotation('app/other', '1 day', 'mallory.trap')})->{state}, '42501', 'rotate alone is not enough');
value($node, q{SELECT secrets.grant('read', 'app/other', 'mallory')});
is(sql_as('mallory', q{SELECT secrets.schedule_rotation('app/other', '1 day', 'mallory.trap')})->{state}, '42501', 'nor with read');
value($node, q{SELECT secrets.revoke('read', 'app/other', 'mallory'), secrets.grant('write', 'app/other', 'mallory')});
is(sql_as('mallory', q{SELECT secrets.schedule_rotation('app/other', '1 day', 'mallory.trap')})->{state}, '42501', 'nor with write');

# ---- another one in its place ----

# It is not run, in neither way; then all is put right, and it goes on.
sub cannot_run
{
	my ($what, $state, $words, $break, $mend) = @_;
	my $value = stored('app/db');

	value($node, $break);
	make_due('app/db');
	is($tick->ask('CALL secrets.tick()')->{state}, '', "$what: the tick goes on");
	like(state_of('app/db'), qr/^failed\|\d+\|.*$words/, "$what: a failure");
	my $result = sql_as('caller', q{CALL secrets.rotate_now('app/db')});
	is($result->{state}, $state, "$what: $state") or diag($result->{err});
	is(stored('app/db'), $value, "$what: the value is as it was");
	is(value($node, 'SELECT count(*) FROM mallory.won'), 0, "$what: nothing of somebody else's ran");
	return if !defined $mend;
	value($node, $mend);
	is(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{state}, '', "$what: mended, it goes on");
	return;
}

my $trap = q{(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ INSERT INTO mallory.won VALUES (current_user); SELECT NULL::text $$};
my $good = q{(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE sql AS $$ SELECT NULL::text $$};
does();
value($node, "SET ROLE ops; CREATE FUNCTION shared.mine$good");
is(schedule('app/db', 'shared.mine')->{state}, '', 'in a schema where others may create');
is(sql_as('mallory', "CREATE OR REPLACE FUNCTION shared.mine$trap")->{state}, '42501', 'nobody else replaces it');
cannot_run('given to somebody', '55000', qr/somebody else's/, 'ALTER FUNCTION shared.mine OWNER TO mallory', 'ALTER FUNCTION shared.mine OWNER TO ops');
cannot_run('given to somebody, who replaces it', '55000', qr/somebody else's/, "ALTER FUNCTION shared.mine OWNER TO mallory; SET ROLE mallory; CREATE OR REPLACE FUNCTION shared.mine$trap",
	"DROP FUNCTION shared.mine; SET ROLE ops; CREATE FUNCTION shared.mine$good");
cannot_run('dropped, and made by somebody', '55000', qr/somebody else's/, "DROP FUNCTION shared.mine; SET ROLE mallory; CREATE FUNCTION shared.mine$trap",
	"DROP FUNCTION shared.mine; SET ROLE ops; CREATE FUNCTION shared.mine$good");
cannot_run('dropped, with another of that name', '55000', qr/not there any more/, "DROP FUNCTION shared.mine; SET ROLE mallory; CREATE FUNCTION shared.mine(name text, step text, candidate text, options json) RETURNS text LANGUAGE sql AS \$\$ INSERT INTO mallory.won VALUES (current_user); SELECT NULL::text \$\$",
	"SET ROLE ops; CREATE FUNCTION shared.mine$good");
cannot_run('with another result', '55000', qr/not there any more/, "DROP FUNCTION shared.mine(text, text, text, jsonb); SET ROLE ops; CREATE FUNCTION shared.mine(name text, step text, candidate text, options jsonb) RETURNS int LANGUAGE sql AS \$\$ SELECT 1 \$\$",
	"DROP FUNCTION shared.mine(text, text, text, jsonb); SET ROLE ops; CREATE FUNCTION shared.mine$good");
cannot_run('without EXECUTE', '42501', qr/permission denied for the function/, 'REVOKE EXECUTE ON FUNCTION shared.mine(text, text, text, jsonb) FROM PUBLIC, ops', 'GRANT EXECUTE ON FUNCTION shared.mine(text, text, text, jsonb) TO ops');
cannot_run('without the schema', '42501', qr/permission denied for schema/, 'REVOKE ALL ON SCHEMA shared FROM PUBLIC, ops', 'GRANT USAGE ON SCHEMA shared TO PUBLIC; GRANT CREATE ON SCHEMA shared TO ops, mallory');
cannot_run('the schema is renamed', '55000', qr/not there any more/, "ALTER SCHEMA shared RENAME TO was_shared; CREATE SCHEMA shared AUTHORIZATION mallory; GRANT USAGE ON SCHEMA shared TO PUBLIC", 'DROP SCHEMA shared; ALTER SCHEMA was_shared RENAME TO shared');
value($node, "CREATE ROLE boss SUPERUSER; SET ROLE boss; CREATE FUNCTION shared.boss$good; GRANT EXECUTE ON FUNCTION shared.boss TO ops");
is(schedule('app/db', 'shared.boss')->{state}, '', 'a function of another superuser');
cannot_run('its owner is a superuser no more', '55000', qr/somebody else's/, 'ALTER ROLE boss NOSUPERUSER', 'ALTER ROLE boss SUPERUSER');
is(schedule('app/db', 'ops.steps')->{state}, '', 'its own again');

# ---- and what he may ----

foreach my $privilege (qw(rotate read write))
{
	cannot_run("without $privilege", '42501', qr/permission denied/, "SELECT secrets.deny('$privilege', 'app/db', 'ops')", "SELECT secrets.undeny('$privilege', 'app/db', 'ops')")
	  if $privilege ne 'rotate';
}
# (For who calls it that is not asked again, but for the tick it is.)
value($node, q{SELECT secrets.deny('rotate', 'app/db', 'ops')});
make_due('app/db');
$tick->value('CALL secrets.tick()');
like(state_of('app/db'), qr/^failed\|\d+\|permission denied/, 'without rotate: not by the tick');
is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '42501', 'without rotate: not by himself');
value($node, q{SELECT secrets.undeny('rotate', 'app/db', 'ops')});
is(sql_as('mallory', q{CALL secrets.rotate_now('app/db')})->{state}, '42501', 'somebody without rotate');

# In the middle: what is taken away between two steps counts at the next.
does('set', q{SELECT pg_sleep(600)});
$client->send(q{CALL secrets.rotate_now('app/db')});
$asleep = sleeper();
value($node, q{SELECT secrets.deny('read', 'app/db', 'ops')});
value($node, "SELECT pg_cancel_backend($client->{pid})");
is($client->answer->{state}, '57014', 'read is taken away in the middle, and it is cancelled');
does();
cannot_run('read is taken away in the middle', '42501', qr/permission denied/, 'SELECT 1', q{SELECT secrets.undeny('read', 'app/db', 'ops')});

# ---- messages ----

# A password that has to be quoted in every way; said in every way.
my $odd = q{q'"\\%&<x> Zß/+-_};
sub answered_odd { value($node, 'TRUNCATE ops.answer; INSERT INTO ops.answer VALUES (' . literal($odd . $_[0]) . ')'); return $odd . $_[0]; }
my @said;
my $n = 0;
value($node, q{SELECT secrets.put('app/db', 'first')});
foreach my $form (q{$1}, q{'"' || $1 || '"'}, q{quote_literal($1)}, q{quote_ident($1)}, q{to_json($1)::text}, q{encode(convert_to($1, 'UTF8'), 'base64')}, q{encode(convert_to($1, 'UTF8'), 'hex')},
	q{convert_to($1, 'UTF8')::text}, q{json_build_object('a', $1)::text}, q{replace(replace($1, '%', '%25'), ' ', '%20')}, q{upper(encode(convert_to($1, 'UTF8'), 'hex'))},
	q{encode(convert_to('user:' || $1, 'UTF8'), 'base64')}, q{encode(convert_to($1, 'UTF8'), 'escape')}, q{left($1, 7)}, q{substr($1, 5)}, q{repeat('x', 4082) || $1},
	q{(SELECT string_agg(ascii(c)::text, ', ') FROM regexp_split_to_table($1, '') c WHERE ascii(c) < 128)})
{
	# Its first occurrence, with nothing on its way.
	my $value = answered_odd(unpack('H*', pack('n', ++$n)) . 'end');
	push @said, $value;
	does('set', "DO \$do\$ BEGIN NULL; END \$do\$; SELECT ops.say('set', $form)");
	value($node, q{SET ROLE ops; CREATE OR REPLACE FUNCTION ops.say(step text, what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it is %.', what USING DETAIL = what, HINT = what; END $$}) if $n == 1;
	does('set', "SELECT ops.say('set', $form)");
	my $result = sql_as('caller', q{CALL secrets.rotate_now('app/db')});
	is($result->{state}, 'P0001', "said as $form: P0001") or diag($result->{err});
	my ($words) = $result->{err} =~ /ERROR:  P0001: (.*)/;
	like($words, qr/^step "set" failed: (it is .*\*\*\*.*|the message is withheld: it quotes the value)$/, "said as $form: $words");
	is(index($result->{err}, substr($value, 0, 6)), -1, "said as $form: not told");
	does();
	is(sql_as('ops', q{CALL secrets.rotate_now('app/db')})->{state}, '', "said as $form: and then it goes on");
	is(stored('app/db'), $value, "said as $form: with that candidate");
}
value($node, 'TRUNCATE ops.answer');

# The value that is still in use is not told either, nor is what it is made of; but what says nothing is.
value($node, q{SELECT secrets.put('app/db', '{"username": "app_user", "password": "in use since May", "api_key": "other-secret-1", "host": "db.example.com"}')});
foreach my $said ([ 'in use since May', '***' ], [ 'other-secret-1', '***' ], [ 'password authentication failed for "app_user" at db.example.com', 'password authentication failed for "app_user" at db.example.com' ],
	[ 'in use since', undef ], [ 'in use', undef ])
{
	my ($what, $told) = @$said;

	does('set', "SELECT ops.say('set', " . literal($what) . ')');
	like(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{err},
		defined $told ? qr/P0001: step "set" failed: it is \Q$told\E\.\n/ : qr/P0001: step "set" failed: the message is withheld: it quotes the value\n/, "said: $what");
}
does();
is(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'and it goes on');

# A long message is cut off; one of which a part of a character was taken out is not shown.
does('set', q{SELECT ops.say('set', repeat('x', 5000))});
like(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{err}, qr/step "set" failed: it is x{200}/, 'a long message');
does();
is(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{state}, '', 'and it goes on');
value($node, q{SELECT secrets.put_bytes('app/db', '\x9fc39fc3')});
does('set', q{SELECT ops.say('set', 'ßßß')});
like(sql_as('caller', q{CALL secrets.rotate_now('app/db')})->{err}, qr/step "set" failed: the message is withheld: it quotes the value\n/, 'a part of a character');
does();

# In a database of another encoding it is there in two.
value($node, q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
value($node, <<'END', 'latin');
SET client_encoding = 'UTF8';
CREATE EXTENSION secrets;
SELECT secrets.put('a', 'first'), secrets.grant('list, read, write, rotate', 'a', 'ops');
CREATE FUNCTION public.f(name text, step text, candidate text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
	IF step = 'create' THEN RETURN options->>'candidate'; END IF;
	RAISE EXCEPTION 'bytes %, characters %, more %: ß', convert_to(candidate, 'UTF8'), candidate, to_json(candidate);
END $$;
GRANT EXECUTE ON FUNCTION public.f TO ops;
END
my $latin = run_sql($node, q{SET client_encoding = 'UTF8'; SELECT secrets.schedule_rotation('a', 'manual', 'public.f', '{"candidate": "Übermaß-Größe"}'); CALL secrets.rotate_now('a')},
	db => 'latin', params => [ '-U', 'ops' ]);
is($latin->{state}, 'P0001', 'in LATIN1: P0001');
like($latin->{err}, qr/step "set" failed: bytes \\x\*\*\*, characters \*\*\*, more "\*\*\*": ß\n/, 'in LATIN1: both forms are taken out');

# ---- he is gone ----

value($node, <<'END');
CREATE ROLE gone LOGIN;
CREATE SCHEMA gone AUTHORIZATION gone;
SELECT secrets.grant('list, read, write, rotate', 'app/other', 'gone');
END
is(sql_as('gone', "CREATE FUNCTION gone.f$good; SELECT secrets.schedule_rotation('app/other', '1 day', 'gone.f')")->{state}, '', 'a role that will be dropped');
is(sql_as('gone', q{CALL secrets.rotate_now('app/other')})->{state}, '', 'a role that will be dropped: it rotates');
my $value = stored('app/other');
value($node, 'REASSIGN OWNED BY gone TO postgres; DROP ROLE gone');
is(sql_as('caller', q{CALL secrets.rotate_now('app/other')})->{state}, '55000', 'it has been dropped: 55000');
value($node, q{CREATE ROLE gone LOGIN; ALTER SCHEMA gone OWNER TO gone; ALTER FUNCTION gone.f OWNER TO gone});
value($node, q{SELECT secrets.grant('list, read, write, rotate', 'app/other', 'gone')});
refused($node, q{CALL secrets.rotate_now('app/other')}, '55000', qr/has been dropped/, 'another one of that name');
make_due('app/other');
$tick->value('CALL secrets.tick()');
like(state_of('app/other'), qr/^failed\|\d+\|.*has been dropped/, 'nor by the tick');
is(stored('app/other'), $value, 'the value is as it was');

# ---- that minute ----

foreach my $what (@slow)
{
	my $result = $waiting{$what}->answer;
	my %words = (
		slow => 'step "create" took longer than 60 seconds', stubborn => 'step "test" took longer than 60 seconds',
		endless => 'its process was ended before it had come to an end');

	is($result->{state}, '55000', "$what: 55000");
	like($result->{err}, qr/ERROR:  55000: $words{$what}/, "$what: it took too long");
	is(state_of("app/$what", 'minute'), $what eq 'endless' ? '|0|it was begun, and has not ended' : "failed|1|$words{$what}", "$what: a failure");
	is($waiting{$what}->value('SELECT 1'), '1', "$what: the session goes on");
	$waiting{$what}->close;
}

# ---- in no file ----

my $of_app = q{SELECT secrets.get(v.name, version => v.version) FROM secrets.versions v WHERE v.name LIKE 'app/%' AND v.version > 1 AND v.size NOT IN (2, 4) AND v.state = 'enabled'};
my @made = grep { length > 12 && $_ !~ /^(in use|\{|by the function|first)/ } map { split /\n/, value($node, $of_app, $_) } qw(postgres minute);
cmp_ok(scalar @made, '>', 60, scalar(@made) . ' candidates were made');
$node->stop;

sub ways
{
	my ($value) = @_;
	my $base64 = encode_base64($value, '') =~ s/=+$//r;
	my $escaped = $value =~ s/(["\\])/\\$1/gr;

	# The last digit of base64 is another one if more follows.
	return ($value, $escaped, $value =~ s/'/''/gr, unpack('H*', $value), uc unpack('H*', $value), substr($base64, 0, -1), join(' ', unpack 'c*', $value), join(', ', unpack 'C*', $value));
}

# What is in the log anyway: candidates that the test chose, in its own statements.
my %own = map { $_ => 1 } @said, $chosen;
my @hidden = map { ways($_) } grep { !$own{$_} } @made;
is_deeply([ files_with($node->basedir, @hidden) ], [], 'none is in any file');
is_deeply([ files_with($node->logfile, @hidden) ], [], 'nor in the log');
is(scalar(files_with($node->logfile, $chosen)), 1, 'in which the search finds what is there');

# like() would show all of it.
my $log = slurp_file($node->logfile);
my $stars = () = $log =~ /\*\*\*/g;
cmp_ok($stars, '>', 500, 'the function has said it, many times');
ok($log =~ /LOG:  00000: \*\*\*/, 'as it is');
ok($log =~ /INFO:  00000: base64 \*\*\*, hex \*\*\*/, 'encoded');
ok($log =~ /WARNING:  01000: the message is withheld: it quotes the value|WARNING:  01000: \*\*\*/, 'in part');
ok($log =~ /Query Text: SELECT '\*\*\*'/, 'in a statement of its own');
ok($log !~ /PANIC|TRAP|XX000: (?!pretence)/, 'no internal error');

done_testing();
