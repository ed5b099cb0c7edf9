# kill -9 of the server, or of one backend, while many sessions grant and revoke: after
# recovery every change that was acknowledged is there, and none is half.  Four kills;
# 40 with SECRETS_SOAK=1, or as many as SECRETS_KILLS says.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes qw(usleep);

my $kills = $ENV{SECRETS_KILLS} || (soak() ? 40 : 4);
my $writers = 4;
my $seed = $ENV{SECRETS_SEED} || int(rand(1 << 30));

note("SECRETS_SEED=$seed");
srand($seed);

# With fsync on: what is acknowledged is on disk.
my $node = new_node('kill', conf => "fsync = on\nrestart_after_crash = on\nmax_wal_size = '64MB'\ncheckpoint_timeout = '30s'\n");
my $ledgers = $node->basedir . '/ledger';
value($node, "CREATE ROLE writer$_") foreach 1 .. $writers;

# What may be on one pattern, and how it comes there.  A pair is a new role with two
# rules, all in one transaction.
sub change
{
	my ($pattern, $to, $writer, $role) = @_;

	return "SELECT secrets.grant('list, read, write', '$pattern', '$writer')" if $to eq 'allow list+read+write';
	return "SELECT secrets.revoke('write', '$pattern', '$writer')" if $to eq 'allow list+read';
	return "SELECT secrets.revoke('all', '$pattern', '$writer')" if $to eq 'none';
	return "CREATE ROLE $role; SELECT secrets.grant('read', '$pattern', '$role'), secrets.deny('delete', '$pattern', '$role')";
}

# One who writes down what it asks for before it does, and what was acknowledged after.
sub writer
{
	my ($n, $round) = @_;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	return $pid if $pid;

	srand($seed + 1000 * $n + $round);
	open my $ledger, '>>', "$ledgers.$n" or POSIX::_exit(2);
	$ledger->autoflush(1);
	my $client = open_client($node);
	my @given;
	for (my $i = 0;; $i++)
	{
		my ($pattern, $to) = ("w$n/r$round/i$i/**", rand() < 0.3 ? 'pair' : 'allow list+read+write');

		($pattern, $to) = (splice(@given, int(rand @given), 1), rand() < 0.5 ? 'none' : 'allow list+read') if @given && rand() < 0.3;
		print $ledger "ask|$pattern|$to\n";
		my $answer = $client->ask(change($pattern, $to, "writer$n", "role_${n}_${round}_$i"));
		POSIX::_exit(0) if $answer->{err} =~ /the connection is lost/;
		if ($answer->{state} ne '')
		{
			print $ledger "bad|$answer->{state}|$answer->{err}\n";
			POSIX::_exit(1);
		}
		print $ledger "ok|$pattern|$to\n";
		push @given, $pattern if $to eq 'allow list+read+write';
	}
}

my %acknowledged;
my $count = 0;

# Complaints about what the ledgers and the server say.
sub check
{
	my (@complaints, %asked);
	my %is = map { /^(.*?)\|(.*)$/ } split /\n/, value($node, q{SELECT pattern, string_agg(effect || ' ' || array_to_string(privileges, '+')
		|| CASE state WHEN 'active' THEN '' ELSE ' ' || state END, ',' ORDER BY effect) FROM secrets.grants GROUP BY pattern});
	my %roles = map { $_ => 1 } split /\n/, value($node, q{SELECT rolname FROM pg_roles WHERE rolname LIKE 'role\_%'});

	foreach my $n (1 .. $writers)
	{
		foreach my $line (split /\n/, slurp_file("$ledgers.$n"))
		{
			my ($what, $pattern, $to) = split /\|/, $line;

			push @complaints, $line if $what eq 'bad';
			$asked{$pattern} = $to if $what eq 'ask';
			$count++ if $what eq 'ok';
			if ($what eq 'ok')
			{
				$acknowledged{$pattern} = $to;
				delete $asked{$pattern};
			}
		}
		unlink "$ledgers.$n";
	}
	foreach my $pattern (keys %{ { %acknowledged, %asked } })
	{
		my $is = $is{$pattern} || 'none';
		(my $role = $pattern) =~ s{^w(\d+)/r(\d+)/i(\d+)/.*}{role_$1_$2_$3};

		$is = 'pair' if $is eq 'allow read,deny delete' && $roles{$role};
		$is .= ' and the role is there' if $is eq 'none' && $roles{$role};
		push @complaints, "$pattern: $is, not " . ($acknowledged{$pattern} || 'none')
		  unless $is eq ($acknowledged{$pattern} || 'none') || defined $asked{$pattern} && $is eq $asked{$pattern};
		# What was asked for last, and did happen.
		$acknowledged{$pattern} = $is;
		delete $is{$pattern};
	}
	push @complaints, map { "$_: nobody asked for it" } keys %is;
	push @complaints, 'labels of nobody, or rules' if value($node, q{SELECT
		(SELECT count(*) FROM pg_shseclabel l WHERE NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = l.objoid)) +
		(SELECT count(*) FROM secrets_catalog.rule r WHERE NOT EXISTS (SELECT FROM pg_shseclabel l WHERE l.label = r.grantee_tag AND l.objoid = r.grantee_oid))});
	return @complaints;
}

my %killed;
foreach my $round (1 .. $kills)
{
	my @load = map { writer($_, $round) } 1 .. $writers;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my $offset = -s $node->logfile;

	# However slow the machine is, all have begun.
	wait_for(
		sub {
			return !grep { my $ledger = eval { slurp_file("$ledgers.$_") } || ''; (() = $ledger =~ /^ok\|/mg) < 6 && $ledger !~ /^bad/m } 1 .. $writers;
		},
		'the load');
	usleep(300_000 + rand(500_000));
	if ($round % 2)
	{
		kill 'KILL', $postmaster;
		$node->{_pid} = undef;
		wait_for(sub { !kill(0, $postmaster) && $node->start(fail_ok => 1) }, 'the start after kill -9 of the postmaster');
		$killed{postmaster}++;
	}
	else
	{
		my @backends = split /\n/, value($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
		kill 'KILL', $backends[ rand @backends ];
		wait_for(sub { log_since($node, $offset) =~ /all server processes terminated; reinitializing/ }, 'the crash');
		wait_for(sub { run_sql($node, 'SELECT 1')->{out} eq '1' }, 'recovery');
		$killed{backend}++;
	}
	my $bad = 0;
	foreach (@load) { waitpid $_, 0; $bad++ if $? != 0; }
	is($bad, 0, "kill $round: nobody met anything but the end of the connection");
	is_deeply([ check() ], [], "kill $round: every acknowledged change is there, and none is half");
}
cmp_ok($count, '>', 20 * $kills, 'there was a load');
note("$count changes acknowledged");

# What is there counts, and can be changed.
my ($one) = grep { $acknowledged{$_} eq 'pair' } sort keys %acknowledged;
my ($all) = grep { $acknowledged{$_} =~ /write/ } sort keys %acknowledged;
(my $role = $one) =~ s{^w(\d+)/r(\d+)/i(\d+)/.*}{role_$1_$2_$3};
(my $writer = $all) =~ s{^w(\d+)/.*}{writer$1};
$_ =~ s{/\*\*$}{} foreach ($one, $all);
is(value($node, "SELECT secrets.can('read', '$one/x', '$role'), secrets.can('delete', '$one/x', '$role'), secrets.can('write', '$all/x', '$writer')"), 't|f|t', 'it counts');
is(value($node, "SELECT secrets.revoke('all', '$all/**', '$writer')"), 1, 'and can be taken back');
is(value($node, "SELECT secrets.can('write', '$all/x', '$writer')"), 'f', 'as ever');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'no PANIC, no failed assertion');

done_testing();
