# Other sessions at once: what one commits, the very next execution in every other
# obeys, however it remembers: a prepared statement, an open REPEATABLE READ
# transaction, a pooled connection.  Nothing is slept over.  Hundreds of changes of
# each kind; thousands with SECRETS_SOAK=1.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $many = soak() ? 5000 : 500;
my $some = soak() ? 500 : 50;
my $node = new_node('sessions', conf => "max_prepared_transactions = 5\nrestart_after_crash = on\n");
my $is_16 = $node->pg_version >= 16;

value($node, <<'END');
SELECT secrets.put('a/b', 'value');
CREATE ROLE app LOGIN;
CREATE ROLE team;
CREATE ROLE readers;
CREATE FUNCTION tried() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN RETURN secrets.get('a/b'); EXCEPTION WHEN insufficient_privilege THEN RETURN '42501'; END $$;
END
my $changer = open_client($node);

# ---- those who read ----

# Each sends what it asks, and knows what the answer means.
my @readers;

sub add_reader
{
	my ($name, $options, $send, @first) = @_;
	my $client = open_client($node, user => 'app', %$options);

	$client->value($_) foreach @first;
	push @readers, { name => $name, client => $client, send => $send };
	return $client;
}

sub open_readers
{
	$_->{client}->close foreach @readers;
	@readers = ();
	add_reader('prepared', {}, sub { $_[0]->start('get') })->prepare('get', q{SELECT secrets.get('a/b')});
	add_reader('EXECUTE', {}, sub { $_[0]->send('EXECUTE get') }, q{PREPARE get AS SELECT secrets.get('a/b')});
	add_reader('REPEATABLE READ', {}, sub { $_[0]->send('SELECT tried()') }, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT tried()');
	add_reader('pooled', {}, sub { $_[0]->send('DISCARD ALL'); $_[0]->send(q{SELECT secrets.get('a/b')}) });
	add_reader('list', {}, sub { $_[0]->start('list') })
	  ->prepare('list', q{SELECT CASE count(*) WHEN 1 THEN 'value' ELSE '42501' END FROM secrets.list('a/**')});
	add_reader('can', {}, sub { $_[0]->start('can') })
	  ->prepare('can', q{SELECT CASE WHEN secrets.can('read', 'a/b') THEN 'value' ELSE '42501' END});
	return;
}

my $grant = q{SELECT secrets.grant('read, list', 'a/b', 'app')};
my $revoke = q{SELECT secrets.revoke('read, list', 'a/b', 'app')};

open_readers();
follows(\@readers, $changer, 'nothing changes', 1, [ 'SELECT 1', 0 ]);
follows(\@readers, $changer, 'grant, revoke', $many, [ $grant, 1 ], [ $revoke, 0 ]);
follows(\@readers, $changer, 'grant, revoke on a pattern', $some, [ q{SELECT secrets.grant('read, list', 'a/*', 'app')}, 1 ], [ q{SELECT secrets.revoke('all', 'a/*', 'app')}, 0 ]);
follows(\@readers, $changer, 'grant, revoke for public', $some, [ q{SELECT secrets.grant('read, list', '**', 'public')}, 1 ], [ q{SELECT secrets.revoke('all', '**', 'public')}, 0 ]);

# The rest by one rule, for a role that app is a member of.
follows(\@readers, $changer, 'rolled back, or not', $some, [ "BEGIN; $grant; ROLLBACK", 0 ], [ "BEGIN; SAVEPOINT s; $grant; ROLLBACK TO s; COMMIT", 0 ],
	[ "BEGIN; $grant; COMMIT", 1 ], [ "BEGIN; $revoke; ROLLBACK", 1 ], [ "BEGIN; SAVEPOINT s; $revoke; RELEASE s; COMMIT", 0 ]);
follows(\@readers, $changer, 'prepared transactions', $some,
	[ [ 'BEGIN', $grant, q{PREPARE TRANSACTION 'p'} ], 0 ], [ q{COMMIT PREPARED 'p'}, 1 ], [ [ 'BEGIN', $revoke, q{PREPARE TRANSACTION 'p'} ], 1 ],
	[ q{ROLLBACK PREPARED 'p'}, 1 ], [ [ 'BEGIN', $revoke, q{PREPARE TRANSACTION 'p'} ], 1 ], [ q{COMMIT PREPARED 'p'}, 0 ]);
value($node, $grant);
follows(\@readers, $changer, 'deny, undeny', $some, [ q{SELECT secrets.deny('all', 'a/**', 'public')}, 0 ], [ q{SELECT secrets.undeny('all', 'a/**', 'public')}, 1 ]);
follows(\@readers, $changer, 'renamed', $some, [ 'ALTER ROLE app RENAME TO another; CREATE ROLE app', 1 ], [ 'DROP ROLE app; ALTER ROLE another RENAME TO app', 1 ]);
my $tag = value($node, q{SELECT grantee_tag FROM secrets_catalog.rule});
follows(\@readers, $changer, 'the label taken away by hand', $some, [ 'SECURITY LABEL FOR secrets ON ROLE app IS NULL', 0 ], [ "SECURITY LABEL FOR secrets ON ROLE app IS '$tag'", 1 ]);
follows(\@readers, $changer, 'rules changed by hand', $some, [ q{UPDATE secrets_catalog.rule SET privileges = '{write}'}, 0 ],
	[ q{SET session_replication_role = replica; UPDATE secrets_catalog.rule SET privileges = '{list,read}'; RESET session_replication_role}, 1 ],
	[ 'CREATE TEMP TABLE kept AS SELECT * FROM secrets_catalog.rule; DELETE FROM secrets_catalog.rule', 0 ],
	[ 'INSERT INTO secrets_catalog.rule SELECT id, effect, privileges, pattern, grantee, grantee_oid, grantee_tag, valid_from, valid_until, network, ssl, granted_by, granted_at FROM kept; DROP TABLE kept', 1 ]);
value($node, $revoke);

value($node, q{SELECT secrets.grant('read, list', 'a/b', 'readers')});
follows(\@readers, $changer, 'a membership', $some, [ 'GRANT readers TO app', 1 ], [ 'REVOKE readers FROM app', 0 ]);
value($node, 'GRANT team TO app');
follows(\@readers, $changer, "a membership's membership", $some, [ 'GRANT readers TO team', 1 ], [ 'REVOKE readers FROM team', 0 ]);
value($node, 'REVOKE team FROM app; GRANT readers TO app');
my @inherits = $is_16 ? ('GRANT readers TO app WITH INHERIT FALSE', 'GRANT readers TO app WITH INHERIT TRUE') : ('ALTER ROLE app NOINHERIT', 'ALTER ROLE app INHERIT');
follows(\@readers, $changer, $inherits[0], $some, [ $inherits[0], 0 ], [ $inherits[1], 1 ]);
follows(\@readers, $changer, 'another role under the name', $some,
	[ 'ALTER ROLE readers RENAME TO writers; CREATE ROLE readers; REVOKE writers FROM app; GRANT readers TO app', 0 ],
	[ 'DROP ROLE readers; ALTER ROLE writers RENAME TO readers; GRANT readers TO app', 1 ]);
follows(\@readers, $changer, 'dropped, and made again', $some, [ 'DROP ROLE readers', 0 ], [ 'CREATE ROLE readers; GRANT readers TO app', 0 ],
	[ q{SELECT secrets.grant('read, list', 'a/b', 'readers')}, 1 ]);
value($node, 'DROP ROLE readers');

follows(\@readers, $changer, 'SUPERUSER', $some, [ 'ALTER ROLE app SUPERUSER', 1 ], [ 'ALTER ROLE app NOSUPERUSER', 0 ]);
value($node, q{SELECT secrets.grant('read, list', 'a/b', 'pg_database_owner')});
follows(\@readers, $changer, 'ALTER DATABASE OWNER', $some, [ 'ALTER DATABASE postgres OWNER TO app', 1 ], [ 'ALTER DATABASE postgres OWNER TO postgres', 0 ]);
value($node, q{SELECT secrets.revoke('read, list', 'a/b', 'pg_database_owner')});

# The owner of the catalogs passes every check; that takes a lock which an open transaction is in the way of.
$_->{client}->ask('COMMIT') foreach grep { $_->{name} eq 'REPEATABLE READ' } @readers;
follows(\@readers, $changer, 'the owner of the catalogs', $some, [ 'ALTER TABLE secrets_catalog.secret OWNER TO app', 1 ], [ 'ALTER TABLE secrets_catalog.secret OWNER TO postgres', 0 ]);

# One who hears of it while asking for the first time.
my $fresh = open_client($node, user => 'app');
my $can = q{SELECT secrets.can('read', 'a/b')};
$changer->value('BEGIN; ALTER TABLE secrets_catalog.secret OWNER TO app');
$fresh->send($can);
wait_for(sub { value($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $fresh->{pid} AND wait_event_type = 'Lock'") eq '1' }, 'the reader to wait');
$changer->value('COMMIT');
is(answer_of($fresh->answer), 't', 'the owner of the catalogs, who asked while becoming it');
$changer->value('ALTER TABLE secrets_catalog.secret OWNER TO postgres');
is(answer_of($fresh->ask($can)), 'f', 'is heard to be it no more');
$fresh->close;

# What a role is, it is in every database.
value($node, 'CREATE DATABASE second');
value($node, q{CREATE EXTENSION secrets; SELECT secrets.put('a/b', 'value'); CREATE ROLE readers; SELECT secrets.grant('read', 'a/b', 'readers')}, 'second');
$_->{client}->close foreach @readers;
@readers = ();
add_reader('in another database', { db => 'second' }, sub { $_[0]->start('get') })->prepare('get', q{SELECT secrets.get('a/b')});
$tag = value($node, q{SELECT grantee_tag FROM secrets_catalog.rule}, 'second');
follows(\@readers, $changer, 'a membership, for another database', $some, [ 'GRANT readers TO app', 1 ], [ 'REVOKE readers FROM app', 0 ]);
value($node, 'GRANT readers TO app');
follows(\@readers, $changer, 'a label, for another database', $some, [ 'SECURITY LABEL FOR secrets ON ROLE readers IS NULL', 0 ], [ "SECURITY LABEL FOR secrets ON ROLE readers IS '$tag'", 1 ]);

# While a restore may be under way, the name decides where the label is gone.
my $in_second = open_client($node, db => 'second');
$in_second->value('SECURITY LABEL FOR secrets ON ROLE readers IS NULL; DELETE FROM secrets_catalog.home');
follows(\@readers, $changer, 'names, while they bind', $some, [ 'ALTER ROLE readers RENAME TO writers', 0 ], [ 'ALTER ROLE writers RENAME TO readers', 1 ]);
follows(\@readers, $in_second, 'the end of a restore', $some, [ q{INSERT INTO secrets_catalog.home VALUES (now(), 0, 0)}, 0 ], [ 'DELETE FROM secrets_catalog.home', 1 ]);
value($node, 'DROP ROLE readers');

# The extension dropped and made again: what was remembered of its tables is forgotten.
configure($node, 'secrets.allow_drop = on', 'reload');
wait_for(sub { $in_second->value('SHOW secrets.allow_drop') eq 'on' }, 'reload');
my %stale;
foreach my $round (1 .. 5)
{
	foreach my $step ([ q{DROP EXTENSION secrets; CREATE EXTENSION secrets; SELECT secrets.put('a/b', 'value')}, 0 ], [ $grant, 1 ])
	{
		$in_second->value($step->[0]);
		send_all(\@readers);
		my ($told) = receive_all(\@readers);
		$stale{"$told after $step->[0]"}++ if $told ne ($step->[1] ? 'value' : '42501');
	}
}
is_deeply(\%stale, {}, 'the extension dropped and made again: no stale answer');
$in_second->close;

# ---- one connection, several roles ----

value($node, q{CREATE ROLE keeper; SELECT secrets.grant('read, list', 'a/b', 'keeper')});
value($node, q{CREATE FUNCTION lent() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT secrets.get('a/b') $$});
$_->{client}->close foreach @readers;
@readers = ();
add_reader('SECURITY DEFINER', {}, sub { $_[0]->start('lent') })->prepare('lent', 'SELECT lent()');
follows(\@readers, $changer, 'a function given to another owner', $some, [ 'ALTER FUNCTION lent() OWNER TO keeper', 1 ], [ 'ALTER FUNCTION lent() OWNER TO app', 0 ]);
my $shared = open_client($node)->prepare('get', q{SELECT secrets.get('a/b')});
my %wrong;
foreach my $round (1 .. $some)
{
	foreach my $try ([ 'SET ROLE keeper', 'value' ], [ 'SET ROLE app', '42501' ], [ 'RESET ROLE', 'value' ],
		[ 'SET SESSION AUTHORIZATION app', '42501' ], [ 'SET SESSION AUTHORIZATION keeper', 'value' ], [ 'RESET SESSION AUTHORIZATION', 'value' ])
	{
		$shared->value($try->[0]);
		$wrong{ $try->[0] }++ if answer_of($shared->run('get')) ne $try->[1];
	}
}
is_deeply(\%wrong, {}, 'one connection that changes its role: each is answered for itself');
$shared->close;
value($node, q{DROP FUNCTION lent(); DROP ROLE keeper});

# ---- settings ----

value($node, 'CREATE ROLE chief LOGIN SUPERUSER');
my $chief = open_client($node, user => 'chief')->prepare('get', q{SELECT secrets.get('a/b')});
my $disobeyed = 0;
foreach my $round (1 .. $some / 10)
{
	foreach my $is ('off', 'on')
	{
		$changer->value("ALTER SYSTEM SET secrets.superuser_bypass = $is");
		$changer->value('SELECT pg_reload_conf()');
		# The postmaster passes it on when it comes to it.
		wait_for(sub { $chief->value('SHOW secrets.superuser_bypass') eq $is }, 'the reload');
		$disobeyed++ if answer_of($chief->run('get')) ne ($is eq 'on' ? 'value' : '42501');
	}
}
is($disobeyed, 0, 'secrets.superuser_bypass counts as soon as it is known');
$chief->close;

# ---- rules that begin and end by themselves ----

# Over and over: never given at a time when it may not be, nor refused when it may.
my %windows = (
	"a rule that ends, in a prepared statement" => [ 'c/ends', 'app', '' ],
	"a rule that begins, in a prepared statement" => [ 'c/begins', 'app', '' ],
	"a deny that ends, in a prepared statement" => [ 'c/denied', 'app', '' ],
	"a rule that ends, in an open transaction" => [ 'c/ends', 'app', 'BEGIN ISOLATION LEVEL REPEATABLE READ' ],
	"a rule that ends, in a listing" => [ 'c/ends', 'app', '', q{(SELECT count(*) = 1 FROM secrets.list('c/ends'))} ],
	"a rule that begins, in a listing" => [ 'c/begins', 'app', '', q{(SELECT count(*) = 1 FROM secrets.list('c/begins'))} ]);

value($node, q{SELECT secrets.put('c/' || n, 'value') FROM unnest(ARRAY['ends', 'begins', 'denied']) n});
$changer->value('CREATE TABLE at (t timestamptz); GRANT SELECT ON at TO PUBLIC');
# On a slow machine that moment may have come before all are ready: then later.
my %window;
foreach my $seconds (1.5, 6, 24)
{
	$_->{session}->close foreach values %window;
	$changer->value(qq{SELECT count(secrets.revoke('all', n, 'app')), count(secrets.undeny('all', n, 'app')) FROM unnest(ARRAY['c/ends', 'c/begins', 'c/denied']) n;
		TRUNCATE at; INSERT INTO at SELECT clock_timestamp() + interval '$seconds s'});
	$changer->value(q{SELECT secrets.grant('read, list', 'c/ends', 'app', valid_until => t), secrets.grant('read, list', 'c/begins', 'app', valid_from => t),
		secrets.grant('read, list', 'c/denied', 'app'), secrets.deny('read, list', 'c/denied', 'app', valid_until => t) FROM at});
	foreach my $what (keys %windows)
	{
		my ($name, $role, $first, $condition) = @{ $windows{$what} };
		my $session = open_client($node, user => $role);

		$condition ||= "secrets.can('read', '$name')";
		$session->value($first) if $first;
		# Whether it was before, whether one may, whether it is before: all in that order.
		$session->prepare('ask', qq{SELECT a AS before, b AS may, c AS still FROM
			(SELECT clock_timestamp() < t AS a, t FROM at OFFSET 0) x, LATERAL (SELECT $condition AS b WHERE a IS NOT NULL OFFSET 0) y,
			LATERAL (SELECT clock_timestamp() < t AS c WHERE b IS NOT NULL OFFSET 0) z});
		$window{$what} = { session => $session, ends => $name eq 'c/ends' ? 1 : 0, seen => {}, wrong => 0 };
		ask_window($window{$what});
	}
	last if $changer->value('SELECT clock_timestamp() < t FROM at') eq 't';
}

# Whether it is over for that one.
sub ask_window
{
	my ($one) = @_;
	my ($before, $may, $still) = split /\|/, answer_of($one->{session}->run('ask'));

	die 'what is that' unless defined $still;
	$one->{seen}{"$may$still"}++;
	$one->{wrong}++ if $still eq 't' && $may ne ($one->{ends} ? 't' : 'f') || $before eq 'f' && $may ne ($one->{ends} ? 'f' : 't');
	return $before eq 'f' && $one->{seen}{"$may$still"} > 3;
}
my $over = 0;
for (my $end = time + 60; time < $end && !$over;)
{
	$over = 1;
	foreach my $one (values %window) { $over = 0 unless ask_window($one); }
}
foreach my $what (sort keys %window)
{
	my $one = $window{$what};

	is($one->{wrong}, 0, "$what: it does so on time");
	# It may come between two looks at the clock, too.
	my @both = $one->{ends} ? ('ff', 'tt') : ('ft', 'tf');
	is_deeply([ grep { $one->{seen}{$_} } @both ], \@both, 'and both were seen')
	  or diag(explain($one->{seen}));
	$one->{session}->close;
}

# Idle across the end: the first execution after it.
my $idle = open_client($node, user => 'app')->prepare('get', q{SELECT secrets.get('c/soon')});
value($node, q{SELECT secrets.put('c/soon', 'value')});
my $was;
foreach my $seconds (1, 4, 16)
{
	$changer->value(qq{SELECT secrets.revoke('all', 'c/soon', 'app'); UPDATE at SET t = clock_timestamp() + interval '$seconds s'});
	$changer->value(q{SELECT secrets.grant('read', 'c/soon', 'app', valid_until => t) FROM at});
	$was = answer_of($idle->run('get'));
	last if $changer->value('SELECT clock_timestamp() < t FROM at') eq 't';
}
is($was, 'value', 'a rule that will end');
$changer->value('SELECT pg_sleep(extract(epoch FROM t - clock_timestamp())) FROM at');
is(answer_of($idle->run('get')), '42501', 'ended while the session was idle and nothing changed');
is(value($node, q{SELECT state FROM secrets.grants WHERE pattern = 'c/soon'}), 'expired', 'secrets.grants says so');
$idle->close;

# ---- who does not come to commit ----

open_readers();
my $doomed = open_client($node);
$doomed->value("BEGIN; $grant");
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], [ ('42501') x @readers ], 'granted in a transaction that is open: nobody else knows');
value($node, "SELECT pg_terminate_backend($doomed->{pid}, 10000)");
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], [ ('42501') x @readers ], 'its session ended: nothing is left');
value($node, $grant);
$doomed = open_client($node);
$doomed->value("BEGIN; $revoke");
value($node, "SELECT pg_terminate_backend($doomed->{pid}, 10000)");
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], [ ('value') x @readers ], 'the same for a revoke');
$doomed = open_client($node);
$doomed->value("BEGIN; $revoke; SELECT secrets.grant('read', 'a/**', 'public'); CREATE ROLE half; SELECT secrets.grant('read', '**', 'half')");
kill_and_recover($node, $doomed->{pid});
is(value($node, q{SELECT pattern, grantee FROM secrets.grants WHERE pattern NOT LIKE 'c/%' AND state <> 'unbound'}), 'a/b|app', 'kill -9 in the middle: the rules are as before');
open_readers();
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], [ ('value') x @readers ], 'and so are the answers');

# ---- more news than the queue holds ----

# The reader's process is stopped, so that it cannot keep up; then it is told to forget everything.
$changer = open_client($node);
sub overflow
{
	my ($sql) = @_;
	my $reset = 0;

	$_->{client}->value(q{SET client_min_messages = debug4}) foreach @readers;
	kill 'STOP', map { $_->{client}{pid} } @readers;
	$changer->value($sql);
	$changer->value(q{DO $$ BEGIN FOR i IN 1 .. 120 LOOP EXECUTE 'CREATE TABLE t' || i || ' (a int PRIMARY KEY, b text)'; END LOOP; END $$});
	$changer->value(q{DO $$ BEGIN FOR i IN 1 .. 120 LOOP EXECUTE 'DROP TABLE t' || i; END LOOP; END $$});
	kill 'CONT', map { $_->{client}{pid} } @readers;
	send_all(\@readers);
	my @answers = map { [ $_->{client}->answers ] } @readers;
	foreach my $reader (@answers) { $reset++ if grep { $_->{notices} =~ /cache state reset/ } @$reader; }
	return [ $reset, map { answer_of($_->[-1]) } @answers ];
}
is_deeply(overflow($revoke), [ scalar @readers, ('42501') x @readers ], 'a revoke, and then more news than the queue holds: all reset, none stale');
is_deeply(overflow($grant), [ scalar @readers, ('value') x @readers ], 'a grant');
value($node, q{CREATE ROLE readers; GRANT readers TO app; SELECT secrets.deny('all', '**', 'readers')});
is_deeply(overflow('REVOKE readers FROM app'), [ scalar @readers, ('value') x @readers ], 'a membership');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
