# kill -9 of backends, of any other process and of the postmaster, while roles of this
# cluster are rotated by hand, all at once and by ticks: what is stored logs in
# afterwards, what was stored before does not, and no rotation that was acknowledged is
# lost.  20 kills; 200 with SECRETS_SOAK=1, or as many as SECRETS_KILLS says.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use LoginTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(usleep);

my $kills = $ENV{SECRETS_KILLS} || (soak() ? 200 : 20);
my $seed = $ENV{SECRETS_SEED} || int(rand(1 << 30));

diag("SECRETS_SEED=$seed") if $ENV{SECRETS_SEED} || soak();
note("SECRETS_SEED=$seed");
srand($seed);

# With fsync on: what is acknowledged is on disk.
my $node = new_node('rotationkill', start => 0, extension => 0, conf => <<'END');
fsync = on
restart_after_crash = on
max_prepared_transactions = 5
secrets.max_versions = 200
checkpoint_timeout = '30s'
max_wal_size = '64MB'
log_line_prefix = '%m [%p] %e %q%a '
END
let_in_by_password($node);
$node->start;
value($node, 'CREATE EXTENSION secrets');

# ---- what is rotated ----

# Name of the secret => the role, where the value does not say it.
my %role_of = ('db/app_1' => 'app_1', 'db/app_2' => 'app_2', 'db/app_3' => 'app_3', 'db/pair' => undef);
my @names = sort keys %role_of;
my $uri = 'postgres://app_3:start@localhost/app?sslmode=require';

value($node, "CREATE ROLE $_ LOGIN PASSWORD 'start'") foreach qw(app_1 app_2 app_3);
value($node, "CREATE ROLE group_of_two; CREATE ROLE two_a LOGIN PASSWORD 'start' IN ROLE group_of_two; CREATE ROLE two_b LOGIN IN ROLE group_of_two");
value($node, <<"END");
SELECT secrets.put('db/app_1', 'start'), secrets.put('db/app_2', 'start'),
	secrets.put('db/app_3', '{"username": "app_3", "password": "start", "uri": "$uri", "more": [1]}'),
	secrets.put('db/pair', '{"username": "two_a", "password": "start"}'),
	secrets.put('db/made', 'start');
SELECT secrets.schedule_rotation('db/app_1', '30 days', 'role', '{"role": "app_1"}'),
	secrets.schedule_rotation('db/app_2', '30 days', 'role', '{"role": "app_2", "sessions": "terminate"}'),
	secrets.schedule_rotation('db/app_3', '0 3 * * sun', 'role'),
	secrets.schedule_rotation('db/pair', '30 days', 'role_pair', '{"roles": ["two_a", "two_b"]}'),
	secrets.schedule_rotation('db/made', '30 days', 'generate');
END
my $all = @names + 1;

# ---- the load ----

my $ledgers = $node->basedir . '/ledger';

sub a_name { return $names[ rand @names ]; }

# What each of them does over and over.  A call returns what goes into the ledger, of
# the answer; one that is to be refused names the SQLSTATE.
#
#   one NAME VERSION	rotate() was acknowledged
#   all TXID			rotate_all() was
#   did WHAT			anything else
my %load = (
	rotate => sub {
		my $name = a_name();
		return ("SELECT secrets.rotate('$name')", sub { "one $name $_[0]" });
	},
	rotate_in_block => sub {
		my $name = a_name();
		return ("BEGIN; SAVEPOINT s; SELECT secrets.rotate('$name'); ROLLBACK TO s; SELECT secrets.rotate('$name'); COMMIT",
			sub { my ($first, $second) = split /\n/, $_[0]; $first <= $second ? "one $name $second" : "bad versions $first $second" });
	},
	never => sub { return ("BEGIN; SELECT secrets.rotate('${\ a_name()}'); ROLLBACK", sub { 'did rollback' }); },
	now => sub { return ("CALL secrets.rotate_now('${\ a_name()}')", sub { 'did rotate_now' }); },
	all => sub {
		return ("SET secrets.actor = 'all'; SELECT pg_current_xact_id(), secrets.rotate_all('db/**'); RESET secrets.actor",
			sub { my ($txid, $n) = split /\|/, $_[0]; $n == $all ? "all $txid" : "bad rotate_all: $n" });
	},
	tick => sub { return ('CALL secrets.tick()', sub { 'did tick' }); },
	put => sub { my $i = int(rand 20); return ("SELECT secrets.put('kv/$i', repeat('x', $i * 100))", sub { 'did put' }); },
	wrong_put => sub { return ("SELECT secrets.put('db/app_1', 'wrong')", sub { 'did wrong put' }, '55000'); },
	alter => sub { return ("SET lock_timeout = '30s'; ALTER ROLE app_1 CONNECTION LIMIT ${\ (20 + int(rand 20))}", sub { 'did ALTER ROLE' }, 'XX000'); });

# Each session does some of it; due makes one due first, whose tick the others may take.
my @sessions = (
	[qw(rotate rotate rotate_in_block never)], [qw(rotate rotate now wrong_put)], [qw(all rotate put)],
	[qw(due tick)], [qw(due tick put)], [qw(put put alter)]);

sub session
{
	my ($n, $round) = @_;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	return $pid if $pid;
	srand($seed + 1000 * $n + $round);
	open my $ledger, '>>', "$ledgers.$n" or POSIX::_exit(2);
	$ledger->autoflush(1);
	my $client = eval { open_client($node) } or POSIX::_exit(0);
	for (;;)
	{
		foreach my $what (@{ $sessions[$n] })
		{
			if ($what eq 'due')
			{
				my $answer = make_due($client, a_name());
				POSIX::_exit(0) if $answer->{state} =~ /^(?:08|57P0)/;
				print $ledger "bad due $answer->{state} $answer->{err}\n" if $answer->{state} ne '';
				next;
			}
			my ($sql, $told, $may_fail) = $load{$what}->();
			my $answer = $client->ask($sql);
			POSIX::_exit(0) if $answer->{state} =~ /^(?:08|57P0)/;
			my $line = $answer->{state} eq '' ? $told->($answer->{out}) : $answer->{state} eq ($may_fail || '') ? $told->() : "bad $what $answer->{state} $answer->{err}";
			print $ledger "$line\n";
		}
	}
}

# ---- what must be so ----

my (%last, %done);

# Complaints of what was acknowledged.
sub check_ledgers
{
	my (%acknowledged, @complaints, @transactions);

	foreach my $n (0 .. $#sessions)
	{
		next unless -e "$ledgers.$n";
		foreach my $line (split /\n/, slurp_file("$ledgers.$n"))
		{
			my ($what, @rest) = split / /, $line;

			$done{ $what eq 'did' ? "@rest" : $what }++;
			push @complaints, $line if $what eq 'bad';
			push @transactions, $rest[0] if $what eq 'all';
			# One who was told of a version that another was told of has lost his.
			push @complaints, "$line, twice" if $what eq 'one' && $acknowledged{"@rest"}++;
		}
		unlink "$ledgers.$n";
	}
	my %there = map { $_ => 1 } split /\n/, value($node, q{SELECT name || ' ' || version FROM secrets.versions WHERE name LIKE 'db/%'});
	foreach my $name (@names)
	{
		my $current = value($node, "SELECT secrets.current_version('$name')");
		my @before = grep { /^$name / } keys %acknowledged;

		push @complaints, map { "$_ is not there" } grep { my ($version) = /(\d+)$/; $version > $current || $version > $current - 200 && !$there{$_} } @before;
		push @complaints, "$name: " . scalar(@before) . " acknowledged, and from version " . ($last{$name} || 1) . " to $current" if $current - ($last{$name} || 1) < @before;
		$last{$name} = $current;
	}
	# All or nothing, acknowledged or not.
	my %size = map { split /\|/ } split /\n/, value($node, q{SELECT txid, count(*) FROM secrets.audit_log WHERE actor = 'all' AND action = 'rotate' GROUP BY txid});
	push @complaints, map { "rotate_all in $_ did " . ($size{$_} || 0) } grep { ($size{$_} || 0) != $all } (keys %size, @transactions);
	return @complaints;
}

# Complaints of what logs in.
sub check_logins
{
	my ($how_far_back) = @_;
	my @complaints;

	foreach my $name (@names)
	{
		my $current = value($node, "SELECT secrets.current_version('$name')");
		my @now = login_of(value($node, "SELECT secrets.get('$name')"), $role_of{$name});
		my $state = logs_in($node, @now);

		push @complaints, "$name: version $current does not log in: $state" if $state ne '';
		# Of a pair the one before is still good.
		my $first_bad = $current - ($role_of{$name} ? 1 : 2);
		foreach my $version (grep { $_ > 0 && $_ > $first_bad - $how_far_back } reverse 1 .. $current - 1)
		{
			my $value = value($node, "SELECT secrets.get('$name', version => $version)");
			$state = logs_in($node, login_of($value, $role_of{$name}));
			my $expected = $version > $first_bad ? '' : '28P01';
			push @complaints, "$name: version $version of $current: " . ($state || 'logs in') if $state ne $expected;
		}
	}
	my ($username, $password) = login_of(value($node, q{SELECT secrets.get('db/app_3')}));
	(my $is = $uri) =~ s/:start@/:$password@/;
	push @complaints, 'the uri has another password' if index(value($node, q{SELECT secrets.get('db/app_3', 'uri')}), $is) != 0;
	return @complaints;
}

# What is counted of each secret's versions, in the log and in the schedule.
sub check_log
{
	my @complaints = split /\n/, value($node, q{SELECT s.name || ': ' || s.current_version || ' versions, ' || count(e.*) || ' lines of rotation'
		FROM secrets.secrets s LEFT JOIN secrets.audit_log e ON e.id = s.id AND e.action = 'rotate' AND e.outcome = 'allowed' AND e.version IS NOT NULL
		WHERE s.name LIKE 'db/%' GROUP BY s.name, s.current_version
		HAVING count(e.*) <> s.current_version - 1 OR count(DISTINCT e.version) <> s.current_version - 1});

	push @complaints, split /\n/, value($node, q{SELECT name || ': ' || coalesce(last_error, last_status, 'never rotated') FROM secrets.rotations
		WHERE failures <> 0 OR last_error IS NOT NULL OR last_status IS DISTINCT FROM 'succeeded' OR next_at IS NULL});
	push @complaints, split /\n/, value($node, q{SELECT name || ': ' || reason FROM secrets.audit_log WHERE action = 'rotate' AND outcome <> 'allowed'});
	return (@complaints, split /\n/, value($node, q{SELECT kind || ': ' || problem FROM secrets.verify_audit()}));
}

# ---- kills ----

sub postmaster { return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]; }

# The postmaster in every fourth round, else one of the sessions above, or any process that it started.
sub victim
{
	my ($round) = @_;
	my $postmaster = postmaster();

	return ($postmaster, 'postmaster') if $round % 4 == 0;
	my %children = map { /^\s*(\d+)\s+(.*)$/ ? ($1 => $2) : () } split /\n/, `ps --ppid $postmaster -o pid=,args=`;
	my @sessions = grep { $children{$_} =~ /postgres postgres \[local\]/ } sort keys %children;
	my @pids = $round % 4 < 3 && @sessions ? @sessions : sort keys %children;
	my $pid = $pids[ rand @pids ];

	return ($pid, $children{$pid} =~ /\[local\]/ ? 'backend' : $children{$pid} =~ s/^postgres: (?:rotationkill: )?//r);
}

my %killed;
foreach my $round (1 .. $kills)
{
	my @load = map { session($_, $round) } 0 .. $#sessions;
	my $offset = -s $node->logfile;

	# However slow the machine is, each has done all of its own once.
	wait_for(
		sub {
			return !grep { my $ledger = eval { slurp_file("$ledgers.$_") } || ''; (() = $ledger =~ /\n/g) < grep { $_ ne 'due' } @{ $sessions[$_] } } 0 .. $#sessions;
		},
		'the load');
	usleep(100_000 + rand(500_000));
	my ($pid, $what) = victim($round);
	kill 'KILL', $pid;
	$killed{ $what =~ /^(\w+(?: \D\w+)?)/ ? $1 : $what }++;
	if ($what eq 'postmaster')
	{
		# Its children notice and go; then it is started as after any crash.
		$node->{_pid} = undef;
		wait_for(sub { !kill(0, $pid) && $node->start(fail_ok => 1) }, 'the start after kill -9 of the postmaster');
	}
	else
	{
		# A child of no consequence is started again without a crash: then the load is ended.
		eval { wait_for(sub { log_since($node, $offset) =~ /all server processes terminated; reinitializing/ }, 'crash', 5) }
		  or run_sql($node, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
		wait_for(sub { run_sql($node, 'SELECT 1')->{out} eq '1' }, 'recovery');
	}
	my $bad = 0;
	foreach (@load) { waitpid($_, 0); $bad++ if $? != 0; }
	my @complaints = (check_ledgers(), check_logins(2));
	push @complaints, "$bad of the load came to a bad end" if $bad;
	is_deeply(\@complaints, [], "kill $round ($what): what is stored logs in, what was does not, nothing is lost");
	last if !Test::More->builder->is_passing && !$ENV{SECRETS_GO_ON};
}

# ---- afterwards ----

# What was on its way is done by the next tick, and goes on as ever.
value($node, 'CALL secrets.tick()');
is(value($node, q{SELECT count(*) FROM secrets.overdue()}), 0, 'one tick later nothing is due');
is_deeply([ check_log() ], [], 'every version has its one line in the log, which is whole, and no rotation has failed');
is_deeply([ check_logins(20) ], [], 'of the last 20 versions the current one logs in');

# Prepared, and killed before it is known which it is.
my @old = login_of(value($node, q{SELECT secrets.get('db/app_1')}), 'app_1');
foreach my $end ('ROLLBACK', 'COMMIT')
{
	my $new = value($node, q{BEGIN; SELECT secrets.rotate('db/app_1'); SELECT secrets.get('db/app_1'); PREPARE TRANSACTION 'in doubt'});
	$new =~ s/^\d+\n//;
	kill 'KILL', my $pid = postmaster();
	$node->{_pid} = undef;
	wait_for(sub { !kill(0, $pid) && $node->start(fail_ok => 1) }, 'the start');
	is(join('|', logs_in($node, @old), logs_in($node, 'app_1', $new)), '|28P01', 'in doubt: the old one logs in');
	value($node, "$end PREPARED 'in doubt'");
	is(join('|', logs_in($node, @old), logs_in($node, 'app_1', $new)), $end eq 'COMMIT' ? '28P01|' : '|28P01', "$end PREPARED");
	is_deeply([ check_logins(2) ], [], 'what is stored logs in');
}

cmp_ok($done{$_} || 0, '>', $kills / 2, "there was a load: $_") foreach qw(one all tick put);
cmp_ok($done{$_} || 0, '>', 0, "and $_") foreach qw(rotate_now rollback), 'wrong put', 'ALTER ROLE';
cmp_ok(value($node, q{SELECT count(*) FROM secrets.audit_log WHERE action = 'rotate' AND via = 'scheduler'}), '>', $kills / 2, 'ticks have rotated');
cmp_ok($killed{$_} || 0, '>', 0, "killed: $_") foreach $kills < 4 ? () : qw(postmaster backend);
my $summary = 'killed: ' . join(', ', map { "$_ $killed{$_}" } sort keys %killed) . '; acknowledged: ' . join(', ', map { "$_ $done{$_}" } sort keys %done)
  . '; versions: ' . join(', ', map { "$_ $last{$_}" } sort keys %last);
note($summary);
diag($summary) if soak() || $ENV{SECRETS_KILLS};
$node->stop;
# Of two who change one role, it is the plain one who may be told so.
is_deeply([ grep { /PANIC|TRAP|40P01|secrets: could not/ || / XX\d{3} .*(?:ERROR|FATAL): (?! tuple concurrently updated)/ } split /\n/, slurp_file($node->logfile) ], [],
	'no PANIC, no failed assertion, no deadlock, no internal error, no work of a tick that failed');

done_testing();
