# A new master key, and every value carried over to it: beside readers and
# writers, through a crash, past what is locked or damaged.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $many = soak() ? 20000 : 2000;
my $node = new_node('rekey', conf => "restart_after_crash = on\n");

# ---- nothing to do ----

my $result = run_sql($node, 'CALL secrets.rekey()');
is($result->{state}, '', 'no master key yet: rekey does nothing') or diag($result->{err});
like($result->{err}, qr/NOTICE:  00000: (?:rekeyed 0 values|there is nothing to rekey)/, 'and says so');
unlike($result->{err}, qr/version (?!0\b)\d{2,}/, 'without a number out of nowhere');

value($node, "SELECT count(secrets.put('many/' || n, 'value ' || n)) FROM generate_series(1, $many) n");
value($node, q{SELECT secrets.put('many/1', 'second ' || 1), secrets.put('many/2', 'second ' || 2)});
value($node, q{SELECT secrets.put_bytes('bytes', '\x00ff00'), secrets.put('empty', ''), secrets.put('large', repeat('x', 500000))});
value($node, q{SELECT secrets.put('gone', 'x'), secrets.delete('gone')});
value($node, q{SELECT secrets.put('destroyed', 'x'), secrets.put('destroyed', 'y'), secrets.destroy('destroyed', 1)});
my $total = $many + 2 + 3 + 1 + 1;

# A digest of all that can be read: by name, version and value.
my $all = q{SELECT md5(string_agg(name || version || coalesce(value, '') || coalesce(problem, ''), ',' ORDER BY name))
	FROM secrets.get_all('many/**')};
my $before = value($node, $all);
my $problems = q{SELECT count(*) FROM secrets.get_all('**') WHERE problem = 'does not verify'};
my $keys_in_use = q{SELECT count(DISTINCT secrets_catalog.box_key(value)) FROM secrets_catalog.version};

$result = run_sql($node, 'CALL secrets.rekey()');
like($result->{err}, qr/NOTICE:  00000: rekeyed 0 values; .*master key version 1\b/, 'all under the only key: nothing to do');
is(status($node)->{remaining}, 0, 'nothing remains');

# ---- how it is called ----

refused($node, 'CALL secrets.rekey(0)', '22023', qr/batch must be between 1 and 100000/, 'batch 0');
refused($node, 'CALL secrets.rekey(-1)', '22023', qr/batch must be/, 'batch -1');
refused($node, 'CALL secrets.rekey(100001)', '22023', qr/batch must be/, 'batch 100001');
refused($node, 'CALL secrets.rekey(NULL)', '22004', qr/batch must not be null/, 'batch NULL');
refused($node, 'BEGIN; CALL secrets.rekey()', '25001', qr/cannot run inside a transaction block.*HINT/s, 'in a transaction block');
value($node, q{CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL secrets.rekey(); END $$});
refused($node, 'SELECT f()', '25001', qr/cannot run inside a transaction block/, 'in a function');
refused($node, 'SET default_transaction_read_only = on; CALL secrets.rekey()', '25006', qr/read-only transaction/, 'in a read-only transaction');
is(run_sql($node, 'DO $$ BEGIN CALL secrets.rekey(); END $$')->{state}, '', 'in a DO block, which can commit');

# ---- a rotation, and the first half of the work, then a crash ----

is(value($node, 'SELECT secrets.rotate_master_key()'), 2, 'a new master key');
is(status($node)->{master}, 2, 'status: it is the newest');
is(status($node)->{remaining}, $total, 'status: all that remains');
is(value($node, $all), $before, 'everything reads');
value($node, q{SELECT secrets.put('many/1', 'third')});
is(status($node)->{remaining}, $total, 'what is put now is under the new key already');
is(value($node, q{SELECT secrets.put('many/1', 'second 1')}), 4, 'and back to what it was');
$before = value($node, $all);

# It is made to stop in the middle, in the middle of a batch, by a trigger of
# ours at the 55th of 100 parts of the way.
my $middle = int($many * 0.55);
value($node, <<"END");
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(42);
	RETURN NEW;
END \$\$;
SELECT format('CREATE TRIGGER pause BEFORE UPDATE ON secrets_catalog.version FOR EACH ROW WHEN (NEW.secret_id = %L) EXECUTE FUNCTION pause()',
	secret_id) FROM secrets_catalog.version ORDER BY secret_id OFFSET $middle LIMIT 1 \\gexec
END
sub pause { my ($session) = @_; $session->ask('SELECT pg_advisory_lock(42)'); return; }
my $holder = open_session($node);
pause($holder);
my $rekey = open_session($node);
my $pid = $rekey->value('SELECT pg_backend_pid()');
my $waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'";
$rekey->send('CALL secrets.rekey(100)');
wait_for(sub { value($node, $waits) == 1 }, 'rekey to come to the middle');
my $remaining = status($node)->{remaining};
cmp_ok($remaining, '<', $total, 'progress is seen from outside');
cmp_ok($remaining, '>', 0, 'and there is some way to go');
is(value($node, q{SELECT secrets.get('many/2')}), 'second 2', 'reads go on in the meantime');
is(value($node, q{SELECT secrets.put('many/2', 'third')}), 3, 'and puts');
my $offset = -s $node->logfile;
kill 'KILL', $pid;
wait_for(sub { log_since($node, $offset) =~ /ready to accept connections/ }, 'recovery');
$_->close foreach $rekey, $holder;

is(status($node)->{remaining}, $remaining, 'after kill -9 of the backend: what was committed stays');
value($node, q{SELECT secrets.rollback('many/2', 2)});
is(value($node, q{SELECT count(*) FROM secrets.get_all('**') WHERE problem IS NOT NULL AND problem <> 'binary'}), 0, 'everything reads');
$result = run_sql($node, 'CALL secrets.rekey(100)');
like($result->{err}, qr/rekeyed $remaining values; every value that verifies is under master key version 2\b/, 'it goes on where it was');
like($result->{err}, qr/NOTICE:  00000: rekeyed 100 of $remaining values/, 'and tells how far it is');
is(status($node)->{remaining}, 0, 'nothing remains');
is(value($node, $keys_in_use), 1, 'one key is in use');
is(value($node, q{SELECT secrets.get('large') = repeat('x', 500000), secrets.get('empty') = '', secrets.get_bytes('bytes')}), 't|t|\x00ff00', 'large, empty, bytes');
is(value($node, q{SELECT secrets.get('many/1', version => 1), secrets.get('many/1', version => 2)}), 'value 1|second 1', 'old versions');
value($node, q{SELECT secrets.undelete('gone')});
is(value($node, q{SELECT secrets.get('gone')}), 'x', 'a deleted one, brought back');
is(value($node, q{SELECT state FROM secrets.versions WHERE name = 'destroyed' AND version = 1}), 'destroyed', 'a destroyed version is still destroyed');

# ---- beside readers and writers ----

value($node, <<'END');
CREATE TABLE stop (at timestamptz);
CREATE PROCEDURE work(mine text) LANGUAGE plpgsql AS $$
DECLARE n int := 0;
BEGIN
	PERFORM secrets.put(mine || '/a', 'value 0');
	COMMIT;
	LOOP
		EXIT WHEN EXISTS (SELECT FROM stop);
		n := n + 1;
		PERFORM secrets.put(mine || '/a', 'value ' || n);
		COMMIT;
		PERFORM secrets.rename(mine || '/a', mine || '/b');
		COMMIT;
		IF secrets.get(mine || '/b') IS DISTINCT FROM 'value ' || n
			OR secrets.get(mine || '/b', stage => 'previous') IS DISTINCT FROM 'value ' || (n - 1) THEN
			RAISE EXCEPTION 'read something else';
		END IF;
		COMMIT;
		PERFORM secrets.rename(mine || '/b', mine || '/a');
		COMMIT;
		IF EXISTS (SELECT FROM secrets.get_all('many/1*') WHERE problem IS NOT NULL) THEN
			RAISE EXCEPTION 'something does not read';
		END IF;
		PERFORM secrets.put('many/' || 1 + n % 50, 'put by ' || mine);
		COMMIT;
	END LOOP;
	RAISE NOTICE 'rounds: %', n;
END $$;
END
my @workers = map { open_session($node) } 1 .. 3;
$workers[$_]->send("CALL work('worker$_')") foreach 0 .. $#workers;
foreach my $round (1 .. 3)
{
	value($node, 'SELECT secrets.rotate_master_key()');
	$result = run_sql($node, 'CALL secrets.rekey(50)');
	is($result->{state}, '', "rekey beside writers, round $round") or diag($result->{err});
	is(status($node)->{remaining}, 0, 'nothing remains');
}
value($node, 'INSERT INTO stop VALUES (now())');
foreach my $worker (@workers)
{
	my $answer = $worker->answer;
	is($answer->{state}, '', 'a writer was not disturbed') or diag($answer->{err});
	like($answer->{err}, qr/rounds: [1-9]/, 'and did work');
	$worker->close;
}
is(value($node, $problems), 0, 'everything verifies');

# A rotation while it runs: it must come to an end all the same, under the newer key.
$holder = open_session($node);
pause($holder);
value($node, 'SELECT secrets.rotate_master_key()');
$rekey = open_session($node);
$rekey->ask(q{SET statement_timeout = '60s'});
$pid = $rekey->value('SELECT pg_backend_pid()');
$waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'";
$rekey->send('CALL secrets.rekey(100)');
wait_for(sub { value($node, $waits) == 1 }, 'rekey to come to the middle');
my $version = value($node, 'SELECT secrets.rotate_master_key()');
$holder->ask('SELECT pg_advisory_unlock_all()');
$result = $rekey->answer;
is($result->{state}, '', 'rekey while another rotation comes: it ends') or diag(substr($result->{err}, -300));
like($result->{err}, qr/is under master key version $version\b/, 'under the newest key');
is(status($node)->{remaining}, 0, 'nothing remains');
is(value($node, $keys_in_use), 1, 'one key is in use');

# Two at once.
value($node, 'SELECT secrets.rotate_master_key()');
my @two = map { open_session($node) } 1 .. 2;
$_->send('CALL secrets.rekey(20)') foreach @two;
is($_->answer->{state}, '', 'two at once: neither fails') foreach @two;
is(status($node)->{remaining}, 0, 'and nothing remains');
$_->close foreach @two;

# Isolation as the session has it by default.
foreach my $level ('serializable', 'repeatable read')
{
	value($node, 'SELECT secrets.rotate_master_key()');
	is($rekey->ask("SET default_transaction_isolation = '$level'")->{state}, '', $level);
	$result = $rekey->ask('CALL secrets.rekey(500)');
	is($result->{state}, '', "$level: rekey") or diag($result->{err});
	is(status($node)->{remaining}, 0, "$level: nothing remains");
	is($rekey->value('SHOW transaction_isolation'), $level, "$level: the session has it still");
}
$rekey->ask('RESET default_transaction_isolation');

# ---- what is locked ----

value($node, 'DROP TRIGGER pause ON secrets_catalog.version');
value($node, 'SELECT secrets.rotate_master_key()');
$total = status($node)->{remaining};
my @lockers = map { open_session($node) } 1 .. 2;
foreach my $i (0, 1)
{
	$lockers[$i]->ask('BEGIN');
	is($lockers[$i]->ask("SELECT secrets.rename('many/" . (60 + $i) . "', 'renamed/$i')")->{state}, '', 'a rename, not committed');
}
$holder->ask('BEGIN');
$holder->ask(q{SELECT secrets.put('many/63', 'not committed')});
# Not too many batches: nobody reads the notices meanwhile, and psql would wait for that.
$rekey->send("CALL secrets.rekey(@{[ $many / 100 ]})");
wait_for(sub { value($node, $waits) == 1 }, 'rekey to wait for what is locked');
is(status($node)->{remaining}, 2, 'all but the two that are being renamed is done, the one with an open put too');
# It waits for the one or the other and holds nothing meanwhile, so whoever it waits for can have all else.
is($lockers[1]->ask(q{SET deadlock_timeout = '100ms'})->{state}, '', 'deadlock_timeout');
$lockers[0]->ask('COMMIT');
wait_for(sub { status($node)->{remaining} == 1 || value($node, "$waits AND query LIKE '%rekey%'") == 1 }, 'it to go on');
my $both = $lockers[1]->ask(q{SELECT secrets.rename('renamed/0', 'renamed/2')});
is($both->{state}, '', 'the other one may rename the first one') or diag($both->{err});
$lockers[1]->ask('ROLLBACK');
$result = $rekey->answer;
is($result->{state}, '', 'rekey has waited, and ends') or diag($result->{err});
is(status($node)->{remaining}, 0, 'nothing remains');
$holder->ask('ROLLBACK');
is(value($node, q{SELECT secrets.get('renamed/0'), secrets.get('many/62')}), 'value 60|value 62', 'they read');
is(value($node, $problems), 0, 'everything verifies');
$_->close foreach @lockers, $holder;

# ---- what is damaged ----

value($node, 'SELECT secrets.rotate_master_key()');
value($node, q{CREATE TABLE spare AS SELECT v.* FROM secrets_catalog.version v JOIN secrets_catalog.secret s ON s.id = v.secret_id WHERE s.name = 'many/70'});
value($node, q{UPDATE secrets_catalog.version v SET value = o.value FROM secrets_catalog.version o, secrets_catalog.secret s, secrets_catalog.secret t
	WHERE s.name = 'many/70' AND v.secret_id = s.id AND t.name = 'many/71' AND o.secret_id = t.id AND o.version = 1});
$result = run_sql($node, 'CALL secrets.rekey(100)');
is($result->{state}, '', 'a damaged value does not stop it');
like($result->{err}, qr{WARNING:  \w{5}: version 1 of secret "many/70" does not verify and was left as it is}, 'it is told of');
is(status($node)->{remaining}, 1, 'and remains');
$result = run_sql($node, 'CALL secrets.rekey(1)');
like($result->{err}, qr{WARNING:.*"many/70" does not verify}, 'each time');
is($result->{state}, '', 'without end it is not');
refused($node, q{SELECT secrets.get('many/70')}, 'XX001', qr/does not verify/, 'it does not read');
value($node, q{UPDATE secrets_catalog.version v SET value = s.value FROM spare s WHERE v.secret_id = s.secret_id AND v.version = s.version});
run_sql($node, 'CALL secrets.rekey()');
is(status($node)->{remaining}, 0, 'what was brought back from a copy is carried over');
is(value($node, q{SELECT secrets.get('many/70')}), 'value 70', 'and reads');

# Canceled, it leaves what it did.
value($node, 'SELECT secrets.rotate_master_key()');
is(run_sql($node, q{SET statement_timeout = '1ms'; CALL secrets.rekey(1)})->{state}, '57014', 'a rekey that is canceled');
run_sql($node, 'CALL secrets.rekey()');
is(status($node)->{remaining}, 0, 'can be called again');
is(value($node, $problems), 0, 'everything verifies');
$rekey->close;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no PANIC, no failed assertion');

done_testing();
