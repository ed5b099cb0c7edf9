# A value that somebody forgot to quote, as by :pw for :'pw' in psql, is taken for
# a column, or for no SQL at all.  What is said of that quotes it, and so would the log.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('unquoted', conf => <<'END');
logging_collector = on
log_destination = 'stderr,csvlog'
log_directory = 'log'
log_filename = 'all'
log_statement = all
log_min_duration_statement = 0
log_error_verbosity = verbose
END
my $logs = $node->data_dir . '/log';
my $client = open_client($node);
my $watcher = open_client($node);
my $pid = $client->value('SELECT pg_backend_pid()');

# Two halves, for half of it is too much.
my @statements = (
	'SELECT secrets.put(%s, hunter_zebra)',
	'SELECT secrets.put(%s, Hunter_ZEBRA)',
	'SELECT secrets.put(name => %s, value => hunter_zebra)',
	'SELECT secrets.put(%s, value := hunter_zebra)',
	'SELECT secrets.put(%s, hunter zebra)',
	'SELECT secrets.put(%s, hunter.zebra)',
	'SELECT secrets.put(%s, hunter.x.zebra)',
	'SELECT secrets.put(%s, a.hunter.x.zebra.y)',
	'SELECT secrets.put(%s, a.b.hunter.zebra)',
	'SELECT secrets.put(%s, s.zebra) FROM secrets.list() s',
	'SELECT secrets.put(%s, hunter-zebra!)',
	'SELECT secrets.put(%s, hunter::zebra)',
	'SELECT secrets.put(%s, 1hunter2zebra)',
	'SELECT secrets.put(%s, hunter@zebra/zebra)',
	"SELECT secrets.put(%s, hunter'zebra)",
	'SELECT secrets.put(%s, hunter"zebra)',
	'SELECT secrets.put(%s, "hunter zebra")',
	'SELECT secrets.put(%s, hunter$zebra)',
	'SELECT secrets.put(%s, hunter$$zebra)',
	'SELECT secrets.put(%s, hunter; zebra)',
	'SELECT secrets.put(%s, [hunter, zebra])',
	'SELECT secrets.put(%s, {hunter: zebra})',
	'SELECT secrets.put(%s hunter zebra',
	'SELECT secrets.put(%s, hunter zebra',
	'SELECT secrets.put(%s, date hunter_zebra)',
	"SELECT secrets.put(%s, date'2026-01-01' hunter_zebra)",
	'SELECT secrets.put(%s, lower(hunter_zebra))',
	'SELECT secrets.put(%s, (SELECT hunter_zebra))',
	'SELECT secrets.put(%s, CASE WHEN true THEN hunter_zebra END)',
	'SELECT put(%s, hunter_zebra)',
	'SELECT secrets.patch(%s, hunter_zebra)',
	'SELECT secrets.putt(%s, hunter_zebra)',
	'INSERT INTO secrets.inbox (name, value) VALUES (%s, hunter_zebra)',
	'SELECT 1; SELECT secrets.put(%s, hunter_zebra)',
	'PREPARE p AS SELECT secrets.put(%s, hunter_zebra)',
	'EXPLAIN SELECT secrets.put(%s, hunter_zebra)',
	'DECLARE c CURSOR FOR SELECT secrets.put(%s, hunter_zebra)',
	'EXECUTE stored(hunter_zebra)',
	'DO $x$ BEGIN PERFORM secrets.put(%s, hunter_zebra); END $x$',
	q{DO $x$ BEGIN EXECUTE 'SELECT secrets.put(''a/name'', hunter_zebra)'; END $x$},
	'SELECT wrapped(hunter_zebra)',
);
value($node, q{ALTER SYSTEM SET secrets.redact_functions = 'wrapped'});
$node->reload;
wait_for(sub { value($node, 'SHOW secrets.redact_functions') eq 'wrapped' }, 'a function of a user');
$client->value(q{PREPARE stored(text) AS SELECT secrets.put('a/name', $1)});

sub logged
{
	return join '', map { slurp_file("$logs/$_") } qw(all all.csv);
}

foreach my $with (qw(simple extended aborted quiet))
{
	$client->value('SET log_min_messages = ' . ($with eq 'quiet' ? 'panic' : 'warning'));
	foreach my $template (@statements)
	{
		my $sql = $template =~ s/%s/'a\/name'/r;

		$client->value('BEGIN') if $with eq 'aborted';
		if ($with eq 'extended')
		{
			# What is a statement of its own is not looked into before it is run.
			my $prepared = eval { $client->prepare('x', $sql) };
			isnt($client->run('x')->{state}, '', "$with: $template: refused") if $prepared;
			isnt($prepared || $@, '', "$with: $template: refused");
		}
		else
		{
			isnt($client->ask($sql)->{state}, '', "$with: $template: refused");
		}
		my $activity = $watcher->value("SELECT query FROM pg_stat_activity WHERE pid = $pid");
		unlike($activity, qr/hunter|zebra/i, "$with: $template: not in sight of others");
		$client->ask('ROLLBACK') if $with eq 'aborted';
		$client->ask('DEALLOCATE x') if $with eq 'extended';
	}
}
$client->value('SET log_min_messages = warning');
$client->ask("SELECT 1 / 0 AS the_end_of_it");
wait_for(sub { logged() =~ /the_end_of_it[^\0]*the_end_of_it/ }, 'all is in the log');
my $log = logged();
my @errors = $log =~ /ERROR:  \w+: /g;
cmp_ok(scalar @errors, '>=', 3 * @statements, 'with all that failed');
my @lines = grep { /hunter|zebra/i } split /\n/, $log;
is("@lines[0 .. ($#lines < 5 ? $#lines : 5)]", '', 'and nothing of a value');
like($log, qr/put\('a\/name', \*+\)/, 'the names of secrets are left');

# Where it was understood, it is a column.
$client->value('SET log_statement = none');
$client->value('CREATE TABLE passwords (hunter_zebra text); INSERT INTO passwords VALUES ($$one of them$$)');
is($client->value("SELECT secrets.put('from/table', hunter_zebra) FROM passwords"), 1, 'a column is stored');
is($watcher->value("SELECT query FROM pg_stat_activity WHERE pid = $pid"),
	"SELECT secrets.put('from/table', hunter_zebra) FROM passwords", 'and seen for what it is');
wait_for(sub { logged() =~ /duration: [0-9.]+ ms  statement: SELECT secrets.put\('from\/table', hunter_zebra\)/ }, 'and in the log');

done_testing();
