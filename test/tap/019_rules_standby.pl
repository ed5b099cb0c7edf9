# Rules on a streaming standby: what the primary commits counts there as soon as it is
# replayed, in open sessions and prepared statements too.  The standby changes nothing,
# and says so only to whoever could.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $rounds = soak() ? 1000 : 100;
my $primary = new_node('primary', allows_streaming => 1);
value($primary, <<'END');
SELECT secrets.put('a/b', 'value');
CREATE ROLE app LOGIN;
CREATE ROLE readers;
CREATE ROLE giver LOGIN;
CREATE ROLE stranger LOGIN;
SELECT secrets.grant('read, grant', 'g/**', 'giver');
CREATE FUNCTION tried() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN RETURN secrets.get('a/b'); EXCEPTION WHEN insufficient_privilege THEN RETURN '42501'; END $$;
END
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
configure($standby, "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
$standby->start;

# A commit on the primary returns when the standby has replayed it.
configure($primary, "synchronous_standby_names = '*'\nsynchronous_commit = remote_apply\n", 'reload');
wait_for(sub { value($primary, 'SELECT sync_state FROM pg_stat_replication') eq 'sync' && value($primary, 'SHOW synchronous_commit') eq 'remote_apply' }, 'synchronous replication');

# ---- what is replayed counts ----

my @readers;
sub add_reader
{
	my ($name, $send, @first) = @_;
	my $client = open_client($standby, user => 'app');

	$client->value($_) foreach @first;
	push @readers, { name => $name, client => $client, send => $send };
	return $client;
}
add_reader('prepared', sub { $_[0]->start('get') })->prepare('get', q{SELECT secrets.get('a/b')});
add_reader('EXECUTE', sub { $_[0]->send('EXECUTE get') }, q{PREPARE get AS SELECT secrets.get('a/b')});
add_reader('REPEATABLE READ', sub { $_[0]->send('SELECT tried()') }, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT tried()');
add_reader('list', sub { $_[0]->start('list') })->prepare('list', q{SELECT CASE count(*) WHEN 1 THEN 'value' ELSE '42501' END FROM secrets.list('a/**')});

my $changer = open_client($primary);
my $grant = q{SELECT secrets.grant('read, list', 'a/b', 'app')};
my $revoke = q{SELECT secrets.revoke('read, list', 'a/b', 'app')};
follows(\@readers, $changer, 'nothing changes', 1, [ 'SELECT 1', 0 ]);
follows(\@readers, $changer, 'grant, revoke', $rounds, [ $grant, 1 ], [ $revoke, 0 ]);
follows(\@readers, $changer, 'rolled back', $rounds / 10, [ "BEGIN; $grant; ROLLBACK; SELECT txid_current()", 0 ], [ $grant, 1 ], [ "BEGIN; $revoke; ROLLBACK; SELECT txid_current()", 1 ], [ $revoke, 0 ]);
value($primary, $grant);
follows(\@readers, $changer, 'deny, undeny', $rounds / 4, [ q{SELECT secrets.deny('all', 'a/**', 'public')}, 0 ], [ q{SELECT secrets.undeny('all', 'a/**', 'public')}, 1 ]);
my $tag = value($primary, q{SELECT grantee_tag FROM secrets_catalog.rule WHERE pattern = 'a/b'});
follows(\@readers, $changer, 'a label', $rounds / 4, [ 'SECURITY LABEL FOR secrets ON ROLE app IS NULL', 0 ], [ "SECURITY LABEL FOR secrets ON ROLE app IS '$tag'", 1 ]);
follows(\@readers, $changer, 'renamed', $rounds / 4, [ 'ALTER ROLE app RENAME TO another; CREATE ROLE app', 1 ], [ 'DROP ROLE app; ALTER ROLE another RENAME TO app', 1 ]);
value($primary, $revoke);
value($primary, q{SELECT secrets.grant('read, list', 'a/b', 'readers')});
follows(\@readers, $changer, 'a membership', $rounds / 4, [ 'GRANT readers TO app', 1 ], [ 'REVOKE readers FROM app', 0 ]);
value($primary, 'GRANT readers TO app');
follows(\@readers, $changer, 'dropped, and made again', $rounds / 4, [ 'DROP ROLE readers', 0 ], [ 'CREATE ROLE readers; GRANT readers TO app', 0 ],
	[ q{SELECT secrets.grant('read, list', 'a/b', 'readers')}, 1 ]);
value($primary, 'DROP ROLE readers');
value($primary, q{SELECT secrets.grant('read, list', 'a/b', 'pg_database_owner')});
follows(\@readers, $changer, 'ALTER DATABASE OWNER', $rounds / 4, [ 'ALTER DATABASE postgres OWNER TO app', 1 ], [ 'ALTER DATABASE postgres OWNER TO postgres', 0 ]);
value($primary, q{SELECT secrets.revoke('all', 'a/b', 'pg_database_owner')});

# It ends by itself there too.
my @told;
foreach my $seconds (1, 4, 16)
{
	$changer->value(q{SELECT secrets.revoke('all', 'a/b', 'app')});
	my $end = $changer->value("SELECT clock_timestamp() + interval '$seconds s'");
	$changer->value("SELECT secrets.grant('read, list', 'a/b', 'app', valid_until => '$end')");
	send_all(\@readers);
	@told = receive_all(\@readers);
	# On a slow machine it may have ended before all had asked.
	last if $changer->value("SELECT clock_timestamp() < '$end'") eq 't';
}
is_deeply(\@told, [ ('value') x @readers ], 'a rule that will end');
value($primary, q{SELECT pg_sleep(extract(epoch FROM valid_until - clock_timestamp())) FROM secrets.grants WHERE pattern = 'a/b' AND state = 'active'});
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], [ ('42501') x @readers ], 'ended on the standby while nothing changed');

# ---- what the standby says ----

sub on { my ($node, $role, $sql, $db) = @_; return run_sql($node, $sql, db => $db, params => [ '-U', $role ]); }
value($primary, $grant);
is(value($standby, q{SELECT pattern, grantee, state FROM secrets.grants WHERE state = 'active' ORDER BY pattern}), "a/b|app|active\ng/**|giver|active", 'secrets.grants');
is(value($standby, q{SELECT secrets.can('read', 'a/b', r) FROM unnest(ARRAY['app', 'stranger']) r}), "t\nf", 'can()');
is(value($standby, q{SELECT allowed, pattern FROM secrets.explain('a/b', 'app') WHERE privilege = 'read'}), 't|a/b', 'explain()');
is(value($standby, q{SELECT count(*) > 0 FROM secrets.lint()}), 't', 'lint()');
my $before = value($standby, q{SELECT count(*), string_agg(r::text, ',' ORDER BY id) FROM secrets_catalog.rule r});
foreach my $verb ('grant', 'deny', 'revoke', 'undeny')
{
	my $call = "SELECT secrets.$verb('read', 'g/x', 'app')";
	is(on($standby, 'stranger', $call)->{state}, '42501', "a stranger on the standby: $verb");
	is(on($standby, 'app', $call)->{state}, '42501', "one who may only read: $verb");
	is(on($standby, 'giver', $call)->{state}, '25006', "one who could on the primary: $verb");
	is(on($standby, 'postgres', $call)->{state}, '25006', "a superuser: $verb");
}
is(value($standby, q{SELECT count(*), string_agg(r::text, ',' ORDER BY id) FROM secrets_catalog.rule r}), $before, 'nothing changed');

# Settings are each server's own.
configure($standby, 'secrets.superuser_bypass = off', 'reload');
wait_for(sub { run_sql($standby, q{SELECT secrets.get('a/b')})->{state} eq '42501' }, 'no bypass on the standby');
is(value($primary, q{SELECT secrets.get('a/b')}), 'value', 'secrets.superuser_bypass off on the standby alone');
is(on($standby, 'postgres', q{SELECT secrets.grant('read', 'g/x', 'app')})->{state}, '42501', 'where a superuser is a stranger then');
configure($standby, 'secrets.superuser_bypass = on', 'reload');
wait_for(sub { run_sql($standby, q{SELECT secrets.get('a/b')})->{state} eq '' }, 'the bypass on the standby');

# ---- a restore on the primary ----

my $dump = $primary->basedir . '/dump';
command_ok([ 'pg_dump', '-Fc', '-d', $primary->connstr('postgres'), '-f', $dump ], 'a dump');
value($primary, 'DROP ROLE app; CREATE ROLE app LOGIN');
value($primary, 'CREATE DATABASE restored TEMPLATE template0');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $primary->connstr('restored'), $dump ], 'restored where the label is gone');
my $get = q{SELECT secrets.get('a/b')};
is(on($standby, 'app', $get, 'restored')->{out}, 'value', 'by name, on the standby too');
is(on($standby, 'app', $get)->{state}, '42501', 'but not in the database that it is from');
is(run_sql($standby, 'SELECT secrets.unseal()', db => 'restored')->{state}, '', 'unseal() on the standby');
is(value($standby, 'SELECT count(*) FROM secrets_catalog.home', 'restored'), 0, 'ends no restore');
value($primary, q{SELECT secrets.put('any', 'x')}, 'restored');
is(on($standby, 'app', $get, 'restored')->{out}, 'value', 'the first change on the primary binds it');
value($primary, 'DROP ROLE app; CREATE ROLE app LOGIN');
is(on($standby, 'app', $get, 'restored')->{state}, '42501', 'dropped and made again: nothing');
value($primary, $grant);
value($primary, 'CREATE DATABASE unsettled TEMPLATE template0');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $primary->connstr('unsettled'), $dump ], 'restored once more');

# ---- promotion ----

$_->{client}->close foreach @readers;
@readers = ();
add_reader('prepared', sub { $_[0]->start('get') })->prepare('get', $get);
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], ['value'], 'before the promotion');
$primary->stop;
configure($standby, "synchronous_standby_names = ''\nsynchronous_commit = on\n", 'reload');
$standby->promote;
wait_for(sub { value($standby, 'SELECT pg_is_in_recovery()') eq 'f' }, 'promotion');
send_all(\@readers);
is_deeply([ receive_all(\@readers) ], ['value'], 'promoted: the open session goes on');
$changer = open_client($standby);
follows(\@readers, $changer, 'promoted: grant, revoke', $rounds / 4, [ $revoke, 0 ], [ $grant, 1 ]);
is(on($standby, 'giver', q{SELECT secrets.grant('read', 'g/x', 'app')})->{state}, '', 'who could on the primary can here');
is(on($standby, 'app', $get, 'unsettled')->{out}, 'value', 'what was restored before goes by name');
value($standby, 'SELECT secrets.unseal()', 'unsettled');
is(value($standby, 'SELECT count(*) FROM secrets_catalog.home', 'unsettled'), 1, 'until unseal(), of the promoted server, ends it');
value($standby, 'DROP ROLE app; CREATE ROLE app LOGIN');
is(on($standby, 'app', $get, 'unsettled')->{state}, '42501', 'for good');

$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|XX000/, $_->name . ': no internal error') foreach ($primary, $standby);

done_testing();
