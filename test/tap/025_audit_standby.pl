# The audit of a standby: what is read there is in the primary's log, in order and once
# each, whatever happens to the link between them and to the servers at its ends.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;
use Time::HiRes ();

my $rounds = soak() ? 20 : 3;
my $primary = new_node('primary', allows_streaming => 1, conf => <<'END');
max_connections = 30
max_worker_processes = 20
wal_keep_size = 512MB
autovacuum = off
restart_after_crash = on
END
value($primary, <<'END');
SELECT secrets.put('a/' || i, 'value ' || i) FROM generate_series(0, 9) i;
CREATE ROLE app LOGIN;
CREATE ROLE team;
GRANT team TO app;
CREATE ROLE carrier LOGIN;
SELECT secrets.grant('read', 'a/**', 'team');
END
$primary->backup('base');

sub new_standby
{
	my ($name, $conf) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->{root_path} = $primary->{root_path};
	configure($standby, "cluster_name = '$name'\nlisten_addresses = '127.0.0.1'\n" . ($conf || ''));
	$standby->start;
	return $standby;
}

# ---- what is asked, and what the log should say ----

my $serial = 0;

# Reads one after the other, each under a number of its own as the actor; what is expected.
sub read_some
{
	my ($client, $n, $state) = @_;
	my @expected;

	foreach (1 .. $n)
	{
		my $actor = ++$serial;
		my $name = $actor % 5 == 4 ? 'b/hidden' : 'a/' . $actor % 10;

		$client->ask("SET secrets.actor = '$actor'");
		my $answer = $client->ask("SELECT secrets.get('$name')");
		my $as_it_should = $name =~ /^b/ ? $answer->{state} eq '42501' : $answer->{out} eq 'value ' . substr $name, 2;
		fail("$name: $answer->{state} $answer->{err}") unless $as_it_should;
		push @expected, $actor . '|' . ($name =~ /^b/ ? 'denied' : 'allowed') . "|$name";
	}
	return @expected;
}

sub lines_of
{
	my ($node, $first) = @_;

	return split /\n/, value($node, "SELECT actor, outcome, name FROM secrets.audit_log WHERE actor::int8 BETWEEN $first AND 9999999 ORDER BY event_id");
}

sub queued { return value($_[0], 'SELECT audit_queue FROM secrets.status()'); }
sub wait_until_handed_over { my ($standby) = @_; return wait_for(sub { queued($standby) == 0 }, 'the queue of the standby to be empty'); }

# In order, once each, no others.
sub logged
{
	my ($node, $expected, $name) = @_;
	my ($first) = $expected->[0] =~ /^(\d+)/;
	my @got;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $end = Time::HiRes::time() + 60;
	do { @got = lines_of($node, $first); } while (@got < @$expected && Time::HiRes::time() < $end && Time::HiRes::usleep(50_000));
	return is_deeply(\@got, $expected, "$name: " . scalar(@$expected) . ' lines, in order, once each');
}

sub whole
{
	my ($node, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(value($node, 'SELECT kind, problem FROM secrets.verify_audit()'), '', "$name: verify_audit() is silent");
}

sub worker_of { return value($_[0], q{SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'secrets audit' AND datname = 'postgres'}); }
sub receiver_of { return value($_[0], q{SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE query LIKE '%receive_audit($1)%' AND state = 'active' AND pid <> pg_backend_pid()}); }
# 0 is nobody, and to kill() the whole of us: it is waited for.
sub signal
{
	my ($signal, $who, $node) = @_;
	my $pid;

	wait_for(sub { $pid = $who->($node); return $pid && kill $signal, $pid }, "a process to send $signal to");
	return $pid;
}
sub is_up { my ($node) = @_; return sub { run_sql($node, 'SELECT 1')->{out} eq '1' }; }
sub reader { return open_client($_[0], user => 'app'); }

my $standby = new_standby('left');

# ---- each line as it should be ----

my $client = reader($standby);
my @expected = read_some($client, 100);
logged($primary, \@expected, 'reads and refusals on the standby');
is(value($primary, "SELECT DISTINCT login, role, coalesce(client_addr::text, ''), pid, txid IS NULL, via, detail ->> 'standby' FROM secrets.audit_log WHERE actor IS NOT NULL"),
	"app|app||$client->{pid}|t|api|left", 'login, role, address, pid, no transaction, way, and which server');

my ($out, $err);
$standby->psql('postgres', q{SET ROLE team; SET secrets.actor = '1000'; SELECT secrets.get('a/1', version => 1)}, stdout => \$out,
	connstr => 'host=127.0.0.1 port=' . $standby->port . ' dbname=postgres user=app application_name=billing');
$serial = 1000;
logged($primary, ['1000|allowed|a/1'], 'over TCP');
is(value($primary, "SELECT login, role, client_addr, application_name, version FROM secrets.audit_log WHERE actor = '1000'"),
	'app|team|127.0.0.1|billing|1', 'who, from where, with what');
value($standby, q{SET secrets.actor = '1001'; SELECT count(*) FROM secrets.get_all('a/**')});
$serial = 1100;
wait_until_handed_over($standby);
is(value($primary, q{SELECT count(*) FROM secrets.audit_log WHERE actor = '1001' AND role = 'postgres'}), 10, 'a statement that reads ten');
is(value($primary, q{SELECT last_read_at > now() - interval '1 min' FROM secrets.secrets WHERE name = 'a/1'}), 't', 'reads on the standby count as reads');
whole($primary, 'the primary');
wait_for(sub { value($standby, q{SELECT count(*) FROM secrets_catalog.audit_event}) == value($primary, q{SELECT count(*) FROM secrets_catalog.audit_event}) }, 'replay');
whole($standby, 'the standby');
is(value($primary, q{SELECT count(*) FROM secrets_catalog.audit_origin}), 1, 'one queue is known');

# ---- a role that has nothing else; a setting of its own ----

configure($standby, 'secrets.audit_conninfo = ' . "'host=" . $primary->host . ' port=' . $primary->port . " user=carrier'", 'reload');
wait_for(sub { value($standby, 'SHOW secrets.audit_conninfo') =~ /carrier/ }, 'reload');
logged($primary, [ read_some($client, 10) ], 'by a role that has no rights at all');
is(run_sql($standby, 'SHOW secrets.audit_conninfo', params => [ '-U', 'app' ])->{state}, '42501', 'which nobody else may see');

# ---- packets by hand ----

configure($primary, "log_min_duration_statement = 0\nlog_parameter_max_length = -1\n", 'reload');
wait_for(sub { value($primary, 'SHOW log_min_duration_statement') eq '0' }, 'reload');
my $offset = -s $primary->logfile;
@expected = read_some($client, 1);
logged($primary, \@expected, 'one more');
wait_for(sub { log_since($primary, $offset) =~ /receive_audit\(\$1\)\n.*DETAIL:  [Pp]arameters: \$1 = '\\x([0-9a-f]+)'/ }, 'a packet in the log');
my ($packet) = log_since($primary, $offset) =~ /receive_audit\(\$1\)\n.*DETAIL:  [Pp]arameters: \$1 = '\\x([0-9a-f]+)'/;
configure($primary, "log_min_duration_statement = -1\n", 'reload');
wait_until_handed_over($standby);

sub receive { my ($node, $hex, %options) = @_; return run_sql($node, "SELECT secrets.receive_audit('\\x$hex')", %options); }
my $before = value($primary, 'SELECT count(*) FROM secrets.audit_log WHERE actor IS NOT NULL');
is(length receive($primary, $packet, params => [ '-U', 'carrier' ])->{out}, 2 + 64, 'sent again by hand: an answer');
is(receive($primary, $packet)->{out}, receive($primary, $packet)->{out}, 'and again');
is(value($primary, 'SELECT count(*) FROM secrets.audit_log WHERE actor IS NOT NULL'), $before, 'it is in the log once');
my %refused;
foreach my $byte (0 .. length($packet) / 2 - 1)
{
	my $other = $packet;

	substr($other, 2 * $byte, 2) = sprintf '%02x', hex(substr $other, 2 * $byte, 2) ^ 1 << $byte % 8;
	$refused{ receive($primary, $other)->{state} }++ if $byte % 7 == 0 || $byte > length($packet) / 2 - 40;
}
is_deeply([ keys %refused ], ['42501'], 'changed in one bit: refused');
is(receive($primary, $_)->{state}, '42501', 'a piece, or nothing: refused') foreach ('', '00', substr($packet, 0, 2 * 40), substr($packet, 0, length($packet) - 2), $packet . '00', 'ff' x 300_000);
is(run_sql($primary, 'SELECT secrets.receive_audit(NULL)')->{state}, '22004', 'NULL');
is(receive($standby, $packet)->{state}, '25006', 'on the standby: refused');
value($primary, 'CREATE DATABASE copy TEMPLATE postgres');
is(receive($primary, $packet, db => 'copy')->{state}, '42501', 'in a copy of the database: refused');
ok(value($primary, q{SELECT count(*) FROM secrets.audit_log WHERE reason LIKE 'asked to receive lines%'}) > 10, 'those who try are in the log');

# Who raises by hand what counts as written would keep lines out: he does not.
my $row = value($primary, 'SELECT run, at FROM secrets_catalog.audit_origin');
value($primary, 'UPDATE secrets_catalog.audit_origin SET at = at + 1000000');
signal('TERM', \&worker_of, $primary);
logged($primary, [ read_some($client, 5) ], 'with a forged position');
value($primary, 'DELETE FROM secrets_catalog.audit_origin');
logged($primary, [ read_some($client, 5) ], 'with none');
whole($primary, 'the primary');
wait_until_handed_over($standby);

# ---- the link is cut, and kept ----

foreach my $how ('fast', 'immediate')
{
	$primary->stop($how);
	@expected = read_some($client, 200);
	is(queued($standby), 200, "the primary is away ($how): the standby keeps what is read");
	like(value($standby, 'SELECT audit_lag > interval $$0$$, audit_pid IS NOT NULL FROM secrets.status()'), qr/^t\|t$/, 'status() shows it');
	Time::HiRes::sleep(2);
	push @expected, read_some($client, 5);
	$primary->start;
	logged($primary, \@expected, 'when it is back');
	wait_until_handed_over($standby);
}
like(log_since($standby), qr/LOG:  secrets: the audit of database \d+ waits: the primary cannot be reached\n.*DETAIL:  /, 'the log says why');
like(log_since($standby), qr/the audit of database \d+ is handed over again/, 'and that it is over');
whole($primary, 'the primary');

# A string that is none is quoted nowhere.
configure($standby, q{secrets.audit_conninfo = 'host=x hunter2'}, 'reload');
wait_for(sub { value($standby, 'SHOW secrets.audit_conninfo') =~ /hunter2/ }, 'reload');
@expected = read_some($client, 10);
wait_for(sub { log_since($standby) =~ /is no connection string/ }, 'words in the log');
unlike(log_since($standby), qr/secrets: .*hunter2/, 'without the string');
configure($standby, q{secrets.audit_conninfo = ''}, 'reload');
logged($primary, \@expected, 'primary_conninfo again');

# ---- killed ----

foreach my $round (1 .. $rounds)
{
	# The worker of the standby, and with it every session there, while it is at work.
	@expected = read_some($client, 50);
	signal('KILL', \&worker_of, $standby);
	wait_for(sub { $client->ask('SELECT 1')->{state} ne '' }, 'the crash');
	wait_for(is_up($standby), 'the standby to be back');
	$client->close;
	$client = reader($standby);
	push @expected, read_some($client, 5);
	logged($primary, \@expected, "the worker of the standby killed ($round)");

	# Who receives on the primary, in the middle of a call.
	my $worker = signal('STOP', \&worker_of, $primary);
	@expected = read_some($client, 20);
	my $since = -s $primary->logfile;
	signal('KILL', \&receiver_of, $primary);
	kill 'CONT', $worker;
	wait_for(sub { log_since($primary, $since) =~ /all server processes terminated; reinitializing/ }, 'the crash');
	wait_for(is_up($primary), 'the primary to be back');
	push @expected, read_some($client, 5);
	logged($primary, \@expected, "who receives killed ($round)");

	# The primary as a whole, in the middle of a call.
	$worker = signal('STOP', \&worker_of, $primary);
	@expected = read_some($client, 20);
	wait_for(sub { receiver_of($primary) }, 'a call');
	# Else the postmaster waits five seconds before it kills who does not go.
	my $waker = fork;
	if (!$waker) { Time::HiRes::sleep(0.5); kill 'CONT', $worker; POSIX::_exit(0); }
	$primary->stop('immediate');
	waitpid $waker, 0;
	push @expected, read_some($client, 5);
	$primary->start;
	logged($primary, \@expected, "the primary killed ($round)");
}

# The answer is lost, the lines are not: they are left out the second time.
my $worker = signal('STOP', \&worker_of, $primary);
@expected = read_some($client, 20);
my $receiver = signal('STOP', \&receiver_of, $primary);
kill 'CONT', $worker;
logged($primary, \@expected, 'written, and no answer given');
value($primary, "SELECT pg_terminate_backend($receiver)");
kill 'CONT', $receiver;
wait_until_handed_over($standby);
logged($primary, \@expected, 'sent twice');
whole($primary, 'the primary');

# The primary sealed; and what is no primary at all.
value($primary, 'SELECT secrets.seal()');
@expected = read_some($client, 10);
wait_for(sub { log_since($standby) =~ /waits: the primary is sealed/ }, 'words in the log');
is(queued($standby), 10, 'while the primary is sealed lines wait');
value($primary, 'SELECT secrets.unseal()');
logged($primary, \@expected, 'until it is not');
configure($standby, 'secrets.audit_conninfo = ' . "'host=" . $standby->host . ' port=' . $standby->port . " target_session_attrs=any'", 'reload');
wait_for(sub { value($standby, 'SHOW secrets.audit_conninfo') =~ /any/ }, 'reload');
@expected = read_some($client, 10);
wait_for(sub { log_since($standby) =~ /waits: what secrets.audit_conninfo leads to is a standby itself/ }, 'words in the log');
configure($standby, q{secrets.audit_conninfo = ''}, 'reload');
logged($primary, \@expected, 'another standby is no primary');

# ---- under load ----

# Reads until the file is there, through crashes of the server; writes down what it was given.
sub read_on
{
	my ($i, $stop, $given) = @_;
	my $mine;

	open my $file, '>', $given or die "$given: $!";
	$file->autoflush(1);
	for (my $n = 1; !-e $stop; $n++)
	{
		$mine ||= eval { reader($standby) };
		Time::HiRes::usleep(50_000), next unless $mine;
		my $actor = 10_000_000 * $i + $n;
		my $asked = $mine->ask("SET secrets.actor = '$actor'; SELECT secrets.get('a/1')");
		print $file "$actor\n" if $asked->{out} eq 'value 1';
		$mine = undef if $asked->{state} ne '';
		Time::HiRes::usleep(2000);
	}
	close $file;
	POSIX::_exit(0);
}

my $stop = $standby->basedir . '/stop';
my @given = map { $standby->basedir . "/given.$_" } 1 .. 3;
my @readers;
foreach my $i (1 .. 3)
{
	my $pid = fork;
	read_on($i, $stop, $given[ $i - 1 ]) unless $pid;
	push @readers, $pid;
}
foreach my $round (1 .. 4 * $rounds)
{
	Time::HiRes::sleep(0.2 + rand 0.5);
	if ($round % 4 == 0) { $primary->stop('immediate'); $primary->start; }
	if ($round % 4 == 1) { my $pid = worker_of($standby); kill 'KILL', $pid if $pid; wait_for(is_up($standby), 'the standby'); }
	if ($round % 4 == 2) { value($primary, q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%receive_audit%' AND pid <> pg_backend_pid()}); }
	if ($round % 4 == 3) { my $pid = worker_of($primary); kill 'KILL', $pid if $pid; Time::HiRes::sleep(0.2); wait_for(is_up($primary), 'the primary'); }
}
# However slow the machine is, it was a load.
wait_for(sub { !grep { (-s $_ || 0) < 9 * 101 } @given }, 'the readers');
append_to_file($stop, '');
waitpid $_, 0 foreach @readers;
wait_until_handed_over($standby);
foreach my $i (1 .. 3)
{
	my %times;
	my @given_here = split /\n/, slurp_file($given[ $i - 1 ]);
	my @got = split /\n/, value($primary, "SELECT actor FROM secrets.audit_log WHERE actor::int8 / 10000000 = $i ORDER BY event_id");

	$times{$_}++ foreach @got;
	cmp_ok(scalar @given_here, '>', 100, "under load: reader $i was given values");
	is_deeply([ grep { !$times{$_} } @given_here ], [], 'each is in the log');
	is_deeply([ grep { $times{$_} > 1 } keys %times ], [], 'once');
	is_deeply(\@got, [ sort { $a <=> $b } @got ], 'in order');
}
$client->close;
$client = reader($standby);
whole($primary, 'the primary');

# ---- durable ----

configure($standby, 'secrets.audit = durable', 'reload');
wait_for(sub { value($standby, 'SHOW secrets.audit') eq 'durable' }, 'reload');
@expected = read_some($client, 1);
is_deeply([ lines_of($primary, $serial) ], \@expected, 'durable: in the log of the primary before the value is given');
my $asks = sub { return $client->ask(q{SELECT secrets.get('a/1')}); };
$primary->stop;
my $answer = $asks->();
is($answer->{state}, '58030', 'durable, and no primary: refused');
like($answer->{err}, qr/the primary cannot be reached/, 'with words');
is($client->ask(q{SELECT secrets.get('b/x')})->{state}, '42501', 'a refusal needs no disk');
$primary->start;
wait_until_handed_over($standby);
configure($standby, 'secrets.audit = on', 'reload');
wait_for(sub { value($standby, 'SHOW secrets.audit') eq 'on' }, 'reload');

# ---- the bound ----

my $small = new_standby('small', "secrets.audit_queue_size = 256kB\n");
my $other = reader($small);
logged($primary, [ read_some($other, 10) ], 'a second standby');
$primary->stop;
@expected = ();
my $full;
for (1 .. 3000)
{
	my $actor = ++$serial;

	$other->ask("SET secrets.actor = '$actor'");
	$full = $other->ask(q{SELECT secrets.get('a/1')});
	last if $full->{state} ne '';
	push @expected, "$actor|allowed|a/1";
}
is($full->{state}, '58030', 'the queue is full: refused');
like($full->{err}, qr/its queue is full|the primary cannot be reached/, 'with words');
cmp_ok(scalar @expected, '>', 500, 'not before');
configure($small, 'secrets.audit_on_failure = log', 'reload');
wait_for(sub { value($small, 'SHOW secrets.audit_on_failure') eq 'log' }, 'reload');
my $actor = ++$serial;
$other->ask("SET secrets.actor = '$actor'");
is($other->ask(q{SELECT secrets.get('a/1')})->{out}, 'value 1', 'audit_on_failure = log: the value');
like(log_since($small), qr/LOG:  secrets audit: \{"type":"event".*"name":"a\/1".*"actor":"$actor"/, 'and a line of JSON');
$primary->start;
logged($primary, \@expected, 'what was kept arrives');

# ---- the end of a standby ----

wait_until_handed_over($small);
@expected = read_some($other, 20);
$small->stop('fast');
logged($primary, \@expected, 'read and stopped at once: handed over');
$small->start;
$other = reader($small);
$primary->stop;
@expected = read_some($other, 20);
$offset = -s $small->logfile;
$small->stop('fast');
my @left = log_since($small, $offset) =~ /LOG:  secrets audit: \{"type":"event".*"actor":"(\d+)"/g;
is_deeply(\@left, [ map { /^(\d+)/ } @expected ], 'stopped without a primary: lines of JSON, in order');
$primary->start;

# ---- promotion ----

# Some are in the log already, and the standby does not know; the others are not.
logged($primary, [ read_some($client, 5) ], 'before the promotion');
# Who receives waits for no more than 5 seconds: on a busy machine that may be over before he is stopped.
foreach (1 .. 5)
{
	$worker = signal('STOP', \&worker_of, $primary);
	@expected = read_some($client, 20);
	$receiver = signal('STOP', \&receiver_of, $primary);
	kill 'CONT', $worker;
	logged($primary, \@expected, 'on the primary');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
	last if queued($standby) > 0;
	kill 'CONT', $receiver;
}
ok(queued($standby) > 0, 'the standby still waits for an answer');
push @expected, read_some($client, 20);
$primary->stop('immediate');
$standby->promote;
wait_for(sub { value($standby, 'SELECT pg_is_in_recovery()') eq 'f' }, 'promotion');
push @expected, read_some($client, 5);
logged($standby, \@expected, 'promoted with lines in its queue');
value($standby, q{SELECT secrets.put('b/2', 'new')});
whole($standby, 'promoted');
is(length receive($standby, $packet)->{out}, 2 + 64, 'a packet of old times has its answer');
logged($standby, \@expected, 'and changes nothing');

$client->close;
$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|XX000/, $_->name . ': no internal error') foreach ($primary, $standby, $small);

done_testing();
