# The audit: nothing that a caller does undoes a line, nothing that goes wrong gives a
# value without one, and all goes on by itself afterwards.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('audit', start => 0, extension => 0, conf => <<'END');
restart_after_crash = on
max_prepared_transactions = 5
listen_addresses = '127.0.0.1'
autovacuum = off
END
my $disk = full_disk($node);
ok($disk, 'a C compiler, for a full disk') or BAIL_OUT('no C compiler');
$disk->start;
value($node, 'CREATE EXTENSION secrets');
value($node, q{CREATE ROLE app LOGIN; CREATE ROLE nobody LOGIN; CREATE ROLE lender});
value($node, q{SELECT secrets.put('a', 'value of a'), secrets.put('a', 'newer'), secrets.put('b', 'value of b'),
	secrets.grant('read', 'a', 'app'), secrets.grant('read', 'b', 'lender')});

value($node, 'CREATE DATABASE idle');

# ---- questions ----

my $n = 0;
sub actor { return 'actor' . ++$n; }

# Lines as they stand in the table, which nobody is asked to write first.
sub lines
{
	my ($actor, $what, $db) = @_;
	return value($node, "SELECT coalesce(string_agg(" . ($what || "action || ' ' || outcome || ' ' || name") . ", ', ' ORDER BY event_id), '')
		FROM secrets_catalog.audit_event WHERE actor = '$actor'", $db);
}

sub lines_are
{
	my ($actor, $expected, $name, %options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_for(sub { lines($actor, $options{what}, $options{db}) eq $expected }, 'lines', 60) };
	return is(lines($actor, $options{what}, $options{db}), $expected, $name);
}

sub problems { return value($node, q{SELECT coalesce(string_agg(kind || ': ' || problem, E'\n'), '') FROM secrets.verify_audit()}, $_[0]); }
sub is_whole
{
	my ($name, $db) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(problems($db), '', "$name: the log is whole");
}

sub worker { return value($node, q{SELECT coalesce(audit_pid, 0) FROM secrets.status()}, $_[0]); }
sub eventually
{
	my ($condition, $name, $seconds) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(eval { wait_for($condition, $name, $seconds || 60) }, $name);
}

# Whether a digest names the lines, which nobody has asked for.
sub is_proved
{
	my ($actor) = @_;
	return value($node, "SELECT count(*) > 0 AND bool_and(EXISTS (SELECT FROM secrets_catalog.audit_digest d WHERE e.event_id = ANY (d.events)))
		FROM secrets_catalog.audit_event e WHERE batch IS NULL AND actor = '$actor'") eq 't';
}

sub set_audit
{
	my ($setting, $value) = @_;

	configure($node, "$setting = $value", 'reload');
	wait_for(sub { value($node, "SHOW $setting") eq $value }, "reload of $setting");
	return;
}

# ---- what a caller can do about a line ----

my $q = q{SELECT secrets.get('a')};
value($node, q{CREATE FUNCTION catches() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.get('a'); RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN RETURN 'caught'; END $$;
	CREATE FUNCTION refused() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM secrets.get('b'); RETURN 'given'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
	CREATE FUNCTION lent() RETURNS text SECURITY DEFINER SET search_path = pg_catalog LANGUAGE sql AS $$ SELECT secrets.get('b') $$; ALTER FUNCTION lent() OWNER TO lender;
	CREATE TABLE t (a text)});
my %deeds = (
	'ROLLBACK' => "BEGIN; $q; ROLLBACK",
	'ROLLBACK TO SAVEPOINT' => "BEGIN; SAVEPOINT s; $q; ROLLBACK TO s; COMMIT",
	'a subtransaction that failed' => "BEGIN; SAVEPOINT s; $q; SELECT 1/0; ROLLBACK TO s; COMMIT",
	'a caught exception' => 'SELECT catches()',
	'an error in the same statement' => q{SELECT 1 / (length(secrets.get('a')) - 5)},
	'an error later in the transaction' => "BEGIN; $q; SELECT 1/0; COMMIT",
	'READ ONLY' => "BEGIN READ ONLY; $q; COMMIT",
	'READ ONLY as a default' => "SET default_transaction_read_only = on; $q",
	'SERIALIZABLE, READ ONLY, DEFERRABLE' => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; $q; ROLLBACK",
	'statement_timeout' => q{SET statement_timeout = 2000; SELECT secrets.get('a'), pg_sleep(60)},
	'lock_timeout, triggers off' => "SET lock_timeout = 1; SET session_replication_role = replica; $q",
	'a cursor that is closed' => q{BEGIN; DECLARE c CURSOR FOR SELECT secrets.get('a'); FETCH 1 FROM c; CLOSE c; ROLLBACK},
	'a rolled back INSERT ... SELECT' => q{BEGIN; INSERT INTO t SELECT secrets.get('a'); ROLLBACK},
	'the end of one\'s own session' => q{SELECT secrets.get('a'), pg_terminate_backend(pg_backend_pid())},
	'PREPARE TRANSACTION, rolled back' => "BEGIN; $q; PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'");
foreach my $deed (sort keys %deeds)
{
	my $actor = actor();

	run_sql($node, "SET secrets.actor = '$actor'; $deeds{$deed}", stop => 0);
	lines_are($actor, 'read allowed a', "$deed: it has been read");
}
my %refusals = (
	'a refusal' => q{SELECT secrets.get('b')},
	'a caught refusal' => 'SELECT refused()',
	'a refusal that is rolled back' => q{BEGIN; SAVEPOINT s; SELECT secrets.get('b'); ROLLBACK TO s; ROLLBACK},
	'a refusal in a READ ONLY transaction' => q{BEGIN READ ONLY; SELECT secrets.get('b'); ROLLBACK});
foreach my $deed (sort keys %refusals)
{
	my $actor = actor();

	run_sql($node, "SET secrets.actor = '$actor'; $refusals{$deed}", stop => 0, params => [ '-U', 'app' ]);
	lines_are($actor, 'read denied b', "$deed: recorded");
}
# What was rolled back of changes has not happened, and nobody misses it.
my $rolled = actor();
value($node, "SET secrets.actor = '$rolled'; BEGIN; SELECT secrets.put('a', 'x'); SELECT txid_current(); ROLLBACK;
	BEGIN; SAVEPOINT s; SELECT secrets.put('a', 'x'), secrets.put('c', 'x'); ROLLBACK TO s; SELECT secrets.put('d', 'x'); COMMIT");
lines_are($rolled, 'write allowed d', 'changes that were rolled back have no line');
is_whole('after all of this');

# A cancelled one, which waits for something else.
my $cancelled = actor();
my $session = open_session($node);
my $pid = $session->value('SELECT pg_backend_pid()');
$session->send("SET secrets.actor = '$cancelled'; SELECT secrets.get('a'), pg_sleep(120)");
lines_are($cancelled, 'read allowed a', 'a statement that is still running: it has been read');
value($node, "SELECT pg_cancel_backend($pid)");
is($session->answer->{state}, '57014', 'and is cancelled');
lines_are($cancelled, 'read allowed a', 'which makes no difference');
$session->close;

# ---- who, where from, through what ----

my $who = actor();
my $what = q{concat_ws(',', action, outcome, name, version, login, role, coalesce(host(client_addr), 'local'), application_name, via)};
run_sql($node, "SET secrets.actor = '$who'; $q", params => [ '-U', 'app' ]);
lines_are($who, 'read,allowed,a,2,app,app,local,022_audit.pl,api', 'over a socket', what => $what);
$who = actor();
run_sql($node, "SET secrets.actor = '$who'; SET application_name = 'my app'; SELECT secrets.get('a', version => 1)",
	params => [ '-d', 'host=127.0.0.1 port=' . $node->port . ' dbname=postgres user=app' ]);
lines_are($who, 'read,allowed,a,1,app,app,127.0.0.1,my app,api', 'over TCP', what => $what);
$who = actor();
value($node, "SET secrets.actor = '$who'; SET ROLE app; $q; RESET ROLE; SET SESSION AUTHORIZATION app; SELECT lent()");
lines_are($who, 'postgres app, app lender', 'who logged in, and as whom it was asked', what => q{login || ' ' || role});

# What a transaction read and changed has its number; what it read before it had one has none.
my $mixed = actor();
my ($txid) = value($node, "SET secrets.actor = '$mixed'; BEGIN; SELECT secrets.get('b') IS NULL; SELECT secrets.put('e', 'x'); SELECT secrets.get('a') IS NULL; SELECT txid_current(); COMMIT") =~ /(\d+)$/;
lines_are($mixed, "read:0, write:$txid, read:$txid", 'txid', what => q{action || ':' || coalesce(txid, 0)});
eventually(sub { value($node, "SELECT count(l.pid) || ' ' || count(a.pid) FROM secrets.audit_log l LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE actor = '$mixed'") eq '3 0' }, 'pid: of one who is gone');
my $direct = actor();
value($node, "SET secrets.actor = '$direct'; UPDATE secrets_catalog.secret SET description = 'changed by hand' WHERE name = 'e'");
lines_are($direct, 'write e direct', 'round the API', what => q{action || ' ' || name || ' ' || via});

# Bytes that are no text in this database come by the start of a session; nothing breaks of it.
{
	local $ENV{PGOPTIONS} = "-c secrets.actor=odd\xff\xfe";
	is(run_sql($node, $q)->{out}, 'newer', 'an actor that is no text');
}
eventually(sub { value($node, q{SELECT count(*) FROM secrets_catalog.audit_event WHERE actor LIKE 'odd%'}) eq '1' }, 'is recorded');
is(value($node, q{SELECT count(*) FROM secrets_catalog.audit_event WHERE actor IS NOT NULL AND actor <> convert_from(convert_to(actor, 'LATIN1'), 'LATIN1')}), 0, 'as text');

# What the database has as settings is for its users, not for the worker.
value($node, q{ALTER DATABASE postgres SET default_transaction_read_only = on; ALTER DATABASE postgres SET statement_timeout = '50ms'; ALTER DATABASE postgres SET lock_timeout = '1ms';
	ALTER DATABASE postgres SET role = 'nobody'; ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'; ALTER DATABASE postgres SET synchronous_commit = off;
	ALTER DATABASE postgres SET session_replication_role = replica; ALTER DATABASE postgres SET row_security = off; ALTER DATABASE postgres SET search_path = 'nowhere'; ALTER DATABASE postgres SET exit_on_error = on;
	ALTER DATABASE postgres SET application_name = 'odd'; ALTER DATABASE postgres SET idle_in_transaction_session_timeout = 1});
value($node, q{ALTER DATABASE postgres SET transaction_timeout = '30ms'}, 'idle') if $node->pg_version >= 17;
my $odd = actor();
my $before;
wait_for(sub { $before = value($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = 'postgres'}, 'idle') }, 'a worker');
value($node, "SELECT pg_terminate_backend($before)", 'idle');
{
	# Ours are its users, and want none of these, from their first statement on.
	local $ENV{PGOPTIONS} = join ' ', map { "-c $_" } 'role=none', 'statement_timeout=0', 'lock_timeout=0', 'idle_in_transaction_session_timeout=0', 'default_transaction_read_only=off',
	  'search_path=public', $node->pg_version >= 17 ? 'transaction_timeout=0' : ();
	value($node, "SET secrets.actor = '$odd'; SELECT secrets.get('a'); SELECT secrets.put('e', 'x')");
	eventually(sub { value($node, "SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = '$odd'") eq '2' }, 'odd settings of the database: the worker writes');
	eventually(sub { value($node, "SELECT count(*) FROM secrets_catalog.audit_event e JOIN secrets_catalog.audit_digest d ON e.event_id = ANY (d.events) WHERE actor = '$odd'") eq '1' }, 'digests too');
}
value($node, 'ALTER DATABASE postgres RESET ALL', 'idle');
is_whole('odd settings');

# ---- the worker ----

# Others' work may start it too, so nobody reads meanwhile.
foreach my $round (1 .. 2)
{
	my $old = worker();

	value($node, $q), $old = worker() if !$old;
	value($node, "SELECT pg_terminate_backend($old)");
	eventually(sub { my $new = worker(); $new && $new != $old }, "the worker is terminated: it comes back by itself ($round)", 60);
}
my $dead = actor();
my $victim;
wait_for(sub { $victim = worker() }, 'a worker');
my $offset = -s $node->logfile;
run_sql($node, "SET secrets.actor = '$dead'; SELECT secrets.get('a') FROM generate_series(1, 50)");
kill 'KILL', $victim;
wait_for(sub { log_since($node, $offset) =~ /database system is ready to accept connections/ }, 'recovery');
eventually(sub { value($node, "SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = '$dead'") eq '50' }, 'kill -9 of the worker: each line is there, once');
is_whole('kill -9 of the worker');

# A backend dies with its line in hand: what it was told, or would have been, is there.
my $killed = actor();
$session = open_client($node);
my $victim_pid = $session->value('SELECT pg_backend_pid()');
$session->value("SET secrets.actor = '$killed'");
is($session->value($q), 'newer', 'a backend reads');
$offset = -s $node->logfile;
kill 'KILL', $victim_pid;
wait_for(sub { log_since($node, $offset) =~ /database system is ready to accept connections/ }, 'recovery');
lines_are($killed, 'read allowed a', 'and is killed at once: its line is there');
$session->close;

# ---- a full queue, a full disk ----

# On disk is what the worker needs room for; the reads are more than the queue holds.
configure($node, "secrets.audit_queue_size = '256kB'");
$node->stop;
$disk->start;
$disk->full;
my $full = actor();
my $filling = run_sql($node, "SET secrets.actor = '$full'; SELECT count(secrets.get('a')) FROM generate_series(1, 5000)");
is($filling->{state}, '58030', 'a disk that is full: 58030') or diag($filling->{err});
like($filling->{err}, qr/the disk is full|its queue is full|behind/, 'with the reason');
is($filling->{out}, '', 'and no value');
$disk->free;
eventually(sub { run_sql($node, $q)->{out} eq 'newer' }, 'room again: reads go on by themselves');
is(value($node, "SELECT count(*) > 500 FROM secrets.audit_log WHERE actor = '$full'"), 't', 'what was queued is in the log');
is_whole('a full disk');
my $many = actor();
is(value($node, "SET secrets.actor = '$many'; SELECT count(secrets.get('a')) FROM generate_series(1, 20000)"), 20000, 'more reads than the queue holds');
is(value($node, "SELECT count(*), count(DISTINCT event_id) FROM secrets.audit_log WHERE actor = '$many'"), '20000|20000', 'each is there, once');
is_whole('a small queue');

# ---- who ends late ----

# Not asked for: the worker finds them itself.
my $long = actor();
$session = open_client($node);
$session->value("SET secrets.actor = '$long'");
$session->value(q{BEGIN; SELECT secrets.put('long', 'x'); SAVEPOINT s; SELECT secrets.put('long', 'rolled back'); ROLLBACK TO s; SELECT secrets.put('long', 'y')});
my $later = actor();
value($node, "SET secrets.actor = '$later'; SELECT secrets.put('short', 'x')") for 1 .. 2;
eventually(sub { is_proved($later) }, 'a change beside a transaction that is open gets its digest');
$session->value('COMMIT');
eventually(sub { is_proved($long) }, 'and the open one, when it has ended');
$session->close;
my $prepared = actor();
value($node, "SET secrets.actor = '$prepared'; BEGIN; SELECT secrets.put('prepared', 'x'); PREPARE TRANSACTION 'p1'");
usleep(1_500_000);
is_whole('one that is prepared');
value($node, q{COMMIT PREPARED 'p1'});
eventually(sub { is_proved($prepared) }, 'a prepared one, committed by another session');
# After a restart nobody remembers it.
$prepared = actor();
value($node, "SET secrets.actor = '$prepared'; BEGIN; SELECT secrets.put('prepared', 'y'); PREPARE TRANSACTION 'p2'");
$node->stop('immediate');
$disk->start;
value($node, q{COMMIT PREPARED 'p2'});
eventually(sub { is_proved($prepared) }, 'or after a crash');
# And a change that a crash came upon before its digest.
my $crashed = actor();
value($node, "SET secrets.actor = '$crashed'; SELECT secrets.put('crashed', 'x')");
$node->stop('immediate');
$disk->start;
value($node, $q);
eventually(sub { is_proved($crashed) }, 'a crash right after a change: its digest comes when somebody reads');
is_whole('who ends late');

# ---- what is old ----

# Whole stretches, or nothing of one.
value($node, q{CREATE DATABASE old});
value($node, q{CREATE EXTENSION secrets; SELECT secrets.put('a', 'x')}, 'old');
value($node, q{SELECT secrets.get('a'); SELECT secrets.put('a', 'y'); SELECT pg_sleep(0.2)}, 'old') for 1 .. 4;
my $old_head = value($node, 'SELECT secrets.audit_head()', 'old');
my $digests = q{SELECT count(*) FROM secrets_catalog.audit_digest WHERE kind <> 'retention'};
my $there = value($node, $digests, 'old');
usleep(1_200_000);
is(value($node, q{SELECT count(*) > 8 FROM secrets_catalog.audit_event}, 'old'), 't', 'kept for ever, if nobody says otherwise');
set_audit('secrets.audit_retention', '1s');
value($node, q{SELECT secrets.get('a')}, 'old');
eventually(sub { value($node, "SELECT count(*) FROM secrets_catalog.audit_event WHERE at < now() - interval '20 seconds'", 'old') eq '0'
	&& value($node, q{SELECT count(*) FROM secrets_catalog.audit_digest WHERE kind = 'retention'}, 'old') > 0 }, 'audit_retention: what is older goes');
set_audit('secrets.audit_retention', '0');
usleep(300_000);
cmp_ok(value($node, $digests, 'old'), '>=', $there, 'its digests stay');
is(value($node, q{SELECT count(*) FROM (SELECT d.lines, d.kind, (SELECT count(*) FROM secrets_catalog.audit_event e WHERE e.batch = d.number OR e.event_id = ANY (d.events)) AS n
	FROM secrets_catalog.audit_digest d) x WHERE n NOT IN (0, lines)}, 'old'), 0, 'whole stretches only');
is(value($node, q{SELECT count(*) > 0 FROM secrets_catalog.audit_digest d WHERE lines > 0 AND NOT EXISTS (SELECT FROM secrets_catalog.audit_event e WHERE e.batch = d.number OR e.event_id = ANY (d.events))}, 'old'), 't', 'some are gone');
is_whole('retention', 'old');
is(value($node, "SELECT count(*) FROM secrets.verify_audit(expected_head => '$old_head')", 'old'), 0, 'an old head is there still');
is(value($node, q{SELECT secrets.get('a')}, 'old'), 'y', 'and it goes on');
is_whole('retention, later', 'old');

# One that nobody speaks to for a while: its worker is to be gone in the end.
value($node, q{CREATE EXTENSION secrets; SELECT secrets.put('a', 'x'); SELECT secrets.get('a')}, 'idle');

# ---- durable ----

set_audit('secrets.audit', 'durable');
my $durable = actor();
$session = open_client($node);
my $looker = open_client($node);
$session->value("SET secrets.actor = '$durable'");
my $missing = 0;
foreach my $i (1 .. 20)
{
	$session->value("BEGIN; $q");
	$missing++ if $looker->value("SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = '$durable'") != $i;
	$session->value('ROLLBACK');
}
is($missing, 0, 'durable: the line is there before the value');

# ---- somebody holds the log's table ----

# Somebody else, then the caller itself, which nobody but the wait can end.
my $locker = open_client($node);
$locker->value('BEGIN; LOCK TABLE secrets_catalog.audit_event IN ACCESS EXCLUSIVE MODE');
my $locker_pid = $locker->value('SELECT pg_backend_pid()');
my $locked = actor();
$offset = -s $node->logfile;
my $began = time;
refused($node, "SET secrets.actor = '$locked'; $q", '58030', qr/the audit cannot be written.*Nothing was read or given/s, 'the log is locked by another');
cmp_ok(time - $began, '>=', 3, 'it was waited for');
cmp_ok(time - $began, '<', 60, 'but not for ever');
eventually(sub { log_since($node, $offset) =~ /waits for a lock that process $locker_pid \(postgres\) holds/ }, 'the log names who locks');
my $status = open_client($node);
like($status->value(q{SELECT audit_queue > 0, audit_lag > '1 second' FROM secrets.status()}), qr/^t\|t$/, 'status() shows depth and lag');
$locker->value('COMMIT');
is(value($node, "SET secrets.actor = '$locked'; $q"), 'newer', 'no longer locked: it reads again');
lines_are($locked, 'read allowed a, read allowed a', 'the one that was not given is in the log too');
eventually(sub { $status->value(q{SELECT audit_queue, audit_lag FROM secrets.status()}) eq '0|00:00:00' }, 'status(): nothing waits');
$began = time;
my $own = run_sql($node, "BEGIN; LOCK TABLE secrets_catalog.audit_digest IN ACCESS EXCLUSIVE MODE; $q; COMMIT");
is($own->{state}, '58030', 'locked by the caller itself: 58030') or diag($own->{err});
cmp_ok(time - $began, '<', 60, 'in time');
is(value($node, $q), 'newer', 'and all goes on');

# on: the worker is behind, so it is known after a while; and with log, a line there instead.
set_audit('secrets.audit', 'on');
$locker->value('BEGIN; LOCK TABLE secrets_catalog.audit_event IN SHARE MODE');
my $behind = actor();
my @told;
my $end = time + 60;
do { push @told, run_sql($node, "SET secrets.actor = '$behind'; $q")->{state}; usleep(100_000) } until $told[-1] ne '' || time > $end;
is($told[-1], '58030', 'on: refused too, when the worker does not get on');
my $given = grep { $_ eq '' } @told;
set_audit('secrets.audit_on_failure', 'log');
$offset = -s $node->logfile;
my $logged = actor();
is(value($node, "SET secrets.actor = '$logged'; $q"), 'newer', 'audit_on_failure = log: the value is given');
my ($json) = log_since($node, $offset) =~ /secrets audit: (\{.*"actor":"$logged".*\})\n/;
ok($json, 'and a line is in the server log');
is(value($node, "SELECT j->>'action', j->>'outcome', j->>'name', j->>'role' FROM (SELECT \$x\$" . ($json || '{}') . "\$x\$::json AS j) x"), 'read|allowed|a|postgres', 'of JSON');
set_audit('secrets.audit_on_failure', 'refuse');
$locker->value('COMMIT');
eventually(sub { value($node, "SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = '$behind'") >= $given }, "unlocked: the $given that were given are in the log");
is_whole('locks');
$_->close foreach $session, $looker, $locker, $status;

# ---- heads ----

my $head = value($node, 'SELECT secrets.audit_head()');
like($head, qr/^secrets-head:\d+:1:[\w-]{43}$/, 'a head');
eventually(sub { log_since($node) =~ /audit head .*\Q$head\E/ }, 'which is in the server log');
value($node, "$q; SELECT secrets.put('a', 'newest')");
isnt(value($node, 'SELECT secrets.audit_head()'), $head, 'the next one is another');
is(value($node, "SELECT count(*) FROM secrets.verify_audit(expected_head => '$head')"), 0, 'and goes on from it');
like($node->logfile && slurp_file($node->logfile), qr/secrets: audit head of database \d+ is secrets-head:/, 'the worker logs heads by itself');

# ---- while sealed ----

my $last = actor();
value($node, "SET secrets.actor = '$last'; $q; SELECT secrets.seal()");
lines_are($last, 'read allowed a', 'read, and sealed at once: its line is there', what => q{CASE WHEN action = 'read' THEN 'read allowed a' END});
$offset = -s $node->logfile;
refused($node, $q, '58000', qr/sealed/, 'sealed');
like(log_since($node, $offset), qr/secrets audit: \{.*"reason":"sealed"/, 'which is in the server log');
my $sealed = actor();
value($node, "SET secrets.actor = '$sealed'; UPDATE secrets_catalog.secret SET description = 'while sealed' WHERE name = 'b'");
value($node, 'SELECT secrets.unseal()');
eventually(sub { is_proved($sealed) }, 'a change by hand while sealed gets its digest when it is over');
is(value($node, 'SELECT string_agg(DISTINCT kind, \',\') FROM secrets.verify_audit()'), 'sealed', 'and is told as that, not as damage');

# ---- gone when there is nothing to do ----

eventually(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = 'idle'}) eq '0' }, 'a worker that has had nothing to do is gone', 120);
my $came = actor();
value($node, "SET secrets.actor = '$came'; SELECT secrets.get('a')", 'idle');
lines_are($came, 'read allowed a', 'and there again when it is needed', db => 'idle');
is_whole('idle', 'idle');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
