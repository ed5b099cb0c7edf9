# The log is masked, and the client is told everything as it is: a session whose function
# used a secret that is not for its user finds out nothing about it by what is covered,
# whatever is logged.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('told', conf => <<'END');
log_min_messages = notice
log_min_error_statement = log
log_statement = all
log_error_verbosity = verbose
max_parallel_workers = 0
END

my $value = 'sunflower caterpillar';
my $client = open_client($node);
$client->prepare('put', 'SELECT secrets.put($1, $2)');
is($client->run('put', 'lent', $value)->{out}, 1, 'a value');
value($node, <<'END');
CREATE ROLE borrower LOGIN;
CREATE FUNCTION lend() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN length(secrets.get('lent')); END $$;
END

# What the log has got since it was this long.
my $read = -s $node->logfile;

sub logged
{
	my ($until) = @_;
	my $log;

	wait_for(sub { ($log = slurp_file($node->logfile, $read)) =~ $until }, "in the log: $until");
	$read = -s $node->logfile;
	return $log;
}

my $borrower = open_client($node, user => 'borrower');
$borrower->value('BEGIN');
is($borrower->value('SELECT lend()'), length $value, 'a function used it');
is($borrower->ask(q{SELECT secrets.get('lent')})->{state}, '42501', 'its value is not for this user');
$borrower->value('ROLLBACK; BEGIN');
$borrower->value('SELECT lend()');

# By each way to have words told: the client gets them back, the log does not have them.
foreach my $level (qw(notice warning info))
{
	my $told = $borrower->ask("DO \$\$ BEGIN RAISE $level 'one % two', '$value'; END \$\$")->{notices};

	like($told, qr/one \Q$value\E two/, "$level: the client is told what was said");
	unlike($told, qr/\*\*\*/, "$level: and nothing is covered");
	my $log = logged(qr/one .* two|$level/i);
	unlike($log, qr/\Q$value\E/, "$level: not so the log");
}
$borrower->ask("DO \$\$ BEGIN RAISE log 'a line'; END \$\$ /* $value */");
my $seen = $borrower->ask("DO \$\$ BEGIN RAISE log 'a line'; RAISE NOTICE 'query: %', current_query(); END \$\$ /* $value */")->{notices};
like($seen, qr/\Q$value\E/, 'current_query() has it, after the statement was logged');
unlike(logged(qr/a line.*a line/s), qr/\Q$value\E/, 'and the log has not');
my $error = $borrower->ask("DO \$\$ BEGIN RAISE EXCEPTION 'one % two', '$value' USING DETAIL = 'detail $value', HINT = 'hint $value'; END \$\$");
is($error->{state}, 'P0001', 'an error');
my @times = $error->{err} =~ /\Q$value\E/g;
is(scalar @times, 3, 'the client is told message, detail and hint');
my $log = logged(qr/hint/);
unlike($log, qr/\Q$value\E/, 'none of them is in the log');
like($log, qr/ERROR:  P0001: one \*+ two/, 'which has the line, its level and its state');
like($log, qr/LOCATION:  exec_stmt_raise/, 'and where it came from');
like($log, qr/DETAIL:  detail \*+\n/, 'and the detail');
my @lines = $log =~ /ERROR:  P0001/g;
is(scalar @lines, 1, 'once');

# What does not parse is told to the client in full, and masked in the log.
my $syntax = $client->ask("SELECT secrets.put('a' 'never to be logged')");
like($syntax->{err}, qr/at or near "'never to be logged'"/, 'a syntax error, as the client sees it');
$log = logged(qr/syntax error/);
unlike($log, qr/never to be logged/, 'and as the log does');
like($log, qr/syntax error at or near "\*+" at character \d+/, 'which says where');
# The level of what is logged makes no difference to the client.
foreach my $level (qw(debug1 panic))
{
	$client->value("SET log_min_messages = $level");
	is($client->ask("SELECT secrets.put('a' 'never to be logged')")->{err}, $syntax->{err}, "log_min_messages = $level: the same");
}

# ---- nobody has what he does left out of the log ----

# By bringing the text of his next statement as a value, were it for nothing.
value($node, 'CREATE TABLE payroll (name text); GRANT ALL ON payroll TO borrower');
my $deed = q{DELETE FROM payroll WHERE name <> 'somebody else'};
$borrower->value('ROLLBACK');
$borrower->prepare('put', 'SELECT secrets.put($1, $2)');
$client->value('SET log_min_messages = notice');
$read = -s $node->logfile;
foreach my $who ($borrower, $client)
{
	is($who->run('put', 'deed', $deed)->{state}, $who == $client ? '' : '42501', 'a value that is the text of a statement');
	$who->value($deed);
	$who->ask('SELECT 1 / 0');
	like(logged(qr/division by zero/), qr/statement: DELETE FROM payroll WHERE name <> '/, 'and that statement is in the log');
}

# ---- nor finds anybody a value by what he may see of his own statements ----

my @guesses = ('caterpillar', $value, "xx $value xx", 'sunflower');
my $guesses = join ', ', map { "'$_'" } @guesses;
$borrower->value('SELECT lend()');
$borrower->value("PREPARE guess AS SELECT $guesses");
is($borrower->value(q{SELECT statement FROM pg_prepared_statements WHERE name = 'guess'}), "PREPARE guess AS SELECT $guesses", 'a prepared statement is shown as it is');
$borrower->value("BEGIN; DECLARE guess CURSOR FOR SELECT $guesses");
is($borrower->value(q{SELECT statement FROM pg_cursors WHERE name = 'guess'}), "BEGIN; DECLARE guess CURSOR FOR SELECT $guesses", 'and so is a cursor');
is($borrower->value("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() /* $guesses */"),
	"SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() /* $guesses */", 'and the session');
$borrower->value('ROLLBACK');

# ---- what is known of one statement is not taken for what is known of another ----

# A plan that is kept is run without being looked at again; in it something is executed that
# makes the statement one to be hidden, after one of quite another length.
my $quiet = open_client($node);
$quiet->value('SET log_statement = none');
$quiet->value('SET log_min_messages = panic');
$quiet->value(q{PREPARE stored(text) AS SELECT secrets.put('kept', $1)});
$quiet->value(q{CREATE FUNCTION store() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'EXECUTE stored(''x'')'; RETURN current_query(); END $$});
$quiet->prepare('kept', 'SELECT store()');
is($quiet->run('kept')->{out}, 'SELECT store()', 'a plan that is kept') foreach 1 .. 6;
foreach my $length (20_000_000, 100)
{
	is($quiet->value("SELECT length('" . 'x' x $length . "')"), $length, "a statement of $length bytes");
	is($quiet->run('kept')->{out}, 'SELECT store()', 'and the plan again');
	is($quiet->value("SELECT length('" . 'x' x $length . "') + coalesce(secrets.put('long', 'value of it'), 0) > 0"), 't', 'and one that is hidden itself');
	is($quiet->run('kept')->{out}, 'SELECT store()', 'and the plan');
}
is(value($node, 'SELECT 1'), 1, 'the server is there');

done_testing();
