# kill -9 of any process at any moment, under a load of puts, gets, renames and a
# running rekey: after recovery every put that was acknowledged reads back, nothing
# verifies wrongly, and rekey goes on.  Three kills; 50 with SECRETS_SOAK=1, or as
# many as SECRETS_KILLS says.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $kills = $ENV{SECRETS_KILLS} || (soak() ? 50 : 3);
my $writers = 3;
my $names = 12;		# of each writer
my $static = 300;	# secrets that only rekey touches
my $seed = $ENV{SECRETS_SEED} || int(rand(1 << 30));

diag("SECRETS_SEED=$seed") if $ENV{SECRETS_SEED} || soak();
note("SECRETS_SEED=$seed");
srand($seed);

# With fsync on: what is acknowledged is on disk.  Twelve versions are kept, so that
# what is checked after each kill is a history and not only the newest value.
my $node = new_node('kill', conf => <<'END');
fsync = on
restart_after_crash = on
secrets.max_versions = 12
checkpoint_timeout = '30s'
max_wal_size = '64MB'
END
value($node, "SELECT count(secrets.put('static/' || n, 'static value ' || n)) FROM generate_series(1, $static) n");

my $ledgers = $node->basedir . '/ledger';
my $conninfo = $node->connstr('postgres');

# A writer: one psql that is told one statement at a time, and a ledger of what it
# was told and what was acknowledged.  A line "ask" goes before the statement, a
# line "ok" after its commit: what was asked for last may or may not have happened.
#
#   ask NAME VALUE | ok NAME VERSION VALUE | move FROM TO | moved FROM TO
sub writer
{
	my ($n, $round) = @_;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	return $pid if $pid;

	srand($seed + 1000 * $n + $round);
	open my $ledger, '>>', "$ledgers.$n" or POSIX::_exit(2);
	$ledger->autoflush(1);
	my $session = open_session($node);
	my $asked = sub {
		my ($sql) = @_;
		my $answer = $session->ask($sql);
		# The connection is gone: the server was killed.
		POSIX::_exit(0) if $answer->{state} =~ /^(?:57P0.|08...|)$/ && ($answer->{err} =~ /server|connection|terminat/ || !$session->{run}->pumpable);
		if ($answer->{state} ne '')
		{
			print $ledger "bad $answer->{state} $answer->{err}\n";
			POSIX::_exit(1);
		}
		return $answer->{out};
	};

	for (my $i = 0;; $i++)
	{
		my $name = "w$n/" . int(rand($names));
		my $value = "$round.$i." . 'x' x int(rand(10) < 1 ? 5000 : 20);

		print $ledger "ask $name $value\n";
		my $version = $asked->("SELECT secrets.put('$name', '$value')");
		print $ledger "ok $name $version $value\n";
		if (rand() < 0.3)
		{
			# There and back: between the two it has another name, and may be left so.
			print $ledger "move $name\n";
			$asked->("SELECT secrets.rename('$name', '$name/moved')");
			print $ledger "moved $name\n";
			my $read = $asked->("SELECT secrets.get('$name/moved')");
			print $ledger "bad read of $name\n" if $read ne $value;
			print $ledger "back $name\n";
			$asked->("SELECT secrets.rename('$name/moved', '$name')");
			print $ledger "backed $name\n";
		}
		print $ledger "bad read of $name\n" if rand() < 0.5 && $asked->("SELECT secrets.get('$name')") ne $value;
	}
}

# Rekey after rekey, until the server goes.
sub rekeyer
{
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	return $pid if $pid;
	my $session = open_session($node);
	open my $ledger, '>', "$ledgers.rekey" or POSIX::_exit(2);
	$ledger->autoflush(1);
	for (1 .. 1000)
	{
		foreach my $sql ('SELECT secrets.rotate_master_key()', 'CALL secrets.rekey(20)')
		{
			my $answer = $session->ask($sql);
			POSIX::_exit(0) if !$session->{run}->pumpable || $answer->{err} =~ /server|connection|terminat/;
			POSIX::_exit(1) if $answer->{state} ne '';
			print $ledger "ok\n";
		}
	}
	POSIX::_exit(0);
}

# What must be there, by the ledgers: the acknowledged versions of each secret, and
# what was on its way.
my (%known, %pending, %at);

sub read_ledgers
{
	my @bad;

	foreach my $n (0 .. $writers - 1)
	{
		next unless -e "$ledgers.$n";
		open my $ledger, '<', "$ledgers.$n" or die $!;
		while (<$ledger>)
		{
			chomp;
			my ($what, $name, @rest) = split / /;
			if ($what eq 'ask') { $pending{$name} = $rest[0]; }
			elsif ($what eq 'ok') { $known{$name}{ $rest[0] } = $rest[1]; delete $pending{$name}; }
			elsif ($what =~ /^(?:move|back)$/) { $at{$name} = 'either'; }
			elsif ($what eq 'moved') { $at{$name} = 'moved'; }
			elsif ($what eq 'backed') { delete $at{$name}; }
			elsif ($what eq 'bad') { push @bad, $_; }
		}
		close $ledger;
		unlink "$ledgers.$n";
	}
	return @bad;
}

# After a recovery: every version that was acknowledged and is kept, by one walk.
sub check
{
	my @wrong = read_ledgers();
	my %there;

	# What a kill left under its other name is moved back, so that the next round finds it.
	value($node, q{SELECT secrets.rename(name, left(name, -6)) FROM secrets.list('*/*/moved') WHERE secrets.try_get(left(name, -6)) IS NULL});
	push @wrong, 'a secret has two names' if value($node, q{SELECT count(*) FROM secrets.list('*/*/moved')}) != 0;
	foreach (split /\n/, value($node, q{SELECT name, version, secrets.get(name, version => version), current_version
		FROM secrets.versions JOIN (SELECT name AS n, current_version FROM secrets.secrets) s ON n = name WHERE name LIKE 'w%'}))
	{
		my ($name, $version, $value, $current) = split /\|/;
		$there{$name}{$version} = $value;
		$there{$name}{current} = $current;
	}
	foreach my $name (sort keys %known)
	{
		my ($last) = sort { $b <=> $a } keys %{ $known{$name} };
		my $current = $there{$name}{current};

		if (!defined $current) { push @wrong, "$name is gone"; next; }
		# The newest acknowledged, or the one on its way, which nobody was told of.
		if ($current == $last + 1 && defined $pending{$name} && ($there{$name}{$current} || '') eq $pending{$name})
		{
			$known{$name}{$current} = $pending{$name};
		}
		elsif ($current != $last) { push @wrong, "$name: current version $current, acknowledged $last"; }
		foreach my $version (grep { $_ > $current - 12 } keys %{ $known{$name} })
		{
			push @wrong, "$name version $version reads " . substr($there{$name}{$version} || 'nothing', 0, 30)
			  if ($there{$name}{$version} || '') ne $known{$name}{$version};
		}
	}
	# A secret that was put once and never acknowledged is the first version of its name.
	foreach my $name (grep { !$known{$_} } keys %there)
	{
		if (defined $pending{$name} && ($there{$name}{1} || '') eq $pending{$name}) { $known{$name}{1} = $pending{$name}; }
		else { push @wrong, "$name came from nowhere"; }
	}
	%pending = %at = ();
	push @wrong, map { "problem: $_" } split /\n/, value($node, q{SELECT name, problem FROM secrets.get_all('**') WHERE problem IS NOT NULL});
	push @wrong, 'static values'
	  if value($node, q{SELECT count(*) FROM secrets.get_all('static/*') WHERE value = 'static value ' || substr(name, 8)}) != $static;
	push @wrong, 'stages' if value($node, q{SELECT count(*) FROM secrets_catalog.secret s WHERE NOT EXISTS (
		SELECT FROM secrets_catalog.version v WHERE v.secret_id = s.id AND v.version = s.current_version) OR last_version < current_version}) != 0;
	return @wrong;
}

sub postmaster { return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0]; }

# A victim: the postmaster one time in five, or any process that it started.
sub victim
{
	my $postmaster = postmaster();
	my @children = grep { $_ != $postmaster } map { /^\s*(\d+)/ ? $1 : () } `ps --ppid $postmaster -o pid=`;

	return ($postmaster, 'postmaster') if rand() < 0.2 || !@children;
	my $pid = $children[ rand @children ];
	my $what = `ps -p $pid -o args=`;
	chomp $what;
	return ($pid, $what);
}

# Of one of the load: it has done so much, or something went wrong.
sub is_at_work
{
	my ($name, $wanted) = @_;
	my $ledger = eval { slurp_file("$ledgers.$name") } || '';
	my $done = () = $ledger =~ /^ok\b/mg;

	return $done >= $wanted || $ledger =~ /^bad/m;
}

my ($puts, %killed) = (0);
foreach my $round (1 .. $kills)
{
	unlink "$ledgers.rekey";
	my @load = map { writer($_, $round) } 0 .. $writers - 1;
	my $rekeyer = rekeyer();
	my $offset = -s $node->logfile;

	# However slow the machine is, they have begun.
	wait_for(sub { is_at_work('rekey', 1) && !grep { !is_at_work($_, 4) } 0 .. $writers - 1 }, 'the load');
	usleep(300_000 + rand(700_000));
	my ($pid, $what) = victim();
	kill 'KILL', $pid;
	(my $kind = $what) =~ s/^postgres: (?:\S+: )?//;
	$kind = 'backend' if $kind =~ /\[local\]/;
	$killed{$kind}++;

	if ($what eq 'postmaster')
	{
		# Its children notice and go; then it is started as after any crash.
		$node->{_pid} = undef;
		wait_for(sub { !kill(0, $pid) && $node->start(fail_ok => 1) }, 'the start after kill -9 of the postmaster');
	}
	else
	{
		# A child of no consequence (the archiver, say) is started again without a crash: then the load is ended.
		eval { wait_for(sub { log_since($node, $offset) =~ /all server processes terminated; reinitializing/ }, 'crash', 5) }
		  or run_sql($node, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
		wait_for(sub { run_sql($node, 'SELECT 1')->{out} eq '1' }, 'recovery');
	}
	my $bad = 0;
	foreach (@load, $rekeyer) { waitpid($_, 0); $bad++ if $? != 0; }
	is($bad, 0, "kill $round ($kind): the load met nothing but the end of its connection");
	is_deeply([ check() ], [], "kill $round ($kind): every acknowledged put reads back, nothing verifies wrongly");
	is(status($node)->{state}, 'ready', "kill $round ($kind): ready");
	$puts = 0;
	$puts += keys %$_ foreach values %known;
	last if !Test::More->builder->is_passing && !$ENV{SECRETS_GO_ON};
}

my $remaining = status($node)->{remaining};
my $result = run_sql($node, 'CALL secrets.rekey()');
is($result->{state}, '', "rekey goes on with what is left ($remaining)") or diag($result->{err});
is(status($node)->{remaining}, 0, 'to the end');
is_deeply([ check() ], [], 'and everything reads');
cmp_ok($puts, '>', 10, 'there was a load');
my $kinds = join(', ', map { "$_ $killed{$_}" } sort keys %killed);
note("killed: $kinds; $puts acknowledged puts");
diag("killed: $kinds; $puts acknowledged puts") if soak() || $ENV{SECRETS_KILLS};
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no PANIC, no failed assertion');

done_testing();
