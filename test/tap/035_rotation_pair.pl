# A pair of roles that stand for each other: clients that reconnect all the time, and
# look only now and then what the credential is, go through 100 rotations without one
# login that fails (1,000 with SECRETS_SOAK=1, or as many as SECRETS_ROTATIONS says).
# And whose sessions end with a password, and when.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Handle ();
use IO::Select ();
use LoginTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $rotations = $ENV{SECRETS_ROTATIONS} || (soak() ? 1000 : 100);
my $node = new_node('pair', start => 0, extension => 0, conf => "max_prepared_transactions = 5\n");

let_in_by_password($node);
$node->start;
value($node, 'CREATE EXTENSION secrets');
value($node, <<'END');
CREATE ROLE app_owner;
CREATE ROLE app_a LOGIN PASSWORD 'start' IN ROLE app_owner;
CREATE ROLE app_b LOGIN IN ROLE app_owner;
CREATE ROLE single LOGIN PASSWORD 'start';
CREATE ROLE reader LOGIN;
CREATE ROLE mallory LOGIN PASSWORD 'other';
SELECT secrets.put('db/pair', '{"username": "app_a", "password": "start", "host": "db.internal"}'), secrets.put('db/single', '{"username": "single", "password": "start"}');
SELECT secrets.grant('read, list', 'db/*', 'reader');
END

sub schedule_pair
{
	my ($sessions) = @_;

	value($node, qq{SELECT secrets.schedule_rotation('db/pair', '30 days', 'role_pair', '{"roles": ["app_a", "app_b"], "sessions": "$sessions"}')});
	return;
}

# ---- clients that reconnect in a loop ----

my $stop = $node->basedir . '/stop';
my @logins_a_look = (2, 3, 5);

# By our own client, or by libpq's.  Why not, or ''.
sub log_in_once
{
	my ($how, $user, $password) = @_;

	if ($how eq 'own')
	{
		my $client = log_in($node, $user, $password);
		return "login: $client->{state} $client->{err}" if $client->{state} ne '';
		my $answer = $client->ask('SELECT current_user');
		$client->close;
		return $answer->{out} eq $user ? '' : "in the session: $answer->{state} $answer->{err}";
	}
	local $ENV{PGPASSWORD} = $password;
	my $port = $node->port;
	my $told = `psql -XAtqw -h 127.0.0.1 -p $port -U $user -d postgres -c 'SELECT current_user' 2>&1`;
	return $told eq "$user\n" ? '' : "psql: $told";
}

# It tells what it knows: "knows VERSION" when it has looked, "failed WHY", in the end "logins N".
sub client
{
	my ($n, $name) = @_;

	pipe(my $from, my $to) or die "pipe: $!";
	my $parent = $$;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	return { pid => $pid, from => $from, version => 0, buffer => '' } if $pid;

	$to->autoflush(1);
	my $looks = open_client($node, user => 'reader');
	my ($logins, @login) = (0);
	until (-e $stop || getppid() != $parent)
	{
		if ($logins % $logins_a_look[$n] == 0)
		{
			# What is read then is at least as new.
			my $version = $looks->value("SELECT secrets.current_version('$name')");
			@login = login_of($looks->value("SELECT secrets.get('$name')"));
			print $to "knows $version\n";
		}
		my $why = log_in_once($n == 1 ? 'psql' : 'own', @login);
		$why =~ s/\s+/ /g;
		print $to "failed $why\n" if $why ne '';
		$logins++;
	}
	print $to "logins $logins\n";
	POSIX::_exit(0);
}

# Takes in what they have told; undef at the end of one.
sub listen_to
{
	my ($client, $result) = @_;
	my $n = sysread($client->{from}, $client->{buffer}, 65536, length $client->{buffer});

	while ($client->{buffer} =~ s/^(\w+) ?(.*)\n//)
	{
		$client->{version} = $2 if $1 eq 'knows';
		$result->{logins} += $2 if $1 eq 'logins';
		push @{ $result->{failed} }, $2 if $1 eq 'failed';
	}
	return $n ? 1 : undef;
}

sub wait_until_known
{
	my ($clients, $version, $result) = @_;

	wait_for(
		sub {
			my @behind = grep { $_->{version} < $version } @$clients;

			IO::Select->new($_->{from})->can_read(0) && (listen_to($_, $result) || die 'a client has gone') foreach @behind;
			return !@behind;
		},
		"all to know of version $version");
	return;
}

# So many rotations, each when all know of the one before, in all the ways there are.
sub rotate_under_clients
{
	my ($name, $times) = @_;
	my %result = (failed => [], logins => 0);
	my @ways = ("SELECT secrets.rotate('$name')", "CALL secrets.rotate_now('$name')", 'due', "SELECT secrets.rotate_all('$name')",
		"BEGIN; SELECT secrets.rotate('$name'); ROLLBACK; SELECT secrets.rotate('$name')");

	unlink $stop;
	my @clients = map { client($_, $name) } 0 .. $#logins_a_look;
	my $rotator = open_client($node);
	my $version = $rotator->value("SELECT secrets.current_version('$name')");
	for my $i (1 .. $times)
	{
		wait_until_known(\@clients, $version, \%result);
		my $way = $ways[ $i % @ways ];
		if ($way eq 'due')
		{
			make_due($rotator, $name);
			$way = 'CALL secrets.tick()';
		}
		$rotator->value($_) foreach split /; /, $way;
		my $now = $rotator->value("SELECT secrets.current_version('$name')");
		push @{ $result{failed} }, "rotation $i, $way: from version $version to $now" if $now != $version + 1;
		$version = $now;
	}
	wait_until_known(\@clients, $version, \%result);
	append_to_file($stop, '');
	foreach my $client (@clients)
	{
		1 while listen_to($client, \%result);
		waitpid $client->{pid}, 0;
	}
	$rotator->close;
	return \%result;
}

schedule_pair('keep');
my $kept = rotate_under_clients('db/pair', $rotations);
is_deeply($kept->{failed}, [], "$rotations rotations, $kept->{logins} logins, none failed");
cmp_ok($kept->{logins}, '>', 3 * $rotations, 'they did log in');
is(value($node, q{SELECT count(*) FROM secrets.audit_log WHERE action = 'rotate' AND outcome <> 'allowed'}), 0, 'no rotation failed either');

# That is what the pair is for.
value($node, q{SELECT secrets.schedule_rotation('db/single', '30 days', 'role')});
my $single = rotate_under_clients('db/single', 20);
cmp_ok(scalar(grep { /28P01|password authentication failed/ } @{ $single->{failed} }), '>', 0, 'a single role: some meet the password that is no more');
is_deeply([ grep { !/28P01|password authentication failed/ } @{ $single->{failed} } ], [], 'and nothing else');

# Who has looked is not thrown out either.
schedule_pair('terminate');
my $terminated = rotate_under_clients('db/pair', $rotations / 2);
is_deeply($terminated->{failed}, [], "with sessions that end: $terminated->{logins} logins, none failed");

# ---- whose sessions end ----

sub is_in { my ($client) = @_; return $client->ask('SELECT 1')->{state} eq ''; }

# Ended as an administrator would.
sub is_thrown_out
{
	my ($client, $name) = @_;
	my $state = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(eval { wait_for(sub { ($state = $client->ask('SELECT 1')->{state}) ne '' }, 'the end of a session', 60) }, "$name: ended") or return 0;
	return is($state, '57P01', "$name: as one that was terminated");
}

sub current_login { my ($name) = @_; return login_of(value($node, "SELECT secrets.get('$name')")); }

# The workers that the commits have woken are through.
sub wait_for_workers
{
	wait_for(sub { value($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'secrets rotation'}) eq '0' }, 'the workers');
	return;
}

# A session of the pair, in this database and another, and those of others.
value($node, 'CREATE DATABASE elsewhere');
value($node, q{CREATE ROLE admin LOGIN SUPERUSER});
schedule_pair('keep');
value($node, q{SELECT secrets.rotate('db/pair')}) for 1 .. 2;
my %of = map { my @login = login_of(value($node, "SELECT secrets.get('db/pair', stage => '$_')")); ($_ => \@login) } qw(current previous);
schedule_pair('terminate');
my %session = (
	'the one that is in use' => log_in($node, @{ $of{current} }),
	'somebody else' => log_in($node, 'mallory', 'other'),
	'who has become it' => open_client($node, user => 'admin'));
my %ended = ('the one that is not' => log_in($node, @{ $of{previous} }), 'in another database' => log_in($node, @{ $of{previous} }, db => 'elsewhere'));
$session{'who has become it'}->value("SET ROLE $of{previous}[0]");
ok(is_in({ %session, %ended }->{$_}), "$_: is in") foreach sort keys %session, keys %ended;

value($node, q{BEGIN; SELECT secrets.rotate('db/pair'); ROLLBACK});
value($node, q{BEGIN; SAVEPOINT s; SELECT secrets.rotate('db/pair'); ROLLBACK TO s; COMMIT});
wait_for_workers();
value($node, 'CALL secrets.tick()');
ok(is_in({ %session, %ended }->{$_}), "rolled back: $_ stays") foreach sort keys %session, keys %ended;

# By the worker that the commit wakes: nobody calls tick().
value($node, q{SELECT secrets.rotate('db/pair')});
is_thrown_out($ended{$_}, "the pair: $_") foreach sort keys %ended;
wait_for_workers();
value($node, 'CALL secrets.tick()');
ok(is_in($session{$_}), "the pair: $_ stays") foreach sort keys %session;
is(logs_in($node, @{ $of{current} }), '', 'and its password is good still');
is(logs_in($node, current_login('db/pair')), '', 'as the new one is');
is(logs_in($node, @{ $of{previous} }), '28P01', 'the one before is not');
is(value($node, q{SELECT count(*) FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL}), 0, 'no more is to be ended');

# ---- a role by itself ----

sub schedule_single
{
	my ($sessions) = @_;

	value($node, qq{SELECT secrets.schedule_rotation('db/single', '30 days', 'role', '{"role": "single", "sessions": "$sessions"}')});
	return log_in($node, current_login('db/single'));
}

my $other = log_in($node, 'mallory', 'other');
my $in = schedule_single('keep');
value($node, q{SELECT secrets.rotate('db/single')});
wait_for_workers();
value($node, 'CALL secrets.tick()');
ok(is_in($in), 'keep: who is in stays in');

# Ways in which a rotation commits, and whether the worker knows of it.
foreach my $way ([ "SELECT secrets.rotate('db/single')", 1 ], [ "SELECT secrets.rotate_all('db/single')", 1 ], [ "CALL secrets.rotate_now('db/single')", 1 ],
	[ "BEGIN; SELECT secrets.rotate('db/single'); SAVEPOINT s; ROLLBACK TO s; COMMIT", 1 ], [ 'due; CALL secrets.tick()', 1 ],
	[ q{SELECT secrets.schedule_rotation('db/single', '30 days', 'role', '{"role": "single", "sessions": "terminate"}', rotate_now => true)}, 1 ],
	[ "BEGIN; SELECT secrets.rotate('db/single'); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'", 0 ])
{
	my ($sql, $wakes) = @$way;
	my $mine = schedule_single('terminate');
	my $rotator = open_client($node);

	is($mine->{state}, '', "terminate, $sql: a session");
	foreach my $statement (split /; /, $sql)
	{
		if ($statement eq 'due') { make_due($rotator, 'db/single'); }
		else { $rotator->value($statement); }
	}
	my $fresh = log_in($node, login_of($rotator->value("SELECT secrets.get('db/single')")));
	$rotator->value('CALL secrets.tick()') if !$wakes;
	is_thrown_out($mine, "terminate, $sql");
	wait_for_workers();
	$rotator->value('CALL secrets.tick()');
	ok(is_in($fresh), "terminate, $sql: who comes in by the new password stays") if $wakes;
	$rotator->close;
}
ok(is_in($other), 'somebody else stays');

# The old password is good until the commit, whenever that is.
my $slow = open_client($node);
schedule_single('terminate');
my @before = current_login('db/single');
$slow->value($_) foreach 'BEGIN', q{SELECT secrets.rotate('db/single')}, q{UPDATE secrets_catalog.rotation SET last_at = last_at - '1 minute'::interval WHERE terminate_at IS NOT NULL};
my $meanwhile = log_in($node, @before);
$slow->value('COMMIT');
is_thrown_out($meanwhile, 'who came in by the old password while the rotation was not committed');

# It may be one's own that is ended, when all is done.
value($node, q{SELECT secrets.grant('rotate', 'db/single', 'single')});
my $own = schedule_single('terminate');
like($own->ask(q{SELECT secrets.rotate('db/single')})->{out}, qr/^\d+$/, 'who rotates its own password is told the version');
is_thrown_out($own, 'and then');

# Whoever has come in by the new password has nothing to do with the old one.
sub make_it_time { value($node, q{UPDATE secrets_catalog.rotation SET terminate_at = clock_timestamp() WHERE terminate_at IS NOT NULL}); return; }

my $early = schedule_single('terminate_after 1 hour');
value($node, q{SELECT secrets.rotate('db/single')});
my $late = log_in($node, current_login('db/single'));
wait_for_workers();
value($node, 'CALL secrets.tick()');
ok(is_in($early), 'terminate_after: not yet');
is(value($node, q{SELECT terminate_at - last_at BETWEEN '59 minutes' AND '61 minutes' FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL}), 't', 'in an hour');
make_it_time();
value($node, 'CALL secrets.tick()');
is_thrown_out($early, 'terminate_after, when it is time');
ok(is_in($late), 'who has come in by the new password stays');
value($node, 'CALL secrets.tick()');
ok(is_in($late), 'and is not ended later');

# Another role of that name is another role.
value($node, q{CREATE ROLE temporary LOGIN PASSWORD 'start'; SELECT secrets.put('db/temporary', 'start')});
value($node, q{SELECT secrets.schedule_rotation('db/temporary', '30 days', 'role', '{"role": "temporary", "sessions": "terminate_after"}'), secrets.rotate('db/temporary')});
is(value($node, q{SELECT terminate_at - last_at BETWEEN '14 minutes' AND '16 minutes' FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL}), 't', 'without a time it is 15 minutes');
value($node, q{DROP ROLE temporary; CREATE ROLE temporary LOGIN PASSWORD 'another'});
my $another = log_in($node, 'temporary', 'another');
make_it_time();
value($node, 'CALL secrets.tick()');
ok(is_in($another), 'a role that has only the name stays in');

$node->stop;
is_deeply([ grep { /PANIC|TRAP|XX000|without an outer snapshot|secrets: could not/ } split /\n/, slurp_file($node->logfile) ], [], 'no internal error');

done_testing();
