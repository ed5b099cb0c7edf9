# What a session does after a secret was in its hands: other statements are logged as ever,
# and values are not, however many there were, and whatever became of them.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SecretsTest;
use Test::More;

my $node = new_node('afterwards', conf => "log_statement = all\nlog_min_duration_statement = 0\nlog_parameter_max_length_on_error = -1\n");
my $read = 0;

# What the log has got since, up to a line that is told to end it.
sub logged
{
	my ($client) = @_;
	my $log;

	$client->value(q{DO 'BEGIN RAISE LOG $$that is all$$; END'});
	wait_for(sub { ($log = slurp_file($node->logfile, $read)) =~ /LOG:  that is all\n(?!.*that is all\n\z)/s }, 'the log');
	$read = -s $node->logfile;
	return $log;
}

# ---- a connection of a pool ----

my $client = open_client($node);
$client->value('CREATE TABLE once (word text UNIQUE)');
$client->value(q{INSERT INTO once VALUES ('ordinary')});
foreach my $round (1 .. 3)
{
	# Nameless, as drivers do it, so that the next one may come to lie where this one was.
	$client->prepare('', 'SELECT secrets.put($1, $2)');
	is($client->run('', 'pool', "a value of round $round")->{state}, '', 'a value by an unnamed statement');
	logged($client);
	$client->prepare('', 'INSERT INTO once SELECT $1');
	is($client->run('', 'ordinary')->{state}, '23505', 'an ordinary insert by another');
	my $log = logged($client);
	like($log, qr/unique constraint "once_word_key"/, 'its error is logged as it is');
	like($log, qr/Key \(word\)=\(ordinary\) already exists/, 'with its detail');
	like($log, qr/parameters: \$1 = 'ordinary'/, 'and its parameter');
}

# A cursor that has a secret goes on having it.
$client->value(q{BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT secrets.put('by/cursor', 'value of the cursor ' || n), 1 / (n - 3) FROM generate_series(1, 5) n});
is($client->ask('FETCH 5 FROM c')->{state}, '22012', 'a cursor fails');
$client->value('ROLLBACK');
unlike(logged($client), qr/value of the cursor/, 'without a word of it in the log');

# ---- more values than can be known ----

my $many = 14_000;
$client->value("SELECT count(secrets.put('many/' || lpad(n::text, 5, '0'), 'shibboleth ' || n || ' of them')) FROM generate_series(1, $many) n");
$client->value('CREATE TABLE positive (word text, n int CHECK (n > 0))');
logged($client);
foreach my $walk ('INSERT INTO positive SELECT value, -1 FROM secrets.get_all($$many/**$$) ORDER BY 1',
	q{DO 'DECLARE v text; n int := 0; BEGIN FOR v IN SELECT value FROM secrets.get_all($$many/**$$) ORDER BY 1 LOOP INSERT INTO positive VALUES (v, -1); END LOOP; END'},
	q{DO 'DECLARE v text[]; BEGIN SELECT array_agg(value ORDER BY name) INTO v FROM secrets.get_all($$many/**$$); RAISE EXCEPTION USING ERRCODE = $$22000$$, MESSAGE = $$no$$, DETAIL = v[1]; END'})
{
	like($client->ask($walk)->{state}, qr/^(23514|22000)$/, "$many values in hand, and an error about the first");
	unlike(logged($client), qr/shibboleth/, 'is in no line of the log');
}
is($client->ask(q{INSERT INTO positive VALUES ('nothing secret', -1)})->{state}, '23514', 'the same in the next transaction');
like(logged($client), qr/Failing row contains \(nothing secret, -1\)/, 'is logged as it is');

# ---- parts of one ----

my %parts = (
	'JSON that is none' => [ '{"user":"a", "password": HunterSecret1}', 'v::jsonb' ],
	'a file of settings' => [ join("\n", (map { "SOME_SETTING_$_=and its value" } 1 .. 5), 'DB_PASSWORD=HunterSecret2', ''), q{(regexp_match(v, 'DB_PASSWORD=(\S+)'))[1]::int} ],
	'fields' => [ 'name:HunterSecret3:and more than sixty-four bytes of what comes behind it', q{split_part(v, ':', 2)::date} ],
	'an array' => [ '{HunterSecret4,other}', '(v::text[])[1]::inet' ],
	'a member of any name' => [ '{"inner": {"w": "HunterSecret5"}}', q{(v::jsonb #>> '{inner,w}')::bool} ],
	'a number' => [ '{"pin": 4711081547}', q{(v::jsonb ->> 'pin')::date} ],
	'an inner text' => [ "some words of which HunterSecret6 is one, and then some more of them", q{substr(v, 21, 13)::numeric} ]);
foreach my $name (sort keys %parts)
{
	my ($value, $use) = @{ $parts{$name} };

	# In another session than it came from, which knows nothing of it but by having got it.
	my $other = open_client($node);
	$client->prepare('', 'SELECT secrets.put($1, $2)');
	is($client->run('', 'part', $value)->{state}, '', "$name: a value");
	foreach my $sql ("SELECT ($use) FROM (SELECT secrets.get('part')) s (v)", "INSERT INTO positive SELECT ($use)::text, -1 FROM (SELECT secrets.get('part')) s (v)",
		"INSERT INTO positive SELECT v, -1 FROM (SELECT secrets.get('part')) s (v)")
	{
		like($other->ask($sql)->{state}, qr/^2[23]/, "$name: data that are refused");
		unlike(logged($other), qr/HunterSecret|4711081547/, "$name: are not in the log");
	}
	is($other->ask(q{INSERT INTO positive VALUES ('nothing secret', -1)})->{state}, '23514', 'those of the next statement');
	like(logged($other), qr/Failing row contains \(nothing secret, -1\)/, 'are');
	$other->close;
}

# ---- in the text of a statement that a function makes ----

$client->value(q{SELECT secrets.put('comment', 'abracadabra of old')});
$client->value(q{DO $x$ DECLARE v text := secrets.get('comment'); BEGIN EXECUTE format('COMMENT ON TABLE once IS %L', v); END $x$});
is($client->value(q{SELECT obj_description('once'::regclass)}), 'abracadabra of old', 'a value in the text of a statement');
unlike(logged($client), qr/abracadabra/, 'is not in the log');
# ---- passwords in settings ----

foreach my $setting (q{'host=127.0.0.1 user=x password=HunterSecret7'}, q{'host=127.0.0.1 password=''Hunter Secret8'' user=x'}, q{'postgresql://u:HunterSecret9@127.0.0.1/db'})
{
	$client->value("ALTER SYSTEM SET secrets.audit_conninfo = $setting");
	$client->value('SELECT pg_reload_conf()');
	wait_for(sub { $client->value('SHOW secrets.audit_conninfo') =~ /Hunter/ }, 'a password in a setting');
	my $log = logged($client);
	unlike($log, qr/Hunter|Secret[789]/, 'is not in the log');
	like($log, qr/parameter "secrets\.audit_conninfo" changed to "(host|postgresql)/, 'which says that the setting has changed');
	$client->value('ALTER SYSTEM RESET secrets.audit_conninfo');
	$client->value('SELECT pg_reload_conf()');
	wait_for(sub { $client->value('SHOW secrets.audit_conninfo') eq '' }, 'taken back');
}
$client->value(q{ALTER SYSTEM SET archive_cleanup_command = 'cp "user=x name=y" z'});
$client->value('SELECT pg_reload_conf()');
wait_for(sub { logged($client) =~ /changed to "cp "user=x name=y" z"/ }, 'another setting is told as it is');

# ---- texts that would take for ever ----

# Each names a column of the one before six times: what is looked at is not to be 6^14.
my $chain = 'a0(v) AS MATERIALIZED (SELECT $$x$$::text)';
$chain .= ", a$_(v) AS MATERIALIZED (SELECT v || v || v || v || v || v FROM a" . ($_ - 1) . ')' foreach 1 .. 14;
$client->value(q{SET statement_timeout = '100s'});
is($client->ask("PREPARE chain AS WITH $chain SELECT secrets.put(\$\$chain\$\$, v) FROM a14")->{state}, '', 'a chain of queries');

done_testing();
