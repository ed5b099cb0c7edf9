# Many databases with a log each: a worker for each while there is room, in turn where
# there is not, and never in the way of whoever wants a database for himself.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('many', conf => "max_worker_processes = 32\nmax_connections = 60\nautovacuum = off\n");
my @dbs = map { "db$_" } 1 .. 10;

foreach my $db (@dbs)
{
	value($node, "CREATE DATABASE $db");
	value($node, qq{CREATE EXTENSION secrets; SELECT secrets.put('a', 'of $db')}, $db);
}

sub eventually
{
	my ($condition, $name, $seconds) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(eval { wait_for($condition, $name, $seconds || 60) }, $name);
}

sub workers { return value($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND (datname LIKE 'db%' OR datname = 'postgres')}); }
sub problems { return value($node, q{SELECT coalesce(string_agg(kind || ': ' || problem, E'\n'), '') FROM secrets.verify_audit()}, $_[0]); }
# As the table is, with nobody asked.
sub lines { return value($node, "SELECT count(*) FROM secrets_catalog.audit_event WHERE actor = '$_[1]' AND outcome = 'allowed'", $_[0]); }

# Everybody reads at once, so many times; { db => how many were given }, and others' SQLSTATEs.
sub all_read
{
	my ($actor, $times, @where) = @_;
	my %clients = map { $_ => open_client($node, db => $_) } @where;
	my (%given, %states);

	$clients{$_}->value("SET secrets.actor = '$actor'") foreach @where;
	foreach my $db (@where) { $clients{$db}->send(q{SELECT secrets.get('a')}) for 1 .. $times; }
	foreach my $db (@where)
	{
		$given{$db} = 0;
		foreach my $answer ($clients{$db}->answers)
		{
			$given{$db}++ if $answer->{state} eq '' && $answer->{out} eq "of $db";
			$states{ $answer->{state} || $answer->{out} }++ if $answer->{state} ne '' || $answer->{out} ne "of $db";
			isnt($answer->{err}, '', $answer->{err}) if $answer->{state} eq '58030' && $answer->{err} !~ /the audit cannot be written/;
		}
		$clients{$db}->close;
	}
	return (\%given, \%states);
}

sub has_all
{
	my ($actor, $given, $name) = @_;

	# A refused one may be in the log too: never fewer.
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	eval { wait_for(sub { !grep { lines($_, $actor) < $given->{$_} } keys %$given }, 'lines', 60) };
	return is_deeply([ grep { lines($_, $actor) < $given->{$_} } sort keys %$given ], [], $name);
}

# ---- room for all ----

my ($given, $states) = all_read('room', 20, @dbs);
is_deeply($states, {}, 'ten databases, and places for all: nobody is refused');
has_all('room', $given, 'and each read is in its database');
# One that has nothing to do leaves after a while, which on a slow machine the first may have done.
eventually(sub { value($node, q{SELECT secrets.get('a')}, $_) foreach @dbs; return workers() >= 10; }, 'with a worker each');
is(join('', map { problems($_) } @dbs), '', 'all logs are whole');

# ---- whoever wants a database for himself ----

my $n = 0;
sub busy { value($node, q{SELECT secrets.get('a')}, $_[0]); return value($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = '$_[0]'"); }
my $space = $node->basedir . '/space';
mkdir $space or die $!;
value($node, "CREATE TABLESPACE space LOCATION '$space'");
foreach my $round (1 .. (soak() ? 5 : 1))
{
	busy('db1');
	is(run_sql($node, "CREATE DATABASE copy$round TEMPLATE db1")->{state}, '', "CREATE DATABASE ... TEMPLATE beside a worker ($round)");
	is(value($node, q{SELECT secrets.get('a')}, "copy$round"), 'of db1', 'the copy reads');
	is(run_sql($node, "ALTER DATABASE copy$round RENAME TO moved$round")->{state}, '', 'RENAME');
	is(value($node, q{SELECT secrets.get('a')}, "moved$round"), 'of db1', 'it reads');
	is(run_sql($node, "ALTER DATABASE moved$round SET TABLESPACE space")->{state}, '', 'SET TABLESPACE');
	is(value($node, q{SELECT secrets.get('a'); SELECT secrets.put('b', 'x')}, "moved$round"), "of db1\n1", 'it reads, and is changed');
	is(problems("moved$round"), '', 'its log is whole');
	is(run_sql($node, "CREATE DATABASE again$round TEMPLATE moved$round STRATEGY = file_copy")->{state}, '', 'a copy of the copy');
	is(problems("again$round"), '', 'whose log is whole');
	is(value($node, q{SELECT count(*) FROM secrets_catalog.audit_digest WHERE kind = 'open'}, "again$round"), 3, 'and has been opened three times');
	is(run_sql($node, "DROP DATABASE moved$round")->{state}, '', 'DROP DATABASE');
	is(run_sql($node, "DROP DATABASE again$round WITH (FORCE)")->{state}, '', 'DROP DATABASE ... WITH (FORCE)');
}
is(value($node, q{SELECT secrets.get('a')}, 'db1'), 'of db1', 'the template reads');
is(problems('db1'), '', 'and its log is whole');
eventually(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname IS NULL OR datname !~ '^(db\d+|postgres)$'}) == 0 }, 'no worker is left of what is gone');

# What waits when its worker is sent away comes into the log, though nobody reads there any more.
my $client = open_client($node, db => 'db2');
$client->value(q{SET secrets.actor = 'sent away'});
$client->value(q{SELECT count(secrets.get('a')) FROM generate_series(1, 100)});
$client->close;
eventually(sub { run_sql($node, 'ALTER DATABASE db2 RENAME TO db2moved')->{state} eq '' }, 'renamed, right after a hundred reads');
eventually(sub { lines('db2moved', 'sent away') == 100 }, 'which are in the log, without another read');
value($node, 'ALTER DATABASE db2moved RENAME TO db2');

# The worker is in nobody's way at any moment: dropped, again and again, while it writes.
foreach my $round (1 .. (soak() ? 50 : 4))
{
	value($node, 'CREATE DATABASE short TEMPLATE db3');
	value($node, $round % 2 ? q{SELECT count(secrets.get('a')) FROM generate_series(1, 500)} : q{SELECT secrets.put('x', 'y')}, 'short');
	usleep(rand(300_000));
	# The session before may not have ended yet: PostgreSQL waits for it, up to 5 s.
	my $drop = run_sql($node, 'DROP DATABASE short');
	is($drop->{state}, '', "dropped while its worker is at it ($round)") or diag($drop->{err});
}
# Refused to whom it is not for, and then nobody is disturbed.
value($node, 'CREATE ROLE mortal LOGIN; CREATE ROLE maker LOGIN CREATEDB');
wait_for(sub { busy('db4') > 0 }, 'the worker of db4');
my $before = value($node, q{SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = 'db4'});
is(run_sql($node, $_->[0], params => [ '-U', $_->[1] ])->{state}, '42501', "$_->[0] by $_->[1]: 42501") foreach (
	[ 'DROP DATABASE db4', 'mortal' ], [ 'ALTER DATABASE db4 RENAME TO mine', 'mortal' ], [ 'ALTER DATABASE db4 SET TABLESPACE space', 'mortal' ],
	[ 'CREATE DATABASE mine TEMPLATE db4', 'mortal' ], [ 'CREATE DATABASE mine TEMPLATE db4', 'maker' ]);
is(value($node, q{SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = 'db4'}), $before, 'and the worker has not been sent away');
# One that fails for another reason: the worker comes back.
my $guest = open_client($node, db => 'db4');
$guest->value(q{SELECT secrets.get('a')});
$node->psql('postgres', 'SET statement_timeout = 1000; DROP DATABASE db4');
is(value($node, q{SELECT count(*) FROM pg_database WHERE datname = 'db4'}), 1, 'a database in use is not dropped');
$guest->value(q{SET secrets.actor = 'guest'; SELECT secrets.get('a')});
eventually(sub { lines('db4', 'guest') == 1 }, 'and its log goes on');
$guest->close;
# The extension goes, and comes again: another log.
value($node, q{SELECT secrets.delete('a'), secrets.purge('a'); DROP EXTENSION secrets; CREATE EXTENSION secrets; SELECT secrets.put('a', 'of db5')}, 'db5');
is(value($node, q{SELECT secrets.get('a')}, 'db5'), 'of db5', 'DROP EXTENSION, CREATE EXTENSION');
is(problems('db5'), '', 'in one transaction: the new log is whole');
value($node, $_, 'db5') foreach (q{SELECT secrets.delete('a'), secrets.purge('a')}, 'DROP EXTENSION secrets', 'CREATE EXTENSION secrets', q{SELECT secrets.put('a', 'of db5')});
is(problems('db5'), '', 'in several');

# ---- not room for all ----

configure($node, 'max_worker_processes = 8', 'restart');
($given, $states) = all_read('turn', 3, @dbs);
is_deeply([ grep { $_ ne '58030' } keys %$states ], [], 'with too few places: each reads, or is refused with 58030');
note('given: ' . join(' ', map { $given->{$_} } @dbs) . '; refused: ' . ($states->{58030} || 0));
cmp_ok(eval { my $sum = 0; $sum += $_ foreach values %$given; $sum }, '>=', 20, 'most have their turn');
has_all('turn', $given, 'all that was given is in the logs, with nobody reading any more');
foreach my $round (1 .. 2)
{
	($given, $states) = all_read("turn$round", 2, @dbs);
	has_all("turn$round", $given, "again ($round)");
}
configure($node, 'secrets.audit = durable', 'reload');
wait_for(sub { value($node, 'SHOW secrets.audit') eq 'durable' }, 'durable');
($given, $states) = all_read('durable', 2, @dbs);
is_deeply([ grep { $_ ne '58030' } keys %$states ], [], 'durable: each reads, or is refused with 58030');
has_all('durable', $given, 'all that was given is in the logs');
is(join('', map { problems($_) } @dbs), '', 'all logs are whole');
configure($node, 'secrets.audit = on', 'reload');

# None at all: refused, and the reason is said.
configure($node, 'max_worker_processes = 0', 'restart');
refused($node, q{SELECT secrets.get('a')}, '58030', qr/the audit cannot be written.*no background worker can be started.*max_worker_processes/s, 'no places at all', db => 'db1');

# ---- more databases than queues ----

configure($node, 'max_worker_processes = 8', 'restart');
my @more = map { "more$_" } 1 .. 24;
foreach my $db (@more)
{
	value($node, "CREATE DATABASE $db TEMPLATE db6");
	eventually(sub { run_sql($node, q{SET secrets.actor = 'more'; SELECT secrets.get('a')}, db => $db)->{out} eq 'of db6' }, "$db reads");
}
is(join(' ', grep { eval { wait_for(sub { lines($_, 'more') >= 1 }, 'line', 60) } ? 0 : 1 } @more), '', 'more databases than queues: each read is in its log');
is(join('', map { problems($_) } @more[ 0 .. 3 ], $more[-1]), '', 'and the logs are whole');
value($node, q{SELECT secrets.get('a')}, 'db6');
is(problems('db6'), '', 'that of the template too');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no internal error');

done_testing();
