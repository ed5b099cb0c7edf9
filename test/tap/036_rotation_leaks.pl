# With every log on, and whatever looks at statements loaded, no password of any rotation
# is in any file of the server's: data, write-ahead log, statistics, logs; but as its
# verifier.  The same for those that failed or were rolled back with a password in hand.
use strict;
use warnings FATAL => 'all';

use File::Find;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LoginTest;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $libraries = `pg_config --pkglibdir`;
chomp $libraries;
my @modules = grep { -e "$libraries/$_.so" } qw(auto_explain pg_stat_statements passwordcheck);
note("with: @modules");

my $node = new_node('leaks', start => 0, extension => 0, conf => <<'END');
wal_level = logical
max_prepared_transactions = 5
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
log_min_messages = debug5
log_min_error_statement = debug5
log_connections = on
log_disconnections = on
log_replication_commands = on
log_lock_waits = on
log_checkpoints = on
log_executor_stats = on
log_temp_files = 0
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
debug_pretty_print = on
trace_notify = on
logging_collector = on
secrets.max_versions = 100
END
my $logs = $node->basedir . '/logs';
my $json = $node->pg_version >= 15 ? ',jsonlog' : '';
let_in_by_password($node);
configure($node, "log_destination = 'stderr,csvlog$json'\nlog_directory = '$logs'\nlog_rotation_size = 0\n");
configure($node, 'shared_preload_libraries = ' . "'" . join(',', @modules, 'secrets') . "'");
configure($node, <<'END') if grep { $_ eq 'auto_explain' } @modules;
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_triggers = on
auto_explain.log_nested_statements = on
END
configure($node, 'auto_explain.log_parameter_max_length = -1') if $node->pg_version >= 16 && grep { $_ eq 'auto_explain' } @modules;
configure($node, "pg_stat_statements.track = all\npg_stat_statements.track_utility = on\npg_stat_statements.track_planning = on") if grep { $_ eq 'pg_stat_statements' } @modules;
$node->start;
value($node, 'CREATE EXTENSION secrets');
value($node, 'CREATE EXTENSION pg_stat_statements') if grep { $_ eq 'pg_stat_statements' } @modules;

# ---- what must be nowhere, and how it is looked for ----

my (%canary, $sought, @all);

sub remember
{
	my ($what, $value) = @_;
	# Of a key it is enough to look for the longest line.
	my ($longest) = sort { length $b <=> length $a } split /\n/, $value;

	$canary{$longest} = $what;
	undef $sought;
	return;
}

# As text, as hex, as base64 wherever it starts, and as the numbers that a printed plan has for bytes.
sub spellings
{
	my ($canary) = @_;
	my @spellings = ($canary, unpack('H*', $canary), uc unpack('H*', $canary), join(' ', map { ord } split //, $canary));

	foreach my $shift (0 .. 2)
	{
		my $encoded = encode_base64('x' x $shift . $canary, '');
		push @spellings, substr($encoded, 4, length($encoded) - 9);
		push @spellings, $spellings[-1] =~ tr{+/}{-_}r if $spellings[-1] =~ m{[+/]};
	}
	return @spellings;
}

# "WHAT in FILE: ...", of all that is found under these.
sub leaks
{
	my @found;

	if (!$sought)
	{
		my $all = join '|', map { quotemeta } map { spellings($_) } keys %canary;
		$sought = qr/$all/;
	}
	find({
		no_chdir => 1,
		wanted => sub {
			return unless -f $_;
			my $bytes = eval { slurp_file($_) };
			return unless defined $bytes;
			while ($bytes =~ /($sought)/g)
			{
				my $is = $1;
				my ($of) = grep { my $canary = $_; grep { $_ eq $is } spellings($canary) } keys %canary;
				my $at = $-[0];
				push @found, "$canary{$of} in $_: ..." . (substr($bytes, $at > 200 ? $at - 200 : 0, 300) =~ s/[^ -~]/?/gr);
				last if @found > 20;
			}
		} }, @_);
	return @found;
}

# Each in each of its spellings, put there for a moment.
sub finds_what_is_there
{
	my ($name) = @_;
	my $planted = $node->data_dir . '/planted';
	my (@missed, $n);

	foreach my $canary (sort keys %canary)
	{
		$n++;
		foreach my $spelling (spellings($canary))
		{
			append_to_file($planted, "...$spelling...");
			push @missed, "$canary{$canary} as $spelling" if !leaks($planted);
			unlink $planted;
		}
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($n, '>', 3 * @all, "$name: $n values to look for");
	is_deeply(\@missed, [], "$name: which would be found");
	return;
}

sub nowhere
{
	my ($name) = @_;

	value($node, 'CHECKPOINT');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	finds_what_is_there($name);
	is_deeply([ leaks($node->data_dir, $logs, $node->logfile) ], [], "$name: in no file");
	is(value($node, q{SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%PASSWORD%SCRAM%'}), 0, "$name: no statement set a password") if grep { $_ eq 'pg_stat_statements' } @modules;
	%canary = ();
	undef $sought;
	return;
}

# The password in a value, or the value; and, where that is another, the whole of it.
sub remember_value
{
	my ($what, $value) = @_;

	# Random bytes begin like JSON now and then.
	return remember($what, $value) if $what =~ m{^made/};
	return remember($what, (login_of($value, 'none'))[1]);
}

# Every version there is of a secret.
sub remember_versions
{
	my ($name) = @_;

	foreach my $version (split /\n/, value($node, "SELECT version FROM secrets.versions WHERE name = '$name' AND state = 'enabled' AND version > 1"))
	{
		my $hex = value($node, "SELECT encode(secrets.get_bytes('$name', version => $version), 'hex')");
		remember_value("$name version $version", pack 'H*', $hex);
	}
	return;
}

# The search finds what is there: a literal that has nothing to do with us is in every log; a
# verifier is in the heap and in the write-ahead log.
my $literal = 'VISIBLEinTheLogs' . int(rand(1e9));
value($node, "CREATE ROLE control LOGIN PASSWORD 'starting value of it 1'");
value($node, "SELECT '$literal'");
my $verifier = value($node, q{SELECT rolpassword FROM pg_authid WHERE rolname = 'control'});
wait_for(sub { scalar files_with($logs, $literal) >= ($json ? 3 : 2) }, 'the logs');
is(scalar files_with($logs, $literal), $json ? 3 : 2, 'a literal is in every log: they log, and the search finds');
value($node, 'CHECKPOINT');
remember('the literal', $literal);
cmp_ok(scalar leaks($logs), '>', 2, 'this search too');
%canary = ();
undef $sought;
my @places = map { s{.*/pgdata/(\w+)/.*}{$1}r } files_with($node->data_dir, $verifier);
is(join(' ', sort keys %{ { map { $_ => 1 } @places } }), 'global pg_wal', 'a verifier is in the heap and the write-ahead log');

# ---- what succeeds ----

my $uri = 'postgres://app_json:start@localhost:5432/app?sslmode=require';
value($node, 'CREATE ROLE owners');
value($node, "CREATE ROLE $_ LOGIN PASSWORD 'starting value of it 1' IN ROLE owners") foreach qw(app app_json two_a two_b adopted);
value($node, <<"END");
SELECT secrets.put('app', 'starting value of it 1'), secrets.put('two', '{"username": "two_a", "password": "starting value of it 1"}'),
	secrets.put('json', '{"username": "app_json", "password": "starting value of it 1", "host": "localhost", "uri": "$uri"}');
SELECT secrets.schedule_rotation('app', '30 days', 'role', '{"role": "app", "sessions": "terminate"}'),
	secrets.schedule_rotation('json', '30 days', 'role'),
	secrets.schedule_rotation('two', '30 days', 'role_pair', '{"roles": ["two_a", "two_b"], "length": 64, "classes": ["upper", "lower", "digit", "symbol"]}');
END
my @generated;
foreach my $kind (qw(password token bytes uuid ssh_ed25519 keypair x509))
{
	my $made = run_sql($node, "SELECT secrets.generate('made/$kind', '$kind'); SELECT secrets.schedule_rotation('made/$kind', '30 days', options => '{\"kind\": \"$kind\"}')");

	push @generated, "made/$kind" if $made->{state} eq '';
}
cmp_ok(scalar @generated, '>=', 4, "kinds that are made: @generated");
@all = ('app', 'json', 'two', @generated);

# What is watched cannot be prepared.
value($node, q{BEGIN; SELECT secrets.rotate('app'); PREPARE TRANSACTION 'p'});
value($node, q{COMMIT PREPARED 'p'});
value($node, qq{SELECT secrets.watch('$_')}) foreach @all;
my $listener = open_session($node);
$listener->value('LISTEN "' . value($node, q{SELECT secrets.watch('app')}) . '"');
value($node, "SELECT secrets.rotate('$_')") foreach @all;
value($node, "CALL secrets.rotate_now('$_')") foreach @all;
value($node, q{SELECT secrets.rotate_all('**')});
make_due(open_client($node), $_) foreach @all;
value($node, 'CALL secrets.tick()');
value($node, q{SELECT secrets.schedule_rotation('json', '1 day', 'role', rotate_now => true)});
# By parameters of the protocol, in a function, in a cursor, in EXPLAIN.
my $client = open_client($node);
$client->prepare('r', 'SELECT secrets.rotate($1), secrets.get($1)');
is($client->run('r', $_)->{state}, '', "bound: $_") foreach qw(app json two);
value($node, q{DO $$ BEGIN PERFORM secrets.rotate('app'); PERFORM secrets.rotate(name) FROM secrets.list('made/**'); END $$});
value($node, q{BEGIN; DECLARE c CURSOR FOR SELECT secrets.rotate('json'), secrets.get('json'); FETCH ALL FROM c; COMMIT});
value($node, q{EXPLAIN (ANALYZE, VERBOSE) SELECT secrets.rotate('two'), secrets.get('two')});
# A stored value that becomes the password of a role.
value($node, q{SELECT secrets.generate('adopted')});
my $given = run_sql($node, q{SELECT secrets.schedule_rotation('adopted', '30 days', 'role', '{"role": "adopted", "adopt": true}')});
is($given->{state}, '', 'the stored value given to the role') or diag($given->{err});
my $value = value($node, q{SELECT secrets.get('adopted')});
remember('adopted', $value);
is(logs_in($node, 'adopted', $value), '', 'which logs in');

foreach my $name (@all)
{
	is(value($node, "SELECT current_version > 5 FROM secrets.secrets WHERE name = '$name'"), 't', "$name: was rotated in all these ways");
	remember_versions($name);
}
my %in = (app => 'app', json => 'app_json', two => undef);
is(logs_in($node, login_of(value($node, "SELECT secrets.get('$_')"), $in{$_})), '', "$_: logs in") foreach sort keys %in;
ok((grep { $_ =~ /^json/ } values %canary) && (grep { $_ =~ /^two/ } values %canary), 'passwords of all are looked for');
like(value($node, q{SELECT secrets.get('json', 'uri')}), qr{^postgres://app_json:[^@]{20,}\@localhost}, 'the uri has one');
nowhere('what succeeds');

# ---- what fails, or is taken back, with a password in hand ----

foreach my $name (@all)
{
	my $hex = (split /\n/, value($node, "BEGIN; SELECT secrets.rotate('$name'); SELECT encode(secrets.get_bytes('$name'), 'hex'); ROLLBACK"))[1];
	remember_value("$name, rolled back", pack 'H*', $hex);
}
my @failing = map {
	my $name = $_;
	my @made;
	my $answer = $client->ask('BEGIN');
	$client->value("SELECT secrets.rotate('$name')");
	remember_value("$name, failed", pack 'H*', $client->value("SELECT encode(secrets.get_bytes('$name'), 'hex')"));
	$answer = $client->ask("SELECT 1 / (length(secrets.get('$name')) * 0)") if $name ne 'made/bytes';
	$client->ask('ROLLBACK');
	$answer->{state};
} grep { $_ ne 'made/bytes' } @all;
is(join(' ', sort keys %{ { map { $_ => 1 } @failing } }), '22012', 'statements that fail after it');

# The new password is made when the role turns out to be taken, or is cancelled meanwhile.
my $holder = open_session($node);
$holder->value(q{BEGIN; ALTER ROLE app CONNECTION LIMIT 10});
is($client->ask(q{SET lock_timeout = '100ms'; SELECT secrets.rotate('app')})->{state}, '55P03', 'a role that somebody has');
is($client->ask(q{SET lock_timeout = 0; SET statement_timeout = '100ms'; SELECT secrets.rotate('app')})->{state}, '57014', 'cancelled while it waits');
$client->ask('RESET statement_timeout');
make_due($client, 'app');
is(run_sql($node, 'CALL secrets.tick()')->{state}, '', 'a tick that cannot');
$holder->value('COMMIT');
like(value($node, q{SELECT last_status || ' ' || failures FROM secrets.rotations WHERE name = 'app'}), qr/^failed 1$/, 'has written it down');
value($node, q{DROP ROLE app});
foreach (1 .. 3)
{
	make_due($client, 'app');
	run_sql($node, 'CALL secrets.tick()');
}
is(value($node, q{SELECT failures FROM secrets.rotations WHERE name = 'app'}), 4, 'failures, for which the log has a warning');
refused($node, q{SELECT secrets.rotate('app')}, '55000', qr/dropped/, 'by hand');
# What was put is no password of the role, and not what the log shows.
refused($node, q{DO $$ BEGIN PERFORM secrets.put('json', secrets.random_password()); END $$}, '55000', qr/not the password/, 'a value of somebody else');
remember_versions($_) foreach @all;
nowhere('what fails');

# Gone again from what a server that has stopped leaves behind.
remember_versions($_) foreach @all;
$listener->close;
$node->stop;
is_deeply([ leaks($node->data_dir, $logs, $node->logfile) ], [], 'after the server has stopped: in no file');
is_deeply([ files_with($_, forms_of($node->{root_key})) ], [], 'nor the root key') foreach ($node->data_dir, $logs);
is_deeply([ grep { /PANIC|TRAP| XX\d{3}:/ } map { split /\n/, slurp_file($_) } glob "$logs/*.log" ], [], 'no internal error');

done_testing();
